"""A folder of results: which scans are finished and by what, and one table of what was measured.

``OUT/.finished/<name>.json`` is written last, when all files of a scan are there, and holds its row of
``OUT/measurements.csv`` and how its files were left; ``<name>.begun`` beside it says that they are being replaced.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from medseg.errors import MedsegError
from medseg.io.atomic import write_json
from medseg.predict.measurements import Measurement, write_measurements

__all__ = ["OutputError", "ResultFolder", "source_stamp"]

_FINISHED = ".finished"
_MEASUREMENTS = "measurements.csv"
_ENDS = ("_mask.nii.gz", "_probability.nii.gz", "_mask.png", "_seg.dcm", "_rtstruct.dcm")


class OutputError(MedsegError):
    """Results cannot be written, whatever the scan."""


class ResultFolder:
    """Results below a folder.

    Args:
        root: The folder; made when something is written.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)

    def path(self, name: str, end: str) -> Path:
        """Where a scan's file goes.

        Args:
            name: The scan's, with ``/`` between folders.
            end: What the file's name ends in, such as ``_mask.nii.gz``.
        """
        return self.root.joinpath(*name.split("/")).parent / f"{name.split('/')[-1]}{end}"

    def picture(self, name: str, end: str = "") -> Path:
        """Where a picture of a scan goes."""
        return self.root / "overlays" / f"{name.replace('/', '_')}{end}.png"

    def foreign(self, name: str) -> Path | None:
        """A file under the name of a scan's result that someone else made, or changed since; None if there is none."""
        if self._begun(name).is_file():
            return None  # a run that did not end left them
        record = self._read(self._record(name))
        if record is None and self._record(name).is_file():
            return None  # its damaged record says that they are ours
        stamps = {} if record is None else record.get("stamps", {})
        for path in self._targets(name):
            if path.is_file() and stamps.get(str(path.relative_to(self.root))) != _stamp(path):
                return path
        return None

    def begin(self, name: str, made_by: Mapping[str, Any]) -> None:
        """Forget what is known of a scan, since its files are about to be replaced; its line of the table goes, too.

        Files that something else made go as well: of other formats than are wanted now, they would stay beside the new
        ones as if they belonged together.

        Args:
            name: The scan's.
            made_by: As for :meth:`finish`.
        """
        path, begun = self._record(name), self._begun(name)
        record, unfinished = self._read(path), begun.is_file()
        begun.parent.mkdir(parents=True, exist_ok=True)
        begun.touch()
        known = path.is_file()
        path.unlink(missing_ok=True)
        other = record is not None and {**record["made_by"], "formats": None} != {**made_by, "formats": None}
        if unfinished or other:
            for target in self._targets(name):
                target.unlink(missing_ok=True)
        if known:
            self.write_measurements()

    def finish(
        self,
        name: str,
        made_by: Mapping[str, Any],
        files: Sequence[Path],
        measured: Measurement,
        warnings: Sequence[str],
    ) -> None:
        """Note that all files of a scan are there, and write the table of all scans.

        Args:
            name: The scan's.
            made_by: What decides the files, in JSON types.
            files: All of them.
            measured: Its line of the table.
            warnings: What sets the scan apart from the training set.
        """
        below = [str(file.relative_to(self.root)) for file in files]
        measurements = {"scan": name, **asdict(measured), "warnings": [*warnings]}
        stamps = {str(file.relative_to(self.root)): _stamp(file) for file in files if file.is_file()}
        record = {"name": name, "made_by": made_by, "files": below, "stamps": stamps, "measurements": measurements}
        write_json(self._record(name), record)
        try:
            self.write_measurements()
            self._begun(name).unlink(missing_ok=True)
        except OSError:
            self._record(name).unlink(missing_ok=True)  # else the table would lack the scan for good
            raise

    def finished(self, name: str) -> dict[str, Any] | None:
        """What :meth:`finish` noted of a scan; None unless all of its files are still there."""
        record = self._read(self._record(name))
        if record is None or not all((self.root / file).is_file() for file in record["files"]):
            return None
        return record

    def all_finished(self) -> list[dict[str, Any]]:
        """What :meth:`finish` noted of every scan, in no order."""
        records = [self._read(path) for path in (self.root / _FINISHED).rglob("*.json")]
        return [record for record in records if record is not None]

    def write_measurements(self) -> None:
        """Write the table of all finished scans, in the order of their names."""
        rows = [record["measurements"] for record in self.all_finished()]
        write_measurements(self.root / _MEASUREMENTS, sorted(rows, key=lambda row: str(row["scan"])))

    def _record(self, name: str) -> Path:
        return self.root.joinpath(_FINISHED, *name.split("/")[:-1], f"{name.split('/')[-1]}.json")

    def _begun(self, name: str) -> Path:
        return self._record(name).with_suffix(".begun")

    def _targets(self, name: str) -> list[Path]:
        """Every file that a scan's results may have."""
        return [*(self.path(name, end) for end in _ENDS), self.picture(name), self.picture(name, "_montage")]

    def _read(self, path: Path) -> dict[str, Any] | None:
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # absent, or damaged by hand: the scan is predicted again
            return None
        known = isinstance(record, dict) and {"name", "made_by", "files", "measurements"} <= record.keys()
        return record if known else None


def source_stamp(files: Sequence[Path]) -> dict[str, Any]:
    """Where a scan's files are, as a hash, and their sizes and times of change, by which another scan is known."""
    where = hashlib.sha256("\n".join(str(file.resolve()) for file in files).encode(errors="surrogateescape"))
    return {"where": where.hexdigest(), "files": [_stamp(file) for file in files if file.is_file()]}


def _stamp(file: Path) -> list[int]:
    status = file.stat()
    return [status.st_size, status.st_mtime_ns]
