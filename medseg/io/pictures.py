"""Colour pictures that people look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medseg.io.atomic import atomic_path

__all__ = ["write_rgb"]


def write_rgb(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write ``picture``, ``(x, y, 3)``, as PNG, atomically; x runs along columns."""
    with atomic_path(path) as partial:
        Image.fromarray(np.ascontiguousarray(picture.transpose(1, 0, 2))).save(partial, format="PNG")
