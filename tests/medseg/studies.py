"""Studies made in code: results, costs, masks and data as ``medseg study`` leaves them, scores from seeded errors.

Scores are counted here by NumPy from the same masks that are saved, so that tables can be worked out again from them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion

from medseg.io.atomic import write_json
from medseg.manifest import Case, Manifest
from medseg.report.content import Report, make_report
from medseg.report.drawing import drawing
from medseg.report.gather import gather
from medseg.runs.masks import save_masks
from medseg.study.folders import WorkFolder
from tests.factories import make_prepared

NETWORKS = ("unet", "unet_early_skip", "unet_early_skip_concat", "fcn8s")
PARAMETERS = {
    "unet": 7_759_521,
    "unet_early_skip": 7_765_409,
    "unet_early_skip_concat": 8_289_697,
    "fcn8s": 134_264_547,
}
# Share of the pixels around the contour that a network has wrong.
ERRORS = {"unet": 0.40, "unet_early_skip": 0.30, "unet_early_skip_concat": 0.31, "fcn8s": 0.60}
_BINS = 15
_EPOCHS = 6


@dataclass(frozen=True)
class MadeStudy:
    """Where a study was made."""

    folder: Path
    work: Path
    manifest: Manifest

    def result(self, network: str, fold: int = 0, seed: int = 0) -> Path:
        """Folder of a training's result."""
        return self.folder / "results" / key(network, fold, seed)

    def results(self, network: str) -> list[Path]:
        """Folders of all results of a network."""
        return sorted((self.folder / "results").glob(f"{network}-fold*"))


def key(network: str, fold: int, seed: int) -> str:
    return f"{network}-fold{fold}-seed{seed}-{_config(network)[:8]}"


def make_study(
    root: Path,
    *,
    networks: Sequence[str] = NETWORKS,
    seeds: Sequence[int] = (0, 1),
    cases: int = 6,
    groups: int = 3,
    slices: int = 1,
    size: tuple[int, int] = (48, 40),
    placed: bool = False,
    errors: Mapping[str, float] | None = None,
    name: str = "discs_study",
    data: Mapping[str, Any] | None = None,
) -> MadeStudy:
    """Write a finished study of every network, fold and seed below ``root``.

    Args:
        root: Gets ``<name>`` (the study's folder), ``work`` and ``data``.
        networks: Bundles.
        seeds: Seeds, each on every fold.
        cases: Number of cases.
        groups: Number of groups, and of folds.
        slices: Slices a case; of several the last has no foreground.
        size: Pixels along x and y.
        placed: Whether cases are scans with a spacing in mm; else they are pictures.
        errors: As :data:`ERRORS`.
        name: The study's.
        data: More arguments of :func:`tests.factories.make_prepared`.
    """
    manifest = make_prepared(root / "data", cases, size, slices, groups, placed=placed, **(data or {}))
    study = MadeStudy(root / name, root / "work", manifest)
    study.folder.mkdir(parents=True)
    plan = {"bundles": list(networks), "folds": list(range(groups)), "seeds": list(seeds), "name": name}
    (study.folder / "study.yaml").write_text(yaml.safe_dump(plan), encoding="utf-8")
    for network in networks:
        for fold in range(groups):
            for seed in seeds:
                _write_result(study, network, fold, seed, (errors or ERRORS)[network])
        write_json(study.folder / "costs" / f"{network}-{_config(network)[:8]}.json", make_cost(network, size))
    return study


def make_content(study: MadeStudy, *, metric: str = "dice", data: bool = False, work: Path | None = None) -> Report:
    """The report's content, which is faster than its files."""
    folder = WorkFolder(work or study.work)
    root = study.manifest.root if data else None
    with drawing():
        return make_report(gather(study.folder), study.folder, metric=metric, data=root, work=folder, pictures=True)


