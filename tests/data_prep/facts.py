"""Facts about cases, made by hand."""

from __future__ import annotations

from typing import Any

from data_prep.case_facts import CaseFacts

__all__ = ["make_facts"]


def make_facts(**changed: Any) -> CaseFacts:
    """Facts of a CT scan of 4 x 3 x 2 voxels, of which 5 are foreground, but for what is given."""
    plain: dict[str, Any] = {
        "ordinal": 0,
        "shape": (4, 3, 2),
        "dtype": "int16",
        "modality": "CT",
        "spacing_mm": (0.5, 0.75, 2.0),
        "source_shape": (4, 3, 2),
        "source_axes": "LPS",
        "sha256": "c" * 64,
        "image_sha256": "i" * 64,
        "foreground_px": (2, 3),
        "mean_foreground": 60.0,
        "values": (-1000.0, 60.0),
        "counts": (19, 5),
        "total": (-18700.0, 19018000.0),
        "label_values": (1,),
    }
    return CaseFacts(**{**plain, **changed})
