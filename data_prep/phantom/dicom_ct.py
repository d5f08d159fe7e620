"""The phantom's slices as DICOM CT Image Storage (PS3.3 A.3)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pydicom.valuerep import DSfloat

from data_prep.phantom.acquisition import Acquisition, Plane
from data_prep.phantom.scanner import Scanner
from data_prep.phantom.uids import make_uid

__all__ = [
    "Instance",
    "add_colour",
    "add_frame_of_reference",
    "add_pixels",
    "ct_image",
    "ct_series",
    "decimals",
    "new_dataset",
    "stored_values",
    "write_instance",
]

_MAKER = {
    "Manufacturer": "medseg",
    "ManufacturerModelName": "phantom",
    "DeviceSerialNumber": "0",
    "SoftwareVersions": "1",
}


@dataclass
class Instance:
    """A DICOM object before it is written.

    Attributes:
        name: File name.
        dataset: With its File Meta Information.
    """

    name: str
    dataset: Dataset


def ct_series(scanner: Scanner) -> list[Instance]:
    """Scan all planes, in their order along the normal."""
    scan = scanner.acquisition
    return [Instance(_file_name(scan, plane), ct_image(scan, plane, scanner.image(plane))) for plane in scan.planes]


def write_instance(path: Path, dataset: Dataset) -> None:
    """Write a DICOM file with preamble and File Meta Information."""
    dataset.save_as(path, enforce_file_format=True)


def new_dataset(scan: Acquisition, sop_class: UID, number: int, *, series: int | None = None) -> Dataset:
    """Patient, study, series, equipment and SOP common modules.

    Args:
        scan: The series.
        sop_class: SOPClassUID (0008,0016).
        number: InstanceNumber (0020,0013).
        series: SeriesNumber where it is not the scan's own.
    """
    series = scan.series if series is None else series
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if scan.implicit_vr else ExplicitVRLittleEndian
    dataset.file_meta.ImplementationClassUID = make_uid("implementation")
    dataset.file_meta.ImplementationVersionName = "MEDSEG_PHANTOM"
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = make_uid(scan.identity, scan.patient, series, sop_class, number)
    dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    _add_patient_and_study(dataset, scan)
    dataset.Modality = "CT"
    dataset.SeriesInstanceUID = make_uid(scan.identity, scan.patient, series)
    dataset.SeriesNumber = series
    dataset.SeriesDescription = f"Abdomen {scan.kernel}"
    dataset.SeriesDate, dataset.SeriesTime = dataset.StudyDate, dataset.StudyTime
    dataset.ContentDate, dataset.ContentTime = dataset.StudyDate, dataset.StudyTime
    for keyword, value in _MAKER.items():
        setattr(dataset, keyword, value)
    dataset.InstanceNumber = number
    return dataset


def add_frame_of_reference(dataset: Dataset, scan: Acquisition) -> None:
    """Frame of reference module: what is scanned without moving the patient shares it."""
    dataset.FrameOfReferenceUID = make_uid(scan.identity, scan.patient, "frame of reference")
    dataset.PositionReferenceIndicator = ""


def add_pixels(dataset: Dataset, pixels: NDArray[Any], *, bits_stored: int, signed: bool) -> None:
    """Image pixel module.

    Args:
        dataset: Receives it.
        pixels: Stored values in 16 bits, ``(rows, columns)`` or ``(frames, rows, columns)``.
        bits_stored: BitsStored (0028,0101).
        signed: PixelRepresentation (0028,0103).
    """
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, bits_stored, bits_stored - 1
    dataset.PixelRepresentation = int(signed)
    dataset.PixelData = pixels.astype("<i2" if signed else "<u2").tobytes()
    dataset["PixelData"].VR = "OW"


def add_colour(dataset: Dataset, pixels: NDArray[np.uint8]) -> None:
    """Image pixel module of a colour image, ``(rows, columns, 3)``, instead of what there was."""
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelRepresentation = 0
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OB"


def decimals(values: Any) -> list[DSfloat]:
    """Numbers as DICOM decimal strings of at most 16 characters."""
    return [DSfloat(float(value) + 0.0, auto_format=True) for value in values]


def stored_values(scan: Acquisition, hu: NDArray[np.int16]) -> NDArray[np.int32]:
    """Pixel data, ``(rows, columns)``, of HU in ``(columns, rows)``; the corners are padding if the scan pads."""
    stored = hu.T.astype(np.int32) - scan.intercept_hu
    span = 2**scan.bits_stored
    stored = np.clip(stored, *((-span // 2, span // 2 - 1) if scan.signed else (0, span - 1)))
    if scan.padding is not None:
        rows, columns = (np.linspace(-1, 1, size) for size in stored.shape)
        stored[np.hypot(rows[:, None], columns[None, :]) > 1] = scan.padding
    return stored


def ct_image(scan: Acquisition, plane: Plane, hu: NDArray[np.int16]) -> Dataset:
    """Make one image of HU in ``(columns, rows)``."""
    dataset = new_dataset(scan, CTImageStorage, plane.number)
    add_frame_of_reference(dataset, scan)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.AcquisitionNumber = plane.acquisition
    dataset.AcquisitionDate, dataset.AcquisitionTime = dataset.StudyDate, dataset.StudyTime
    dataset.PatientPosition = scan.position
    dataset.ImagePositionPatient = decimals(plane.position_mm)
    dataset.ImageOrientationPatient = decimals((*plane.row, *plane.column))
    dataset.PixelSpacing = decimals((plane.pixel_mm, plane.pixel_mm))
    dataset.SliceThickness = decimals([scan.thickness_mm])[0]
    dataset.SliceLocation = decimals([plane.position_mm[2]])[0]
    _add_scan(dataset, scan, plane)
    add_pixels(dataset, stored_values(scan, hu), bits_stored=scan.bits_stored, signed=scan.signed)
    if scan.padding is not None:
        dataset.PixelPaddingValue = scan.padding
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = scan.intercept_hu, 1, "HU"
    dataset.WindowCenter, dataset.WindowWidth = 40, 350
    return dataset


def _add_patient_and_study(dataset: Dataset, scan: Acquisition) -> None:
    dataset.PatientName = f"Phantom^{scan.patient:02d}"
    dataset.PatientID = scan.patient_id
    dataset.PatientBirthDate = f"{1940 + scan.patient % 50}0101"
    dataset.PatientSex = "FM"[scan.patient % 2]
    dataset.StudyInstanceUID = make_uid(scan.identity, scan.patient)
    dataset.StudyDate = f"202001{scan.patient % 28 + 1:02d}"
    dataset.StudyTime = "120000"
    dataset.StudyID = str(scan.patient)
    dataset.StudyDescription = "CT abdomen"
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""


def _add_scan(dataset: Dataset, scan: Acquisition, plane: Plane) -> None:
    """What the scanner says of itself: CT image module (PS3.3 C.8.2.1)."""
    dataset.BodyPartExamined = "ABDOMEN"
    dataset.ContrastBolusAgent = "phantom"
    dataset.KVP = 120
    dataset.XRayTubeCurrent = 200
    dataset.ExposureTime = 500
    dataset.Exposure = 100
    dataset.GantryDetectorTilt = decimals([scan.tilt_degrees])[0]
    dataset.ReconstructionDiameter = decimals([plane.width_mm])[0]
    dataset.ConvolutionKernel = scan.kernel


def _file_name(scan: Acquisition, plane: Plane) -> str:
    if scan.plain_names:
        return f"IM{plane.number:04d}.dcm"
    return make_uid(scan.identity, scan.patient, scan.series, "file", plane.number)[-12:] + ".dcm"
