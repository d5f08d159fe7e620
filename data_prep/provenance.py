"""What was decided about a data set and where its cases came from, without a word of the source."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from data_prep.options import Options
from data_prep.survey import Survey
from medseg.manifest import Manifest, read_manifest

__all__ = ["describe", "provenance_problems", "request_hash"]

_FILE = "provenance.json"


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
                "source_sha256": _name_hash(salt, source.name),
            }
            for ordinal, (case, source) in enumerate(zip(manifest.cases, result.sources, strict=True))
        ],
    }


def request_hash(provenance: dict[str, Any], manifest: Manifest) -> str:
    """Hash over all that decides what a finished data set holds."""
    described = json.dumps(provenance) + manifest.name + manifest.modality + manifest.foreground
    return hashlib.sha256((described + "".join(case.sha256 for case in manifest.cases)).encode()).hexdigest()


def provenance_problems(out: Path) -> list[str]:
    """What is wrong with ``provenance.json`` of a prepared data set, one line a problem."""
    path, fingerprint = out / _FILE, read_manifest(out).fingerprint
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"{path}: must say where the cases come from, got {error!r}; prepare the data set again"]
    return [] if stored == fingerprint else [f"{path}: fingerprint must be {fingerprint}, got {stored}"]


def _name_hash(salt: str, name: str) -> str:
    # Names that are not UTF-8 stand in Python as escapes of their bytes.
    return hashlib.sha256(f"{salt}/{name}".encode(errors="surrogateescape")).hexdigest()


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
