"""What was decided about a data set and where its cases came from, without a word of the source."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from data_prep.conclude import Conclusion
from data_prep.intensity import MIXED
from data_prep.options import Options
from data_prep.plan import Plan
from data_prep.prepare_case import CaseTask
from medseg.errors import MedsegError, SourceError
from medseg.manifest import Manifest, read_manifest

__all__ = ["describe", "fault_of", "has_same_source", "provenance_problems", "request_hash", "source_hash"]

_FILE = "provenance.json"
# They decide tables, not voxels.
_TABLE_OPTIONS = frozenset({"groups", "split", "folds", "seed", "window_hu"})


def describe(found: Conclusion, options: Options, manifest: Manifest) -> dict[str, Any]:
    """Content of ``provenance.json``.

    Sources stand as ordinal and salted hash, so that whoever has the source can check a case, and nobody else learns a
    name: see :func:`source_hash`. The salt is the fingerprint, so that the same input gives the same bytes.
    """
    salt = manifest.fingerprint
    return {
        "written_by": "data_prep",
        "fingerprint": salt,
        "options": _options(options),
        "decisions": _decisions(found, options, manifest),
        "case_decisions": _case_decisions(found),
        "warnings": found.warnings.for_file(),
        "cases": [
            {
                "case": case.name,
                "ordinal": facts.ordinal,
                "group": case.group,
                "source_sha256": source_hash(salt, task),
                "source_shape": list(facts.source_shape),
                "source_axes": facts.source_axes or None,
            }
            for case, facts, task in zip(manifest.cases, found.facts, found.tasks, strict=True)
        ],
        "left_out": [
            {"ordinal": task.ordinal, "source_sha256": source_hash(salt, task), "fault": fault_of(error)}
            for task, error in found.left_out
        ],
    }


def source_hash(salt: str, task: CaseTask) -> str | None:
    """SHA-256 of ``salt/name/content``, content being the SHA-256 of the source's first file.

    A name alone could be guessed from a list of names; together with a file's content, which does not stand in the
    prepared data set, it can't. So there is no hash of a source whose file cannot be read.
    """
    try:
        with task.source.image.paths[0].open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, IndexError):
        return None
    # Names that are not UTF-8 stand in Python as escapes of their bytes.
    return hashlib.sha256(f"{salt}/{task.source.name}/{content}".encode(errors="surrogateescape")).hexdigest()


def has_same_source(out: Path, plan: Plan, options: Options) -> bool:
    """Whether a prepared data set may be of this source and these options; True as well if its description is damaged.

    Only what can be known without reading voxels is compared.
    """
    try:
        stored = json.loads((out / _FILE).read_text(encoding="utf-8"))
        then = {key: value for key, value in stored["options"].items() if key not in _TABLE_OPTIONS}
        cases = [(case["ordinal"], case["source_sha256"]) for case in (*stored["cases"], *stored["left_out"])]
        salt = stored["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return True
    now = {key: value for key, value in _options(options).items() if key not in _TABLE_OPTIONS}
    if then != now or len(cases) != len(plan.tasks):
        return False
    return sorted(cases) == [(task.ordinal, source_hash(salt, task)) for task in plan.tasks]


def request_hash(plan: Plan, options: Options) -> str:
    """Hash over all that decides which voxels are written, so that a killed run can be told from another."""
    decisive: Any = plan.tasks[0].reading if plan.tasks else None
    if plan.pictures:
        # What is for scans decides nothing.
        decisive = (options.foreground, options.orientation)
    names = [task.source.name for task in plan.tasks]
    return hashlib.sha256(repr((plan.layout, decisive, names)).encode(errors="backslashreplace")).hexdigest()


def provenance_problems(out: Path) -> list[str]:
    """What is wrong with ``provenance.json`` of a prepared data set, one line a problem."""
    path, fingerprint = out / _FILE, read_manifest(out).fingerprint
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"{path}: must say where the cases come from, got {error!r}; prepare the data set again"]
    return [] if stored == fingerprint else [f"{path}: fingerprint must be {fingerprint}, got {stored}"]


def _options(options: Options) -> dict[str, Any]:
    """Options by the names that they have on the command line."""
    return {
        "layout": options.layout,
        "labels": options.labels,
        "foreground": None if options.foreground is None else list(options.foreground),
        "modality": options.modality,
        "orientation": options.orientation,
        "window_hu": None if options.window_hu is None else list(options.window_hu),
        "plane": options.dicom.plane,
        "spacing": None if options.spacing_mm is None else list(options.spacing_mm),
        # A UID is the source's.
        "series": options.series if options.series in ("only", "largest", "all") else "given",
        "tilt": options.dicom.tilt,
        "irregular": options.dicom.irregular,
        "duplicates": options.dicom.duplicates,
        "assume_hu": options.dicom.assume_hu,
        "trust_affine": options.file.trust_affine,
        "nonfinite": options.file.nonfinite,
        # A pattern or a file's name may hold patients' names.
        "groups": None if options.groups is None else "given",
        "split": options.split,
        "folds": options.folds,
        "seed": options.seed,
    }


def _decisions(found: Conclusion, options: Options, manifest: Manifest) -> list[str]:
    values = sorted({value for facts in found.facts for value in facts.label_values})
    chosen = "all but 0" if options.foreground is None else ", ".join(options.foreground)
    listed = ", ".join(map(str, [0, *values][:10]))
    return [
        f"layout: {manifest.layout}{', detected' if options.layout == 'auto' else ''}",
        *(_of_pictures(manifest) if found.plan.pictures else _of_scans(options, manifest)),
        f"masks: values {listed} found; foreground is {chosen}",
        "groups: " + ("known" if found.plan.groups_known else "not known; all images count as one group"),
        f"split: {manifest.split.method}, {manifest.split.folds} folds, seed {manifest.split.seed}",
    ]


def _of_pictures(manifest: Manifest) -> list[str]:
    where, window = manifest.orientation, manifest.window_hu
    turned = f"columns to {where[0]}, rows to {where[1]}, brought to RAS+" if where else "none; x = column, y = row"
    return [
        f"intensities: kept as {manifest.intensity.dtype}; colour to grey by ITU-R BT.601 luma",
        f"orientation: {turned}",
        "spacing: unknown; the affine's 1 mm is a placeholder",
        *(() if window is None else ("window: grey values are HU from {:g} to {:g}, as given".format(*window),)),
    ]


def _of_scans(options: Options, manifest: Manifest) -> list[str]:
    unit = " in Hounsfield units" if manifest.modality == "CT" else ""
    dtype = "each case's smallest exact type" if manifest.intensity.dtype == MIXED else manifest.intensity.dtype
    spacing = "kept" if options.spacing_mm is None else "resampled to {:g} x {:g} x {:g} mm".format(*options.spacing_mm)
    return [
        f"intensities: stored as {dtype}{unit}, losslessly",
        f"orientation: brought to RAS+ by flips and axis swaps; slices are {options.dicom.plane}",
        f"spacing: {spacing}",
    ]


def _case_decisions(found: Conclusion) -> list[dict[str, Any]]:
    """What choices changed, each once with the cases that it is about."""
    cases: dict[str, list[int]] = defaultdict(list)
    for facts in found.facts:
        for text in facts.decisions:
            cases[text].append(facts.ordinal)
    return [{"text": text, "cases": ordinals} for text, ordinals in cases.items()]


def fault_of(error: MedsegError) -> str:
    """Why a case is missing; errors that may hold a name are not quoted."""
    return error.fault if isinstance(error, SourceError) else "a file is damaged or breaks a rule"
