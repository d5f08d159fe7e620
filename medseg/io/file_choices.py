"""What a person may choose where a volume file contradicts itself; nothing of it is done unasked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from medseg.errors import UsageError

__all__ = ["FileChoices", "TrustAffine"]

TrustAffine = Literal["qform", "sform"]


@dataclass(frozen=True)
class FileChoices:
    """Choices for NIfTI, NRRD and MetaImage files that are refused without them.

    Attributes:
        trust_affine: ``--trust-affine``: which of a NIfTI file's two affines counts where they contradict each other.
        nonfinite: ``--nonfinite``: value that voxels get which are NaN or infinite, such as -1024 for air.

    Raises:
        UsageError: If a value breaks its rule.
    """

    trust_affine: TrustAffine | None = None
    nonfinite: float | None = None

    def __post_init__(self) -> None:
        """Check every value."""
        if self.trust_affine is not None and self.trust_affine not in get_args(TrustAffine):
            raise UsageError(f"--trust-affine must be qform or sform, got {self.trust_affine!r}")
        if self.nonfinite is not None and not (
            isinstance(self.nonfinite, int | float) and math.isfinite(self.nonfinite)
        ):
            raise UsageError(f"--nonfinite must be a number, got {self.nonfinite!r}")
