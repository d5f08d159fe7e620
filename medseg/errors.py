"""Errors that a person at the terminal can act on: one line, no traceback."""

from __future__ import annotations

__all__ = ["MedsegError", "UsageError"]


class MedsegError(Exception):
    """Work failed; the message names the file, the rule, the value and the way out. Exit status 1."""

    exit_status: int = 1


class UsageError(MedsegError):
    """The command or its settings are wrong. Exit status 2."""

    exit_status = 2
