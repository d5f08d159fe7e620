"""Errors that a person at the terminal can act on: one line, no traceback."""

from __future__ import annotations

__all__ = ["MedsegError", "SourceError", "UsageError"]


class MedsegError(Exception):
    """Work failed; the message names the file, the rule, the value and the way out. Exit status 1."""

    exit_status: int = 1


class UsageError(MedsegError):
    """The command or its settings are wrong. Exit status 2."""

    exit_status = 2


class SourceError(MedsegError):
    """A source file or series breaks a rule.

    Args:
        where: File or series, for the terminal; it may hold a patient's name.
        fault: Rule, tag, values and way out, without names, paths, UIDs, dates or texts of the source, so that it may
            be written to files.
    """

    def __init__(self, where: object, fault: str) -> None:
        super().__init__(f"{where}: {fault}")
        self.where = str(where)
        self.fault = fault

    def __reduce__(self) -> tuple[type[SourceError], tuple[str, str]]:
        """Survive the way back from a worker process."""
        return type(self), (self.where, self.fault)
