"""``medseg study``: compare bundles over folds and seeds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml
from rich.console import Console

from medseg.errors import MedsegError, UsageError

if TYPE_CHECKING:
    from medseg.study.part import Part
    from medseg.study.plan import StudyPlan
    from medseg.study.training import Outcome

__all__ = ["study_app"]

study_app = typer.Typer(no_args_is_help=True, help="Compare bundles over folds and seeds on one prepared data set.")

Folder = Annotated[Path, typer.Argument(metavar="STUDY", help="The study's folder, or its study.yaml.")]
Data = Annotated[Path | None, typer.Option(help="Prepared data set; default the plan's.")]
Work = Annotated[Path | None, typer.Option(help="Folder for trainings, weights and logs; default runs/studies/NAME.")]


@study_app.command("run")
def run_command(
    study: Folder,
    data: Data = None,
    work: Work = None,
    bundle: Annotated[list[str] | None, typer.Option(help="Bundle's name or folder; repeat for several.")] = None,
    fold: Annotated[list[int] | None, typer.Option(help="Fold; repeat for several. Default all of the plan.")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Seed; repeat for several. Default the plan's, or 0.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="ID=VALUE", help="Override an id of train.json, for all bundles."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads a training; default a share of the cores.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Trainings at a time, a GPU or a share of the cores each.")] = 1,
    dask: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Train on the workers of a Dask cluster.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan, and how long it takes by a warm-up.")
    ] = False,
    keep_weights: Annotated[
        bool,
        typer.Option("--keep-weights", help="Keep the weights of every training, not of the best of a bundle only."),
    ] = False,
    tracking_uri: Annotated[
        str | None,
        typer.Option(help="MLflow store; default MLFLOW_TRACKING_URI (for one with a password), else mlflow.db here."),
    ] = None,
    costs: Annotated[bool, typer.Option(help="Whether to measure the networks' time and memory first.")] = True,
    tracking: Annotated[bool, typer.Option(help="Whether to put the trainings into MLflow.")] = True,
    pictures: Annotated[
        bool, typer.Option("--pictures/--no-pictures", help="Whether the report in MLflow shows images of the data.")
    ] = True,
) -> None:
    """Train what is left of a study; run it again after a kill, or on another machine.

    The plan stands in STUDY/study.yaml; where there is none yet, it is written from --bundle, --fold, --seed and --set.
    Where there is one, --bundle, --fold and --seed ask for a part of it.
    """
    from medseg.study.show import show_estimate, show_states
    from medseg.study.signals import Interrupted
    from medseg.study.study import How, check_writable, open_study, run_study
    from medseg.tracking import default_uri

    plan, part = _plan(study, bundle or [], fold or [], seed or [], _settings(set_ or []), threads)
    opened = open_study(study, plan, data, work, part)
    how = How(jobs, dask, keep_weights, (tracking_uri or default_uri()) if tracking else None, costs, pictures)
    console = Console(highlight=False)
    if dry_run:
        show_estimate(opened, how, console)
        return
    check_writable(opened)
    try:
        outcomes = run_study(opened, how, console)
    except (Interrupted, KeyboardInterrupt) as stop:
        console.print("interrupted; finished trainings stay, the others go on with the same command")
        raise SystemExit(getattr(stop, "status", 130)) from None
    show_states(opened, console)
    _judge(outcomes)


@study_app.command("status")
def status_command(study: Folder, data: Data = None, work: Work = None) -> None:
    """Show what is done, running, failed and left."""
    from medseg.study.plan import read_plan
    from medseg.study.show import show_states
    from medseg.study.study import open_study

    show_states(open_study(study, read_plan(study), data, work), Console(highlight=False))


def _from_study(study: Path, bundles: list[str]) -> list[str]:
    """Bundles' names, or their folders as the plan has them: from the study's folder, whatever folder this is."""
    from medseg.study.plan import plan_file

    root = plan_file(study).resolve().parent
    folders = [Path(name).expanduser() for name in bundles]
    return [
        os.path.relpath(folder.resolve(), root) if (folder / "configs").is_dir() else name
        for name, folder in zip(bundles, folders, strict=True)
    ]


def _settings(pairs: list[str]) -> dict[str, Any]:
    settings = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise UsageError(f"--set must be ID=VALUE, such as max_epochs=8, got {pair!r}")
        try:
            settings[name] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UsageError(f"--set {name}: value must be YAML, got {value!r}") from error
    return settings


def _plan(
    study: Path, bundles: list[str], folds: list[int], seeds: list[int], settings: dict[str, Any], threads: int | None
) -> tuple[StudyPlan, Part]:
    """The plan in the study's folder, and the part of it that flags ask for; without one, the plan that they describe.

    Raises:
        UsageError: If they would change it, or there is neither.
    """
    from medseg.study.part import ALL, Part
    from medseg.study.plan import plan_file, plan_from, read_plan

    kept = _given(settings=settings, threads=threads)
    path = plan_file(study)
    if not path.is_file():
        flags = _given(bundles=_from_study(study, bundles), folds=folds, seeds=seeds) | kept
        if flags:
            return plan_from(flags, default_name=path.resolve().parent.name), ALL
    known = read_plan(study)
    asked = plan_from({"bundles": list(known.bundles), **kept}, default_name=known.name)
    changed = next((name for name in kept if getattr(asked, name) != getattr(known, name)), None)
    if changed is not None:
        raise UsageError(
            f"{path}: a study keeps its {changed}, {getattr(known, changed)}, got {getattr(asked, changed)}; change the"
            " file, or give another folder"
        )
    return known, Part(tuple(bundles), tuple(folds), tuple(seeds))


def _given(**flags: Any) -> dict[str, Any]:
    """Those of ``flags`` that were given."""
    return {name: value for name, value in flags.items() if value not in (None, [], {})}


def _judge(outcomes: list[Outcome]) -> None:
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    if failed:
        raise MedsegError(
            f"{len(failed)} of {len(outcomes)} trainings failed, the first with: {failed[0].reason}; run it again to"
            " try them again"
        )
