"""A folder of results: which scans are finished and by what, and one table of what was measured.

``OUT/.finished/<name>.json`` is written last, when all files of a scan are there, and holds its row of
``OUT/measurements.csv``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from medseg.io.atomic import write_json
from medseg.predict.measurements import Measurement, write_measurements

__all__ = ["ResultFolder", "source_stamp"]

_FINISHED = ".finished"
_MEASUREMENTS = "measurements.csv"


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

    def begin(self, name: str, made_by: Mapping[str, Any]) -> None:
        """Forget what is known of a scan, since its files are about to be replaced; its line of the table goes, too.

        Files that something else made go as well: of other formats than are wanted now, they would stay beside the new
        ones as if they belonged together.

        Args:
            name: The scan's.
            made_by: As for :meth:`finish`.
        """
        path = self._record(name)
        if not path.is_file():
            return
        record = self._read(path)
        path.unlink()
        if record is not None and {**record["made_by"], "formats": None} != {**made_by, "formats": None}:
            for file in map(Path, record["files"]):
                if not file.is_absolute() and ".." not in file.parts:
                    (self.root / file).unlink(missing_ok=True)
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
        record = {"name": name, "made_by": made_by, "files": below, "measurements": measurements}
        write_json(self._record(name), record)
        try:
            self.write_measurements()
        except OSError:
            self._record(name).unlink(missing_ok=True)  # else the table would lack the scan for good
            raise

    def finished(self, name: str) -> dict[str, Any] | None:
        """What :meth:`finish` noted of a scan; None unless all of its files are still there."""
        record = self._read(self._record(name))
        if record is None or not all((self.root / file).is_file() for file in record["files"]):
            return None
        return record

    def write_measurements(self) -> None:
        """Write the table of all finished scans, in the order of their names."""
        records = [self._read(path) for path in (self.root / _FINISHED).rglob("*.json")]
        rows = [record["measurements"] for record in records if record is not None]
        write_measurements(self.root / _MEASUREMENTS, sorted(rows, key=lambda row: str(row["scan"])))

    def _record(self, name: str) -> Path:
        return self.root.joinpath(_FINISHED, *name.split("/")[:-1], f"{name.split('/')[-1]}.json")

    def _read(self, path: Path) -> dict[str, Any] | None:
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # absent, or damaged by hand: the scan is predicted again
            return None
        known = isinstance(record, dict) and {"name", "made_by", "files", "measurements"} <= record.keys()
        return record if known else None


def source_stamp(files: Sequence[Path]) -> list[list[int]]:
    """Sizes and times of change of a scan's files, by which a changed scan is known."""
    return [[status.st_size, status.st_mtime_ns] for status in (file.stat() for file in files if file.is_file())]
