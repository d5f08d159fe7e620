"""What a study is to train: bundles x folds x seeds on one prepared data set."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from medseg.errors import UsageError
from medseg.io.atomic import write_text

__all__ = ["StudyPlan", "keep_plan", "plan_file", "plan_from", "read_plan"]

_OF_THE_STUDY = {
    "fold",
    "seed",
    "dataset_dir",
    "runs_dir",
    "run_name",
    "resume",
    "install",
    "run",
    "bundle_root",
    "bundle_name",
}


@dataclass(frozen=True)
class StudyPlan:
    """The content of ``study.yaml``.

    Attributes:
        name: Letters, digits, ``.``, ``_`` and ``-``.
        bundles: Names of shipped bundles, or bundles' folders, relative ones from that of ``study.yaml``.
        folds: Indices into ``splits_final.json``; None for all of them.
        seeds: A training each.
        settings: Ids of ``train.json`` that all trainings override.
        per_bundle: Ids that the trainings of one bundle override, by bundle as in ``bundles``.
        variants: Bundles by another name, under which they stand in ``bundles`` and ``per_bundle`` with other settings.
        threads: CPU threads a training; None shares the cores out. Another number rounds sums in another order, so
            trainings differ.
        fingerprint: Start of the data's fingerprint, where the study is of these data alone.
        data: Folder of the prepared data set, below that of ``study.yaml``; None where it is given with the command.
    """

    name: str
    bundles: tuple[str, ...]
    folds: tuple[int, ...] | None = None
    seeds: tuple[int, ...] = (0,)
    settings: Mapping[str, Any] = field(default_factory=dict)
    per_bundle: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    variants: Mapping[str, str] = field(default_factory=dict)
    threads: int | None = None
    fingerprint: str | None = None
    data: str | None = None

    def overrides(self, bundle: str) -> dict[str, Any]:
        """What the trainings of ``bundle`` override."""
        return {**self.settings, **self.per_bundle.get(bundle, {})}


def plan_file(study: Path) -> Path:
    """Where the plan of a study is, which is named by its folder or by the file itself.

    Raises:
        UsageError: If the file has another name: two plans in one folder would share results.
    """
    if study.suffix in (".yaml", ".yml") and not study.is_dir():
        if study.name != "study.yaml":
            raise UsageError(f"{study}: a study's plan must be called study.yaml, in a folder of its own")
        return study
    return study / "study.yaml"


def read_plan(study: Path) -> StudyPlan:
    """Read and check a study's plan.

    Args:
        study: The file, or the folder that holds it as ``study.yaml``.

    Raises:
        UsageError: If there is none, or it breaks a rule.
    """
    path = plan_file(study)
    if not path.is_file():
        raise UsageError(
            f"{path}: must be a study's plan, but there is none; write it, or give --bundle, --fold and --seed"
        )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"{path}: must be YAML, got {' '.join(str(error).split())}") from error
    try:
        return plan_from(content, default_name=path.resolve().parent.name)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def keep_plan(study: Path, plan: StudyPlan) -> None:
    """Write a plan where there is none yet; what it does not say is left out.

    Raises:
        UsageError: If another one has been written meanwhile.
    """
    path = plan_file(study)
    if path.is_file():
        if read_plan(path) != plan:
            raise UsageError(f"{path}: a plan must stay as it is while a call begins, but it was changed; call again")
        return
    content = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in dataclasses.asdict(plan).items()
        if value not in (None, {})
    }
    write_text(path, yaml.safe_dump(content, sort_keys=False, default_flow_style=None))


def plan_from(content: Any, *, default_name: str) -> StudyPlan:
    """The plan that YAML's content or a command's flags describe.

    Raises:
        UsageError: If it breaks a rule.
    """
    if not isinstance(content, dict):
        raise UsageError(f"a study must be a mapping with the key bundles, got {type(content).__name__}")
    known = [item.name for item in dataclasses.fields(StudyPlan)]
    unknown = [name for name in content if name not in known]
    if unknown:
        raise UsageError(f"keys must be of {', '.join(known)}, got {', '.join(map(str, unknown))}")
    folds = content.get("folds")
    plan = StudyPlan(
        name=_name(content.get("name", default_name)),
        bundles=_bundles(content.get("bundles")),
        folds=None if folds in (None, "all") else _numbers("folds", folds),
        seeds=_numbers("seeds", content.get("seeds", [0])),
        settings=_settings("settings", content.get("settings")),
        per_bundle=_per_bundle(content.get("per_bundle")),
        variants=_variants(content.get("variants")),
        threads=_threads(content.get("threads")),
        fingerprint=_fingerprint(content.get("fingerprint")),
        data=None if content.get("data") is None else str(content["data"]),
    )
    for key, names in (("per_bundle", plan.per_bundle), ("variants", plan.variants)):
        strange = [name for name in names if name not in plan.bundles]
        if strange:
            raise UsageError(f"{key} must name bundles of the study ({', '.join(plan.bundles)}), got {strange[0]}")
    return plan


def _name(value: Any) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", str(value)):
        raise UsageError(f"name must consist of letters, digits, '.', '_' and '-', got {value!r}")
    return str(value)


def _bundles(value: Any) -> tuple[str, ...]:
    if not (isinstance(value, list) and value and all(isinstance(item, str) and item for item in value)):
        raise UsageError(f"bundles must be a list of at least one bundle's name or folder, got {value!r}")
    _check_once("bundles", value)
    _check_once("bundles' names", [Path(item).name for item in value])
    return tuple(value)


def _numbers(name: str, value: Any) -> tuple[int, ...]:
    whole = isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)
    if not (whole and value):
        raise UsageError(f"{name} must be a list of whole numbers from 0, such as [0, 1], got {value!r}")
    _check_once(name, value)
    return tuple(value)


def _check_once(name: str, values: Sequence[Any]) -> None:
    twice = [value for value in values if values.count(value) > 1]
    if twice:
        raise UsageError(f"{name} must differ, got {twice[0]} twice")


def _settings(name: str, value: Any) -> dict[str, Any]:
    value = {} if value is None else value
    if not (isinstance(value, dict) and all(isinstance(key, str) for key in value)):
        raise UsageError(f"{name} must map ids of train.json to values, got {value!r}")
    taken = sorted(_OF_THE_STUDY & value.keys())
    if taken:
        raise UsageError(f"{name} must leave {taken[0]} to the study, got {value[taken[0]]!r}")
    try:
        json.dumps(value, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name} must have values that JSON can hold, got {value!r}") from error
    return {key: _with_numbers(item) for key, item in value.items()}


def _with_numbers(value: Any) -> Any:
    """``value`` with numbers in place of texts such as ``1e-3``, which YAML 1.1 takes for no number."""
    if isinstance(value, dict):
        return {key: _with_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_numbers(item) for item in value]
    if isinstance(value, str) and re.fullmatch(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+", value):
        return float(value)
    return value


def _per_bundle(value: Any) -> dict[str, dict[str, Any]]:
    value = {} if value is None else value
    if not isinstance(value, dict):
        raise UsageError(f"per_bundle must map bundles to settings, got {value!r}")
    return {str(bundle): _settings(f"per_bundle: {bundle}", settings) for bundle, settings in value.items()}


def _variants(value: Any) -> dict[str, str]:
    value = {} if value is None else value
    if not (isinstance(value, dict) and all(isinstance(item, str) for pair in value.items() for item in pair)):
        raise UsageError(f"variants must map names to bundles' names or folders, got {value!r}")
    return {_name(name): bundle for name, bundle in value.items()}


def _threads(value: Any) -> int | None:
    if value is not None and (type(value) is not int or value < 1):
        raise UsageError(f"threads must be a whole number from 1, got {value!r}")
    return value


def _fingerprint(value: Any) -> str | None:
    if value is not None and not re.fullmatch(r"[0-9a-f]{4,64}", str(value)):
        raise UsageError(f"fingerprint must be 4 to 64 hexadecimal digits, got {value!r}")
    return None if value is None else str(value)
