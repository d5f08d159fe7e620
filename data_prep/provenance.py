"""What was decided about a data set and where its cases came from, without a word of the source."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from data_prep.options import Options
from data_prep.survey import Survey
from medseg.manifest import Manifest

__all__ = ["describe", "request_hash"]


def describe(result: Survey, options: Options, manifest: Manifest) -> dict[str, Any]:
    """Content of ``provenance.json``.

    Sources stand as ordinal and salted hash of their name, so that whoever has the source can check a case, and nobody
    else learns a name. The salt is the fingerprint, so that the same input gives the same bytes.
    """
    salt = manifest.fingerprint
    return {
        "written_by": "data_prep",
        "fingerprint": salt,
        "options": {
            "layout": options.layout,
            "foreground": None if options.foreground is None else sorted(options.foreground),
            # A pattern or a file's name may hold patients' names.
            "groups": None if options.groups is None else "given",
            "split": options.split,
            "folds": options.folds,
            "seed": options.seed,
            "orientation": options.orientation,
        },
        "decisions": _decisions(result, options, manifest),
        "warnings": result.warnings.for_file(),
        "cases": [
            {
                "case": case.name,
                "ordinal": ordinal,
                "group": case.group,
                "source_sha256": hashlib.sha256(f"{salt}/{source.name}".encode()).hexdigest(),
            }
            for ordinal, (case, source) in enumerate(zip(manifest.cases, result.sources, strict=True))
        ],
    }


def request_hash(provenance: dict[str, Any], manifest: Manifest) -> str:
    """Hash over all that decides what a finished data set holds."""
    described = json.dumps(provenance) + manifest.name + manifest.modality + manifest.foreground
    return hashlib.sha256((described + "".join(case.sha256 for case in manifest.cases)).encode()).hexdigest()


def _decisions(result: Survey, options: Options, manifest: Manifest) -> list[str]:
    values = ", ".join(str(value) for value in sorted(result.mask_values)[:10])
    chosen = "all but 0" if options.foreground is None else ", ".join(map(str, sorted(options.foreground)))
    where = f"columns to {options.orientation[0]}, rows to {options.orientation[1]}" if options.orientation else ""
    return [
        f"layout: {manifest.layout}{', detected' if options.layout == 'auto' else ''}",
        f"intensities: kept as {manifest.intensity.dtype}; colour to grey by ITU-R BT.601 luma",
        f"masks: values {values} found; foreground is {chosen}",
        f"orientation: {where}, brought to RAS+" if where else "orientation: none; x = column, y = row",
        "spacing: unknown; the affine's 1 mm is a placeholder",
        "groups: " + ("known" if result.groups_known else "not known; all images count as one group"),
        f"split: {manifest.split.method}, {manifest.split.folds} folds, seed {manifest.split.seed}",
    ]
