"""Images that show a patient to RAS+, by flips and an axis swap only."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from medseg.errors import UsageError

__all__ = ["check_orientation", "to_ras"]

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


def to_ras(image: NDArray[Any], orientation: str) -> NDArray[Any]:
    """Turn an image so that its first axis runs to R and its second to A.

    Args:
        image: ``(x, y)``, x = column and y = row of the source.
        orientation: From :func:`check_orientation`.

    Returns:
        ``(x, y)``, a view.
    """
    along_columns, along_rows = orientation[0], orientation[1]
    if along_columns in "LP":
        image = image[::-1]
    if along_rows in "LP":
        image = image[:, ::-1]
    return image if _AXIS[along_columns] == "x" else image.T
