from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from medseg.runs.score_files import read_table, write_table


class TestTables:
    def test_come_back_to_the_last_digit(self, tmp_path: Path) -> None:
        table = pd.DataFrame({"group": ["g", "h"], "case": ["a", "b"], "slice": [0, 12], "dice": [0.1 + 0.2, 1 / 3]})
        write_table(tmp_path / "scores.csv", table)
        pd.testing.assert_frame_equal(read_table(tmp_path / "scores.csv"), table, check_exact=True)

    def test_names_of_digits_stay_text(self, tmp_path: Path) -> None:
        write_table(tmp_path / "scores.csv", pd.DataFrame({"group": ["01"], "case": ["007"], "dice": [1.0]}))
        assert read_table(tmp_path / "scores.csv").to_numpy().tolist() == [["01", "007", 1.0]]

    def test_names_that_say_nothing_elsewhere_stay_text(self, tmp_path: Path) -> None:
        names = ["NA", "null", "None", "N/A"]
        table = pd.DataFrame({"group": names, "case": names[::-1], "dice": [1.0, math.nan, 0.5, 0.0]})
        write_table(tmp_path / "scores.csv", table)
        pd.testing.assert_frame_equal(read_table(tmp_path / "scores.csv"), table)

    def test_what_is_not_known_is_an_empty_cell(self, tmp_path: Path) -> None:
        write_table(tmp_path / "volumes.csv", pd.DataFrame({"case": ["a"], "hd95_mm": [math.nan], "dice": [0.0]}))
        assert (tmp_path / "volumes.csv").read_text() == "case,hd95_mm,dice\na,,0.0\n"
        assert read_table(tmp_path / "volumes.csv").hd95_mm.isna().all()

    def test_nothing_else_is_left(self, tmp_path: Path) -> None:
        write_table(tmp_path / "new" / "scores.csv", pd.DataFrame({"dice": [1.0]}))
        assert [path.name for path in (tmp_path / "new").iterdir()] == ["scores.csv"]
