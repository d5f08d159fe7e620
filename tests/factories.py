"""Small data sets made in code, seeded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medseg.io.nifti import write_nifti
from medseg.manifest import Case, Fold, Intensity, Manifest, SliceRow, Split, SplitMethod, case_hash, write_manifest

AFFINE_MM = np.diag([0.5, 0.75, 2.0, 1.0])


def make_volume(
    rng: np.random.Generator, size: tuple[int, int], slices: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Bright discs on a noisy background, ``(x, y, z)``, and their mask; of several slices the last is empty."""
    x, y = np.ogrid[: size[0], : size[1]]
    label = np.zeros((*size, slices), dtype=np.uint8)
    for index in range(slices if slices == 1 else slices - 1):
        centre = rng.uniform(0.35, 0.65, 2) * size
        radius = rng.uniform(0.15, 0.25) * min(size)
        label[..., index] = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 <= radius**2
    image = rng.integers(0, 90, label.shape) + 130 * label
    return image.astype(np.uint8), label


def make_prepared(
    root: Path,
    cases: int = 6,
    size: tuple[int, int] = (48, 40),
    slices: int = 1,
    groups: int = 3,
    *,
    unlabelled: int = 0,
    name: str = "discs",
    modality: str = "microscopy",
    orientation: str | None = None,
    method: SplitMethod = "group",
    seed: int = 0,
    placed: bool = True,
) -> Manifest:
    """Write a prepared data set to ``root``.

    Case ``i`` is ``disc_<i>`` of group ``g<i mod groups>``; fold ``k`` validates on group ``k``. Without labels, and so
    in no fold, are ``unlabelled`` more cases.

    Args:
        root: Folder to fill.
        cases: Number of cases with labels.
        size: Pixels along x and y.
        slices: Slices a case; of several the last has no foreground.
        groups: Number of groups, and of folds.
        unlabelled: Number of cases without labels.
        name: Name of the data set.
        modality: ``CT`` for Hounsfield units.
        orientation: Source orientation of the images.
        method: How the manifest says that the folds were made.
        seed: Seed of the pixels.
        placed: Whether the cases are scans, which have a spacing; else they are pictures.
    """
    rng = np.random.default_rng(seed)
    affine_mm = AFFINE_MM if placed else np.eye(4)
    made: list[Case] = []
    rows: list[SliceRow] = []
    pixels: list[NDArray[np.uint8]] = []
    for index in range(cases + unlabelled):
        image, mask = make_volume(rng, size, slices)
        label = mask if index < cases else None
        case = Case(
            name=f"disc_{index:03d}",
            group=f"g{index % groups}",
            shape=image.shape,
            sha256=case_hash(image, label, affine_mm),
            foreground_px=None if label is None else int(label.sum()),
            spacing_mm=(0.5, 0.75, 2.0) if placed else None,
        )
        write_nifti(root / case.image, image, affine_mm)
        if label is not None:
            write_nifti(root / case.label, label, affine_mm)
        rows += [SliceRow(case.name, z, None if label is None else int(label[..., z].sum())) for z in range(slices)]
        made.append(case)
        pixels.append(image)
    labelled = [case for case in made if case.foreground_px is not None]
    folds = tuple(
        Fold(
            train=tuple(case.name for case in labelled if case.group != f"g{group}"),
            val=tuple(case.name for case in labelled if case.group == f"g{group}"),
        )
        for group in range(groups)
    )
    manifest = Manifest(
        name=name,
        modality=modality,
        layout="pairs",
        foreground="disc",
        orientation=orientation,
        cases=tuple(made),
        intensity=_intensity(np.concatenate([image.ravel() for image in pixels])),
        split=Split(method=method, seed=seed, folds=groups),
        folds=folds,
        root=root,
    )
    write_manifest(root, manifest, rows)
    return manifest


def edit_json(path: Path, edit: Callable[[Any], None]) -> None:
    """Change a JSON file's content."""
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def _intensity(values: NDArray[np.uint8]) -> Intensity:
    low, high = np.percentile(values, [0.5, 99.5])
    return Intensity(
        dtype=values.dtype.name,
        min=float(values.min()),
        max=float(values.max()),
        mean=float(values.mean()),
        std=float(values.std()),
        percentile_0_5=float(low),
        percentile_99_5=float(high),
    )
