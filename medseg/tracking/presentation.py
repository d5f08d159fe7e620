"""What MLflow's pages show of a run beside its parameters and curves: name, source, data set, description."""

from __future__ import annotations

import json
import re
from typing import Any

from mlflow.entities import Dataset, DatasetInput, InputTag

from medseg.manifest import Manifest
from medseg.network_colours import NETWORK_COLOURS

__all__ = ["EXPERIMENT_NOTE", "dataset_input", "model_name", "page_tags", "run_name", "run_note", "study_dataset_input"]

# Stands above the list of runs, its first line also on the page that MLflow opens with.
EXPERIMENT_NOTE = """\
Trainings by medseg. MLflow opens with its GenAI pages: choose **Model training** at the top left, then **Runs**.

Three buttons above the runs: list (*Columns* adds scores and settings; tick runs and *Compare* them), charts (curves;
*Add chart*, *Image grid* sets predictions side by side), table (Dice of each image side by side).

The trainings of a study are below its run: press its **+**, or follow the links in its description. Sorted by anything
but *Created*, all runs stand in one list.
"""


def run_name(facts: dict[str, Any], folder_name: str | None) -> str:
    """What a training is called; MLflow's charts and tables know a run by this alone, so leaks are named here.

    Args:
        facts: The training's.
        folder_name: Its folder; None in a study, where bundle, fold and seed tell trainings apart.
    """
    which = f"fold{facts['fold']}-seed{facts['seed']}" if folder_name is None else folder_name
    return f"{facts['bundle_name']}-{which}" + ("-leaky" if facts["leaky"] else "")


def model_name(dataset: str, bundle_name: str) -> str:
    """What the model registry calls the models of a network on a data set."""
    return re.sub(r"[^\w.-]", "_", f"medseg-{dataset}-{bundle_name}", flags=re.ASCII)


def page_tags(facts: dict[str, Any]) -> dict[str, str]:
    """Tags behind MLflow's columns *Source* and *Version*, and the colour of a network's curves."""
    bundle, commit = str(facts["bundle_name"]), facts["git_commit"]
    tags = {"mlflow.source.name": bundle, "mlflow.source.type": "LOCAL"}
    if commit is not None:
        tags["mlflow.source.git.commit"] = str(commit)
    if bundle in NETWORK_COLOURS:  # MLflow's own come from the run's id, so two networks may look alike
        tags["mlflow.runColor"] = NETWORK_COLOURS[bundle]
    return tags


def dataset_input(facts: dict[str, Any]) -> DatasetInput:
    """What MLflow's column *Dataset* shows: name, start of the fingerprint, fold. Holds no path."""
    sizes = {f"{section}_images": facts[f"{section}_cases"] for section in ("train", "val")}
    profile = {**sizes, "split": facts["split"], "split_seed": facts["split_seed"]}
    return _dataset(facts["dataset"], facts["fingerprint"], profile, f"fold {facts['fold']}", leaky=facts["leaky"])


def study_dataset_input(manifest: Manifest) -> DatasetInput:
    """The same of a study, whose trainings are on several folds."""
    profile = {"images": len(manifest.cases), "split": manifest.split.method, "split_seed": manifest.split.seed}
    return _dataset(manifest.name, manifest.fingerprint, profile, "study", leaky=manifest.split.leaky)


def _dataset(name: str, fingerprint: str, profile: dict[str, Any], context: str, *, leaky: bool) -> DatasetInput:
    dataset = Dataset(
        name=name,
        digest=fingerprint[:8],
        source_type="local",
        source=json.dumps({"fingerprint": fingerprint}),
        profile=json.dumps(profile),
    )
    told = context + (", leaky split" if leaky else "")
    return DatasetInput(dataset, [InputTag("mlflow.data.context", told)])


def run_note(facts: dict[str, Any], *, weights: bool = True) -> str:
    """Description of a run, Markdown: what was trained on what, what the scores mean, where to look.

    Args:
        facts: The training's.
        weights: Whether its best weights are logged.
    """
    leak = (
        "**Leaky split: images of one patient or block may be on both sides, so the scores are too good.**\n\n"
        if facts["leaky"]
        else ""
    )
    return (
        f"{leak}`{facts['bundle_name']}` ({facts['parameters']:,} parameters) on `{facts['dataset']}`"
        f" ({facts['modality']}, {facts['foreground']}): fold {facts['fold']} of a {facts['split']} split,"
        f" {facts['train_cases']} cases to train and {facts['val_cases']} to validate, seed {facts['seed']}.\n\n"
        "The run's score is the last epoch's: `val_dice` and `val_iou` are means per image over the validation images."
        " `best_...` is the epoch of the highest Dice, chosen on the same images.\n\n"
        "Artifacts: `overlays/` (predictions: green true positive, orange false positive, purple false negative),"
        " `scores_last.csv` (an image a line), `volumes_last.csv` (a case a line), `summary_last.json` (with n and 95 %"
        f" intervals), `config.json` (as executed){', `best_weights/`' if weights else ''}."
    )
