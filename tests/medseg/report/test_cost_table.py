from __future__ import annotations

from pathlib import Path

import pytest

from medseg.io.atomic import write_json
from medseg.report.content import Report
from medseg.report.cost_table import cost_table
from medseg.report.gather import StudyScores
from tests.medseg.studies import make_content, make_cost, make_study


class TestCostTable:
    def test_shows_what_was_measured(self, report: Report) -> None:
        table = report.tables["cost"]
        # Trainings take 60, 61, 70, 71, 80 and 81 s.
        assert table.rows[0] == (
            "unet", "7,759,521", "7.76 G", "1.2 min", "55.9 ms", "17.8 ms", "724 MB", "331 MB",
        )  # fmt: skip
        assert table.data.training_seconds[0] == pytest.approx(70.5)

    def test_says_how(self, report: Report) -> None:
        note = report.tables["cost"].note
        assert "slices of 48 × 40 pixels" in note
        assert "on cpu (Linux x86_64, 2 cores, 2 threads)" in note
        assert "median of 20 repeats" in note

    def test_what_was_not_measured_is_a_dash(self, picture_scores: StudyScores) -> None:
        table = cost_table(picture_scores, {"unet": make_cost("unet", (48, 40))})
        assert table.rows[1] == ("unet_early_skip", "7,765,409", "–", "1.2 min", "–", "–", "–", "–")

    def test_costs_of_former_settings_are_left_out(self, tmp_path: Path) -> None:
        study = make_study(tmp_path, networks=("unet", "fcn8s"), seeds=(0,))
        former = {**make_cost("unet", (96, 80)), "config_sha256": "f" * 64, "multiply_adds": 1}
        write_json(study.folder / "costs" / "unet-ffffffff.json", former)
        table = make_content(study).tables["cost"]
        assert table.rows[0][:3] == ("unet", "7,759,521", "7.76 G")
        assert "slices of 48 × 40 pixels," in table.note

    def test_without_costs_there_is_no_chart_of_time(self, tmp_path: Path) -> None:
        study = make_study(tmp_path, networks=("unet", "fcn8s"), seeds=(0,))
        for file in (study.folder / "costs").iterdir():
            file.unlink()
        report = make_content(study)
        assert [plot.name for plot in report.pareto] == ["pareto_parameters"]
        assert "were not measured" in report.tables["cost"].note
