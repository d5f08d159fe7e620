"""A bundle for every test here."""

from __future__ import annotations

from pathlib import Path

import pytest

from medseg.once import warn_once
from medseg.predict.load_bundle import Bundle, load_bundle
from tests.medseg.predict.tiny_bundles import tiny_bundle


@pytest.fixture(autouse=True)
def _warn_again() -> None:
    warn_once.cache_clear()


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """A network that thresholds grey values at 127.5."""
    return load_bundle(tiny_bundle(tmp_path), {"output_dir": str(tmp_path / "out")})
