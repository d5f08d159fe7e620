from __future__ import annotations

import numpy as np
import pytest

from benchmarks.statistics.candidates import CANDIDATES
from benchmarks.statistics.cli import main
from benchmarks.statistics.coverage import Coverage, cover
from benchmarks.statistics.report import coverage_table, verdict_table
from benchmarks.statistics.simulate import Design, cells_of, draw_differences, draw_scores
from benchmarks.statistics.verdicts import Verdicts


class TestSimulate:
    def test_differences_have_the_mean_and_the_deviations_of_the_design(self) -> None:
        design = Design(4000, folds=4000, unit_sd=0.02, residual_sd=0.0, training_sd=0.01)
        values, truth = draw_differences(design, cells_of(design), 0.05, np.random.default_rng(0))
        shown = values[values != 0] * 0.85
        assert (values == 0).mean() == pytest.approx(0.15, abs=0.02)
        assert shown.mean() == pytest.approx(0.05, abs=0.002)
        assert shown.std() == pytest.approx((0.02**2 + 0.01**2) ** 0.5, rel=0.05)
        assert truth == pytest.approx(0.05, abs=0.001)

    def test_neighbouring_cases_correlate(self) -> None:
        design = Design(1, 20_000, folds=1, unit_sd=0.0, case_sd=0.02, residual_sd=0.0, likeness=0.8)
        values, _ = draw_differences(design, cells_of(design), 0.0, np.random.default_rng(0))
        both = (values[1:] != 0) & (values[:-1] != 0)
        assert np.corrcoef(values[1:][both], values[:-1][both])[0, 1] == pytest.approx(0.8, abs=0.02)

    def test_scores_have_a_row_a_network_case_and_training(self) -> None:
        scores = draw_scores(Design(10, 2, folds=5, seeds=3), [0.1, 0.0], np.random.default_rng(0))
        assert len(scores) == 2 * 10 * 2 * 3
        assert scores.groupby("fold")["group"].nunique().tolist() == [2] * 5
        assert scores["dice"].between(0, 1).all()


class TestCover:
    def test_each_kind_has_its_share(self) -> None:
        found = cover(Design(8), 20, seed=0)
        assert set(found) == set(CANDIDATES)
        assert all(0 <= kind.trained <= 1 and kind.repetitions == 20 for kind in found.values())


class TestTables:
    def test_coverage_and_width(self) -> None:
        kinds = {name: Coverage(0.9, 0.95, 0.0123, 200) for name in CANDIDATES}
        lines = coverage_table("Title", "architectures", {"6 patients": kinds}).splitlines()
        assert lines[0] == "**Title**"
        assert lines[-1] == f"| 6 patients | {' | '.join(['0.900 (0.0123)'] * len(CANDIDATES))} | 200 |"

    def test_verdicts(self) -> None:
        rows = {"6 patients": (Verdicts(0.02, None, 0.4, 0.06, 100), Verdicts(0.01, 0.8, 0.3, 0.05, 90))}
        assert verdict_table("Title", rows).splitlines()[-1] == (
            "| 6 patients | 0.020 | 0.060 | 0.400 | 0.800 | 0.010 | 100, 90 |"
        )


class TestMain:
    def test_prints_a_table_with_a_row_a_design(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--repetitions", "2", "--tables", "one-seed"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "**One training a fold: the difference of these trained networks**"
        assert sum(line.startswith("| 6 patients |") and line.endswith("| 2 |") for line in lines) == 1

    @pytest.mark.parametrize("option", ["--repetitions", "--comparisons", "--workers"])
    def test_below_one_is_refused(self, option: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([option, "0"]) == 2
        assert capsys.readouterr().err == f"error: {option} must be at least 1, got 0\n"
