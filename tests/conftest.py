"""Fixtures that several packages' tests share."""

from __future__ import annotations

import locale
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from medseg.manifest import Manifest
from tests.commands import Commands
from tests.factories import make_prepared

ROOT = Path(__file__).resolve().parent.parent


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Put the character type back that native readers set to C: it decides how a subprocess's output is read."""
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        return (yield)
    finally:
        locale.setlocale(locale.LC_CTYPE, before)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real data sets; skips where there is none."""
    shared = (ROOT / os.environ.get("MEDSEG_SHARED", "../shared")).resolve() / "data"
    if not shared.is_dir():
        pytest.skip(f"no real data sets: {shared} does not exist; set MEDSEG_SHARED")
    return shared


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Six labelled images of 48 x 40 in three groups; shared by all tests, so read only."""
    return make_prepared(tmp_path_factory.mktemp("prepared") / "discs")


@pytest.fixture(scope="session")
def prepared_volumes(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Three labelled volumes of four slices, the last one empty, and one without label; read only."""
    return make_prepared(tmp_path_factory.mktemp("prepared") / "volumes", cases=3, slices=4, unlabelled=1)


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """Runs ``python -m monai.bundle``."""
    runner = Commands(tmp_path_factory.mktemp("commands"))
    yield runner
    runner.close()
