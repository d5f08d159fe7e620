from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster

from data_prep.image_sources import Acquired, Picture, Refused
from data_prep.label_sources import PictureMasks
from data_prep.options import How
from data_prep.prepare_case import CaseResult, CaseTask, OutError, Reading
from data_prep.run_cases import run_cases
from data_prep.sources import SourceCase
from medseg.errors import MedsegError, UsageError
from medseg.io.scans import ScanChoices
from tests.commands import ROOT, environment
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
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as made:
        yield made.scheduler_address


class TestOneProcess:
    def test_every_case_comes_in_order_with_what_became_of_it(self, tasks: list[CaseTask], tmp_path: Path) -> None:
        done = [*run_cases(tasks, tmp_path / "out", How())]
        assert [task for task, _ in done] == tasks
        assert [str(result) for _, result in done if isinstance(result, MedsegError)] == [
            "ward: must hold one series, got 2"
        ]
        assert len(contents(tmp_path / "out")) == 2 * (CASES - 1)


class TestUnasked:
    @pytest.mark.parametrize(("pays_from_bytes", "cores", "expected"), [(10**9, 8, 0), (1, 8, 4), (1, 3, 3), (1, 1, 0)])
    def test_processes_are_started_where_there_is_much_to_read(
        self, tasks: list[CaseTask], monkeypatch: pytest.MonkeyPatch, pays_from_bytes: int, cores: int, expected: int
    ) -> None:
        started = []
        monkeypatch.setattr("data_prep.run_cases._PAYS_FROM_BYTES", pays_from_bytes)
        monkeypatch.setattr("data_prep.run_cases.usable_cores", lambda: cores)
        monkeypatch.setattr(
            "data_prep.run_cases._in_processes", lambda tasks, out, workers: started.append(workers) or []
        )
        assert len([*run_cases(tasks, None, How())]) == (0 if expected else len(tasks))
        assert started == ([expected] if expected else [])


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


class TestEnds:
    """Each worker holds the standard output, which therefore ends when the last of them does."""

    def test_workers_of_a_killed_run_end(self, tmp_path: Path) -> None:
        with self.running(tmp_path) as run:
            run.kill()
            assert run.communicate(timeout=20)[0] == ""

    def test_interrupt_ends_workers_at_once_and_without_a_word(self, tmp_path: Path) -> None:
        with self.running(tmp_path) as run:
            os.killpg(run.pid, signal.SIGINT)
            out, err = run.communicate(timeout=20)
            assert (out, run.returncode) == ("stopped\n", 0), err
            assert "Traceback" not in err

    @contextmanager
    def running(self, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
        """Two workers at cases that take for ever, in a session of their own."""
        command = [sys.executable, "-m", "tests.data_prep.endless", str(tmp_path)]
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
        ) as run:
            try:
                until = time.monotonic() + 60
                while len([*tmp_path.iterdir()]) < 2 and time.monotonic() < until:
                    time.sleep(0.05)
                assert len([*tmp_path.iterdir()]) == 2
                yield run
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(run.pid, signal.SIGKILL)


class TestOutThatCannotBeWritten:
    def test_is_no_fault_of_the_case(self, tasks: list[CaseTask], tmp_path: Path) -> None:
        (tmp_path / "out").write_text("", encoding="utf-8")
        (_, result), *_ = run_cases(tasks[:1], tmp_path / "out", How())
        assert isinstance(result, OutError)
        rule = "out: OUT must be writable, got Not a directory; make room or choose another folder, and run it again"
        assert str(result) == f"{tmp_path}/{rule}"


class Foreign:
    """An image that only this process knows."""

    paths: tuple[Path, ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return _only_here, (os.getpid(),)


def _only_here(pid: int) -> Foreign:
    if pid != os.getpid():
        raise ImportError
    return Foreign()


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
        monkeypatch.setattr("medseg.io.dask_client._PATIENCE_S", 0.5)
        rule = r"^--dask tcp://127\.0\.0\.1:9: must be the address of a running Dask scheduler, .* within 0\.5 s$"
        with pytest.raises(UsageError, match=rule):
            [*run_cases(tasks, None, How(dask="tcp://127.0.0.1:9"))]

    @pytest.mark.parametrize("address", ["foo", "http://127.0.0.1:1"])
    def test_what_is_no_address_is_told_at_once(self, tasks: list[CaseTask], address: str) -> None:
        with pytest.raises(UsageError, match=f"^--dask {address}: must be the address of a running Dask scheduler"):
            [*run_cases(tasks, None, How(dask=address))]

    def test_worker_that_cannot_take_a_case_is_one_line(self, cluster: str) -> None:
        source = SourceCase("0", Foreign(), None)
        with pytest.raises(
            MedsegError, match=r"^a Dask worker must have the same medseg .*, got .* on case 9; finished"
        ):
            [*run_cases([CaseTask(9, "case_9", source, Reading(ScanChoices()))], None, How(dask=cluster))]

    def test_without_the_package_it_says_how_to_install_it(
        self, tasks: list[CaseTask], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(__import__("sys").modules, "distributed", None)
        with pytest.raises(UsageError, match=r"install it with: pip install 'medseg\[dask\]'"):
            [*run_cases(tasks, None, How(dask="tcp://127.0.0.1:9"))]
