from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest

from medseg.predict.measurements import Measurement
from medseg.predict.results import ResultFolder, source_stamp
from tests.factories import edit_json

MEASURED = Measurement(
    foreground_voxels=3,
    volume_ml=1.5,
    area_mm2=None,
    area_px2=None,
    slices_with_foreground=2,
    components=1,
    mean_intensity=40.0,
    sd_intensity=5.0,
    intensity_unit="HU",
    flags=("empty", "odd"),
)


def finish(results: ResultFolder, name: str, measured: Measurement = MEASURED, **made_by: Any) -> list[Path]:
    files = [results.path(name, "_mask.nii.gz"), results.picture(name)]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    results.finish(name, made_by, files, measured, ["another spacing"])
    return files


def table(results: ResultFolder) -> list[dict[str, str]]:
    with (results.root / "measurements.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class TestPaths:
    @pytest.mark.parametrize(
        ("name", "expected"), [("a", "a_mask.nii.gz"), ("a.b", "a.b_mask.nii.gz"), ("p1/ct/2", "p1/ct/2_mask.nii.gz")]
    )
    def test_mirror_the_scans_tree(self, tmp_path: Path, name: str, expected: str) -> None:
        assert ResultFolder(tmp_path).path(name, "_mask.nii.gz") == tmp_path / expected

    def test_pictures_lie_side_by_side(self, tmp_path: Path) -> None:
        results = ResultFolder(tmp_path)
        assert results.picture("a") == tmp_path / "overlays" / "a.png"
        assert results.picture("p1/ct", "_montage") == tmp_path / "overlays" / "p1_ct_montage.png"

    def test_nothing_is_made_before_something_is_written(self, tmp_path: Path) -> None:
        results = ResultFolder(tmp_path / "out")
        assert results.finished("a") is None
        assert results.foreign("a") is None
        assert not (tmp_path / "out").exists()


class TestFinished:
    @pytest.mark.parametrize("name", ["a", "p1/ct", "ünïcode", "a.json"])
    def test_gives_what_was_noted(self, tmp_path: Path, name: str) -> None:
        results = ResultFolder(tmp_path)
        files = finish(results, name, threshold=0.5)
        record = ResultFolder(str(tmp_path)).finished(name)
        assert record is not None
        assert record["name"] == name
        assert record["made_by"] == {"threshold": 0.5}
        assert record["files"] == [str(file.relative_to(tmp_path)) for file in files]
        assert record["measurements"]["scan"] == name
        assert record["measurements"]["volume_ml"] == 1.5
        assert record["measurements"]["area_mm2"] is None
        assert record["measurements"]["flags"] == ["empty", "odd"]
        assert record["measurements"]["warnings"] == ["another spacing"]

    def test_is_none_of_a_scan_that_is_not_known(self, tmp_path: Path) -> None:
        results = ResultFolder(tmp_path)
        finish(results, "a")
        assert results.finished("b") is None

    def test_is_none_once_the_scan_is_begun_anew(self, tmp_path: Path) -> None:
        results = ResultFolder(tmp_path)
        finish(results, "a")
        finish(results, "b")
        results.begin("a", {})
        assert results.finished("a") is None
        assert results.finished("b") is not None

    def test_is_none_where_a_file_is_gone(self, tmp_path: Path) -> None:
        results = ResultFolder(tmp_path)
        finish(results, "a")[1].unlink()
        assert results.finished("a") is None

    @pytest.mark.parametrize("content", ["", "{", "[]", "null", "3", '{"name": "a"}', '{"name": "a", "files": []}'])
    def test_is_none_where_the_record_is_damaged(self, tmp_path: Path, content: str) -> None:
        results = ResultFolder(tmp_path)
        finish(results, "a")
        (tmp_path / ".finished" / "a.json").write_text(content)
        assert results.finished("a") is None

    def test_folder_can_be_moved(self, tmp_path: Path) -> None:
        finish(ResultFolder(tmp_path / "here"), "p/a")
        (tmp_path / "here").rename(tmp_path / "there")
        assert ResultFolder(tmp_path / "there").finished("p/a") is not None


class TestBegin:
    def test_leaves_files_that_the_same_made_in_other_formats(self, tmp_path: Path) -> None:
        results = ResultFolder(tmp_path)
        files = finish(results, "a", threshold=0.5, formats=["nifti"])
        results.begin("a", {"threshold": 0.5, "formats": ["png"]})
        assert all(file.is_file() for file in files)

    def test_takes_files_away_that_something_else_made(self, tmp_path: Path) -> None:
        results = ResultFolder(tmp_path)
        files, others = finish(results, "a", threshold=0.5), finish(results, "b", threshold=0.5)
        results.begin("a", {"threshold": 0.6})
        assert not any(file.exists() for file in files)
        assert all(file.is_file() for file in others)

    @pytest.mark.parametrize("outside", ["../mine", "/{}/mine"])
    def test_takes_nothing_away_that_lies_elsewhere(self, tmp_path: Path, outside: str) -> None:
        (tmp_path / "mine").touch()
        results = ResultFolder(tmp_path / "out")
        finish(results, "a")
        path = tmp_path / "out" / ".finished" / "a.json"
        edit_json(path, lambda record: record.update(files=[outside.format(tmp_path)]))
        results.begin("a", {"threshold": 0.6})
        assert not path.exists()
        assert (tmp_path / "mine").exists()


class TestMeasurements:
    def test_are_those_of_all_finished_scans_in_the_order_of_their_names(self, tmp_path: Path) -> None:
        results = ResultFolder(tmp_path)
        for name in ("p/b", "c", "a"):
            finish(results, name)
        assert [row["scan"] for row in table(results)] == ["a", "c", "p/b"]
        assert table(results)[0] == {
            "scan": "a",
            "foreground_voxels": "3",
            "volume_ml": "1.5",
            "area_mm2": "",
            "area_px2": "",
            "slices_with_foreground": "2",
            "components": "1",
            "mean_intensity": "40",
            "sd_intensity": "5",
            "intensity_unit": "HU",
            "flags": "empty; odd",
            "warnings": "another spacing",
        }

    def test_of_a_scan_that_is_begun_anew_are_gone_at_once(self, tmp_path: Path) -> None:
        """Else they would stand beside files that are no longer those that were measured."""
        results = ResultFolder(tmp_path)
        finish(results, "a")
        finish(results, "b")
        results.begin("a", {})
        assert [row["scan"] for row in table(results)] == ["b"]

    def test_damaged_record_is_left_out(self, tmp_path: Path) -> None:
        results = ResultFolder(tmp_path)
        finish(results, "a")
        (tmp_path / ".finished" / "b.json").write_text("[]")
        finish(results, "c")
        assert [row["scan"] for row in table(results)] == ["a", "c"]

    def test_record_is_there_only_once_it_is_complete(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def cut(self: Path, text: str, encoding: str | None = None) -> int:
            with self.open("w", encoding=encoding) as file:
                file.write(text[:10])
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_text", cut)
        results = ResultFolder(tmp_path)
        with pytest.raises(OSError, match="No space left"):
            finish(results, "a")
        assert results.finished("a") is None
        assert not list((tmp_path / ".finished").iterdir())


class TestSourceStamp:
    def test_changes_with_size_or_time_of_a_file(self, tmp_path: Path) -> None:
        files = [tmp_path / "a", tmp_path / "b"]
        for file in files:
            file.write_bytes(b"abc")
            os.utime(file, ns=(0, 1_000))
        assert source_stamp(files)["files"] == [[3, 1000], [3, 1000]]
        os.utime(files[1], ns=(0, 2_000))
        assert source_stamp(files)["files"] == [[3, 1000], [3, 2000]]
        files[0].write_bytes(b"abcd")
        os.utime(files[0], ns=(0, 1_000))
        assert source_stamp(files)["files"] == [[4, 1000], [3, 2000]]

    def test_tells_files_of_one_name_apart(self, tmp_path: Path) -> None:
        for folder in ("p1", "p2"):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "ct.nii").write_bytes(b"abc")
            os.utime(tmp_path / folder / "ct.nii", ns=(0, 1_000))
        first, second = (source_stamp([tmp_path / folder / "ct.nii"]) for folder in ("p1", "p2"))
        assert first["files"] == second["files"]
        assert first["where"] != second["where"]

    def test_survives_json(self, tmp_path: Path) -> None:
        (tmp_path / "a").touch()
        stamp = source_stamp([tmp_path / "a"])
        assert json.loads(json.dumps(stamp)) == stamp
