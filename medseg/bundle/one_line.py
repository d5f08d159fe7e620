"""End a command in one line on standard error where the cause is known, and in MONAI's traceback where it is not."""

from __future__ import annotations

import errno
import logging
import os
import re
import sys
from types import TracebackType

from tqdm import tqdm

from medseg.errors import MedsegError, UsageError

__all__ = ["end_in_one_line", "known_cause", "print_error"]


def end_in_one_line() -> None:
    """Arrange that what this process raises from now on is shown as a line where its cause is known."""
    sys.excepthook = _hook
    for handler in logging.getLogger().handlers:
        handler.addFilter(_cut_worker_trace)


def _cut_worker_trace(record: logging.LogRecord) -> bool:
    """Ignite logs a loader worker's error with its traceback; the exception that follows shows it, if need be."""
    message = record.getMessage()
    if "Original Traceback (most recent call last)" in message:
        record.msg, record.args = message.splitlines()[0], ()
    return True


def _hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """``sys.excepthook``; the exit status is the error's own."""
    known = known_cause(error)
    if known is None:
        sys.__excepthook__(kind, error, trace)
        return
    print_error(known)
    raise SystemExit(known.exit_status)


def print_error(error: MedsegError) -> None:
    """Print ``error: ...`` on a line of its own; of several processes of one training only the first does."""
    for bar in list(getattr(tqdm, "_instances", ())):
        bar.close()  # else the message stands behind a progress bar
    if os.environ.get("RANK", "0") == "0":
        sys.stdout.flush()
        print(f"error: {error}", file=sys.stderr)


def known_cause(error: BaseException | None) -> MedsegError | None:
    """The error that a person can act on, out of what MONAI and loader workers wrapped around it."""
    while error is not None:
        if isinstance(error, MedsegError):
            return error
        # A loader worker hands over the text of its error only.
        from_worker = re.findall(r"^medseg\.(?:\w+\.)+(\w+Error): (.*)$", str(error), re.MULTILINE)
        if from_worker:
            kind, message = from_worker[-1]
            return (UsageError if kind == "UsageError" else MedsegError)(message)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return MedsegError(
                f"{error.filename or 'a file of the run'}: must be written, got {error.strerror}; make room, then go on"
                " with a training by --resume RUN"
            )
        if isinstance(error, TypeError) and "unexpected keyword argument" in str(error):
            return UsageError(f"options of a component must be its arguments, but {error}")
        error = error.__cause__ or error.__context__
    return None
