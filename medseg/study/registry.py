"""The best model of each network of a study in MLflow's model registry, under an alias.

Of a model one version is kept with its weights, that with the alias; a better one takes its place. Each training was
scored on the cases of its own fold, and the best one chosen by these scores, so its Dice is too good an estimate: the
version's description says so.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from medseg.deploy.mlflow_model import save_mlflow_model, weights_path
from medseg.runs.weights import weights_facts
from medseg.study.folders import StudyFolder, WorkFolder
from medseg.study.kept import best_lock
from medseg.study.parent_run import ParentRun
from medseg.study.planned import PlannedRun
from medseg.study.results import Result, read_result
from medseg.tracking.presentation import model_name

__all__ = ["ALIAS", "register_best"]

logger = logging.getLogger(__name__)

ALIAS = "best"
_DELETED = "deleted"
_FACTS = ("fold", "seed", "dataset", "fingerprint", "split", "split_sha256", "leaky", "study", "key")


def register_best(parent: ParentRun, runs: Sequence[PlannedRun], study: StudyFolder, work: WorkFolder) -> Iterator[str]:
    """Register each network's best training, unless the registry has it or a better one.

    Args:
        parent: The study's run, in whose store the registry is.
        runs: All trainings of the study.
        study: Its results.
        work: Where the best weights are.

    Yields:
        A line a version that was made.
    """
    by_key = {run.key: run for run in runs}
    for bundle in dict.fromkeys(run.bundle_name for run in runs):
        weights = work.best_weights(bundle)
        if not weights.is_file():
            continue
        with best_lock(weights):  # another call may find better ones, or register these
            run = by_key.get(_best_key(weights))
            result = None if run is None else read_result(study.root, run.key)
            if run is not None and result is not None:
                yield from _register(parent, run, result, weights)


def _best_key(weights: Path) -> str:
    try:
        return str(json.loads(weights.with_name("best.json").read_text(encoding="utf-8"))["key"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _register(parent: ParentRun, run: PlannedRun, result: Result, weights: Path) -> Iterator[str]:
    client = parent.client
    name = model_name(run.dataset, run.bundle_name)
    tags = _tags(result, weights)
    _make_model(client, name, run)
    if not _takes_over(tags, _holder(client, name)):
        return
    version = _version_of(client, name, tags["weights_sha256"])
    if version is None:
        version = _make_version(parent, name, run, tags, weights)
    client.set_registered_model_alias(name, ALIAS, version)
    _forget_others(client, name, version)
    yield f"registered {name} version {version} as {ALIAS}: {run.title}, Dice {float(tags['dice']):.4f}"


def _tags(result: Result, weights: Path) -> dict[str, str]:
    facts = {name: str(result.facts[name]) for name in _FACTS}
    dice = float(result.volumes()["dice"].mean())
    known = {"weights_sha256": str(weights_facts(weights)["weights_sha256"]), "dice": f"{dice:.6f}"}
    return {"architecture": result.bundle, **facts, **known}


def _make_model(client: MlflowClient, name: str, run: PlannedRun) -> None:
    try:
        client.get_registered_model(name)
    except MlflowException:
        tags = {"dataset": run.dataset, "architecture": run.bundle_name}
        about = f"`{run.bundle_name}` on `{run.dataset}`; the version to use has the alias `{ALIAS}`."
        client.create_registered_model(name, tags, about)


def _holder(client: MlflowClient, name: str) -> dict[str, str] | None:
    """Tags of the version with the alias; None if there is none."""
    try:
        return dict(client.get_model_version_by_alias(name, ALIAS).tags)
    except MlflowException:
        return None


def _takes_over(new: dict[str, str], old: dict[str, str] | None) -> bool:
    """Whether a version takes the alias of another.

    On the same data and folds the higher Dice does. Otherwise scores say nothing of each other, and the newer one does,
    but never one of a leaky split that of another.
    """
    if old is None or old.get("weights_sha256") is None:
        return True
    if old["weights_sha256"] == new["weights_sha256"]:
        return False
    if all(old.get(name) == new[name] for name in ("fingerprint", "split_sha256")):
        return float(new["dice"]) > float(old["dice"])
    return new["leaky"] == "False" or old.get("leaky") == "True"


def _version_of(client: MlflowClient, name: str, weights_sha256: str) -> str | None:
    """A version with these weights, which a call that was killed may have left without the alias."""
    found = client.search_model_versions(f"name = '{name}' AND tags.weights_sha256 = '{weights_sha256}'")
    return next((str(item.version) for item in found if item.tags.get("weights") != _DELETED), None)


def _make_version(parent: ParentRun, name: str, run: PlannedRun, tags: dict[str, str], weights: Path) -> str:
    client, run_id = parent.client, _training(parent, run.key)
    stored = f"models/{run.key}"  # the study's run may have to hold several
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / run.key
        save_mlflow_model(run.bundle, run.bundle_name, weights.with_suffix(".json"), folder, run.settings)
        client.log_artifacts(run_id, str(folder), stored)
    client.log_artifact(run_id, str(weights), f"{stored}/{weights_path(run.bundle_name)}")
    source, description = f"runs:/{run_id}/{stored}", _description(run, tags)
    return str(client.create_model_version(name, source, run_id, tags=tags, description=description).version)


def _training(parent: ParentRun, key: str) -> str:
    """Id of the training's run; the study's where the training was done with another store."""
    wish = f"tags.run_folder = '{key}' AND tags.`mlflow.parentRunId` = '{parent.run_id}' AND status = 'FINISHED'"
    found = parent.client.search_runs([parent.experiment], wish, max_results=1)
    return str(found[0].info.run_id) if found else parent.run_id


def _description(run: PlannedRun, tags: dict[str, str]) -> str:
    leak = " **The split leaks, so the score is too good.**" if tags["leaky"] == "True" else ""
    return (
        f"Last epoch of {run.title} in study `{tags['study']}`, with mean Dice {float(tags['dice']):.4f} the best of"
        f" the network's trainings there.{leak} Each was scored on the cases of its own fold, and folds differ; the"
        " score by which one is chosen is too good for new cases: the study's verdict rests on all trainings.\n\n"
        f"`mlflow.pyfunc.load_model` takes `(B, 1, x, y)` in the data set's intensities and gives probabilities. For"
        f" whole scans download it, and `medseg predict SCANS --bundle DOWNLOAD/data/{run.bundle_name}`."
    )


def _forget_others(client: MlflowClient, name: str, kept: str) -> None:
    """Delete the weights of versions of ours that have no alias any more."""
    kept_source = client.get_model_version(name, kept).source
    for item in client.search_model_versions(f"name = '{name}'"):
        version = client.get_model_version(name, item.version)  # a search tells no aliases
        ours = "weights_sha256" in version.tags and version.tags.get("weights") != _DELETED
        if ours and not version.aliases and version.source != kept_source:
            _delete_weights(client, version)


def _delete_weights(client: MlflowClient, version: ModelVersion) -> None:
    stored = str(version.source).removeprefix(f"runs:/{version.run_id}/")
    try:
        artifacts = client.get_run(version.run_id).info.artifact_uri
        get_artifact_repository(str(artifacts), client.tracking_uri).delete_artifacts(stored)
    except (MlflowException, NotImplementedError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        logger.warning("the weights of %s version %s stay, got %s", version.name, version.version, reason)
        return
    client.set_model_version_tag(version.name, version.version, "weights", _DELETED)
    client.update_model_version(version.name, version.version, "A better one took its place; its weights are deleted.")
