"""Made-up studies and their reports, each made once."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from medseg.report import places, write_report
from medseg.report.content import Report
from medseg.report.gather import StudyScores, gather
from tests.medseg.studies import MadeStudy, make_study


@pytest.fixture(scope="session", autouse=True)
def _little_garbage() -> Iterator[None]:
    """Exempt what lives from garbage collection, which statsmodels asks for at each correction."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> MadeStudy:
    """Four networks on pictures of three blocks, three folds, two seeds."""
    return make_study(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="session")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> MadeStudy:
    """Two networks on scans of eight patients, one seed."""
    networks = ("unet", "fcn8s")
    root = tmp_path_factory.mktemp("volumes")
    return make_study(root, networks=networks, seeds=(0,), cases=8, groups=8, slices=4, placed=True)


@pytest.fixture(scope="session")
def picture_scores(pictures: MadeStudy) -> StudyScores:
    return gather(pictures.folder)


@pytest.fixture(scope="session")
def volume_scores(volumes: MadeStudy) -> StudyScores:
    return gather(volumes.folder)


@pytest.fixture(scope="session")
def report_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="session")
def report(pictures: MadeStudy, report_dir: Path) -> Report:
    """Report of :func:`pictures`, written to :func:`report_dir`."""
    place = places(pictures.folder, work=pictures.work, data=pictures.manifest.root, output=report_dir)
    return write_report(place)


@pytest.fixture(scope="session")
def volume_report_dir(volumes: MadeStudy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the report of :func:`volumes` was written."""
    folder = tmp_path_factory.mktemp("volume_report")
    write_report(places(volumes.folder, work=volumes.work, data=volumes.manifest.root, output=folder))
    return folder
