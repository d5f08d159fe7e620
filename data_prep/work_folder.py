"""What a run remembers of its finished cases until all are done, so that after a kill the next run goes on."""

from __future__ import annotations

import hashlib
import json
import shutil
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np

from data_prep.case_facts import CaseFacts
from data_prep.image_sources import DicomSeries
from data_prep.layouts.volume_files import data_files
from data_prep.prepare_case import CaseResult, CaseTask
from data_prep.sources import SourceCase
from medseg.errors import MedsegError
from medseg.io.atomic import atomic_path, write_json
from medseg.io.nifti import open_nifti
from medseg.manifest import Case, case_hash

__all__ = ["WORK_FOLDER", "WorkFolder", "as_case", "holds_case"]

WORK_FOLDER = ".medseg_prepare"


class WorkFolder:
    """Facts and pictures of finished cases, in a hidden folder of the prepared data set.

    Args:
        out: Folder of the prepared data set.
        request: Hash of all that decides what is written; what another request left counts as nothing.
    """

    def __init__(self, out: Path, request: str) -> None:
        self._out = out
        self._request = request
        self._folder = out / WORK_FOLDER
        self._stamps: dict[str, str] = {}

    def note(self, task: CaseTask) -> None:
        """Note the state of a case's source before it is read: what changes while it is read must not look read."""
        with suppress(OSError):
            self._stamps[task.name] = _stamp(self._request, task.source)

    def save(self, task: CaseTask, result: CaseResult) -> None:
        """Remember a case whose files are written and whose source was noted."""
        stamp = self._stamps.get(task.name)
        if stamp is None:
            return
        with atomic_path(self._folder / f"{task.name}.jpg") as partial:
            partial.write_bytes(result.picture)
        write_json(self._folder / f"{task.name}.json", {"stamp": stamp, "facts": asdict(result.facts)})

    def load(self, task: CaseTask) -> CaseResult | None:
        """A case that is finished and whose source has not changed since; None if it must be read again.

        Its source is noted for :meth:`save`.
        """
        self.note(task)
        try:
            content = json.loads((self._folder / f"{task.name}.json").read_text(encoding="utf-8"))
            picture = (self._folder / f"{task.name}.jpg").read_bytes()
            facts = _facts(content["facts"])
            same = content["stamp"] == self._stamps.get(task.name)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if not same or not holds_case(self._out, as_case(task.name, "", facts)):
            return None
        return CaseResult(facts, picture)

    def remove(self) -> None:
        """Forget everything, once it stands in the data set's own files."""
        shutil.rmtree(self._folder, ignore_errors=True)


def as_case(name: str, group: str, facts: CaseFacts) -> Case:
    """What the manifest says of a case."""
    foreground = None if facts.foreground_px is None else sum(facts.foreground_px)
    return Case(name, group, facts.shape, facts.sha256, foreground, facts.spacing_mm)


def holds_case(out: Path, case: Case) -> bool:
    """Whether a case's files hold what they should, to the last voxel."""
    try:
        image = open_nifti(out / case.image)
        label = None if case.foreground_px is None else np.asarray(open_nifti(out / case.label).dataobj)
        return case_hash(np.asarray(image.dataobj), label, image.affine) == case.sha256
    except (MedsegError, OSError, ValueError):
        return False


def _stamp(request: str, source: SourceCase) -> str:
    """Changes with name, size and time of any file of a case, and with what is read from them.

    It is a hash, since names may be patients'.

    Raises:
        OSError: If a file is not there.
    """
    image, label = source.image, source.label
    # A file may hold several series; a label's source says which values have which names, and which page is meant.
    which = (request, source.name, image.series.key if isinstance(image, DicomSeries) else image, label)
    digest = hashlib.sha256(repr(which).encode(errors="backslashreplace"))
    for path in (*image.paths, *(label.paths if label else ())):
        for file in (path, *data_files(path)):
            state = file.stat()
            digest.update(f"{file}/{state.st_size}/{state.st_mtime_ns}".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _facts(content: dict[str, object]) -> CaseFacts:
    """Facts as JSON gives them back, with lists for tuples."""
    values = {field.name: content[field.name] for field in fields(CaseFacts)}
    return CaseFacts(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})  # type: ignore[arg-type]
