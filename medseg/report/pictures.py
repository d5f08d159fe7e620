"""The paper's Figures 6 and 7: one image as all networks segment it, errors coloured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medseg.errors import MedsegError, UsageError
from medseg.io.nifti import open_nifti
from medseg.manifest import Manifest, read_manifest
from medseg.report.gather import StudyScores
from medseg.report.numerals import fixed
from medseg.runs.masks import load_mask
from medseg.study.folders import WorkFolder
from medseg.study.results import Result
from medseg.transforms.overlay import error_overlay, mask_overlay

__all__ = ["RULE", "ChosenCase", "Panel", "PictureRow", "choose_cases", "draw_cases", "open_data"]

RULE = (
    "Chosen by rule, from all cases that every network has scored without having seen them: the one with the highest,"
    " the middle and the lowest Dice, mean over the networks and their trainings; of equal ones the first by name."
)


@dataclass(frozen=True)
class ChosenCase:
    """A case to show.

    Attributes:
        rank: ``best``, ``middle`` or ``worst``.
        case: Its name.
        dice: Mean over networks, each the mean over its trainings.
    """

    rank: str
    case: str
    dice: float


@dataclass(frozen=True)
class Panel:
    """One picture.

    Attributes:
        title: What it is.
        note: Its score; may be empty.
        alt: The same for those who can't see it.
        rgb: ``(x, y, 3)``.
    """

    title: str
    note: str
    alt: str
    rgb: NDArray[np.uint8]


@dataclass(frozen=True)
class PictureRow:
    """A case: its image, its truth, and what each network makes of it."""

    chosen: ChosenCase
    title: str
    panels: tuple[Panel, ...]


def choose_cases(cases: pd.DataFrame) -> list[ChosenCase]:
    """Best, middle and worst case; fewer where there are fewer.

    Args:
        cases: ``architecture``, ``case`` and ``dice``, a row a training.
    """
    means = cases.pivot_table(index="case", columns="architecture", values="dice").dropna().mean(axis=1)
    # Rounded, so that what is equal but for rounding goes by name.
    order = means.round(12).rename("dice").reset_index().sort_values(["dice", "case"], ascending=[False, True])
    places = {"best": 0, "middle": (len(order) - 1) // 2, "worst": len(order) - 1}
    chosen, taken = [], set()
    for rank, place in places.items():
        if len(order) and place not in taken:
            taken.add(place)
            chosen.append(ChosenCase(rank, str(order.case.iloc[place]), float(order.dice.iloc[place])))
    return chosen


def open_data(data: Path, study: StudyScores) -> Manifest:
    """The prepared data set of a study.

    Raises:
        UsageError: If the folder is no prepared data set, or another one.
    """
    manifest = read_manifest(data)
    expected = str(study.results[0].facts["fingerprint"])
    if manifest.fingerprint != expected:
        raise UsageError(
            f"{data}: data must be what the study was trained on, fingerprint {expected[:12]}, got"
            f" {manifest.fingerprint[:12]}; give the prepared set {study.results[0].facts['dataset']}"
        )
    return manifest


def draw_cases(study: StudyScores, manifest: Manifest, work: WorkFolder) -> tuple[list[PictureRow], list[str]]:
    """Pictures of the chosen cases.

    Of each network the training with the lowest seed is drawn, last epoch.

    Returns:
        A row a case, and the names of trainings whose masks are not there, which have no picture.
    """
    rows, missing = [], []
    for chosen in choose_cases(study.cases):
        drawn = [(result, _mask(work, result, chosen.case)) for result in _first_trainings(study, chosen.case)]
        missing += [result.key for result, mask in drawn if mask is None]
        found = [(result, mask) for result, mask in drawn if mask is not None]
        if found:
            rows.append(_row(study, manifest, chosen, found))
    return rows, sorted(set(missing))


def _first_trainings(study: StudyScores, case: str) -> list[Result]:
    """Of each network the training with the lowest seed that scored the case."""
    of_case = study.cases[study.cases.case == case].sort_values("seed", kind="stable")
    scored = of_case.drop_duplicates("architecture")[["architecture", "fold", "seed"]]
    wanted = set(scored.itertuples(index=False, name=None))
    return [result for result in study.results if (result.bundle, result.fold, result.seed) in wanted]


def _mask(work: WorkFolder, result: Result, case: str) -> NDArray[np.bool_] | None:
    path = work.masks(result.key)
    return load_mask(path, case) if path.is_file() else None


def _row(
    study: StudyScores, manifest: Manifest, chosen: ChosenCase, drawn: Sequence[tuple[Result, NDArray[np.bool_]]]
) -> PictureRow:
    case = manifest.case(chosen.case)
    truth_all = np.asarray(open_nifti(manifest.root / case.label).dataobj) > 0
    for result, mask in drawn:
        if mask.shape != truth_all.shape:
            raise MedsegError(
                f"{result.key}: the mask of {case.name} must be of its label's shape {truth_all.shape}, got"
                f" {mask.shape}; delete the study's masks and draw without them"
            )
    index = int(np.argmax(truth_all.sum(axis=(0, 1))))
    grey = _windowed(np.asarray(open_nifti(manifest.root / case.image).dataobj[..., index]), drawn[0][0].facts)
    turn = slice(None, None, -1 if _shows_patient(manifest) else 1)
    grey, truth = grey[turn, turn], truth_all[turn, turn, index]
    none = np.zeros_like(truth)
    where = f"{case.name}, slice {index}" if case.shape[2] > 1 else case.name
    panels = [
        Panel("Image", "", f"{where}: the image", mask_overlay(grey, none)),
        Panel("Truth", "", f"{where}: the true {manifest.foreground} in green", mask_overlay(grey, truth)),
        *(_prediction(study, result, grey, mask[turn, turn, index], truth, case.name) for result, mask in drawn),
    ]
    shown = f", slice {index}, the one with most foreground" if case.shape[2] > 1 else ""
    return PictureRow(chosen, f"{chosen.rank.capitalize()}: {case.name}{shown}", tuple(panels))


def _prediction(
    study: StudyScores,
    result: Result,
    grey: NDArray[Any],
    mask: NDArray[np.bool_],
    truth: NDArray[np.bool_],
    case: str,
) -> Panel:
    own = study.cases[(study.cases.case == case) & (study.cases.architecture == result.bundle)]
    dice = float(own[(own.fold == result.fold) & (own.seed == result.seed)].dice.iloc[0])
    wrong, missed = int((mask & ~truth).sum()), int((truth & ~mask).sum())
    note = f"Dice {fixed(dice)}"
    alt = f"{result.bundle}, seed {result.seed}: {note}; {wrong:,} pixels too many, {missed:,} missed"
    return Panel(result.bundle, note, alt, error_overlay(grey, mask, truth))


def _windowed(grey: NDArray[Any], facts: dict[str, Any]) -> NDArray[np.float32]:
    """Values as the networks see them, cut at the ends of the window."""
    values = grey.astype(np.float32)
    window = facts.get("window")
    return values if window is None else np.clip(values, float(window[0]), float(window[1]))


def _shows_patient(manifest: Manifest) -> bool:
    """Whether x runs to R and y to A, which a scanner shows turned round."""
    return manifest.orientation is not None or any(case.spacing_mm is not None for case in manifest.cases)
