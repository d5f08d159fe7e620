"""``make demo``: raw DICOM scans, a prepared data set, four trained networks, their scores, one comparison.

Everything runs through the commands that a user types; the shipped bundles are used unchanged but for knobs.
"""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from medseg.errors import MedsegError
from medseg.manifest import Manifest, read_manifest
from tools.child import CommandError, InterruptError, run_command
from tools.demo_settings import Settings, parse

__all__ = ["main"]

ROOT = Path(__file__).resolve().parent.parent
# The three U-Nets' are the paper's; FCN-8s's is counted in docs/networks.md.
PARAMETERS = {
    "unet": 7_759_521,
    "unet_early_skip": 7_765_409,
    "unet_early_skip_concat": 8_289_697,
    "fcn8s": 134_264_547,
}
# A step of FCN-8s moves 134 million parameters whatever it looks at, so it takes fewer steps on more slices each.
FCN8S_STEPS, FCN8S_BATCH = 6, 4

Run = Callable[[Sequence[str]], None]


@dataclass(frozen=True)
class Raw:
    """Raw images, and what is known of them.

    Attributes:
        folder: Where they are.
        name: Name of the folder they are prepared to.
        prepare: Options for ``data_prep prepare``.
        knobs: Options for the training of each bundle.
    """

    folder: Path
    name: str
    prepare: tuple[str, ...]
    knobs: tuple[str, ...] = ()


def main(argv: Sequence[str] | None = None, run: Run | None = None) -> int:
    """Run the demo.

    Args:
        argv: Arguments; those of the process by default.
        run: Runs a command to its end.

    Returns:
        Exit status; a failing command's own.
    """
    started = time.monotonic()
    run = run or _run
    try:
        settings = parse(argv)
        _announce(settings)
        raw = _phantom(settings, run) if settings.data is None else _own(settings, settings.data)
        prepared = _prepare(raw, settings, run)
        run_name = time.strftime("demo-%Y%m%d-%H%M%S")
        for bundle in PARAMETERS:
            _train_and_evaluate(bundle, raw, prepared, run_name, settings, run)
        _check_parameters(prepared.name, run_name)
        picture = _compare(prepared, settings, run)
    except CommandError as failure:
        print(f"stopped: this command ended with status {failure.status}: {_typed(failure.command)}", file=sys.stderr)
        return failure.status
    except MedsegError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    except (InterruptError, KeyboardInterrupt) as stop:
        print("interrupted; what was finished stays", file=sys.stderr)
        return stop.status if isinstance(stop, InterruptError) else 130
    _close(picture, _how_to_look(prepared.name), (time.monotonic() - started) / 60)
    return 0


def _announce(settings: Settings) -> None:
    store = os.environ.get("MLFLOW_TRACKING_URI") or "mlflow.db and mlruns/"
    models = ", bundles/*/models (weights, where there are none yet)" if settings.install else ""
    print(f"medseg demo, in {Path.cwd()}. It writes {settings.folder}/ (data, scores, picture), runs/ (trainings)"
          f", {store} (tracking){models}: about 4 GB, most of it FCN-8s's weights.")  # fmt: skip


def _phantom(settings: Settings, run: Run) -> Raw:
    """Scan the embedded default: DICOM CT series of made-up patients, with DICOM SEG of their livers."""
    patients, slices, size_px = map(str, settings.phantom)
    folder = settings.folder / "raw" / f"phantom-{patients}-{slices}-{size_px}"
    if not folder.exists():
        run(_python("data_prep", "phantom", folder, "--patients", patients, "--slices", slices, "--size", size_px))
    prepare = ("--labels", "seg", "--foreground", "liver")
    # Patients lie the same way in every scan, so mirrored and turned ones would be harder than what is asked.
    return Raw(folder, "phantom-liver", prepare, ("--flip_probability", "0", "--rotate90_probability", "0"))


def _own(settings: Settings, data: Path) -> Raw:
    """The user's images; their folder's name may be a patient's, so the data set is not called after it."""
    return Raw(data, "my-data", settings.prepare)


def _prepare(raw: Raw, settings: Settings, run: Run) -> Manifest:
    prepared = settings.folder / raw.name
    run(_python("data_prep", "prepare", raw.folder, prepared, *raw.prepare, "--overwrite"))
    return read_manifest(prepared)


