"""What a bundle's ``initialize`` calls: check everything that can be checked before work starts.

Run as ``python -m monai.bundle``, wrong input ends in one line on standard error and exit status 2 (wrong usage) or 1
(failed work). A client that loads the workflow in its own process gets an exception, and for unknown ids a warning.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from monai.bundle import ConfigParser, ConfigWorkflow
from monai.utils import set_determinism

from medseg.bundle.overrides import unknown_ids
from medseg.bundle.workflow import current_workflow, is_command
from medseg.data import scan_items
from medseg.errors import MedsegError, UsageError
from medseg.manifest import read_manifest
from medseg.runs import check_unseen, load_weights

__all__ = ["begin_evaluation", "begin_inference", "begin_training"]


def begin_training() -> None:
    """Check overrides, settings, data set, fold and run folder; seed."""
    _begin(_check_training)


def begin_evaluation() -> None:
    """Check overrides, data set and weights, and that no case was trained on."""
    _begin(_check_evaluation)


def begin_inference() -> None:
    """Check overrides, weights and that there is something to predict."""
    _begin(_check_inference)


def _begin(check: Callable[[ConfigParser], None]) -> None:
    workflow = current_workflow()
    if workflow is None:
        return
    if not is_command():
        _check_overrides(workflow, strict=False)
        return
    sys.excepthook = _one_line
    try:
        _check_overrides(workflow, strict=True)
        check(workflow.parser)
    except Exception as error:
        known = _known_cause(error)
        if known is None:
            raise
        print(f"error: {known}", file=sys.stderr)
        raise SystemExit(known.exit_status) from None


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
    for name in ("max_epochs", "batch_size", "val_interval"):
        _positive_integer(name, parser.get_parsed_content(name))
    if not float(parser.get_parsed_content("learning_rate")) > 0:
        raise UsageError(f"learning_rate must be > 0, got {parser.get_parsed_content('learning_rate')}")
    manifest = read_manifest(parser.get_parsed_content("dataset_dir"))
    manifest.fold(parser.get_parsed_content("fold"))
    image_size, batch_size = parser.get_parsed_content("image_size"), parser.get_parsed_content("batch_size")
    sizes = {case.shape[:2] for case in manifest.cases}
    if image_size is None and batch_size > 1 and len(sizes) > 1:
        raise UsageError(
            f"batch_size must be 1 for images of {len(sizes)} sizes, got {batch_size};"
            ' or give --image_size "[256, 256]"'
        )
    parser.get_parsed_content("run_dir")
    set_determinism(parser.get_parsed_content("seed"))


def _check_evaluation(parser: ConfigParser) -> None:
    weights, dataset_dir = parser.get_parsed_content("weights"), parser.get_parsed_content("dataset_dir")
    read_manifest(dataset_dir)
    load_weights(weights, parser.get_parsed_content("network"))
    fold, allow_seen = parser.get_parsed_content("fold"), parser.get_parsed_content("allow_seen")
    check_unseen(weights, dataset_dir, fold, allow_seen=allow_seen)


def _check_inference(parser: ConfigParser) -> None:
    scan_items(parser.get_parsed_content("dataset_dir"))
    load_weights(parser.get_parsed_content("weights"), parser.get_parsed_content("network"))


def _positive_integer(name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UsageError(f"{name} must be a whole number from 1, got {value!r}")


def _known_cause(error: BaseException | None) -> MedsegError | None:
    """The error of ours that MONAI wrapped, possibly several times."""
    while error is not None:
        if isinstance(error, MedsegError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    known = _known_cause(error)
    if known is None:
        sys.__excepthook__(kind, error, trace)
    else:
        print(f"error: {known}", file=sys.stderr)
