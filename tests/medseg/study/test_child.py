"""Processes that a study starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from medseg.study.child import Claim, start_process
from tests.commands import ROOT

SLEEP = [sys.executable, "-c", "import time; print('awake', flush=True); time.sleep(600)"]


def test_only_one_holds_a_claim(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "a.lock"
    assert not Claim.is_taken(path)
    claim = Claim.take(path)
    assert claim is not None
    assert Claim.is_taken(path)
    assert Claim.take(path) is None
    claim.release()
    assert not Claim.is_taken(path)
    again = Claim.take(path)
    assert again is not None
    again.release()


def test_a_child_holds_the_claim_on(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    claim = Claim.take(path)
    assert claim is not None
    child = start_process(SLEEP, log=tmp_path / "logs/a.txt", extra_env={}, claim=claim)
    claim.release()
    assert Claim.is_taken(path)
    child.terminate()
    assert child.wait(30) == -signal.SIGTERM
    assert not Claim.is_taken(path)


def test_output_and_environment(tmp_path: Path) -> None:
    claim = Claim.take(tmp_path / "a.lock")
    assert claim is not None
    code = "import os, sys; print(os.environ['MINE']); sys.exit('so it ends')"
    log = tmp_path / "log.txt"
    log.write_text("of an earlier attempt\n")
    child = start_process([sys.executable, "-c", code], log=log, extra_env={"MINE": "7"}, claim=claim)
    assert child.wait(30) == 1
    claim.release()
    assert log.read_text().split("\n") == ["7", "so it ends", ""]


def test_a_child_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from medseg.study.child import Claim, start_process\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "claim = Claim.take(folder / 'a.lock')\n"
        f"child = start_process({SLEEP!r}, log=folder / 'log.txt', extra_env={{}}, claim=claim)\n"
        "print(child.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8")
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait(30)
    parent.stdout.close()
    child.wait(30)
    deadline = time.monotonic() + 10
    while Claim.is_taken(tmp_path / "a.lock"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
