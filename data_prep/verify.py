"""Whether a prepared data set's files are what its description says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medseg.errors import MedsegError
from medseg.io.nifti import open_nifti
from medseg.manifest import Case, Manifest, case_hash, described, read_manifest, read_slices

__all__ = ["verify"]


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
    stored, expected = json.loads(path.read_text(encoding="utf-8")), described(manifest)
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
