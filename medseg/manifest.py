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
from medseg.io.nifti import open_nifti

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
    "fingerprint",
    "read_manifest",
    "read_slices",
    "verify",
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
    write_json(root / "dataset.json", _to_json(manifest))


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


def verify(dataset_dir: Path | str) -> list[str]:
    """Compare the files of a prepared data set with its description.

    Returns:
        One line a problem; empty if every voxel, fold and table agrees.

    Raises:
        UsageError: As :func:`read_manifest`.
        MedsegError: As :func:`read_manifest`.
    """
    manifest = read_manifest(dataset_dir)
    problems = [*_fold_problems(manifest), *_stray_files(manifest)]
    table = read_slices(manifest.root)
    rows = {(row.case, row.slice): row.foreground_px for row in table}
    expected = sum(case.shape[2] for case in manifest.cases)
    if len(table) != expected:
        problems.append(f"{manifest.root / 'slices.csv'}: must have {expected} lines, one a slice, got {len(table)}")
    for case in manifest.cases:
        try:
            problems += _case_problems(manifest.root, case, rows)
        except MedsegError as error:
            problems.append(str(error))
    return [*problems, *_description_problems(manifest)]


def _description_problems(manifest: Manifest) -> list[str]:
    """What other programs read of ``dataset.json`` must follow from the cases."""
    path = manifest.root / "dataset.json"
    stored, expected = _load(path), _to_json(manifest)
    problems = [
        f"{path}: {key} must be that of the cases under medseg, got another; prepare the data set again"
        for key in ("numTraining", "file_ending", "training", "test")
        if stored.get(key) != expected[key]
    ]
    got = stored["medseg"].get("fingerprint")
    if got != manifest.fingerprint:
        problems.append(f"{path}: fingerprint must be {manifest.fingerprint}, got {got}")
    return problems


def _case_problems(root: Path, case: Case, rows: dict[tuple[str, int], int | None]) -> list[str]:
    image = open_nifti(root / case.image)
    volume = np.asarray(image.dataobj)
    label: NDArray[np.uint8] | None = None
    if case.foreground_px is not None:
        label_image = open_nifti(root / case.label)
        label = np.asarray(label_image.dataobj)
        if label.shape != volume.shape or not np.allclose(label_image.affine, image.affine, atol=1e-3):
            return [f"{root / case.label}: must lie on its image's grid {volume.shape}, got {label.shape}"]
        if not np.isin(label, (0, 1)).all():
            return [f"{root / case.label}: must hold only 0 and 1, got {np.unique(label)[:5].tolist()}"]
    if case_hash(volume, label, image.affine) != case.sha256:
        changed = "but image, label or affine changed"
        problems = [f"{root / case.image}: voxels must have hash {case.sha256[:12]}, {changed}"]
    else:
        problems = _fact_problems(root, case, volume, label, image.affine)
    for index in range(volume.shape[2]):
        expected = None if label is None else int(label[..., index].sum())
        if rows.get((case.name, index)) != expected:
            problems.append(f"{root / 'slices.csv'}: {case.name} slice {index} must have {expected} foreground pixels")
    return problems


def _fact_problems(
    root: Path, case: Case, volume: NDArray[Any], label: NDArray[np.uint8] | None, affine_mm: NDArray[np.float64]
) -> list[str]:
    """What ``dataset.json`` says of a case whose voxels are as they should be."""
    facts: dict[str, tuple[Any, Any]] = {
        "shape": (case.shape, volume.shape),
        "spacing_mm": (case.spacing_mm, _spacing_mm(affine_mm)),
        "foreground_px": (case.foreground_px, None if label is None else int(np.count_nonzero(label))),
    }
    return [
        f"{root / 'dataset.json'}: {name} of {case.name} must be {found}, as in its files, got {told}"
        for name, (told, found) in facts.items()
        if told is not None and not np.allclose(told, found, rtol=0, atol=1e-3)
    ]


def _spacing_mm(affine_mm: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(round(float(size), 3) for size in np.linalg.norm(affine_mm[:3, :3], axis=0))


def _stray_files(manifest: Manifest) -> list[str]:
    """Files that nnU-Net or a person would take for cases."""
    known = {path for case in manifest.cases for path in (case.image, case.label)}
    return [
        f"{path}: must be a file of a case in dataset.json, got another; delete it or prepare the data set again"
        for folder in ("imagesTr", "imagesTs", "labelsTr")
        for path in sorted((manifest.root / folder).glob("*"))
        if path.relative_to(manifest.root).as_posix() not in known
    ]


def _fold_problems(manifest: Manifest) -> list[str]:
    path = manifest.root / "splits_final.json"
    labelled = {case.name: case.group for case in manifest.cases if case.foreground_px is not None}
    problems = []
    for index, fold in enumerate(manifest.folds):
        both = set(fold.train) & set(fold.val)
        if both:
            problems.append(f"{path}: fold {index} must not have a case on both sides, got {sorted(both)[:3]}")
        if set(fold.train) | set(fold.val) != set(labelled):
            problems.append(f"{path}: fold {index} must cover every labelled case of dataset.json")
        elif manifest.split.method == "group":
            shared = {labelled[name] for name in fold.train} & {labelled[name] for name in fold.val}
            if shared:
                problems.append(
                    f"{path}: fold {index} must keep groups together, got both sides of {sorted(shared)[:3]}"
                )
    return problems


def _to_json(manifest: Manifest) -> dict[str, Any]:
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
