"""Transforms that MONAI does not have; they know nothing of engines or files."""

from medseg.transforms.fill_holes import FillHolesInSlicesd
from medseg.transforms.label_grid import LabelOnImageGrid, LabelOnImageGridd
from medseg.transforms.merge_labels import MergeLabels, MergeLabelsd
from medseg.transforms.overlay import ERROR_COLOURS, error_overlay, mask_overlay
from medseg.transforms.resample_spacing import ResampleSpacing, ResampleSpacingd
from medseg.transforms.scale_window import ScaleWindow, ScaleWindowd
from medseg.transforms.to_ras import ToRas, ToRasd

__all__ = [
    "ERROR_COLOURS",
    "FillHolesInSlicesd",
    "LabelOnImageGrid",
    "LabelOnImageGridd",
    "MergeLabels",
    "MergeLabelsd",
    "ResampleSpacing",
    "ResampleSpacingd",
    "ScaleWindow",
    "ScaleWindowd",
    "ToRas",
    "ToRasd",
    "error_overlay",
    "mask_overlay",
]
