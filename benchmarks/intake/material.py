"""What is read and prepared: CT series drawn in code, or one's own, with a label; the same for every tool."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813

from benchmarks.intake.inputs import Inputs
from data_prep.phantom.acquisition import plan
from data_prep.phantom.dicom_ct import ct_image, write_instance
from data_prep.phantom.scanner import Scanner
from medseg.errors import UsageError

__all__ = ["Material", "borrow", "draw"]

# Semi-axes of the ellipsoid that stands for an organ, as parts of the image: 3 % of the volume, as a liver has.
_SEMI_AXES = 0.2


@dataclass(frozen=True)
class Material:
    """What is measured on.

    Attributes:
        inputs: Where it is.
        shape: Columns, rows and slices of the series.
        cases: Cases in ``inputs.several``; 0 where there are none.
        several_slices: Their slices together.
        own: Whether the series is the user's own.
    """

    inputs: Inputs
    shape: tuple[int, int, int]
    cases: int
    several_slices: int
    own: bool = False

    @property
    def volume_bytes(self) -> int:
        """Size of the series' voxels in 16 bits."""
        return 2 * math.prod(self.shape)


def draw(
    root: Path, *, slices: int, size_px: int, cases: int, say: Callable[[str], None] = lambda _text: None
) -> Material:
    """Draw cases of the phantom: Explicit VR Little Endian, uncompressed, signed 16 bits, intercept -1024.

    Args:
        root: Empty folder.
        slices: Slices a case.
        size_px: Columns and rows.
        cases: Cases that are prepared together; the first is the one that is read and prepared alone.
        say: Told what is being done.
    """
    inputs = _inputs(root)
    for number in range(1, cases + 1):
        say(f"drawing series {number} of {cases}")
        folder = inputs.several / f"case-{number}"
        _draw_series(folder / "ct", number, slices, size_px)
        _write_label(folder / "ct", folder / "organ.nii")
    shutil.copytree(inputs.several / "case-1", inputs.raw / "case-1")
    shape = _write_nifti(inputs)
    return Material(inputs, shape, cases, slices * cases)


def borrow(root: Path, series: Path) -> Material:
    """Take a folder of one DICOM series, by links to its files, and put a label beside it.

    Raises:
        UsageError: If there is no series that SimpleITK reads.
    """
    if not series.is_dir():
        raise UsageError(f"--series must be a folder, got {series}")
    inputs = _inputs(root)
    inputs.series.mkdir(parents=True)
    for number, path in enumerate(sorted(path for path in series.rglob("*") if path.is_file())):
        (inputs.series / f"{number:05d}.dcm").symlink_to(path.resolve())
    if not sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(inputs.series)):
        raise UsageError(f"--series must hold a DICOM series, got none in {series}")
    _write_label(inputs.series, inputs.raw / "case-1" / "organ.nii")
    return Material(inputs, _write_nifti(inputs), cases=0, several_slices=0, own=True)


def _inputs(root: Path) -> Inputs:
    raw = root / "raw"
    nifti = root / "nifti"
    nifti.mkdir(parents=True)
    return Inputs(
        series=raw / "case-1" / "ct",
        raw=raw,
        several=root / "several",
        image=nifti / "image_0000.nii",
        label=nifti / "label.nii",
        out=root / "out",
    )


def _draw_series(folder: Path, number: int, slices: int, size_px: int) -> None:
    folder.mkdir(parents=True)
    body, scan = plan(number, slices=slices, size_px=size_px, seed=0, identity="benchmark")
    # Patients differ by habits of scanning; here they must not.
    less = slices - len(scan.planes)
    if less:
        body, scan = plan(number, slices=slices + less, size_px=size_px, seed=0, identity="benchmark")
    scan = replace(scan, signed=True, bits_stored=16, implicit_vr=False, intercept_hu=-1024)
    scanner = Scanner(body, scan)
    for plane in scan.planes:
        write_instance(folder / f"IM{plane.number:04d}.dcm", ct_image(scan, plane, scanner.image(plane)))


def _write_label(series: Path, path: Path) -> None:
    """Write an ellipsoid on the series' grid."""
    image = _read(series)
    squares: np.ndarray = np.zeros(())
    for size, along in zip(image.GetSize()[::-1], np.ogrid[tuple(map(slice, image.GetSize()[::-1]))], strict=True):
        squares = squares + ((along - (size - 1) / 2) / (_SEMI_AXES * size)) ** 2
    label = sitk.GetImageFromArray((squares <= 1).astype(np.uint8))
    label.CopyInformation(image)
    sitk.WriteImage(label, str(path))


def _write_nifti(inputs: Inputs) -> tuple[int, int, int]:
    image = _read(inputs.series)
    sitk.WriteImage(image, str(inputs.image))
    shutil.copyfile(inputs.raw / "case-1" / "organ.nii", inputs.label)
    columns, rows, slices = image.GetSize()
    return columns, rows, slices


def _read(series: Path) -> sitk.Image:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(series)))
    image: sitk.Image = reader.Execute()
    return image
