"""nnU-Net's environment, which is not the project's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.intake.nnunet import find_python

__all__ = ["nnunet_python"]


def nnunet_python() -> Path:
    """Its Python; skips where there is none."""
    python = find_python()
    if python is None:
        pytest.skip("no environment with nnU-Net: make it with `make nnunet`, or name its Python: MEDSEG_NNUNET_PYTHON")
    return python
