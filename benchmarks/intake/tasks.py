"""What is measured: each tool doing the same work, as its documentation says to.

A task's ``start`` imports everything and gives what is timed. It runs in a process of its own, nnU-Net's under the
Python of nnU-Net's environment, so this module itself imports nothing but the standard library.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.intake import nnunet
from benchmarks.intake.inputs import Inputs

__all__ = ["TASKS", "Group", "Task"]

Group = Literal["read", "prepare", "several"]
Start = Callable[[Inputs], Callable[[], Any]]


@dataclass(frozen=True)
class Task:
    """One tool at one piece of work.

    Attributes:
        key: Short name.
        title: For the table.
        group: Work that the tools of a group share; a group's first task is what the others are compared with.
        start: Imports, and gives what is timed.
        packages: Distributions whose versions count.
        look: Gives the voxels that came out, to be compared between tools; None where they are not comparable.
        nnunet: Whether it runs in nnU-Net's environment.
    """

    key: str
    title: str
    group: Group
    start: Start
    packages: tuple[str, ...]
    look: Callable[[Any, Inputs], Any] | None = None
    nnunet: bool = False


def _read_medseg(inputs: Inputs) -> Callable[[], Any]:
    from medseg.io.dicom import read_dicom

    return lambda: read_dicom(inputs.series).voxels


def _read_medseg_for_monai(inputs: Inputs) -> Callable[[], Any]:
    from monai.transforms import LoadImage

    from medseg.io.monai_reader import ScanReader

    load = LoadImage(reader=ScanReader(), image_only=True)
    return lambda: load(inputs.series)


def _read_simpleitk(inputs: Inputs) -> Callable[[], Any]:
    import SimpleITK as sitk  # noqa: N813

    def read() -> Any:
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(inputs.series)))
        return reader.Execute()

    return read


def _read_monai(inputs: Inputs) -> Callable[[], Any]:
    from monai.data import PydicomReader
    from monai.transforms import LoadImage

    load = LoadImage(reader=PydicomReader(), image_only=True)
    return lambda: load(inputs.series)


def _array(result: Any, _inputs: Inputs) -> Any:
    return result


def _sitk_array(result: Any, _inputs: Inputs) -> Any:
    import SimpleITK as sitk  # noqa: N813

    return sitk.GetArrayViewFromImage(result)


def prepare_series(raw: Path, out: Path, *, workers: int = 1) -> None:
    """What ``python -m data_prep prepare RAW OUT --workers N`` does.

    Raises:
        MedsegError: If a case cannot be prepared.
    """
    from data_prep.options import How, Options
    from data_prep.prepare import prepare

    done = prepare(raw, out, Options(name="intake"), how=How(workers=workers))
    for _, error in done.found.left_out:
        raise error


def _prepare_medseg(inputs: Inputs) -> Callable[[], Any]:
    import data_prep.prepare  # noqa: F401

    return lambda: prepare_series(inputs.raw, inputs.out)


def _prepare_several(workers: int) -> Start:
    def start(inputs: Inputs) -> Callable[[], Any]:
        import data_prep.prepare  # noqa: F401

        return lambda: prepare_series(inputs.several, inputs.out, workers=workers)

    return start


def _convert_dcm2niix(inputs: Inputs) -> Callable[[], Any]:
    import dcm2niix  # type: ignore[import-untyped]

    command = [dcm2niix.bin, "-z", "n", "-o", str(inputs.out), str(inputs.series)]
    return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _written(_result: Any, inputs: Inputs) -> Any:
    """Voxels of the only image below ``out``."""
    import nibabel as nib
    import numpy as np

    images = [path for path in inputs.out.rglob("*.nii") if "label" not in str(path.relative_to(inputs.out))]
    (image,) = images
    return np.asarray(nib.Nifti1Image.from_filename(image).dataobj)


_OURS = ("medseg", "numpy", "pydicom", "nibabel")
_TASKS = (
    Task("read-medseg", "medseg `read_dicom`", "read", _read_medseg, _OURS, _array),
    Task("read-simpleitk", "SimpleITK `ImageSeriesReader`", "read", _read_simpleitk, ("SimpleITK",), _sitk_array),
    Task("read-medseg-monai", "MONAI `LoadImage`, `ScanReader`", "read", _read_medseg_for_monai, ("monai",), _array),
    Task("read-monai", "MONAI `LoadImage`, `PydicomReader`", "read", _read_monai, ("monai", "torch"), _array),
    Task("prepare-medseg", "`data_prep prepare`", "prepare", _prepare_medseg, _OURS, _written),
    Task("convert-dcm2niix", "`dcm2niix -z n`", "prepare", _convert_dcm2niix, ("dcm2niix",), _written),
    Task("case-nnunet", "nnU-Net `run_case`", "prepare", nnunet.run_case, nnunet.PACKAGES, nnunet=True),
    Task("save-nnunet", "nnU-Net `run_case_save`", "prepare", nnunet.run_case_save, nnunet.PACKAGES, nnunet=True),
    Task("several-1", "`data_prep prepare`, 1 worker", "several", _prepare_several(1), _OURS),
    Task("several-2", "`data_prep prepare`, 2 workers", "several", _prepare_several(2), _OURS),
)
TASKS = {task.key: task for task in _TASKS}
