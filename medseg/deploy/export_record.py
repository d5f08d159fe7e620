"""``models/exports.json``: what each export was made of, so that one of other weights is not taken for these."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from medseg.deploy.formats import Format
from medseg.errors import MedsegError, UsageError
from medseg.io.atomic import write_json
from medseg.io.hashes import file_sha256

__all__ = ["RECORD", "check_export", "forget", "read_record", "remember"]

RECORD = "exports.json"


def check_export(weights: Path, format_: Format) -> Path:
    """The export of ``weights`` in a format, if it is what was exported, and of these weights.

    Args:
        weights: ``model.pt``; exports and their record lie beside it.
        format_: Format.

    Returns:
        The file that is opened.

    Raises:
        UsageError: If the weights or the export are missing.
        MedsegError: If the export was made of other weights, or its files are not those that were written.
    """
    models = weights.parent
    path = models / format_.file
    again = f"medseg export {_bundle_of(weights)} --to {format_.name}"
    if not weights.is_file():
        raise UsageError(f"{weights}: weights must exist, as an export is theirs; train the bundle first")
    entry = read_record(models).get(format_.name)
    if entry is None or not all((models / name).is_file() for name in format_.files):
        raise UsageError(f"{path}: engine {format_.name!r} needs an export of the weights, got none; make it: {again}")
    if entry["weights_sha256"] != file_sha256(weights):
        raise MedsegError(
            f"{path}: must be an export of {weights.name}, got one of other weights; export again: {again}"
        )
    for name in format_.files:
        if entry["files_sha256"].get(name) != file_sha256(models / name):
            raise MedsegError(f"{models / name}: must be as it was exported, got another file; export again: {again}")
    return path


def read_record(models: Path) -> dict[str, Any]:
    """Exports by their format; empty where there is no record.

    Raises:
        MedsegError: If the file is no such record.
    """
    path = models / RECORD
    if not path.is_file():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if all({"weights_sha256", "files_sha256"} <= entry.keys() for entry in record.values()):
            return record  # type: ignore[no-any-return]
        reason = "an entry without hashes"
    except (ValueError, AttributeError) as error:
        reason = str(error)
    raise MedsegError(f"{path}: must be a record of exports, got {reason}; delete it and export again")


def remember(models: Path, format_: Format, entry: dict[str, Any]) -> None:
    """Enter an export, atomically; the other formats' entries stay."""
    write_json(models / RECORD, {**read_record(models), format_.name: entry})


def forget(models: Path, format_: Format) -> None:
    """Strike an export out, atomically, before its files change."""
    record = read_record(models)
    if record.pop(format_.name, None) is not None:
        write_json(models / RECORD, record)


def _bundle_of(weights: Path) -> str:
    """The bundle whose installed weights these are, or BUNDLE where they are a run's."""
    bundle = weights.parent.parent
    return str(bundle) if (bundle / "configs" / "inference.json").is_file() else "BUNDLE"
