"""A training from its claim to its installed result, with the training itself already done."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medseg.study.planned import PlannedRun
from medseg.study.results import read_results
from medseg.study.training import Attempt, Outcome, train
from tests.commands import run_process
from tests.medseg.study.attempts import RUN, attempt, best, finished, setting
from tests.medseg.study.commands import until


def test_a_finished_training_is_installed_without_training_again(tmp_path: Path) -> None:
    finished(tmp_path)
    assert attempt(tmp_path).state == "done"
    assert [result.key for result in read_results(tmp_path / "study")] == [RUN.key]
    assert not list((tmp_path / "work/runs").rglob("*.pt"))


def test_a_training_on_other_data_is_not_installed(tmp_path: Path) -> None:
    """Data prepared anew, or another study of the same name."""
    finished(tmp_path, fingerprint="e" * 64)
    outcome = attempt(tmp_path)
    assert outcome.state == "failed"
    assert outcome.reason.endswith(
        "a training of this study must have fingerprint ffffffffffff, got eeeeeeeeeeee; give a study of other data"
        " another folder with --work"
    )
    assert read_results(tmp_path / "study") == []


@pytest.mark.parametrize("step", range(13))
def test_killed_at_any_step_it_is_installed_once_and_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """A process that ends at a copy: of masks, of weights, of the weights' facts, of a table, or at the renaming."""
    worse = replace(RUN, seed=1)
    finished(tmp_path, worse, dice=(0.25,))
    attempt(tmp_path, worse)
    finished(tmp_path, dice=(0.75,))
    steps = iter(range(step + 1))

    def until_then(act: Callable[..., Any]) -> Callable[..., Any]:
        def acted(*args: Any, **options: Any) -> Any:
            if next(steps, step) == step:
                raise KeyboardInterrupt
            return act(*args, **options)

        return acted

    with monkeypatch.context() as killed, suppress(KeyboardInterrupt):
        killed.setattr(shutil, "copyfile", until_then(shutil.copyfile))
        killed.setattr(Path, "rename", until_then(Path.rename))
        killed.setattr(shutil, "rmtree", until_then(shutil.rmtree))
        Attempt(RUN, setting(tmp_path))
    assert attempt(tmp_path).state == "done"
    assert best(tmp_path) == ({"key": RUN.key, "dice": 0.75}, [0.75])
    results = {result.key: len(result.images()) for result in read_results(tmp_path / "study")}
    assert results == {RUN.key: 1, worse.key: 1}
    assert not list((tmp_path / "work/runs").rglob("*.pt"))


def test_a_deleted_result_is_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the message about a damaged one promises, and not taken again from what may have damaged it."""
    folder = finished(tmp_path)
    assert attempt(tmp_path).state == "done"
    shutil.rmtree(tmp_path / "study/results")
    monkeypatch.setattr(PlannedRun, "command", lambda *_args, **_options: ["false"])
    again = Attempt(RUN, setting(tmp_path))
    while again.poll() is None:
        pass
    assert read_results(tmp_path / "study") == []
    assert not folder.facts.is_file()


def test_a_result_that_another_call_installed_meanwhile_stays(tmp_path: Path) -> None:
    """With a working folder of its own it does not see the other's claim."""
    finished(tmp_path)
    other = Attempt.__new__(Attempt)
    other.run, other.setting = RUN, setting(tmp_path)
    other.folder = setting(tmp_path).work.run("unet", "discs", RUN.key)
    finished(tmp_path / "faster")
    faster = replace(setting(tmp_path / "faster"), study=setting(tmp_path).study)
    first = Attempt(RUN, faster).poll()
    assert first is not None
    assert first.state == "done"
    assert other._install().state == "done"
    assert len(read_results(tmp_path / "study")) == 1


