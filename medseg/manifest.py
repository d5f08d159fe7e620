"""The prepared data set's schema: the one interface between ``data_prep`` and everything that trains or scores.

``dataset.json`` holds nnU-Net v2's keys, the decathlon's ``training`` list, and ours under ``medseg``; folds stand in
``splits_final.json`` as nnU-Net writes them, foreground pixels of each slice in ``slices.csv``.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from medseg.errors import MedsegError, UsageError
from medseg.io.atomic import atomic_path, write_json

__all__ = [
    "FORMAT_VERSION",
    "UNFINISHED",
    "Case",
    "Fold",
    "Intensity",
    "Manifest",
    "SliceRow",
    "Split",
    "VoxelHashes",
    "case_hash",
    "case_paths",
    "described",
    "fingerprint",
    "read_manifest",
    "read_slices",
    "voxel_hashes",
    "write_manifest",
]

FORMAT_VERSION = 1
UNFINISHED = ".prepare.json"
"""Marks a folder whose preparation has not ended."""

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
    root: Path = field(default=Path(), compare=False)

    @property
    def fingerprint(self) -> str:
        """Hash over all pixels of all images and labels, whatever the cases are called."""
        return fingerprint(case.sha256 for case in self.cases)

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


@dataclass(frozen=True)
class VoxelHashes:
    """SHA-256 of a case.

    Attributes:
        image: Over type, shape and voxels of the image alone.
        case: Over image, label and affine.
    """

    image: str
    case: str


def voxel_hashes(
    image: NDArray[Any], label: NDArray[np.uint8] | None, affine_mm: NDArray[np.float64] | None = None
) -> VoxelHashes:
    """Hash the voxels of a case and where they lie.

    Args:
        image: ``(x, y, z)``.
        label: The same shape; None without a label.
        affine_mm: 4 x 4, voxel indices to RAS+ mm. It counts as NIfTI stores it, in float32; the identity stands for
            none, as in pictures.
    """
    digest = hashlib.sha256()
    _add(digest, image)
    image_hash = digest.hexdigest()
    if label is not None:
        _add(digest, label)
    if affine_mm is not None and not np.array_equal(affine_mm, np.eye(4)):
        digest.update(np.asarray(affine_mm, dtype="<f4")[:3].tobytes())
    return VoxelHashes(image_hash, digest.hexdigest())


def case_hash(
    image: NDArray[Any], label: NDArray[np.uint8] | None, affine_mm: NDArray[np.float64] | None = None
) -> str:
    """SHA-256 over type, shape and voxels of an image ``(x, y, z)`` and its label, and their affine."""
    return voxel_hashes(image, label, affine_mm).case


def _add(digest: Any, volume: NDArray[Any]) -> None:
    """Add voxels in the order in which NIfTI stores them, without a copy where they lie so in memory."""
    digest.update(f"{volume.dtype.name}{volume.shape}".encode())
    little = volume.astype(volume.dtype.newbyteorder("<"), copy=False)
    digest.update(np.ascontiguousarray(little.T).data)


def fingerprint(case_hashes: Iterable[str]) -> str:
    """SHA-256 over the cases' hashes, in sorted order."""
    return hashlib.sha256("".join(sorted(case_hashes)).encode()).hexdigest()


def write_manifest(root: Path, manifest: Manifest, slices: Sequence[SliceRow]) -> None:
    """Write ``slices.csv``, ``splits_final.json`` and last ``dataset.json``, each atomically.

    A folder without ``dataset.json`` is therefore not finished.
    """
    with atomic_path(root / "slices.csv") as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["case", "slice", "foreground_px"])
        writer.writerows(
            [row.case, row.slice, "" if row.foreground_px is None else row.foreground_px] for row in slices
        )
    write_json(root / "splits_final.json", [{"train": list(f.train), "val": list(f.val)} for f in manifest.folds])
    write_json(root / "dataset.json", described(manifest))


