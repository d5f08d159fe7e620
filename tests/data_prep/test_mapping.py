from __future__ import annotations

import csv
import stat
from pathlib import Path

import pytest

from data_prep.mapping import check_mapping
from data_prep.options import How, Options
from data_prep.prepare import prepare
from medseg.errors import UsageError
from tests.data_prep.raw_folders import contents, make_suffixed


class TestMapping:
    def test_says_which_case_came_from_where(self, tmp_path: Path) -> None:
        raw, path = make_suffixed(tmp_path / "raw", ["meyer/0", "schulz/0"]), tmp_path / "private" / "map.csv"
        options = Options(name="set", groups="^(.*)/")
        prepare(raw, tmp_path / "out", options, how=How(mapping=path))
        with path.open(newline="", encoding="utf-8") as file:
            rows = [*csv.DictReader(file)]
        assert [(row["case"], row["group"], row["name"], row["files"]) for row in rows] == [
            ("case_0000", "g00", "meyer/0", "1"),
            ("case_0001", "g01", "schulz/0", "1"),
        ]
        assert [row["first_file"] for row in rows] == [str(raw / "meyer" / "0.png"), str(raw / "schulz" / "0.png")]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        before = contents(tmp_path / "out")
        prepare(raw, tmp_path / "out", options, how=How(mapping=path))
        assert contents(tmp_path / "out") == before

    @pytest.mark.parametrize(("place", "folder"), [("out/map.csv", "OUT"), ("raw/a/map.csv", "RAW"), ("out", "OUT")])
    def test_is_not_written_where_it_would_be_given_away(self, tmp_path: Path, place: str, folder: str) -> None:
        with pytest.raises(UsageError, match=rf"must lie outside {folder} .*; it holds patients' names$"):
            check_mapping(tmp_path / place, tmp_path / "raw", tmp_path / "out")

    def test_another_file_is_not_overwritten(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.csv").write_text("a,b\n", encoding="utf-8")
        for path in (tmp_path / "thesis.csv", tmp_path):
            with pytest.raises(UsageError, match=r"must be a new file or an earlier mapping, got another$"):
                check_mapping(path, tmp_path / "raw", tmp_path / "out")

    def test_link_in_the_prepared_data_set_is_no_way_around(self, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "map.csv").symlink_to(tmp_path / "map.csv")
        with pytest.raises(UsageError, match=r"must lie outside OUT"):
            check_mapping(tmp_path / "out" / "map.csv", tmp_path / "raw", tmp_path / "out")

    def test_place_that_cannot_be_written_is_told_before_the_work(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("", encoding="utf-8")
        with pytest.raises(UsageError, match=r"must lie in a folder that can be written, got .*/file$"):
            check_mapping(tmp_path / "file" / "map.csv", tmp_path / "raw", tmp_path / "out")
