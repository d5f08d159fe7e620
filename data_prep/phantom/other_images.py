"""What real folders hold beside the slices: a localizer, a second reconstruction, a screenshot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from data_prep.phantom.acquisition import Plane
from data_prep.phantom.dicom_ct import Instance, add_colour, ct_image, ct_series, new_dataset
from data_prep.phantom.scanner import Scanner

__all__ = ["localizer", "second_series", "secondary_capture"]

_SHEETS = 12
_CAPTURE_SERIES, _CAPTURE_PX = 999, 64


def localizer(scanner: Scanner) -> Instance:
    """A view from the front under the same SeriesInstanceUID as the slices, as some scanners store it."""
    scan = scanner.acquisition
    size, pixel_mm = scan.planes[0].size_px[0], scan.planes[0].pixel_mm
    middle = np.mean([plane.centre_mm for plane in scan.planes], axis=0)
    half = (size - 1) / 2 * pixel_mm
    left, top = round(float(middle[0]) - half, 3), round(float(middle[2]) + half, 3)
    plane = Plane(
        position_mm=(left, round(float(middle[1]), 3), top),
        row=(1.0, 0.0, 0.0),
        column=(0.0, 0.0, -1.0),
        pixel_mm=pixel_mm,
        size_px=(size, size),
        number=len(scan.planes) + 100,
    )
    # Rays through the body, summed over sheets from front to back.
    sheets = [
        scanner.image(replace(plane, position_mm=(left, plane.position_mm[1] + away_mm, top)))
        for away_mm in np.linspace(-80, 80, _SHEETS)
    ]
    dataset = ct_image(scan, plane, np.mean(sheets, axis=0).astype(np.int16))
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    return Instance("LOCALIZER.dcm", dataset)


def second_series(scanner: Scanner) -> list[Instance]:
    """Every second slice again with a sharper kernel, as a series of its own."""
    scan = scanner.acquisition
    sharper = replace(
        scan,
        series=scan.series + 1,
        planes=scan.planes[::2],
        gap_mm=2 * scan.gap_mm,
        kernel="B70f",
        noise_hu=1.8 * scan.noise_hu,
    )
    series = ct_series(Scanner(scanner.body, sharper))
    return [Instance(f"SHARP-{instance.name}", instance.dataset) for instance in series]


def secondary_capture(scanner: Scanner) -> Instance:
    """A screenshot in colour, as dose reports are stored (PS3.3 A.8.1)."""
    dataset: Dataset = new_dataset(scanner.acquisition, SecondaryCaptureImageStorage, 1, series=_CAPTURE_SERIES)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.Modality = "OT"
    dataset.ConversionType = "WSD"
    dataset.SeriesDescription = "Dose report"
    dataset.BodyPartExamined = "ABDOMEN"
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.PatientOrientation = ""
    ramp = np.linspace(0, 255, _CAPTURE_PX).astype(np.uint8)
    add_colour(dataset, np.stack(np.broadcast_arrays(ramp[None, :], ramp[:, None], ramp[None, ::-1]), axis=-1))
    return Instance("DOSE.dcm", dataset)
