"""The main job on a small set: raw images, prepared data, four trained networks, scores, a comparison.

Everything runs through the commands that a user types; the shipped bundles are used unchanged but for knobs.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PARAMETERS = {
    "unet": 7_759_521,
    "unet_early_skip": 7_765_409,
    "unet_early_skip_concat": 8_289_697,
    "fcn8s": 134_264_547,
}
# An FCN-8s step moves 134 million parameters, so its steps an epoch are fewer; its size is the paper's.
FCN8S_STEPS = 20


@dataclass(frozen=True)
class Demo:
    """What the demo was asked for."""

    data: Path | None
    epochs: int
    groups: str | None
    split: str | None
    folder: Path


def main(argv: list[str] | None = None) -> int:
    """Run the demo; the exit status is the failing command's own."""
    demo = _parse(argv)
    started = time.monotonic()
    prepared = demo.folder / (demo.data.resolve().name if demo.data else "synthetic-liver")
    try:
        _prepare(demo, prepared)
        run_name = time.strftime("demo-%Y%m%d-%H%M%S")
        for bundle in PARAMETERS:
            _train_and_evaluate(bundle, prepared, run_name, demo)
        _check_parameters(run_name)
        picture = demo.folder / "overview.png"
        report = demo.folder / "comparison.md"
        _run("medseg.cli", "compare", "--dataset", prepared.name, "--picture", str(picture), "--markdown", str(report))
    except subprocess.CalledProcessError as error:
        print(f"\nerror: this command failed with status {error.returncode}: {shlex.join(error.cmd)}", file=sys.stderr)
        return int(error.returncode)
    print(f"\nDone in {(time.monotonic() - started) / 60:.1f} minutes.")
    print(f"Overview picture:  {picture.resolve()}")
    print(f"Table:             {report.resolve()}")
    print(f"Runs side by side: {Path(sys.executable).parent / 'mlflow'} ui   (in {Path.cwd()}, then open its address)")
    return 0


def _parse(argv: list[str] | None) -> Demo:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, help="raw folder of your own images and masks instead of the synthetic set"
    )
    parser.add_argument("--epochs", type=int, default=8, help="epochs of each network (default 8)")
    parser.add_argument("--groups", help="which images belong together, as in data_prep prepare")
    parser.add_argument("--split", help="group, contiguous or random, as in data_prep prepare")
    parser.add_argument("--folder", type=Path, default=Path(".demo"), help="where data and report go (default .demo)")
    options = parser.parse_args(argv)
    if options.data is not None and not options.data.is_dir():
        parser.error(f"{options.data}: --data must be a folder, but there is no such folder")
    return Demo(**vars(options))


def _prepare(demo: Demo, prepared: Path) -> None:
    raw, options = demo.data, []
    if raw is None:
        raw = demo.folder / "raw"
        options = ["--groups", r"^(p\d+)_", "--orientation", "LP", "--foreground-name", "liver"]
        _run("data_prep", "synthetic", str(raw), "--patients", "6", "--slices", "10", "--size", "128")
    for name, value in (("--groups", demo.groups), ("--split", demo.split)):
        options += [name, value] if value else []
    _run("data_prep", "prepare", str(raw), str(prepared), *options)


def _train_and_evaluate(bundle: str, prepared: Path, run_name: str, demo: Demo) -> None:
    train = ROOT / "bundles" / bundle / "configs" / "train.json"
    knobs = ["--dataset_dir", str(prepared), "--max_epochs", str(demo.epochs), "--run_name", run_name]
    if bundle == "fcn8s":
        knobs += ["--epoch_length", str(FCN8S_STEPS)]
    tracking = ["--tracking", str(ROOT / "mlflow.yaml")]
    _run("monai.bundle", "run", "--config_file", str(train), *knobs, *tracking)
    both = f"['{train}','{train.with_name('evaluate.json')}']"
    output = str(demo.folder / "evaluation" / bundle)
    _run("monai.bundle", "run", "--config_file", both, "--dataset_dir", str(prepared), "--output_dir", output)


def _check_parameters(run_name: str) -> None:
    """The counts on the MLflow runs must be the paper's (FCN-8s: the real one's)."""
    from medseg.tracking import default_uri, open_store

    client = open_store(default_uri())
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, f"tags.run_folder = '{run_name}'")
    counted = {run.data.tags["bundle_name"]: int(run.data.params["parameters"]) for run in runs}
    if counted != PARAMETERS:
        raise SystemExit(f"error: MLflow runs must have parameters {PARAMETERS}, got {counted}")
    print("Parameter counts on the MLflow runs: " + ", ".join(f"{k} {v:,}" for k, v in counted.items()))


def _run(module: str, *arguments: str) -> None:
    command = [sys.executable, "-m", module, *arguments]
    print(f"\n$ {shlex.join(['python', *command[1:]])}", flush=True)
    # MONAI warns on each start that configs run code: true, and ours are this project's own.
    subprocess.run(command, check=True, env={**os.environ, "PYTHONWARNINGS": "ignore"})


if __name__ == "__main__":
    raise SystemExit(main())
