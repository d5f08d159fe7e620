"""Directions in which the columns and rows of images run that show a patient."""

from __future__ import annotations

from medseg.errors import UsageError

__all__ = ["check_orientation"]

_AXIS = {"R": "x", "L": "x", "A": "y", "P": "y", "S": "z", "I": "z"}


def check_orientation(orientation: str) -> str:
    """Upper-case form of the directions in which columns and rows run, such as ``LA``.

    Raises:
        UsageError: If these are not two letters, one of L/R and one of A/P.
    """
    letters = orientation.upper()
    if len(letters) != 2 or any(letter not in _AXIS for letter in letters):
        raise UsageError(
            f"--orientation must be two letters of L, R, A, P, got {orientation!r};"
            " the first says where columns run, the second where rows run: LP is a scanner's usual view"
        )
    if {_AXIS[letter] for letter in letters} != {"x", "y"}:
        raise UsageError(f"--orientation must be axial, one of L/R and one of A/P, got {orientation!r}")
    return letters
