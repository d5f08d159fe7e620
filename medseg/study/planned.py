"""A plan and a prepared data set together: the trainings to run, each with its name."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medseg.deploy.find_bundle import find_bundle
from medseg.errors import UsageError
from medseg.manifest import Manifest
from medseg.study.identity import config_sha256, read_config
from medseg.study.plan import StudyPlan

__all__ = ["PlannedRun", "planned_runs"]


@dataclass(frozen=True)
class PlannedRun:
    """One training of a study.

    Attributes:
        bundle_name: The bundle's name, or a variant's; it stands for the architecture.
        bundle: The bundle's folder.
        fold: Index into ``splits_final.json``.
        seed: Of weights, order and augmentation.
        settings: Ids of ``train.json`` with the values that override them.
        max_epochs: Number of epochs.
        config_sha256: Hash of all that decides what is learnt, seed, fold and data aside.
        fingerprint: Of the data.
        split_sha256: Of the folds.
        dataset: Name of the data.
    """

    bundle_name: str
    bundle: Path
    fold: int
    seed: int
    settings: Mapping[str, Any]
    max_epochs: int
    config_sha256: str
    fingerprint: str
    split_sha256: str
    dataset: str

    @property
    def key(self) -> str:
        """Name of the training, its folder and its result."""
        return f"{self.bundle_name}-fold{self.fold}-seed{self.seed}-{self.config_sha256[:8]}"

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.bundle_name}, fold {self.fold}, seed {self.seed}"

    def command(self, data: Path, runs_dir: Path, *, resume: Path | None, tracking: Mapping[str, Any]) -> list[str]:
        """``python -m monai.bundle run`` for this training.

        Args:
            data: Prepared data set.
            runs_dir: Folder of all trainings.
            resume: Folder of this training to go on with, or None.
            tracking: Options that put it into MLflow; none where it is empty.
        """
        options: dict[str, Any] = {
            "config_file": self.bundle / "configs" / "train.json",
            "dataset_dir": data,
            "fold": self.fold,
            "seed": self.seed,
            **self.settings,
            "install": False,
            "runs_dir": runs_dir,
            **({"run_name": self.key} if resume is None else {"resume": resume}),
            **tracking,
        }
        words = [word for name, value in options.items() for word in (f"--{name}", _word(value))]
        return [sys.executable, "-m", "monai.bundle", "run", *words]


def planned_runs(plan: StudyPlan, manifest: Manifest, root: Path = Path()) -> list[PlannedRun]:
    """All trainings of a study: each seed and fold with all bundles before the next, so that a part of them compares.

    Args:
        plan: What to train.
        manifest: The data.
        root: The study's folder, where the plan's relative folders start.

    Raises:
        UsageError: If a bundle or fold does not exist, two bundles have one name or are scored on different things, a
            setting is unknown, or the data are others than the plan's.
    """
    if plan.fingerprint is not None and not manifest.fingerprint.startswith(plan.fingerprint):
        raise UsageError(
            f"{manifest.root}: the data of study {plan.name} must have the fingerprint {plan.fingerprint}, got"
            f" {manifest.fingerprint[:12]}; prepare the same images in the same way"
        )
    folds = tuple(range(len(manifest.folds))) if plan.folds is None else plan.folds
    for fold in folds:
        manifest.fold(fold)
    bundles = [_bundle(plan, name, root) for name in plan.bundles]
    _check_names([name for name, _, _ in bundles])
    configs = [(name, bundle, settings, read_config(bundle, settings)) for name, bundle, settings in bundles]
    for name in ("image_size", "surface_tolerance"):
        _check_same(name, {called: config.get(name) for called, _, _, config in configs})
    return [
        PlannedRun(
            bundle_name=name,
            bundle=bundle,
            fold=fold,
            seed=seed,
            settings=settings,
            max_epochs=_max_epochs(name, config.get("max_epochs")),
            config_sha256=config_sha256(config),
            fingerprint=manifest.fingerprint,
            split_sha256=manifest.split_sha256,
            dataset=manifest.name,
        )
        for seed in plan.seeds
        for fold in folds
        for name, bundle, settings, config in configs
    ]


def _bundle(plan: StudyPlan, name: str, root: Path) -> tuple[str, Path, dict[str, Any]]:
    """Name, folder and settings of a bundle or variant of a plan."""
    bundle = find_bundle(plan.variants.get(name, name), root).resolve()
    called = name if name in plan.variants else bundle.name
    # Its config may have another name: a copy's is that of what it was copied from.
    return called, bundle, {**plan.overrides(name), "bundle_name": called}


def _check_names(names: Sequence[str]) -> None:
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UsageError(f"bundles must be folders of different names, got {twice[0]} twice; rename one")


def _check_same(name: str, values: Mapping[str, Any]) -> None:
    """Refuse before training what no report would put into one comparison."""
    first, *others = values
    for other in others:
        if values[other] != values[first]:
            raise UsageError(
                f"{name} must be the same in all bundles of a study, got {values[first]} ({first}) and {values[other]}"
                f" ({other}); set it for all of them under settings"
            )


def _max_epochs(name: str, value: Any) -> int:
    if type(value) is not int or value < 1:
        raise UsageError(f"{name}: max_epochs must be a whole number from 1, got {value!r}")
    return value


def _word(value: Any) -> str:
    """``value`` as fire reads it back from a command line."""
    return str(value) if isinstance(value, (str, Path)) else repr(value)
