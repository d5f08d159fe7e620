"""The private file that says which case came from where; written only on request, never into the data set."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from data_prep.image_sources import DicomSeries
from data_prep.plan import Plan
from data_prep.prepare_case import CaseTask
from medseg.errors import UsageError
from medseg.io.atomic import atomic_path

__all__ = ["check_mapping", "write_mapping"]

_HEADER = ["case", "group", "name", "first_file", "files", "patient_id", "series_uid"]


def check_mapping(path: Path | None, raw: Path, out: Path) -> None:
    """Refuse a place where the file would be given away or destroy something.

    Raises:
        UsageError: If it lies in the prepared data set or in the source, another file is there, or its folder cannot be
            written.
    """
    if path is None:
        return
    # A link is replaced where it lies, so both ends count.
    places = path.resolve(), path.parent.resolve() / path.name
    for folder, name in ((out, "OUT"), (raw, "RAW")):
        if any(folder.resolve() in (place, *place.parents) for place in places):
            raise UsageError(f"--keep-mapping {path}: must lie outside {name} {folder}; it holds patients' names")
    if path.is_dir() or (path.exists() and not _is_mapping(path)):
        raise UsageError(f"--keep-mapping {path}: must be a new file or an earlier mapping, got another")
    folder = next(parent for parent in places[1].parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UsageError(f"--keep-mapping {path}: must lie in a folder that can be written, got {folder}")


def write_mapping(path: Path | None, plan: Plan) -> None:
    """Write the file, readable for its owner only."""
    if path is None:
        return
    with atomic_path(path) as partial:
        # Not even for a moment readable for others.
        os.close(os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
        with partial.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(_HEADER)
            writer.writerows(_row(task, group) for task, group in zip(plan.tasks, plan.groups, strict=True))


def _row(task: CaseTask, group: str) -> list[str]:
    image = task.source.image
    paths = [str(path.resolve()) for path in image.paths]
    series = image.series if isinstance(image, DicomSeries) else None
    return [
        task.name,
        group,
        task.source.name,
        paths[0] if paths else "",
        str(len(paths)),
        series.headers[0].patient_id if series else "",
        series.key if series else "",
    ]


def _is_mapping(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline().strip() == ",".join(_HEADER)
