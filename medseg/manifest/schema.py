"""What a prepared data set is: its cases, intensities, split and folds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from medseg.errors import MedsegError, UsageError
from medseg.io.orient import Plane
from medseg.manifest.hashes import fingerprint

__all__ = [
    "FORMAT_VERSION",
    "GREY_LEVELS",
    "UNFINISHED",
    "Case",
    "Fold",
    "Intensity",
    "Manifest",
    "SliceRow",
    "Split",
    "SplitMethod",
    "case_paths",
]

FORMAT_VERSION = 1
UNFINISHED = ".prepare.json"
"""Marks a folder whose preparation has not ended."""

GREY_LEVELS = {"uint8": (0, 255), "uint16": (0, 65535)}
"""Least and greatest grey value by NumPy name of a picture's type."""

SplitMethod = Literal["group", "contiguous", "random"]


@dataclass(frozen=True)
class Case:
    """One scan or image with its label.

    Attributes:
        name: Made by ``data_prep``; never taken from the source.
        group: Made name of the patient, block or other unit that must stay on one side of a split.
        shape: Voxels along x, y and z.
        sha256: :func:`case_hash` of image and label.
        foreground_px: Foreground voxels of the label; None without a label.
        spacing_mm: Distance between voxels along x, y and z; None for pictures, of which it is not known.
    """

    name: str
    group: str
    shape: tuple[int, int, int]
    sha256: str
    foreground_px: int | None
    spacing_mm: tuple[float, float, float] | None = None

    @property
    def image(self) -> str:
        """Path of the image below the data set's folder."""
        return case_paths(self.name, labelled=self.foreground_px is not None)[0]

    @property
    def label(self) -> str:
        """Path of the label below the data set's folder."""
        return case_paths(self.name, labelled=True)[1]


@dataclass(frozen=True)
class Intensity:
    """Facts about the images' values, over all cases; in HU where the modality is CT.

    Attributes:
        dtype: NumPy name of the stored type.
        percentile_0_5: 0.5th percentile.
        percentile_99_5: 99.5th percentile.
    """

    dtype: str
    min: float
    max: float
    mean: float
    std: float
    percentile_0_5: float
    percentile_99_5: float


@dataclass(frozen=True)
class Split:
    """How the folds were made.

    Attributes:
        method: ``group`` keeps whole groups together, ``contiguous`` runs of neighbouring images, ``random`` nothing.
        seed: Seed with which groups or images were shuffled.
        folds: Number of folds.
    """

    method: SplitMethod
    seed: int
    folds: int

    @property
    def leaky(self) -> bool:
        """Whether images of one patient may stand on both sides, which makes scores look better than they are."""
        return self.method == "random"


@dataclass(frozen=True)
class Fold:
    """Case names of one fold."""

    train: tuple[str, ...]
    val: tuple[str, ...]


@dataclass(frozen=True)
class SliceRow:
    """One line of ``slices.csv``; ``foreground_px`` is None without a label."""

    case: str
    slice: int
    foreground_px: int | None


@dataclass(frozen=True)
class Manifest:
    """A prepared data set without its voxels.

    Attributes:
        name: Short name; part of every run's folder.
        modality: Channel name; ``CT`` means Hounsfield units.
        layout: Source layout that was read.
        foreground: Name of the foreground.
        orientation: Directions in which the source images' columns and rows ran, such as ``LA``; None where the
            images show no patient.
        plane: Plane of the slices.
        spacing_mm: Voxel size along x, y and z to which scans were resampled; None where theirs was kept.
        window_hu: HU of pictures of windowed CT that became the least and the greatest grey value of their type; None
            where that is not known, and for scans.
        cases: In order.
        intensity: Facts about the images' values.
        split: How the folds were made.
        folds: The folds.
        root: The folder, once written or read.
    """

    name: str
    modality: str
    layout: str
    foreground: str
    orientation: str | None
    cases: tuple[Case, ...]
    intensity: Intensity
    split: Split
    folds: tuple[Fold, ...]
    plane: Plane = "axial"
    spacing_mm: tuple[float, float, float] | None = None
    window_hu: tuple[float, float] | None = None
    root: Path = field(default=Path(), compare=False)

    @property
    def fingerprint(self) -> str:
        """Hash over all pixels of all images and labels, whatever the cases are called."""
        return fingerprint(case.sha256 for case in self.cases)

    @property
    def split_sha256(self) -> str:
        """Hash over the folds, which tells the same pixels split otherwise apart, whatever the cases are called."""
        pixels = {case.name: case.sha256 for case in self.cases}
        folds = [[sorted(pixels[name] for name in side) for side in (fold.train, fold.val)] for fold in self.folds]
        return hashlib.sha256(json.dumps(folds).encode()).hexdigest()

    @property
    def picture_levels(self) -> tuple[int, int] | None:
        """Grey values that the ends of :attr:`window_hu` became; None without it."""
        return None if self.window_hu is None else GREY_LEVELS[self.intensity.dtype]

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups, sorted."""
        return tuple(sorted({case.group for case in self.cases}))

    def case(self, name: str) -> Case:
        """The case called ``name``.

        Raises:
            MedsegError: If there is none.
        """
        for case in self.cases:
            if case.name == name:
                return case
        raise MedsegError(f"{self.root}: case must be one of dataset.json, got {name!r}; prepare the data set again")

    def fold(self, index: int) -> Fold:
        """One fold.

        Raises:
            UsageError: If there is no such fold.
        """
        if not self.folds:
            raise UsageError(
                f"{self.root}: has no folds, since all cases with labels are of one patient or group; prepare more of"
                " them, or choose --split contiguous or random"
            )
        if not 0 <= index < len(self.folds):
            raise UsageError(f"{self.root}: fold must be 0 to {len(self.folds) - 1}, got {index}")
        return self.folds[index]


def case_paths(name: str, *, labelled: bool) -> tuple[str, str]:
    """Paths of a case's image and label below the data set's folder."""
    return f"images{'Tr' if labelled else 'Ts'}/{name}_0000.nii", f"labelsTr/{name}.nii"
