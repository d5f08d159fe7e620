"""Transforms that MONAI does not have; they know nothing of engines or files."""

from medseg.transforms.label_grid import LabelOnImageGrid, LabelOnImageGridd
from medseg.transforms.merge_labels import MergeLabels, MergeLabelsd
from medseg.transforms.overlay import ERROR_COLOURS, error_overlay, mask_overlay
from medseg.transforms.resample_spacing import ResampleSpacing, ResampleSpacingd
from medseg.transforms.to_ras import ToRas, ToRasd

__all__ = [
    "ERROR_COLOURS",
    "LabelOnImageGrid",
    "LabelOnImageGridd",
    "MergeLabels",
    "MergeLabelsd",
    "ResampleSpacing",
    "ResampleSpacingd",
    "ToRas",
    "ToRasd",
    "error_overlay",
    "mask_overlay",
]
