"""nnU-Net's preprocessing of a case that is NIfTI already, in nnU-Net's own environment.

The plans ask for the spacing that the case has, which spares nnU-Net what costs it most, resampling.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.intake.inputs import Inputs

__all__ = ["PACKAGES", "find_python", "run_case", "run_case_save"]

PACKAGES = ("nnunetv2", "torch", "SimpleITK")
_ROOT = Path(__file__).resolve().parents[2]
_DATASET = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "organ": 1}, "file_ending": ".nii"}
_RESAMPLING = {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None}


def find_python() -> Path | None:
    """Python of nnU-Net's environment, as ``make nnunet`` makes it or ``MEDSEG_NNUNET_PYTHON`` names it."""
    python = Path(os.environ.get("MEDSEG_NNUNET_PYTHON", _ROOT / ".venv-nnunet" / "bin" / "python"))
    return python if python.is_file() else None


def run_case(inputs: Inputs) -> Callable[[], Any]:
    """Read, crop, normalise, sample the foreground; nothing is written."""
    preprocessor, plans, configuration = _load(inputs)
    case = ([str(inputs.image)], str(inputs.label), plans, configuration, _DATASET)
    return lambda: preprocessor.run_case(*case)


def run_case_save(inputs: Inputs) -> Callable[[], Any]:
    """As :func:`run_case`, and written as nnU-Net trains on it, compressed by Blosc2."""
    preprocessor, plans, configuration = _load(inputs)
    case = ([str(inputs.image)], str(inputs.label), plans, configuration, _DATASET)
    return lambda: preprocessor.run_case_save(str(inputs.out / "case"), *case)


def _load(inputs: Inputs) -> tuple[Any, Any, Any]:
    import SimpleITK as sitk  # noqa: N813
    from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor  # type: ignore[import-not-found]
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager  # type: ignore[import-not-found]

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(inputs.image))
    reader.ReadImageInformation()
    plans = PlansManager(_plans(reader.GetSpacing()[::-1]))
    configuration = plans.get_configuration("3d_fullres")
    # Found by a search through nnU-Net's modules, once a run and not once a case.
    _ = plans.image_reader_writer_class, plans.label_manager_class
    _ = configuration.resampling_fn_data, configuration.resampling_fn_seg
    return DefaultPreprocessor(verbose=False), plans, configuration


def _plans(spacing_mm: tuple[float, ...]) -> dict[str, Any]:
    """The entries of nnU-Net's plans that preprocessing looks at; figures of abdominal CT."""
    return {
        "image_reader_writer": "SimpleITKIO",
        "label_manager": "LabelManager",
        "transpose_forward": [0, 1, 2],
        "foreground_intensity_properties_per_channel": {
            "0": {"mean": 100.0, "std": 40.0, "percentile_00_5": -20.0, "percentile_99_5": 200.0}
        },
        "configurations": {
            "3d_fullres": {
                "architecture": {},
                "patch_size": [128, 128, 128],
                "spacing": list(spacing_mm),
                "normalization_schemes": ["CTNormalization"],
                "use_mask_for_norm": [False],
                "resampling_fn_data": "resample_data_or_seg_to_shape",
                "resampling_fn_data_kwargs": _RESAMPLING,
                "resampling_fn_seg": "resample_data_or_seg_to_shape",
                "resampling_fn_seg_kwargs": {**_RESAMPLING, "is_seg": True, "order": 1},
            }
        },
    }
