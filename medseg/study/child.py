"""Processes that a study starts: none outlives it, and none is trained twice at once."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

__all__ = ["Claim", "end_with_parent", "start_process"]

_ATTEMPTS, _PAUSE_S = 5, 0.05
_PR_SET_PDEATHSIG = 1


class Claim:
    """The right to train something: a lock on a file, held until it is closed by this process and its children.

    Args:
        file: The open, locked file.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    @classmethod
    def take(cls, path: Path) -> Claim | None:
        """Lock ``path``; None if someone else holds it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a", encoding="utf-8")
        for _ in range(_ATTEMPTS):  # one who only asks holds it for a moment, too
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return cls(file)
            except OSError:
                time.sleep(_PAUSE_S)
        file.close()
        return None

    @staticmethod
    def is_taken(path: Path) -> bool:
        """Whether someone holds ``path``."""
        if not path.is_file():
            return False
        with path.open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return True
        return False

    def fileno(self) -> int:
        """Descriptor, to be inherited."""
        return self._file.fileno()

    def release(self) -> None:
        """Give it up; a child that inherited it holds it on."""
        self._file.close()


def start_process(
    command: Sequence[str], *, log: Path, extra_env: Mapping[str, str], claim: Claim
) -> subprocess.Popen[bytes]:
    """Start a command whose output goes to a file.

    It is in a session of its own, so that the terminal's Ctrl-C reaches the study alone, which then asks it to end.
    Where the study is killed Linux asks it to end; elsewhere it ends its work, and nobody begins the same meanwhile,
    since it holds the claim, too.

    Args:
        command: Program and arguments.
        log: File for its output.
        extra_env: Added to this process's environment.
        claim: What it inherits.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            env={**os.environ, **extra_env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(claim.fileno(),),
            preexec_fn=end_with_parent(),
        )


def end_with_parent() -> Callable[[], None] | None:
    """``preexec_fn`` of a process that Linux tells to end when this one dies; None on other systems."""
    parent = os.getpid()
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # loaded before the fork, after which nothing may be allocated

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died in between
            os._exit(128 + signal.SIGTERM)

    return ask
