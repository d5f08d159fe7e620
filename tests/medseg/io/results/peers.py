"""What other programs make of results: dcmqi and plastimatch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.medseg.io.dicom.references import by_simpleitk, onto_axes


def by_dcmqi(seg: Path, out: Path, affine_mm: NDArray[np.float64]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Mask ``(x, y, z)`` and affine of a segmentation's only segment, turned to run as ``affine_mm``."""
    out.mkdir()
    _run("segimage2itkimage", "--inputDICOM", seg, "--outputDirectory", out, "--outputType", "nrrd")
    return onto_axes(by_simpleitk(out / "1.nrrd"), affine_mm)


def by_plastimatch(
    rtstruct: Path, series: Path, out: Path, affine_mm: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Mask ``(x, y, z)`` and affine of a structure set's only structure, drawn on its series."""
    files = ("--referenced-ct", series, "--output-prefix", out, "--prefix-format", "nrrd")
    _run("plastimatch", "convert", "--input", rtstruct, *files)
    (written,) = out.iterdir()
    return onto_axes(by_simpleitk(written), affine_mm)


def _run(program: str, *arguments: str | Path) -> None:
    path = Path(sys.executable).with_name(program)
    subprocess.run([path, *arguments], check=True, capture_output=True, timeout=120)
