"""A small phantom that all tests of the phantom share; read only."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data_prep.phantom.reading import write_small


@pytest.fixture(scope="session")
def patients(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """Folders of six patients without faults."""
    return write_small(tmp_path_factory.mktemp("phantom"), patients=6).folders
