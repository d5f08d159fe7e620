"""Finished trainings of a study: small folders of tables that are read again by any machine."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from medseg.errors import MedsegError, UsageError
from medseg.io.atomic import write_json
from medseg.runs import RunFolder
from medseg.runs.score_files import read_table
from medseg.study.folders import StudyFolder

__all__ = [
    "ARCHITECTURES",
    "Result",
    "check_comparable",
    "install_result",
    "missing_cases",
    "read_result",
    "read_results",
]

ARCHITECTURES = ("unet", "unet_early_skip", "unet_early_skip_concat", "fcn8s")
"""In the order in which they are shown; others come after them by name."""

_TABLES = (
    "history.csv",
    "scores_last.csv",
    "scores_best.csv",
    "volumes_last.csv",
    "volumes_best.csv",
    "calibration_last.csv",
)
_PRIVATE = ("pid", "host")
_NEEDED = (
    "bundle_name",
    "fold",
    "seed",
    "config_sha256",
    "fingerprint",
    "split_sha256",
    "dataset",
    "max_epochs",
    "seconds",
)
_SAME = {
    "fingerprint": "the same data",
    "split_sha256": "the same folds",
    "image_size": "images of the same size",
    "surface_tolerance": "the same tolerance of surfaces",
}


@dataclass(frozen=True)
class Result:
    """A finished training.

    Attributes:
        key: Name of its folder, ``<bundle>-fold<k>-seed<s>-<start of config_sha256>``.
        folder: Where its tables are.
        facts: Content of its ``run.json``.
    """

    key: str
    folder: Path
    facts: dict[str, Any]

    @property
    def bundle(self) -> str:
        """Name of the bundle, which is the architecture."""
        return str(self.facts["bundle_name"])

    @property
    def fold(self) -> int:
        """Fold whose cases were scored."""
        return int(self.facts["fold"])

    @property
    def seed(self) -> int:
        """Seed of weights, order and augmentation."""
        return int(self.facts["seed"])

    def images(self, which: str = "last") -> pd.DataFrame:
        """Scores of the ``last`` or ``best`` epoch, a slice a row."""
        return self._table(f"scores_{which}.csv")

    def volumes(self, which: str = "last") -> pd.DataFrame:
        """Scores of the ``last`` or ``best`` epoch, a case a row."""
        return self._table(f"volumes_{which}.csv", "case", "dice")

    def history(self) -> pd.DataFrame:
        """Losses and scores, an epoch a row."""
        return self._table("history.csv")

    def calibration(self) -> pd.DataFrame:
        """Bins of the last epoch's foreground probability."""
        return self._table("calibration_last.csv")

    def _table(self, name: str, *needed: str) -> pd.DataFrame:
        path = self.folder / name
        try:
            table = read_table(path)
        except (OSError, ValueError) as error:
            raise MedsegError(
                f"{path}: must be a table of a finished training, got {' '.join(str(error).split())};"
                " delete its folder to train it again"
            ) from error
        missing = [column for column in needed if column not in table]
        if missing:
            raise MedsegError(
                f"{path}: must hold what a training recorded, got no column {missing[0]}; delete its folder to train it"
                " again"
            )
        return table


def read_results(study: Path) -> list[Result]:
    """All finished trainings of a study, by architecture, fold and seed.

    Args:
        study: The study's folder.

    Raises:
        MedsegError: If a result is damaged.
    """
    paths = sorted(StudyFolder(study).results.glob("[!.]*/run.json"))
    return sorted((_read(path) for path in paths), key=_position)


def read_result(study: Path, key: str) -> Result | None:
    """One finished training; None if there is none.

    Raises:
        MedsegError: If it is damaged.
    """
    folder = StudyFolder(study).result(key)
    return _read(folder / "run.json") if folder.is_dir() and any(folder.iterdir()) else None