def test_a_result_without_its_facts_is_named_before_hours_of_training(tmp_path: Path) -> None:
    (tmp_path / "study/results" / RUN.key).mkdir(parents=True)
    (tmp_path / "study/results" / RUN.key / "history.csv").write_text("epoch\n")
    outcome = attempt(tmp_path)
    assert outcome.state == "failed"
    assert outcome.reason.endswith("delete its folder to train it again")


def test_what_goes_wrong_is_a_failure_and_no_traceback(tmp_path: Path) -> None:
    finished(tmp_path).facts.write_text("{")
    outcome = attempt(tmp_path)
    assert (outcome.state, outcome.reason[:17]) == ("failed", "JSONDecodeError: ")
    assert (tmp_path / f"work/failures/{RUN.key}.txt").read_text() == f"{outcome.reason}\n"


def test_a_folder_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "work").write_text("a file")
    assert attempt(tmp_path).state == "failed"


def test_half_copies_of_killed_processes_are_deleted(tmp_path: Path) -> None:
    results = tmp_path / "study/results"
    for name in (f".partial-17-{RUN.key}", f".partial-17-other-{RUN.key}"):
        (results / name).mkdir(parents=True)
    finished(tmp_path)
    assert attempt(tmp_path).state == "done"
    assert sorted(path.name for path in results.iterdir()) == [f".partial-17-other-{RUN.key}", RUN.key]


def test_a_training_that_does_not_answer_is_ended_when_asked_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    )
    monkeypatch.setattr(PlannedRun, "command", lambda *_args, **_options: [sys.executable, "-c", deaf])
    training = Attempt(RUN, setting(tmp_path))
    log = setting(tmp_path).work.log(RUN.key)
    until(lambda: "deaf" in log.read_text())
    training.stop()
    time.sleep(0.2)
    assert training.poll() is None
    training.stop(at_once=True)
    until(lambda: training.poll() is not None)
    assert training.poll() == Outcome(RUN, "stopped")


class _Ending(PlannedRun):
    """A training that says something and ends in a way of its own."""

    code = ""

    def command(self, *_: object, **__: object) -> list[str]:
        return [sys.executable, "-c", f"print('epoch 1/2', flush=True)\nimport os, sys\n{self.code}"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("os.kill(os.getpid(), 9)", "it was ended from outside by SIGKILL, as the system does where memory runs out"),
        ("sys.exit(143)", "it was ended from outside by SIGTERM"),
        ("print('error: no', flush=True); os.kill(os.getpid(), 15)", "no"),
        ("sys.exit(3)", "epoch 1/2"),
    ],
)
def test_why_a_training_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, reason: str) -> None:
    monkeypatch.setattr(_Ending, "code", code)
    (tmp_path / "study").mkdir()
    outcome = train(_Ending(**vars(RUN)), setting(tmp_path))
    assert outcome.state == "failed"
    assert outcome.reason.startswith(f"{reason} (ended with status ")


FAULTS = """
import ctypes, resource, threading
libc = ctypes.CDLL(None)
libc.prctl(41, 1, 0, 0, 0)  # PR_SET_THP_DISABLE: pages of one size, whatever the machine's setting
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
def step():
    tensor = libc.malloc(80 << 20)
    ctypes.memset(tensor, 1, 80 << 20)
    libc.free(tensor)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
    backward = threading.Thread(target=step)
    backward.start()
    backward.join()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" and os.environ.get("CI") != "true",
    reason="musl and macOS have no such variables; CI has glibc, and there the test has to run",
)
def test_memory_that_a_step_frees_is_used_again(tmp_path: Path) -> None:
    usual, kept = (
        int(run_process([sys.executable, "-c", FAULTS], tmp_path, 60, **variables).succeeded().stdout)
        for variables in ({}, setting(tmp_path).environment(None))
    )
    assert kept < usual / 5  # the pages of one tensor, not of each of ten


def test_an_allocator_that_the_user_has_set_up_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "4")
    assert setting(tmp_path).environment(None)["MALLOC_ARENA_MAX"] == "4"
