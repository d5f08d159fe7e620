from __future__ import annotations

import io
from pathlib import Path
from typing import Literal

import pandas as pd
import pytest

from medseg.report.evidence import StudyEvidence
from medseg.report.gather import gather
from medseg.report.measures import measure
from medseg.study.folders import StudyFolder
from medseg.study.overview import Overview, make_overview, mean_over_units
from medseg.study.plan import StudyPlan
from medseg.study.planned import planned_runs
from medseg.study.states import RunState
from tests.medseg.studies import MadeStudy, make_study

TWO = ("unet", "fcn8s")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> MadeStudy:
    """Two networks on three folds."""
    return make_study(tmp_path_factory.mktemp("study"), networks=TWO, seeds=(0,))


def overview(study: MadeStudy, *, failed: int = 0, left: int = 0) -> Overview:
    """Of the study, as if of its trainings the last ones were not done."""
    plan = StudyPlan("discs_study", TWO)
    runs = planned_runs(plan, study.manifest)
    states: list[Literal["done", "failed", "left"]] = ["done"] * (len(runs) - failed - left)
    states += ["failed"] * failed + ["left"] * left
    known = [RunState(run, state, 6) for run, state in zip(runs, states, strict=True)]
    return make_overview(plan, study.manifest, StudyFolder(study.folder), known, experiment="3")


class TestMeanOverUnits:
    def test_cases_weigh_the_same_within_a_unit_and_units_the_same(self) -> None:
        rows = [("g0", "a", 0.2), ("g0", "a", 0.4), ("g0", "b", 0.9), ("g1", "c", 1.0)]
        cases = pd.DataFrame(rows, columns=["group", "case", "dice"])
        # a: 0.3, so g0: 0.6.
        assert mean_over_units(cases, "dice") == pytest.approx(0.8)


class TestMakeOverview:
    def test_verdict_stands_first(self, study: MadeStudy) -> None:
        scores = gather(study.folder)
        compared = StudyEvidence(scores, "block").pairs(measure("dice"))
        assert compared is not None
        first, _, about, *_ = overview(study).note.splitlines()
        assert first == f"**6 of 6 trainings done:** {compared.sentence}"
        assert (
            about
            == "Study `discs_study` of `unet`, `fcn8s` on `discs` (microscopy, disc): 3 folds of a group split, 1 seed."
        )

    def test_what_is_not_done_is_counted(self, study: MadeStudy) -> None:
        found = overview(study, failed=1, left=2)
        assert found.note.startswith("**3 of 6 trainings done, 1 failed, 2 left:** ")
        assert found.done == 3

    def test_links_lead_to_the_trainings(self, study: MadeStudy) -> None:
        wish = (
            "searchFilter=tags.study%20%3D%20%27discs_study%27%20AND%20tags.architecture%20%21%3D%20%27%27&orderByKey="
        )
        assert (
            f"](#/experiments/3/runs?workflowType=machine_learning&compareRunsMode=CHART&{wish}" in overview(study).note
        )

    def test_nothing_done_compares_nothing(self, study: MadeStudy) -> None:
        found = overview(study, left=6)
        assert found.note.startswith("**0 of 6 trainings done, 6 left:** nothing to compare yet.\n")
        assert (found.metrics, found.tables) == ({}, {})

    def test_metrics_are_those_of_the_evidence(self, study: MadeStudy) -> None:
        compared = StudyEvidence(gather(study.folder), "block").pairs(measure("dice"))
        assert compared is not None
        metrics = overview(study).metrics
        for network in compared.networks:
            assert metrics[f"dice.{network.architecture}"] == pytest.approx(network.mean)
        assert metrics["parameters.unet"] == 7_759_521
        assert metrics["train_seconds.unet"] == 70  # 60, 70 and 80

    def test_tables_hold_trainings_and_cases(self, study: MadeStudy) -> None:
        tables = {name: pd.read_csv(io.StringIO(text)) for name, text in overview(study).tables.items()}
        assert len(tables["trainings.csv"]) == 6
        first = tables["trainings.csv"].iloc[0]
        volumes = pd.read_csv(study.result("unet") / "volumes_last.csv")
        assert (first.bundle_name, first.fold, first.window) == ("unet", 0, "[0.0, 255.0]")
        assert first.mean_dice == pytest.approx(volumes.dice.mean())
        assert len(tables["cases.csv"]) == 2 * 6

    def test_a_single_network_has_no_verdict(self, tmp_path: Path) -> None:
        made = make_study(tmp_path, networks=("unet",), seeds=(0,))
        plan = StudyPlan("discs_study", ("unet",))
        states = [RunState(run, "done", 6) for run in planned_runs(plan, made.manifest)]
        found = make_overview(plan, made.manifest, StudyFolder(made.folder), states, experiment="3")
        assert found.note.startswith("**3 of 3 trainings done:** only unet, nothing to compare it with.\n")

    def test_what_may_not_be_compared_says_so_without_a_path(self, tmp_path: Path) -> None:
        made = make_study(tmp_path, networks=TWO, seeds=(0,))
        facts = made.result("unet") / "run.json"
        facts.write_text(facts.read_text().replace('"image_size": null', '"image_size": [9, 9]'))
        found = overview(made)
        assert found.note.startswith(
            "**6 of 6 trainings done:** they cannot be put into one comparison; `medseg report` says why.\n"
        )
        assert str(tmp_path) not in found.note

    def test_a_leaky_split_is_named_first(self, tmp_path: Path) -> None:
        made = make_study(tmp_path, networks=TWO, seeds=(0,), data={"method": "random"})
        assert overview(made).note.startswith("**Leaky split: ")