def make_cost(network: str, size: tuple[int, int]) -> dict[str, Any]:
    """What is measured of a network; times grow with its parameters."""
    factor = PARAMETERS[network] / 1e6
    return {
        "bundle": network,
        "config_sha256": _config(network),
        "parameters": PARAMETERS[network],
        "multiply_adds": int(factor * 1e9),
        "slice_px": list(size),
        "infer_seconds": 0.01 + factor / 1000,
        "infer_peak_bytes": int(3e8 + factor * 4e6),
        "train_step_seconds": 0.03 + factor / 300,
        "train_peak_bytes": int(6e8 + factor * 16e6),
        "batch_size": 1,
        "repeats": 20,
        "threads": 2,
        "device": "cpu",
        "machine": "Linux x86_64, 2 cores",
    }


def make_facts(study: MadeStudy, network: str, fold: int, seed: int) -> dict[str, Any]:
    """Content of a result's ``run.json``."""
    manifest, config = study.manifest, _config(network)
    return {
        "key": key(network, fold, seed),
        "study": study.folder.name,
        "config_sha256": config,
        "jobs": 1,
        "bundle_name": network,
        "seed": seed,
        "fold": fold,
        "max_epochs": _EPOCHS,
        "batch_size": 1,
        "learning_rate": 0.0001 if network == "fcn8s" else 0.001,
        "dropout": 0.0 if network in ("unet", "fcn8s") else 0.1,
        "image_size": None,
        "window": [0.0, 255.0],
        "parameters": PARAMETERS[network],
        "dataset": manifest.name,
        "fingerprint": manifest.fingerprint,
        "modality": manifest.modality,
        "foreground": manifest.foreground,
        "orientation": manifest.orientation,
        "split": manifest.split.method,
        "split_seed": manifest.split.seed,
        "split_sha256": "5" * 64,
        "leaky": manifest.split.leaky,
        "train_cases": len(manifest.folds[fold].train),
        "val_cases": len(manifest.folds[fold].val),
        "device": "cpu",
        "machine": "x86_64",
        "threads": 2,
        "git_commit": "c" * 40,
        "peak_memory_bytes": 1_250_000_000,
        "peak_memory_of": "process",
        "epochs_done": _EPOCHS,
        "seconds": 60.0 + 10 * fold + seed,
        "best_epoch": _EPOCHS - 2,
        "status": "FINISHED",
    }


def _write_result(study: MadeStudy, network: str, fold: int, seed: int, error: float) -> None:
    folder = study.result(network, fold, seed)
    write_json(folder / "run.json", make_facts(study, network, fold, seed))
    rng = np.random.default_rng([NETWORKS.index(network) if network in NETWORKS else 9, fold, seed])
    cases = [study.manifest.case(name) for name in study.manifest.folds[fold].val]
    for which, share in (("last", error), ("best", 0.9 * error)):
        masks = {case.name: _prediction(_truth(study, case), share, rng) for case in cases}
        slices = pd.DataFrame([row for case in cases for row in _slice_rows(study, case, masks[case.name], rng)])
        volumes = pd.DataFrame([_volume_row(study, case, masks[case.name], rng) for case in cases])
        slices.to_csv(folder / f"scores_{which}.csv", index=False)
        volumes.to_csv(folder / f"volumes_{which}.csv", index=False)
        if which == "last":
            save_masks(study.work / "masks" / f"{folder.name}.npz", masks)
            _history(float(slices.dice.mean()), rng).to_csv(folder / "history.csv", index=False)
    _calibration(error).to_csv(folder / "calibration_last.csv", index=False)


def _truth(study: MadeStudy, case: Case) -> NDArray[np.bool_]:
    truth: NDArray[np.bool_] = np.asarray(nib.load(study.manifest.root / case.label).dataobj) > 0
    return truth


