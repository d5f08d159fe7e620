"""A bundle in few words."""

from __future__ import annotations

import json
from pathlib import Path

from medseg.errors import MedsegError
from medseg.runs import find_weights, weights_facts

__all__ = ["described_bundle"]


def described_bundle(bundle: Path) -> tuple[str, str]:
    """What a bundle's network is, with its number of parameters, and what its weights were trained on.

    Raises:
        MedsegError: If a file that says so is damaged.
    """
    metadata = bundle / "configs" / "metadata.json"
    weights = find_weights(str(bundle))
    try:
        network = str(json.loads(metadata.read_text(encoding="utf-8"))["description"])
    except (OSError, ValueError, KeyError) as error:
        raise MedsegError(f"{metadata}: must describe the bundle, got {error!r}; copy it anew") from error
    if not weights.is_file():
        return network, "none"
    facts = weights_facts(weights)
    if "dataset" not in facts:
        return network, "of unknown origin"
    foreground, modality = facts.get("foreground", "?"), facts.get("modality", "?")
    return network, f"{facts['dataset']}: {foreground} in {modality}, fold {facts.get('fold', '?')}"