def read_manifest(dataset_dir: Path | str) -> Manifest:
    """Read a prepared data set's description.

    Raises:
        UsageError: If the folder does not exist or is not a prepared data set.
        MedsegError: If its files are damaged or of another format version.
    """
    root = Path(dataset_dir)
    path = root / "dataset.json"
    if not root.is_dir():
        raise UsageError(f"{root}: dataset_dir must be a prepared data set, but there is no such folder")
    if not path.is_file() and (root / UNFINISHED).is_file():
        raise UsageError(
            f"{root}: dataset_dir must be a prepared data set, but it has no dataset.json, since its preparation was"
            " stopped; run it again"
        )
    if not path.is_file():
        raise UsageError(
            f"{root}: dataset_dir must be a prepared data set, but it has no dataset.json;"
            f" prepare it with: python -m data_prep prepare {root} OUT"
        )
    content = _load(path)
    ours = content.get("medseg") if isinstance(content, dict) else None
    if not isinstance(ours, dict):
        raise UsageError(
            f"{path}: must have been written by data_prep, but it has no 'medseg' entry;"
            f" prepare it with: python -m data_prep prepare {root} OUT"
        )
    if ours.get("format_version") != FORMAT_VERSION:
        raise MedsegError(
            f"{path}: format_version must be {FORMAT_VERSION}, got {ours.get('format_version')}; prepare it again"
        )
    try:
        return _from_json(root, content, _load(root / "splits_final.json"))
    except (AttributeError, KeyError, StopIteration, TypeError, ValueError) as error:
        raise MedsegError(
            f"{path}: must hold a prepared data set's entries, got {error!r}; prepare it again"
        ) from error


def read_slices(dataset_dir: Path | str) -> list[SliceRow]:
    """Read ``slices.csv``.

    Raises:
        MedsegError: If the file is missing or damaged.
    """
    path = Path(dataset_dir) / "slices.csv"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                SliceRow(row["case"], int(row["slice"]), int(row["foreground_px"]) if row["foreground_px"] else None)
                for row in csv.DictReader(file)
            ]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise MedsegError(f"{path}: must list case, slice, foreground_px, got {error!r}; prepare it again") from error


def described(manifest: Manifest) -> dict[str, Any]:
    """Content of ``dataset.json``."""
    labelled = [case for case in manifest.cases if case.foreground_px is not None]
    return {
        "name": manifest.name,
        "channel_names": {"0": manifest.modality},
        "labels": {"background": 0, manifest.foreground: 1},
        "numTraining": len(labelled),
        "file_ending": ".nii",
        "training": [{"image": f"./{case.image}", "label": f"./{case.label}"} for case in labelled],
        "test": [f"./{case.image}" for case in manifest.cases if case.foreground_px is None],
        "medseg": {
            "format_version": FORMAT_VERSION,
            "layout": manifest.layout,
            "orientation": manifest.orientation,
            "fingerprint": manifest.fingerprint,
            "split": {**asdict(manifest.split), "leaky": manifest.split.leaky},
            "intensity": asdict(manifest.intensity),
            "cases": [asdict(case) for case in manifest.cases],
        },
    }


def _from_json(root: Path, content: dict[str, Any], folds: list[dict[str, list[str]]]) -> Manifest:
    ours = content["medseg"]
    foreground = next(name for name, value in content["labels"].items() if value == 1)
    return Manifest(
        root=root,
        name=content["name"],
        modality=content["channel_names"]["0"],
        layout=ours["layout"],
        foreground=foreground,
        orientation=ours["orientation"],
        cases=tuple(_case_from_json(case) for case in ours["cases"]),
        intensity=Intensity(**ours["intensity"]),
        split=Split(**{key: ours["split"][key] for key in ("method", "seed", "folds")}),
        folds=tuple(Fold(tuple(fold["train"]), tuple(fold["val"])) for fold in folds),
    )


def _case_from_json(case: dict[str, Any]) -> Case:
    sizes = {key: tuple(case[key]) for key in ("shape", "spacing_mm") if case.get(key) is not None}
    return Case(**{**case, **sizes})


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise MedsegError(f"{path}: must be readable JSON, got {error}; prepare the data set again") from error
