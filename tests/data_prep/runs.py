"""``python -m data_prep prepare``, and what it made as nibabel reads it."""

from __future__ import annotations

import csv
import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from data_prep.cli import main
from tests.medseg.io.dicom.references import Read, onto_axes

__all__ = ["Run", "assert_same", "prepare"]


@dataclass(frozen=True)
class Run:
    """What a command made.

    Attributes:
        out: The prepared data set.
        cases: Made name of each case by its name in the source, as the private mapping has them.
        shown: Standard output.
        errors: Lines of standard error.
    """

    out: Path
    cases: dict[str, str]
    shown: str
    errors: tuple[str, ...]

    def image(self, name: str = "") -> Read:
        """Voxels and affine of a case, with label or without; by default of the only one."""
        (path,) = self.out.glob(f"images*/{self._case(name)}_0000.nii")
        return _load(path)

    def label(self, name: str = "") -> Read:
        """As :meth:`image`."""
        return _load(self.out / "labelsTr" / f"{self._case(name)}.nii")

    def prepared(self) -> set[str]:
        """Source names of the cases that were prepared."""
        content = json.loads((self.out / "dataset.json").read_text(encoding="utf-8"))
        made = {case["name"] for case in content["medseg"]["cases"]}
        return {name for name, case in self.cases.items() if case in made}

    def error(self, name: str) -> str:
        """The only line about a case, by a folder of its name."""
        (line,) = (line for line in self.errors if f"/{name}/" in line or f"/{name} " in line or f"/{name}:" in line)
        return line

    def provenance(self, key: str) -> Any:
        """An entry of ``provenance.json``."""
        return json.loads((self.out / "provenance.json").read_text(encoding="utf-8"))[key]

    def _case(self, name: str) -> str:
        if name:
            return self.cases[name]
        (case,) = self.cases.values()
        return case


def prepare(raw: Path, home: Path, *options: str, status: int | tuple[int, ...] = 0) -> Run:
    """Run the command in this process.

    Args:
        raw: The raw folder.
        home: Where ``out`` and the mapping are written.
        options: Of the command.
        status: Exit status that it must have, or several of which it must have one.
    """
    mapping = home / "mapping.csv"
    arguments = ["--workers", "1", "--keep-mapping", str(mapping), *options]
    with redirect_stderr(io.StringIO()) as errors, redirect_stdout(io.StringIO()) as shown:
        got = main(["prepare", str(raw), str(home / "out"), *arguments])
    assert got in (status if isinstance(status, tuple) else (status,)), errors.getvalue()
    rows = list(csv.DictReader(mapping.open(encoding="utf-8"))) if mapping.exists() else []
    lines = tuple(line for line in errors.getvalue().splitlines() if line)
    return Run(home / "out", {row["name"]: row["case"] for row in rows}, shown.getvalue(), lines)


def assert_same(own: Read, other: Read) -> None:
    """Voxel for voxel, once the prepared volume is brought to the other's axes, and within 1e-3 mm."""
    voxels, affine_mm = onto_axes(own, other[1])
    np.testing.assert_array_equal(voxels, other[0])
    np.testing.assert_allclose(affine_mm, other[1], atol=1e-3)


def _load(path: Path) -> Read:
    image = nib.load(path)
    return np.asarray(image.dataobj), image.affine
