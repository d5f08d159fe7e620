from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from medseg.report.content import Report
from medseg.report.pareto import pareto_front
from tests.factories import edit_json
from tests.medseg.studies import make_content, make_study

POINTS = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=2), st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1
)


class TestParetoFront:
    def test_leaves_out_what_another_beats_in_both(self) -> None:
        points = {"cheap": (1.0, 0.8), "good": (3.0, 0.9), "worse": (4.0, 0.85), "same cost": (1.0, 0.7)}
        assert pareto_front(points) == ["cheap", "good"]

    def test_equal_ones_are_both_on_it(self) -> None:
        assert pareto_front({"b": (1.0, 0.8), "a": (1.0, 0.8)}) == ["a", "b"]

    def test_lower_may_be_better(self) -> None:
        assert pareto_front({"a": (1.0, 5.0), "b": (2.0, 7.0)}, higher_is_better=False) == ["a"]

    @given(POINTS)
    def test_everything_else_is_dominated_by_one_on_it(self, points: dict[str, tuple[float, float]]) -> None:
        front = pareto_front(points)
        assert front
        for name, (cost, score) in points.items():
            assert name in front or any(points[f][0] <= cost and points[f][1] >= score for f in front)

    @given(POINTS)
    def test_no_two_on_it_dominate_each_other(self, points: dict[str, tuple[float, float]]) -> None:
        on_it = sorted({points[name] for name in pareto_front(points)})
        assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(on_it))


class TestParetoPlots:
    def test_are_of_time_and_of_parameters(self, report: Report) -> None:
        assert [plot.name for plot in report.pareto] == ["pareto_time", "pareto_parameters"]
        # fcn8s costs most and has the largest errors.
        assert "fcn8s" not in report.pareto[0].description.split("On the front:")[1]
        assert "unet: 17.8 ms" in report.pareto[0].description
        assert "fcn8s: 134 M" in report.pareto[1].description

    def test_scores_are_over_what_all_have_scored(self, tmp_path: Path) -> None:
        study = make_study(tmp_path, networks=("unet", "fcn8s"), seeds=(0,))
        assert "that all have scored" not in make_content(study).pareto[0].caption
        shutil.rmtree(study.result("fcn8s", fold=1))
        time, parameters = make_content(study).pareto
        tables = [pd.read_csv(study.result("unet", fold) / "volumes_last.csv") for fold in (0, 2)]
        mean = pd.concat(tables).dice.mean()
        for plot in (time, parameters):
            assert plot.caption.endswith("95 % intervals. Over the 4 images that all have scored.")
            assert f", {mean:.4f}; fcn8s: " in plot.description

    def test_without_a_common_case_there_is_none(self, tmp_path: Path) -> None:
        study = make_study(tmp_path, networks=("unet", "unet_early_skip", "fcn8s"), seeds=(0,))
        for network, fold in (("unet", 0), ("unet_early_skip", 1), ("fcn8s", 2)):
            shutil.rmtree(study.result(network, fold=fold))
        report = make_content(study)
        assert report.pareto == ()
        assert len(report.tables["pairs"].rows) == 3

    def test_times_of_two_machines_stand_in_no_chart(self, tmp_path: Path) -> None:
        study = make_study(tmp_path, networks=("unet", "fcn8s"), seeds=(0,))
        (cost,) = study.folder.glob("costs/fcn8s-*.json")
        edit_json(cost, lambda facts: facts.update(device="cuda:0"))
        report = make_content(study)
        assert [plot.name for plot in report.pareto] == ["pareto_parameters"]
        assert "Times of different machines cannot be compared" in report.tables["cost"].note
