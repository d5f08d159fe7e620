"""Transforms that MONAI does not have; they know nothing of engines or files."""

from medseg.transforms.overlay import ERROR_COLOURS, error_overlay, mask_overlay

__all__ = ["ERROR_COLOURS", "error_overlay", "mask_overlay"]
