"""What a bundle's ``initialize`` calls: check everything that can be checked before work starts.

Run as ``python -m monai.bundle``, wrong input ends in one line on standard error and exit status 2 (wrong usage) or 1
(failed work). A client that loads the workflow in its own process gets an exception, and for unknown ids a warning.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from pathlib import Path

from monai.bundle import ConfigParser, ConfigWorkflow
from monai.utils import set_determinism

from medseg.bundle.batch_norm import check_batch_norm, smallest_batch
from medseg.bundle.one_line import end_in_one_line, known_cause, print_error
from medseg.bundle.overrides import booleans, unknown_ids
from medseg.bundle.settings import check_settings
from medseg.bundle.workflow import current_workflow, is_command
from medseg.errors import UsageError
from medseg.manifest import read_manifest
from medseg.predict import check_output, parse_formats, scan_items
from medseg.runs import check_resume, check_unseen, load_weights

__all__ = ["begin_evaluation", "begin_inference", "begin_training"]


def begin_training() -> None:
    """Check overrides, settings, data set, fold, run folder and store; seed."""
    _begin(_check_training, expressions=None)


def begin_evaluation() -> None:
    """Check overrides, data set and weights, and that no case was trained on."""
    _begin(_check_evaluation, expressions="evaluating")


def begin_inference() -> None:
    """Check overrides, weights and that there is something to predict."""
    _begin(_check_inference, expressions="predicting")


def _begin(check: Callable[[ConfigParser], None], *, expressions: str | None) -> None:
    """Check as far as the process's kind demands.

    Args:
        check: Checks of the workflow's own.
        expressions: Id of what the workflow runs; None where ``--run`` has no meaning.
    """
    workflow = current_workflow()
    if workflow is None:
        return
    _read_booleans(workflow.parser)
    if not is_command():
        _take_run_folder(workflow.parser, expressions)
        _check_overrides(workflow, strict=False)
        return
    end_in_one_line()
    try:
        _take_run_folder(workflow.parser, expressions)
        _check_overrides(workflow, strict=True)
        check(workflow.parser)
    except Exception as error:
        known = known_cause(error)
        if known is None:
            raise
        print_error(known)
        raise SystemExit(known.exit_status) from None


def _read_booleans(parser: ConfigParser) -> None:
    """Let ``--install false`` mean what it says: as a text it would count as true."""
    found = booleans(parser.get())
    if found:
        for name, value in found.items():
            parser[name] = value
        parser.parse(reset=True)


def _take_run_folder(parser: ConfigParser, expressions: str | None) -> None:
    """Let ``--run FOLDER`` name a training, although ``run`` is MONAI's id of the expressions to run.

    The folder moves to ``trained_run``, the expressions come back, and all is resolved anew.
    """
    given = parser["run"]
    if isinstance(given, list) or str(given).startswith(("$", "@")):
        return
    if expressions is None:
        raise UsageError(f"run is for evaluation and prediction, got {given!r}; go on with a training by --resume")
    parser["trained_run"] = str(given)
    parser["run"] = copy.deepcopy(parser[expressions])
    parser.parse(reset=True)


def _check_overrides(workflow: ConfigWorkflow, *, strict: bool) -> None:
    unknown = unknown_ids(workflow.parser.get(), Path(workflow.config_root_path))
    if not unknown:
        return
    names = ", ".join(f"--{name}" + (f" (did you mean --{near}?)" if near else "") for name, near in unknown.items())
    message = f"options must be ids of the bundle's configs, got {names}"
    if strict:
        raise UsageError(message)
    warnings.warn(message, stacklevel=2)


def _check_training(parser: ConfigParser) -> None:
    check_settings(parser)
    manifest = read_manifest(parser.get_parsed_content("dataset_dir"))
    fold = manifest.fold(parser.get_parsed_content("fold"))
    image_size, batch_size = parser.get_parsed_content("image_size"), parser.get_parsed_content("batch_size")
    sizes = {case.shape[:2] for case in manifest.cases}
    if image_size is None and batch_size > 1 and len(sizes) > 1:
        raise UsageError(
            f"batch_size must be 1 for images of {len(sizes)} sizes, got {batch_size};"
            ' or give --image_size "[256, 256]"'
        )
    run_dir = parser.get_parsed_content("run_dir")
    set_determinism(parser.get_parsed_content("seed"))  # before anything is made that draws
    _check_batches(parser, {manifest.case(name).shape[:2] for name in fold.train})
    _check_store(parser)
    if parser.get_parsed_content("resume") is not None:
        check_resume(run_dir, parser.get_parsed_content("facts"))


def _check_batches(parser: ConfigParser, sizes_px: set[tuple[int, int]]) -> None:
    """Check that no batch is too small for the network's batch norm."""
    image_size = parser.get_parsed_content("image_size")
    loader, epoch_length = parser.get_parsed_content("train::dataloader"), parser.get_parsed_content("epoch_length")
    check_batch_norm(
        parser.get_parsed_content("network_def"),
        sizes_px if image_size is None else [tuple(image_size)],
        smallest_batch(loader, epoch_length),
    )


def _check_store(parser: ConfigParser) -> None:
    """Open the store that ``--tracking`` brought with it."""
    if "tracking_uri" in parser:
        from medseg.tracking import open_store  # prediction needs no MLflow

        open_store(parser.get_parsed_content("tracking_uri"))


def _check_evaluation(parser: ConfigParser) -> None:
    weights, dataset_dir = parser.get_parsed_content("weights"), parser.get_parsed_content("dataset_dir")
    read_manifest(dataset_dir)
    fold, allow_seen = parser.get_parsed_content("fold"), parser.get_parsed_content("allow_seen")
    load_weights(weights, parser.get_parsed_content("network_def"))
    check_unseen(weights, dataset_dir, fold, allow_seen=allow_seen)


def _check_inference(parser: ConfigParser) -> None:
    scans, output_dir = parser.get_parsed_content("dataset_dir"), Path(parser.get_parsed_content("output_dir"))
    scan_items(scans)
    parse_formats(parser.get_parsed_content("formats"))
    check_output(output_dir, [scans] if isinstance(scans, str) else scans)
    parser.get_parsed_content("network")
