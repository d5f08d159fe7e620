"""Small prepared data sets as a report sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.case_facts import CaseFacts
from data_prep.report import ReportFacts, case_picture
from medseg.manifest import Case, Fold, Intensity, Manifest, Split

SPACING_MM = (1.0, 2.0, 5.0)


def facts_of(
    image: NDArray[Any],
    label: NDArray[np.uint8] | None,
    *,
    spacing_mm: tuple[float, float, float] | None = SPACING_MM,
    ordinal: int = 0,
    **others: Any,
) -> CaseFacts:
    """Facts about voxels ``(x, y, z)``."""
    values, counts = np.unique(image, return_counts=True)
    inside = image[label > 0] if label is not None else np.array([])
    facts = CaseFacts(
        ordinal=ordinal,
        shape=image.shape,
        dtype=image.dtype.name,
        modality=None if spacing_mm is None else "CT",
        spacing_mm=spacing_mm,
        source_shape=image.shape,
        source_axes="" if spacing_mm is None else "LPS",
        sha256=f"{ordinal:064x}",
        image_sha256=f"{ordinal:064x}",
        foreground_px=None if label is None else tuple(int(label[..., z].sum()) for z in range(label.shape[2])),
        mean_foreground=float(inside.mean()) if inside.size else None,
        values=tuple(map(float, values)),
        counts=tuple(map(int, counts)),
        total=(float(image.sum(dtype=np.float64)), float(np.square(image, dtype=np.float64).sum())),
        label_values=() if label is None else (1,),
    )
    return replace(facts, **others)


def volume(ordinal: int, *, slices: int = 6) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """A bright box of 6 x 5 x (slices - 2) voxels in air and tissue, 24 x 20 x ``slices``; noise differs by case."""
    rng = np.random.default_rng(ordinal)
    image = rng.integers(-1000, -980, (24, 20, slices))
    image[2:22, 2:18] = rng.integers(30, 60, (20, 16, slices))
    label = np.zeros(image.shape, dtype=np.uint8)
    label[12:18, 8:13, 1:-1] = 1
    image[label > 0] = 100 + ordinal % 10
    return image.astype(np.int16), label


def make_report(cases: int = 6, *, groups: int = 3, unlabelled: Sequence[int] = (), **others: Any) -> ReportFacts:
    """CT volumes ``case_000`` and so on; case ``i`` is of group ``g<i mod groups>`` and each fold validates a group.

    Args:
        cases: Number of cases.
        groups: Number of groups, and of folds.
        unlabelled: Which cases have no label.
        others: Further attributes of the report.
    """
    made, pictures = [], {}
    for index in range(cases):
        image, mask = volume(index)
        label = None if index in unlabelled else mask
        facts = facts_of(image, label, ordinal=index)
        made.append((_case(facts, f"g{index % groups:02d}"), facts))
        pictures[f"case_{index:03d}"] = case_picture(image, label, SPACING_MM, modality="CT")
    return _report(made, pictures, groups, "CT", **others)


def make_picture_report(cases: int = 6, *, groups: int = 3, **others: Any) -> ReportFacts:
    """As :func:`make_report`, of uint8 pictures of 24 x 20 pixels with a box of 6 x 5."""
    made, pictures = [], {}
    for index in range(cases):
        image, label = (voxels[..., 2:3] for voxels in volume(index))
        image = np.clip(image, 0, 255).astype(np.uint8)
        facts = facts_of(image, label, spacing_mm=None, ordinal=index)
        made.append((_case(facts, f"g{index % groups:02d}"), facts))
        pictures[f"case_{index:03d}"] = case_picture(image, label, None)
    return _report(made, pictures, groups, "microscopy", **others)


def with_facts(report: ReportFacts, index: int, **changes: Any) -> ReportFacts:
    """The report with other facts of one case."""
    changed = list(report.cases)
    facts = replace(changed[index][1], **changes)
    changed[index] = (_case(facts, changed[index][0].group), facts)
    return replace(report, cases=tuple(changed))


def _case(facts: CaseFacts, group: str) -> Case:
    foreground = None if facts.foreground_px is None else sum(facts.foreground_px)
    return Case(f"case_{facts.ordinal:03d}", group, facts.shape, facts.sha256, foreground, facts.spacing_mm)


def _report(
    cases: list[tuple[Case, CaseFacts]], pictures: dict[str, bytes], groups: int, modality: str, **others: Any
) -> ReportFacts:
    labelled = [case for case, _ in cases if case.foreground_px is not None]
    values = np.concatenate([np.repeat(facts.values, facts.counts) for _, facts in cases])
    low, high = map(float, np.percentile(values, [0.5, 99.5]))
    manifest = Manifest(
        name="boxes",
        modality=modality,
        layout="pairs",
        foreground="box",
        orientation=None,
        cases=tuple(case for case, _ in cases),
        intensity=Intensity(
            cases[0][1].dtype, float(values.min()), float(values.max()), values.mean(), values.std(), low, high
        ),
        split=Split("group", 0, groups),
        folds=tuple(
            Fold(
                train=tuple(case.name for case in labelled if case.group != f"g{group:02d}"),
                val=tuple(case.name for case in labelled if case.group == f"g{group:02d}"),
            )
            for group in range(groups)
        ),
    )
    report = ReportFacts(manifest, tuple(cases), pictures.__getitem__)
    return replace(report, **others)