def check_comparable(results: Sequence[Result]) -> None:
    """Check that trainings may stand in one comparison.

    Raises:
        UsageError: If they differ in data, folds or image size, those of one bundle in settings, or two are of one
            bundle, fold and seed.
    """
    for name, rule in _SAME.items():
        _check_same(results, name, f"a comparison must be of {rule}")
    by_bundle: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_bundle[result.bundle].append(result)
    for bundle, own in by_bundle.items():
        _check_same(own, "config_sha256", f"trainings of {bundle} must have the same settings")
        _check_once(own)


def missing_cases(results: Sequence[Result]) -> dict[str, list[str]]:
    """By bundle, the cases that others have been scored on and it has not."""
    scored: dict[str, set[str]] = defaultdict(set)
    for result in results:
        scored[result.bundle] |= set(result.volumes().case)
    every = set().union(*scored.values())
    return {bundle: sorted(every - own) for bundle, own in scored.items() if every - own}


def install_result(study: Path, key: str, run: RunFolder, extra: dict[str, Any]) -> Result:
    """Copy the tables of a finished training to a study's results, whole or not at all.

    Args:
        study: The study's folder.
        key: The training's name there.
        run: Its folder.
        extra: Goes into the result's ``run.json``.

    Raises:
        MedsegError: If the training is not finished, or left too little.
    """
    facts = run.read_facts()
    if facts.get("status") != "FINISHED" or facts.get("epochs_done") != facts.get("max_epochs"):
        state = f"{facts.get('status')} after {facts.get('epochs_done')} of {facts.get('max_epochs')} epochs"
        raise MedsegError(f"{run.root}: a result must be a finished training's, got {state}")
    target = StudyFolder(study).result(key)
    partial = target.with_name(f".partial-{os.getpid()}-{key}")
    _forget_killed(target)
    partial.mkdir(parents=True)
    try:
        for name in _TABLES:
            shutil.copyfile(run.root / name, partial / name)
        kept = {name: value for name, value in facts.items() if name not in _PRIVATE}
        write_json(partial / "run.json", {"key": key, **extra, **kept})
        partial.rename(target)
    except FileNotFoundError as error:
        raise MedsegError(f"{error.filename}: a finished training must have left it, but there is none") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return _read(target / "run.json")


def _forget_killed(target: Path) -> None:
    """Delete half copies of this result; whoever made them was killed, since only one at a time trains it."""
    for path in target.parent.glob(".partial-*"):
        if re.fullmatch(rf"\.partial-\d+-{re.escape(target.name)}", path.name):
            shutil.rmtree(path, ignore_errors=True)


def _read(path: Path) -> Result:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        missing = [name for name in _NEEDED if facts.get(name) is None]
    except (ValueError, OSError, TypeError) as error:
        raise MedsegError(
            f"{path}: must be a training's facts as JSON, got {error}; delete its folder to train it again"
        ) from error
    if missing:
        raise MedsegError(f"{path}: must hold {missing[0]}, but it does not; delete its folder to train it again")
    return Result(path.parent.name, path.parent, facts)


def _check_same(results: Sequence[Result], name: str, rule: str) -> None:
    by_value: dict[str, Result] = {}
    for result in results:
        by_value.setdefault(str(result.facts.get(name)), result)
    if len(by_value) > 1:
        found = " and ".join(f"{value[:16]} ({result.key})" for value, result in by_value.items())
        raise UsageError(f"{results[0].folder.parent}: {rule}, got {name} {found}; keep them in studies of their own")


def _check_once(results: Sequence[Result]) -> None:
    seen: dict[tuple[int, int], Result] = {}
    for result in results:
        other = seen.setdefault((result.fold, result.seed), result)
        if other is not result:
            raise UsageError(
                f"{result.folder.parent}: a comparison must have one training of {result.bundle}, fold {result.fold},"
                f" seed {result.seed}, got {other.key} and {result.key}; delete the folder of one"
            )


def _position(result: Result) -> tuple[int, str, int, int, str]:
    known = ARCHITECTURES.index(result.bundle) if result.bundle in ARCHITECTURES else len(ARCHITECTURES)
    return known, result.bundle, result.fold, result.seed, result.key
