from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from distributed import LocalCluster

from data_prep.image_sources import Acquired, Picture, Refused
from data_prep.label_sources import PictureMasks
from data_prep.options import How
from data_prep.prepare_case import CaseResult, CaseTask, Reading
from data_prep.run_cases import run_cases
from data_prep.sources import SourceCase
from medseg.errors import MedsegError, UsageError
from medseg.io.scans import ScanChoices
from tests.data_prep.raw_folders import contents, make_pairs

CASES = 5


@pytest.fixture
def tasks(tmp_path: Path) -> list[CaseTask]:
    """Five pictures, of which the fourth is refused."""
    raw = make_pairs(tmp_path / "raw", CASES)
    sources = [
        SourceCase(str(index), Picture(raw / "image" / f"{index}.png"), PictureMasks((raw / "label" / f"{index}.png",)))
        for index in range(CASES)
    ]
    sources[3] = SourceCase("3", Refused("ward", "must hold one series, got 2"), None)
    return [CaseTask(index, f"case_{index}", source, Reading(ScanChoices())) for index, source in enumerate(sources)]


def outcomes(tasks: Sequence[CaseTask], out: Path | None, how: How) -> dict[int, object]:
    """Facts or error of each case, by ordinal; each must come once."""
    done = [*run_cases(tasks, out, how)]
    assert len({task.ordinal for task, _ in done}) == len(done)
    return {
        task.ordinal: result.facts if isinstance(result, CaseResult) else str(result)
        for task, result in sorted(done, key=lambda item: item[0].ordinal)
    }


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Address of a Dask cluster of two processes."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as made:
        yield made.scheduler_address


class TestOneProcess:
    def test_every_case_comes_in_order_with_what_became_of_it(self, tasks: list[CaseTask], tmp_path: Path) -> None:
        done = [*run_cases(tasks, tmp_path / "out", How())]
        assert [task for task, _ in done] == tasks
        assert [str(result) for _, result in done if isinstance(result, MedsegError)] == [
            "ward: must hold one series, got 2"
        ]
        assert len(contents(tmp_path / "out")) == 2 * (CASES - 1)


class TestSeveralProcesses:
    @pytest.mark.parametrize("workers", [2, 9])
    def test_give_what_one_gives(self, tasks: list[CaseTask], tmp_path: Path, workers: int) -> None:
        expected = outcomes(tasks, tmp_path / "one", How())
        assert outcomes(tasks, tmp_path / "several", How(workers=workers)) == expected
        assert contents(tmp_path / "several") == contents(tmp_path / "one")

    def test_no_more_are_in_work_than_there_are_workers(self, tasks: list[CaseTask], tmp_path: Path) -> None:
        running = run_cases([tasks[0]] * 9, tmp_path / "out", How(workers=2))
        next(running)
        running.close()  # type: ignore[attr-defined]  # what is not in work yet is never begun
        assert len(contents(tmp_path / "out")) == 2

    def test_process_that_dies_is_one_line(self, tasks: list[CaseTask]) -> None:
        fatal = CaseTask(9, "case_9", SourceCase("9", Deadly(), None), Reading(ScanChoices()))
        with pytest.raises(MedsegError, match=r"^a worker process died, perhaps for want of memory, with \d cases"):
            [*run_cases([fatal, *tasks[:3]], None, How(workers=2))]


class Deadly:
    """An image whose reading kills the process, as running out of memory does."""

    paths: tuple[Path, ...] = ()

    def read(self, choices: ScanChoices, orientation: str | None) -> Acquired:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


class TestDask:
    def test_cluster_gives_what_one_process_gives(self, tasks: list[CaseTask], tmp_path: Path, cluster: str) -> None:
        expected = outcomes(tasks, tmp_path / "one", How())
        assert outcomes(tasks, tmp_path / "dask", How(dask=cluster)) == expected
        assert contents(tmp_path / "dask") == contents(tmp_path / "one")

    def test_more_cases_than_workers_all_come(self, tasks: list[CaseTask], cluster: str) -> None:
        many = [CaseTask(index, task.name, task.source, task.reading) for index, task in enumerate(tasks * 4)]
        assert len(outcomes(many, None, How(dask=cluster))) == 4 * CASES

    def test_no_scheduler_is_wrong_usage(self, tasks: list[CaseTask], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("data_prep.run_cases._PATIENCE_S", 0.5)
        rule = r"^--dask tcp://127\.0\.0\.1:9: must be the address of a running Dask scheduler, .* within 0\.5 s$"
        with pytest.raises(UsageError, match=rule):
            [*run_cases(tasks, None, How(dask="tcp://127.0.0.1:9"))]

    def test_without_the_package_it_says_how_to_install_it(
        self, tasks: list[CaseTask], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(__import__("sys").modules, "distributed", None)
        with pytest.raises(UsageError, match=r"install it with: pip install 'medseg\[dask\]'"):
            [*run_cases(tasks, None, How(dask="tcp://127.0.0.1:9"))]