def _prediction(truth: NDArray[np.bool_], share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """The truth with a share of the pixels around its contours wrong, in some cases more than in others."""
    flat = np.ones((5, 5, 1), dtype=bool)
    near = binary_dilation(truth, flat) & ~binary_erosion(truth, flat)
    wrong: NDArray[np.bool_] = near & (rng.random(truth.shape) < share * rng.uniform(0.5, 1.5))
    return truth ^ wrong


def _counts(truth: NDArray[np.bool_], mask: NDArray[np.bool_]) -> dict[str, int]:
    return {
        "true_positive_px": int((truth & mask).sum()),
        "false_positive_px": int((~truth & mask).sum()),
        "false_negative_px": int((truth & ~mask).sum()),
        "true_negative_px": int((~truth & ~mask).sum()),
    }


def _overlap(counts: Mapping[str, int]) -> dict[str, float]:
    tp, fp, fn, tn = counts.values()
    foreground = _share(tp, tp + fp + fn)
    return {
        "dice": _share(2 * tp, 2 * tp + fp + fn),
        "iou": foreground,
        "iou_both": (foreground + _share(tn, tn + fp + fn)) / 2,
        "precision": _share(tp, tp + fp, 0.0 if fn else 1.0),
        "recall": _share(tp, tp + fn, 0.0 if fp else 1.0),
    }


def _share(part: int, whole: int, empty: float = 1.0) -> float:
    return part / whole if whole else empty


def _slice_rows(
    study: MadeStudy, case: Case, mask: NDArray[np.bool_], rng: np.random.Generator
) -> Iterator[dict[str, Any]]:
    truth = _truth(study, case)
    for index in range(mask.shape[2]):
        counts = _counts(truth[..., index], mask[..., index])
        entropy = float(rng.uniform(0.05, 0.2))
        free = {"loss": entropy, "cross_entropy": entropy, "calibration_error": float(rng.uniform(0.01, 0.05))}
        yield {"group": case.group, "case": case.name, "slice": index, **_overlap(counts), **free, **counts}


def _volume_row(study: MadeStudy, case: Case, mask: NDArray[np.bool_], rng: np.random.Generator) -> dict[str, Any]:
    truth = _truth(study, case)
    counts = _counts(truth, mask)
    length, area, voxel = "px", "px2", 1.0
    if case.spacing_mm is not None:
        length, area, voxel = "mm", "ml", float(np.prod(case.spacing_mm)) / 1000
    name = "volume" if case.spacing_mm is not None else "area"
    return {
        "group": case.group,
        "case": case.name,
        "slices": mask.shape[2],
        **_overlap(counts),
        "cross_entropy": float(rng.uniform(0.05, 0.2)),
        "calibration_error": float(rng.uniform(0.01, 0.05)),
        f"hd95_{length}": float(rng.uniform(1, 4)),
        f"assd_{length}": float(rng.uniform(0.2, 1)),
        "surface_dice": float(rng.uniform(0.9, 1)),
        f"surface_tolerance_{length}": 2.0,
        f"truth_{area}": truth.sum() * voxel,
        f"prediction_{area}": mask.sum() * voxel,
        f"{name}_error_{area}": (int(mask.sum()) - int(truth.sum())) * voxel,
        f"{name}_error_relative": (int(mask.sum()) - int(truth.sum())) / int(truth.sum()),
    }


def _history(dice: float, rng: np.random.Generator) -> pd.DataFrame:
    epochs = np.arange(1, _EPOCHS + 1)
    loss = 0.6 * np.exp(-epochs / 2) + rng.uniform(0.05, 0.08)
    return pd.DataFrame(
        {
            "epoch": epochs,
            "train_loss": loss,
            "train_loss_sum": loss * 20,
            "val_loss": loss * 1.1 + rng.uniform(0, 0.02, _EPOCHS),
            "val_dice": dice * (1 - np.exp(-epochs / 1.5)) / (1 - np.exp(-_EPOCHS / 1.5)),
            "learning_rate": 0.001,
            "seconds": 10.0,
        }
    )


def _calibration(error: float) -> pd.DataFrame:
    edges = np.linspace(0, 1, _BINS + 1)
    centres = (edges[:-1] + edges[1:]) / 2
    return pd.DataFrame(
        {
            "bin_low": edges[:-1],
            "bin_high": edges[1:],
            "pixels": np.round(4000 * np.abs(centres - 0.5) ** 2 + 10).astype(int),
            "mean_probability": centres,
            "foreground_share": np.clip(centres + error * 0.6 * (centres - 0.5) * (1 - centres) * centres * 4, 0, 1),
        }
    )


def _config(network: str) -> str:
    return hashlib.sha256(network.encode()).hexdigest()
