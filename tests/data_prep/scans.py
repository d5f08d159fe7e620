"""Phantom patients scanned in any direction and stored in any way: DICOM with a DICOM SEG, and the truth as NIfTI."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from scipy.spatial.transform import Rotation

from data_prep.phantom.acquisition import Acquisition, Plane, plan
from data_prep.phantom.dicom_ct import Instance, ct_series, write_instance
from data_prep.phantom.enhanced_ct import enhanced_series
from data_prep.phantom.fault_headers import compress, dirty_high_bits, invert, shift_rescale
from data_prep.phantom.scanner import Scanner
from data_prep.phantom.truth import liver_segmentation, write_liver_nifti
from tests.medseg.io.dicom.encodings import BIG_ENDIAN, DEFLATED, J2K, JPEG_LS, j2k, jls, jpeg, save_as
from tests.medseg.io.dicom.encodings import save_encapsulated as save_codestreams

__all__ = ["SCANS", "Scan", "write_scan"]

Direction = tuple[float, float, float]
Save = Callable[[Dataset, Path], Any]

L, R, P, A, H, F = (1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)
SLICES, SIZE_PX, GAP_MM, PIXEL_MM = 7, (40, 34), 22.5, 9.25
_OBLIQUE = Rotation.from_euler("xyz", (25, -15, 40), degrees=True).as_matrix()


def _plain(dataset: Dataset, path: Path) -> None:
    write_instance(path, dataset)


def _rle(dataset: Dataset, path: Path) -> None:
    compress(dataset)
    write_instance(path, dataset)


def _big_endian(dataset: Dataset, path: Path) -> None:
    dataset.PixelData = _stored(dataset).byteswap().tobytes()
    save_as(dataset, path, BIG_ENDIAN)


def _deflated(dataset: Dataset, path: Path) -> None:
    save_as(dataset, path, DEFLATED)


def _j2k(dataset: Dataset, path: Path) -> None:
    signed = bool(dataset.PixelRepresentation)
    save_codestreams(dataset, path, J2K, [j2k(_stored(dataset), bits=dataset.BitsStored, signed=signed)])


def _jls(dataset: Dataset, path: Path) -> None:
    save_codestreams(dataset, path, JPEG_LS, [jls(_stored(dataset), bits=dataset.BitsStored)])


def _jpeg(dataset: Dataset, path: Path) -> None:
    made = path.parent.parent.parent.parent / "jpeg"
    made.mkdir(exist_ok=True)
    syntax, codestream = jpeg(dataset, made)
    save_codestreams(dataset, path, syntax, [codestream])


@dataclass(frozen=True)
class Scan:
    """How a patient is scanned and stored.

    Attributes:
        row: Direction in which columns run, LPS.
        column: Direction in which rows run.
        acquisition: Changes of the acquisition.
        tags: Changes of the images' tags.
        change: Changes all images.
        save: Writes an image.
    """

    row: Direction
    column: Direction
    acquisition: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, Any] = field(default_factory=dict)
    change: Callable[[list[Instance], Scanner], list[Instance]] | None = None
    save: Save = _plain


_UNSIGNED = {"signed": False, "bits_stored": 12, "intercept_hu": -1024}
_SIGNED = {"signed": True, "bits_stored": 16, "intercept_hu": 0}


def _each(change: Callable[[Dataset], None]) -> Callable[[list[Instance], Scanner], list[Instance]]:
    def changed(series: list[Instance], _: Scanner) -> list[Instance]:
        for instance in series:
            change(instance.dataset)
        return series

    return changed


SCANS: dict[str, Scan] = {
    "axial, as most": Scan(L, P, _UNSIGNED),
    "axial, implicit, signed": Scan(L, P, {**_SIGNED, "implicit_vr": True}),
    "axial, both directions negative": Scan(R, A, _SIGNED),
    "axial, feet first": Scan(R, P, _UNSIGNED, save=_rle),
    "axial, prone, feet first": Scan(L, A, _SIGNED, save=_j2k),
    "axial, rows and columns swapped": Scan(P, L, _SIGNED, save=_big_endian),
    "axial, rows and columns swapped and negative": Scan(A, R, _UNSIGNED, save=_jls),
    "coronal": Scan(L, F, _UNSIGNED),
    "coronal from behind": Scan(R, F, _SIGNED),
    "coronal upside down": Scan(L, H, _UNSIGNED, {"RescaleSlope": 2}),
    "sagittal": Scan(P, F, _UNSIGNED, save=_jpeg),
    "sagittal from the left": Scan(A, F, _SIGNED),
    "sagittal lying": Scan(H, P, _UNSIGNED, change=_each(dirty_high_bits)),
    "oblique": Scan(_OBLIQUE[0], _OBLIQUE[1], _SIGNED),
    "oblique, both directions negative": Scan(-_OBLIQUE[0], -_OBLIQUE[1], _UNSIGNED, save=_j2k),
    "oblique, nearly sagittal": Scan(_OBLIQUE[1], _OBLIQUE[2], _SIGNED, {"RescaleSlope": 0.5}),
    "intercepts in turn": Scan(L, P, _SIGNED, change=shift_rescale),
    "inverse": Scan(L, P, _UNSIGNED, change=_each(invert)),
    "deflated": Scan(L, P, _UNSIGNED, save=_deflated),
    "enhanced": Scan(L, P, {**_UNSIGNED, "enhanced": True}),
    "enhanced, coronal": Scan(R, F, {**_SIGNED, "enhanced": True}),
}


def write_scan(raw: Path, truth: Path, number: int, scan: Scan) -> Path:
    """Write ``RAW/p<number>/ct`` and ``seg``, and the liver on the grid of the slices.

    Args:
        raw: Folder of all patients.
        truth: Folder for ``p<number>.nii.gz``.
        number: Number of the patient, from 1.
        scan: How it is scanned.

    Returns:
        The patient's folder.
    """
    body, sound = plan(number, slices=SLICES, size_px=SIZE_PX[0], seed=3, identity=f"scans/{number}")
    acquisition = _turned(sound, scan)
    scanner = Scanner(body, acquisition)
    series = enhanced_series(scanner) if acquisition.enhanced else ct_series(scanner)
    patient = raw / f"p{number:02d}"
    for folder in (patient / "ct", patient / "seg", truth):
        folder.mkdir(parents=True, exist_ok=True)
    write_instance(patient / "seg" / "liver.dcm", liver_segmentation(scanner, [one.dataset for one in series]))
    write_liver_nifti(truth / f"{patient.name}.nii.gz", scanner)
    for instance in scan.change(series, scanner) if scan.change else series:
        instance.dataset.update(_elements(scan.tags))
        scan.save(instance.dataset, patient / "ct" / instance.name)
    return patient


def _turned(sound: Acquisition, scan: Scan) -> Acquisition:
    """The patient's acquisition with slices in other directions, through the middle of the liver."""
    row, column = np.asarray(scan.row, dtype=float), np.asarray(scan.column, dtype=float)
    centre = np.add(sound.body_mm, (-40, 0, -90))
    corner = centre - PIXEL_MM * ((SIZE_PX[0] - 1) / 2 * row + (SIZE_PX[1] - 1) / 2 * column)
    numbers = sorted(plane.number for plane in sound.planes)
    planes = tuple(
        Plane(
            tuple(corner + GAP_MM * (index - (SLICES - 1) / 2) * np.cross(row, column)),
            tuple(row),
            tuple(column),
            PIXEL_MM,
            SIZE_PX,
            index + numbers[0],
        )
        for index in range(SLICES)
    )
    shape = {"planes": planes, "gap_mm": GAP_MM, "thickness_mm": GAP_MM, "plain_names": True, "implicit_vr": False}
    return replace(sound, **{**shape, **scan.acquisition})


def _elements(tags: dict[str, Any]) -> Dataset:
    dataset = Dataset()
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    return dataset


def _stored(dataset: Dataset) -> NDArray[Any]:
    """Stored values, ``(rows, columns)``."""
    words = np.frombuffer(dataset.PixelData, "<i2" if dataset.PixelRepresentation else "<u2")
    return words.reshape(dataset.Rows, dataset.Columns)
