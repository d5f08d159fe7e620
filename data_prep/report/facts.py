"""What the quality report is made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from data_prep.case_facts import CaseFacts
from medseg.manifest import Case, Manifest

__all__ = ["ReportFacts"]


@dataclass(frozen=True)
class ReportFacts:
    """A prepared data set, without its voxels and without a text of its source.

    Attributes:
        manifest: The data set.
        cases: Each case of the manifest with its facts, in order.
        pictures: Gives a case's JPEG by its name; one at a time, since thousands would fill the memory.
        duplicates: Pairs of cases with the same image.
        left_out: Ordinal and fault of each case that could not be prepared.
        warnings: What is odd, with the names of the cases that it is about; none if it is about all.
        notes: What was decided for all cases.
    """

    manifest: Manifest
    cases: tuple[tuple[Case, CaseFacts], ...]
    pictures: Callable[[str], bytes]
    duplicates: tuple[tuple[str, str], ...] = ()
    left_out: tuple[tuple[int, str], ...] = ()
    warnings: tuple[tuple[str, tuple[str, ...]], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def intensity_unit(self) -> str:
        """``HU`` for CT, else empty."""
        return "HU" if self.manifest.modality == "CT" else ""

    @property
    def has_volumes(self) -> bool:
        """Whether cases are scans with a spacing; else they are pictures."""
        return any(facts.spacing_mm is not None for _, facts in self.cases)

    @property
    def fold_of(self) -> dict[str, int]:
        """The fold in which each case is validated; cases without label are in none."""
        return {name: index for index, fold in enumerate(self.manifest.folds) for name in fold.val}
