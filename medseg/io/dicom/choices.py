"""What a person may choose where a series is not a plain volume; nothing of it is done unasked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args, get_type_hints

from medseg.errors import UsageError
from medseg.io.orient import Plane

__all__ = ["Choices"]


@dataclass(frozen=True)
class Choices:
    """Choices for series that are refused without them.

    Attributes:
        tilt: ``--tilt``: undo the shear of a tilted gantry by shifting the slices, instead of refusing.
        irregular: ``--irregular``: put slices with unequal gaps on a regular grid, instead of refusing.
        duplicates: ``--duplicates``: take the first of several images at one position, instead of refusing.
        assume_hu: ``--assume-hu``: take CT values without rescale (0028,1052), (0028,1053) as Hounsfield units.
        plane: ``--plane``: the plane of the slices to be made; a series acquired in another gets a warning, none where
            it is ``source``.

    Raises:
        UsageError: If a value is none of those named.
    """

    tilt: Literal["refuse", "resample"] = "refuse"
    irregular: Literal["refuse", "resample"] = "refuse"
    duplicates: Literal["refuse", "first"] = "refuse"
    assume_hu: bool = False
    plane: Plane = "axial"

    def __post_init__(self) -> None:
        """Check every value."""
        for name, kind in get_type_hints(type(self)).items():
            value, allowed = getattr(self, name), get_args(kind)
            if allowed and value not in allowed:
                raise UsageError(f"--{name} must be {' or '.join(allowed)}, got {value!r}")
            # A text such as "false" would count as true.
            if kind is bool and not isinstance(value, bool):
                raise UsageError(f"--{name.replace('_', '-')} must be true or false, got {value!r}")