def _train_and_evaluate(bundle: str, raw: Raw, prepared: Manifest, run_name: str, settings: Settings, run: Run) -> None:
    root = _shown(ROOT / "bundles" / bundle)
    train, evaluate = root / "configs" / "train.json", root / "configs" / "evaluate.json"
    install = settings.install and not (root / "models" / "model.pt").exists()
    knobs = [*raw.knobs, "--max_epochs", str(settings.epochs), *_steps(bundle, prepared, settings)]
    if settings.image_size is not None:
        knobs += ["--image_size", f"[{settings.image_size},{settings.image_size}]"]
    data = ("--dataset_dir", str(prepared.root))
    run(_python("monai.bundle", "run", "--config_file", train, *data, "--run_name", run_name, "--install", str(install),
                *knobs, "--tracking", _shown(ROOT / "mlflow.yaml")))  # fmt: skip
    trained = Path("runs") / bundle / prepared.name / run_name
    output = _results(prepared, settings) / "evaluation" / bundle
    run(_python("monai.bundle", "run", "--config_file", f"['{train}','{evaluate}']", *data, "--run", trained,
                "--output_dir", output))  # fmt: skip


def _steps(bundle: str, prepared: Manifest, settings: Settings) -> list[str]:
    """Slices a step and steps an epoch, where these are not the bundle's own."""
    slices = sum(prepared.case(name).shape[2] for name in prepared.fold(0).train)
    batch, most = 1, settings.steps
    if bundle == "fcn8s":
        one_size = settings.image_size is not None or len({case.shape[:2] for case in prepared.cases}) == 1
        batch, most = (FCN8S_BATCH if one_size else 1), min(most, FCN8S_STEPS)
    knobs = ["--batch_size", str(batch)] if batch > 1 else []
    return knobs + (["--epoch_length", str(most)] if most * batch < slices else [])


def _check_parameters(dataset: str, run_name: str) -> None:
    """The parameter counts on the MLflow runs must be the known ones."""
    from medseg.tracking import default_uri, open_store  # imports torch: not before the arguments are checked

    client = open_store(default_uri())
    experiment = client.get_experiment_by_name(dataset)
    experiments = [] if experiment is None else [experiment.experiment_id]
    runs = client.search_runs(experiments, f"tags.run_folder = '{run_name}' and attributes.status = 'FINISHED'")
    counted = {run.data.tags["bundle_name"]: int(run.data.params["parameters"]) for run in runs}
    if counted != PARAMETERS:
        raise MedsegError(f"{default_uri()}: runs {run_name} must have parameters {PARAMETERS}, got {counted}")
    shown = ", ".join(f"{bundle} {counted[bundle]:,}" for bundle in PARAMETERS)
    print(f"\nParameters on the MLflow runs, as they must be: {shown}", flush=True)


def _compare(prepared: Manifest, settings: Settings, run: Run) -> Path:
    """The table on the terminal and in files; returns the overview picture's path."""
    folder = _results(prepared, settings)
    files = ("--markdown", folder / "comparison.md", "--csv", folder / "comparison.csv")
    run(_python("medseg.cli", "compare", "--dataset", prepared.name, *files, "--picture", folder / "overview.png"))
    return folder / "overview.png"


def _results(prepared: Manifest, settings: Settings) -> Path:
    return settings.folder / "results" / prepared.name


def _close(picture: Path, how_to_look: str, minutes: float) -> None:
    print(f"\nDone in {minutes:.1f} minutes.")
    print(f"Overview picture:  {picture.resolve()}")
    print(f"Runs side by side: {how_to_look}")


def _how_to_look(dataset: str) -> str:
    """What shows the runs with their curves: a bare ``mlflow ui`` leads to pages without trainings."""
    from medseg.tracking import default_uri, open_store
    from medseg.tracking.look import how_to_look

    experiment = open_store(default_uri()).get_experiment_by_name(dataset)
    told = how_to_look(default_uri(), experiment.experiment_id)
    return told if told.startswith("http") else f"{_shown(Path(sys.executable).parent)}/{told}"


def _python(module: str, *arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]


def _run(command: Sequence[str]) -> None:
    print(f"\n$ {_typed(command)}", flush=True)
    # MONAI warns at each start that configs run code: true, and these are the project's own.
    run_command(command, extra_env={"PYTHONWARNINGS": "ignore"})


def _typed(command: Sequence[str]) -> str:
    """A command as a person would type it in the project's environment."""
    plain = [
        f'"{word}"' if "'" in word and not set(word) & set('"$`\\!') else shlex.quote(word) for word in command[1:]
    ]
    return " ".join(["python", *plain])


def _shown(path: Path) -> Path:
    """Relative to the working directory where it lies in it, as a person would type it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


if __name__ == "__main__":
    raise SystemExit(main())
