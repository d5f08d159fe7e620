from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from data_prep.options import Track
from data_prep.phantom import FAULTS, write_phantom
from medseg.errors import UsageError
from tests.data_prep.phantom.reading import images, nifti_truth, write_small

COMBINED = ("stray-files@1", "compressed@2", "dicomdir@2", "enhanced-multiframe@3", "canary@3")


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _write(out: Path, **changed: Any) -> None:
    options = {"patients": 1, "slices": 4, "size_px": 32, "seed": 0, "faults": (), **changed}
    write_phantom(out, track=Track(), **options)


class TestBytes:
    def test_same_seed_gives_same_bytes_in_another_process(self, tmp_path: Path) -> None:
        write_small(tmp_path / "one", *COMBINED, patients=3, slices=5)
        code = (
            "import sys; from pathlib import Path; from tests.data_prep.phantom.reading import write_small;"
            f"write_small(Path(sys.argv[1]), *{COMBINED!r}, patients=3, slices=5)"
        )
        subprocess.run([sys.executable, "-c", code, str(tmp_path / "other")], check=True, timeout=300)
        one, other = _content(tmp_path / "one"), _content(tmp_path / "other")
        assert len(one) > 15
        assert one.keys() == other.keys()
        assert [name for name in one if one[name] != other[name]] == []

    def test_other_seed_gives_other_patients(self, tmp_path: Path) -> None:
        _write(tmp_path / "one")
        _write(tmp_path / "other", seed=1)
        one, other = (images(tmp_path / name / "PHANTOM-01") for name in ("one", "other"))
        assert one[0].PatientID == other[0].PatientID
        assert {image.SOPInstanceUID for image in one}.isdisjoint(image.SOPInstanceUID for image in other)
        assert one[1].PixelData != other[1].PixelData

    def test_more_patients_leave_the_first_as_they_are(self, tmp_path: Path) -> None:
        _write(tmp_path / "one")
        _write(tmp_path / "two", patients=2)
        assert _content(tmp_path / "one" / "PHANTOM-01") == _content(tmp_path / "two" / "PHANTOM-01")


class TestSummary:
    def test_says_what_was_written(self, tmp_path: Path) -> None:
        summary = write_small(tmp_path, "secondary-capture@2", patients=2)
        assert summary.folders == (tmp_path / "PHANTOM-01", tmp_path / "PHANTOM-02")
        # The second patient has two slices more, and the screenshot.
        assert summary.files == 8 + 10 + 1
        for folder, liver_ml in zip(summary.folders, summary.liver_ml, strict=True):
            liver, affine = nifti_truth(folder)
            voxel_ml = abs(float(affine[0, 0] * affine[1, 1] * affine[2, 2])) / 1000
            assert liver_ml == pytest.approx(liver.sum() * voxel_ml, rel=1e-4)
            assert 800 < liver_ml < 2800

    def test_progress_is_by_patient(self, tmp_path: Path) -> None:
        seen: list[tuple[int, str]] = []

        class Count(Track):
            def __call__(self, items: Any, description: str) -> Any:
                for item in items:
                    seen.append((item, description))
                    yield item

        write_phantom(tmp_path, patients=2, slices=4, size_px=32, seed=0, faults=(), track=Count())
        assert seen == [(0, "Scanning"), (1, "Scanning")]


class TestUsage:
    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"patients": 0}, "--patients must be at least 1, got 0"),
            ({"slices": 3}, "--slices must be at least 4, got 3"),
            ({"size_px": 31}, "--size must be at least 32, got 31"),
            ({"seed": -1}, "--seed must be at least 0, got -1"),
            ({"faults": ["none"]}, "--fault must be one of .*, got none"),
        ],
    )
    def test_numbers_out_of_range(self, tmp_path: Path, changed: dict[str, Any], message: str) -> None:
        with pytest.raises(UsageError, match=message):
            _write(tmp_path / "out", **changed)
        assert not (tmp_path / "out").exists()

    def test_out_that_is_not_empty(self, tmp_path: Path) -> None:
        (tmp_path / "kept.txt").write_text("kept", encoding="utf-8")
        with pytest.raises(UsageError, match=f"{tmp_path}: OUT must be empty; choose another folder"):
            _write(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]

    def test_out_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(UsageError, match="file: OUT must be empty"):
            _write(tmp_path / "file")

    def test_every_fault_says_what_it_does(self) -> None:
        assert all(len(fault.summary) > 10 for fault in FAULTS.values())
