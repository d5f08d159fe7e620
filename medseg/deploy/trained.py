"""The weights that go into a package, with what is known of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medseg.deploy.bundle_config import read_bundle
from medseg.errors import MedsegError, UsageError
from medseg.runs import RunFolder, find_weights, load_weights, weights_facts

__all__ = ["Trained", "check_no_paths", "trained_bundle"]

_NEEDED = ("dataset", "fold", "foreground", "modality", "train_cases", "window")
_ABSOLUTE = re.compile(r"(~|/|\\\\|[A-Za-z]:[\\/]|file://)")


@dataclass(frozen=True)
class Trained:
    """Weights and what is known of them.

    Attributes:
        weights: State dict.
        facts: Content of the ``.json`` beside it.
        scores: Summary of its run's scores; None where the run is not at hand.
    """

    weights: Path
    facts: dict[str, Any]
    scores: dict[str, Any] | None


def trained_bundle(bundle: Path, run: str | None = None, which: str = "last") -> Trained:
    """Weights of a run, or the bundle's installed ones, checked to be this bundle's and to be known.

    Raises:
        UsageError: If there are none, or their ``.json`` is missing or says too little.
        MedsegError: If they are another network's, or the ``.json`` is damaged or holds a path of some machine.
    """
    weights = find_weights(str(bundle), run, which)
    if not weights.is_file():
        raise UsageError(
            f"{weights}: a package must hold weights, but there are none; train the bundle first, or name a training"
            " with --run"
        )
    facts = _facts(weights)
    check_no_paths(weights.with_suffix(".json"), facts)
    load_weights(weights, read_bundle(bundle).get_parsed_content("network_def"))
    return Trained(weights, facts, None if run is None else _scores(RunFolder(Path(run)).summary(which)))


def check_no_paths(where: Path, content: Any) -> None:
    """Refuse what says where files lie on some machine: folders are often named after people.

    Args:
        where: File that holds ``content``; for the message.
        content: JSON types.

    Raises:
        MedsegError: If a text is an absolute path.
    """
    for text in _texts(content):
        if _ABSOLUTE.match(text):
            raise MedsegError(f"{where}: a package must hold no path of this machine, got {text!r}; take it out")


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for value in content.values():
            yield from _texts(value)
    elif isinstance(content, list):
        for value in content:
            yield from _texts(value)


def _facts(weights: Path) -> dict[str, Any]:
    path, facts = weights.with_suffix(".json"), weights_facts(weights)
    missing = next((name for name in _NEEDED if name not in facts), None)
    if missing:
        lack = f"it has no {missing!r}" if path.is_file() else "it does not exist"
        raise UsageError(f"{path}: must say what the weights were trained on, but {lack}; train the bundle again")
    return facts


def _scores(summary: Path) -> dict[str, Any] | None:
    return json.loads(summary.read_text(encoding="utf-8")) if summary.is_file() else None
