"""A package's ``docs/README.md``: what the network learnt from, how it did, how it is run, and what it is not for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from medseg.deploy.trained import Trained

__all__ = ["model_card"]

_LEVELS = {
    "image_level": "an image or slice, all",
    "image_level_with_foreground": "an image or slice with foreground",
    "volume_level": "a volume",
}

_CARD = """# {title}: {foreground}

{description}. It marks {foreground} in images of modality {modality}, slice by slice.

## Trained on

{trained}

## Scores

{scores}

## Use

From the folder that holds this one, with SCANS a scan or a folder of scans (NIfTI, DICOM, NRRD, MetaImage, PNG, TIFF):

```
python -m monai.bundle run --config_file {name}/configs/inference.json --dataset_dir SCANS --output_dir OUT
```

It needs the packages of `required_packages_version` in `configs/metadata.json`, with monai, torch and numpy. The code
is in `medseg/`, taken where no medseg is installed. In Python, `monai.bundle.load("{name}", bundle_dir=".")` gives
the network with its weights.
{engines}
## Intended use and limits

{intended}. The network has seen the data set above and nothing else: other scanners, protocols, populations and
diseases are untested, and a score is that of the validation cases of one fold. Slices are segmented one by one, so
masks may differ between neighbouring slices. A person must look at each result.

## Files

`checksums.sha256` names each file; `sha256sum -c checksums.sha256` in this folder checks them. Configs and code are
executed by whoever runs a bundle: take packages from sources that you trust.

## License

Apache-2.0 for code and configs (`LICENSE`). Whether weights may be passed on depends on the terms of the data set.
"""


def model_card(bundle: Path, name: str, trained: Trained, files: Sequence[str]) -> str:
    """The card, in Markdown.

    Args:
        bundle: Its folder.
        name: The package's.
        trained: Weights and what is known of them.
        files: Paths of what is packed, below the bundle's folder.
    """
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text(encoding="utf-8"))
    return _CARD.format(
        title=metadata["name"],
        name=name,
        description=metadata["description"],
        foreground=trained.facts["foreground"],
        modality=trained.facts["modality"],
        trained=_table(("", ""), _trained(trained.facts)),
        scores=_scores(trained.scores),
        engines=_engines(files),
        intended=metadata["intended_use"],
    )


def _trained(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    cases, kind = facts["train_cases"], " (random split: scores are too good)" if facts.get("leaky") else ""
    low, high = facts["window"]
    yield "Data set", f"{facts['dataset']}, {cases} {'case' if cases == 1 else 'cases'} of fold {facts['fold']}{kind}"
    yield "Fingerprint of the data", f"`{facts.get('fingerprint', 'unknown')}`"
    yield "Foreground", str(facts["foreground"])
    yield "Modality", str(facts["modality"])
    yield "Window", f"{low:g} to {high:g}{' HU' if facts['modality'] == 'CT' else ''}"
    yield "Image size", "as it comes" if facts.get("image_size") is None else "x".join(map(str, facts["image_size"]))
    yield "Threshold", str(facts.get("threshold", 0.5))
    yield "Weights", f"{facts.get('which', 'last')} epoch ({facts.get('epoch', '?')} of {facts.get('max_epochs', '?')})"
    yield "Code", f"medseg {facts.get('medseg_version')}, commit {facts.get('git_commit') or 'unknown'}"


def _scores(summary: dict[str, Any] | None) -> str:
    """Validation scores by level, never a mean without its n and interval."""
    if summary is None:
        return "Not known to this package: it was made of installed weights, not of a run."
    rows = [
        (meant, metric, f"{found['mean']:.4f}", _interval(found), str(found["n"]))
        for level, meant in _LEVELS.items()
        for metric, found in summary.get(level, {}).items()
        if metric in ("dice", "iou") and found.get("mean") is not None
    ]
    marks = "The epoch was chosen on these cases.\n\n" if summary.get("chosen_on_these_cases") else ""
    header = ("Mean over", "Metric", "Mean", "95 % interval", "n")
    return f"Of the fold's validation cases.\n\n{marks}{_table(header, rows)}"


def _interval(found: dict[str, Any]) -> str:
    """Ends of a mean's interval; one value has none."""
    low, high = found["ci95_low"], found["ci95_high"]
    return "none" if low is None else f"{low:.4f} to {high:.4f}"


def _engines(files: Sequence[str]) -> str:
    found = {"model.ts": "torchscript", "model.onnx": "onnx", "model.xml": "openvino"}
    named = [f"`{engine}` (`models/{file}`)" for file, engine in found.items() if f"models/{file}" in files]
    return f"\nExports of the same weights, chosen by `--engine`: {', '.join(named)}.\n" if named else ""


def _table(header: Sequence[str], rows: Iterator[tuple[str, ...]] | Sequence[tuple[str, ...]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
