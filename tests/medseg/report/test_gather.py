from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from medseg.errors import MedsegError, UsageError
from medseg.report.gather import StudyScores, gather
from medseg.report.headline import gaps
from medseg.report.measures import measure
from tests.factories import edit_json
from tests.medseg.studies import MadeStudy, make_study

TWO = ("unet", "fcn8s")


@pytest.fixture
def study(tmp_path: Path) -> MadeStudy:
    return make_study(tmp_path, networks=TWO, seeds=(0,))


class TestGather:
    def test_puts_all_trainings_below_each_other(self, picture_scores: StudyScores) -> None:
        # 4 networks, 3 folds, 2 seeds; 2 images a fold.
        assert len(picture_scores.cases) == len(picture_scores.images) == 4 * 3 * 2 * 2
        assert picture_scores.networks == ("unet", "unet_early_skip", "unet_early_skip_concat", "fcn8s")
        assert (picture_scores.folds, picture_scores.seeds) == ((0, 1, 2), (0, 1))
        assert not picture_scores.volumes
        assert picture_scores.missing_runs == ()
        assert picture_scores.missing_cases == {}

    def test_volumes_are_known_by_their_slices(self, volume_scores: StudyScores) -> None:
        assert volume_scores.volumes
        assert volume_scores.case_noun == "volume"
        assert len(volume_scores.images) == 4 * len(volume_scores.cases)
        assert "hd95_mm" in [measure.column for measure in volume_scores.measures]

    def test_is_called_as_the_plan_says(self, study: MadeStudy) -> None:
        renamed = study.folder.rename(study.folder.parent / "elsewhere")
        assert gather(renamed).name == "discs_study"
        (renamed / "study.yaml").unlink()
        assert gather(renamed).name == "elsewhere"


class TestMissing:
    def test_names_trainings_that_the_plan_has(self, study: MadeStudy) -> None:
        remove(study.result("fcn8s", fold=1))
        scores = gather(study.folder)
        assert scores.missing_runs == ("fcn8s, fold 1, seed 0",)
        assert scores.missing_cases == {"fcn8s": ["disc_001", "disc_004"]}

    def test_without_a_plan_names_what_one_network_has_and_another_lacks(self, study: MadeStudy) -> None:
        (study.folder / "study.yaml").unlink()
        for network in TWO:
            remove(study.result(network, fold=2))
        remove(study.result("fcn8s", fold=1))
        assert gather(study.folder).missing_runs == ("fcn8s, fold 1, seed 0",)

    def test_a_plan_of_all_folds_has_those_that_no_training_is_of(self, study: MadeStudy) -> None:
        plan = study.folder / "study.yaml"
        plan.write_text(plan.read_text().replace("[0, 1, 2]", "all").replace("folds:\n- 0\n- 1\n- 2", "folds: all"))
        assert gather(study.folder).missing_runs == ()
        for network in TWO:
            remove(study.result(network, fold=2))
        assert gather(study.folder).missing_runs == ("the folds of 2 other cases",)


class TestSetAside:
    def planned(self, study: MadeStudy, **changes: object) -> StudyScores:
        path = study.folder / "study.yaml"
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes))
        return gather(study.folder)

    def test_what_the_plan_does_not_have(self, study: MadeStudy) -> None:
        scores = self.planned(study, bundles=["unet"], folds=[0, 2])
        assert {(result.bundle, result.fold) for result in scores.results} == {("unet", 0), ("unet", 2)}
        assert scores.missing_runs == ()
        assert "unet, fold 1, seed 0 (the plan has no such fold)" in scores.set_aside
        assert "fcn8s, fold 0, seed 0 (the plan has no such bundle)" in scores.set_aside
        assert len(scores.set_aside) == 4
        told = list(gaps(scores, measure("dice")))
        assert told[0].startswith("Left out, since study.yaml has another plan: unet, fold 1, seed 0 (the plan has")

    def test_other_settings_than_the_plans(self, study: MadeStudy) -> None:
        scores = self.planned(study, per_bundle={"fcn8s": {"max_epochs": 12}})
        assert scores.networks == ("unet",)
        assert scores.set_aside[0] == "fcn8s, fold 0, seed 0 (max_epochs 6, in the plan 12)"
        assert "fcn8s, fold 0, seed 0" in scores.missing_runs

    def test_the_plans_own_settings_stay(self, study: MadeStudy) -> None:
        scores = self.planned(study, settings={"max_epochs": 6, "image_size": None, "val_interval": 3})
        assert scores.set_aside == ()

    def test_nothing_of_the_plan_is_refused(self, study: MadeStudy) -> None:
        with pytest.raises(
            UsageError, match=r"a finished training of its plan in results/, got none, but unet, fold 0, .*no such seed"
        ):
            self.planned(study, seeds=[7])

    def test_other_data_than_the_plans_are_refused(self, study: MadeStudy) -> None:
        own = study.manifest.fingerprint[:12]
        with pytest.raises(UsageError, match=f"with fingerprint 0123456789ab, got {own} .unet-fold0-seed0-"):
            self.planned(study, fingerprint="0123456789ab")


class TestNames:
    def test_a_case_or_group_called_na_is_no_missing_one(self, study: MadeStudy) -> None:
        for path in study.folder.glob("results/*/*_*.csv"):
            path.write_text(path.read_text().replace("disc_001", "NA").replace("g1,", "null,"))
        scores = gather(study.folder)
        assert len(scores.cases) == 2 * 6
        assert "NA" in set(scores.cases.case)
        assert "null" in set(scores.cases.group)


class TestRefused:
    def test_a_training_twice(self, study: MadeStudy) -> None:
        first = study.result("unet")
        shutil.copytree(first, first.with_name("unet-fold0-seed0-copy"))
        with pytest.raises(UsageError, match="must have one training of unet, fold 0, seed 0, got unet-fold0-seed0-"):
            gather(study.folder)

    def test_facts_without_a_value(self, study: MadeStudy) -> None:
        edit_json(study.result("unet") / "run.json", lambda facts: facts.update(fold=None))
        with pytest.raises(MedsegError, match=r"run\.json: must hold fold, but it does not"):
            gather(study.folder)

    def test_no_study(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"must be a folder with study.yaml and results/, but it has neither"):
            gather(tmp_path)

    def test_nothing_finished(self, study: MadeStudy) -> None:
        for network in TWO:
            for folder in study.results(network):
                remove(folder)
        with pytest.raises(UsageError, match="must have a finished training in results/, got none"):
            gather(study.folder)

    @pytest.mark.parametrize(
        ("name", "value", "rule"),
        [
            ("fingerprint", "e" * 64, "the same data"),
            ("split_sha256", "6" * 64, "the same folds"),
            ("image_size", [64, 64], "images of the same size"),
        ],
    )
    def test_what_is_not_comparable(self, study: MadeStudy, name: str, value: object, rule: str) -> None:
        edit_json(study.result("fcn8s") / "run.json", lambda facts: facts.update({name: value}))
        with pytest.raises(UsageError, match=f"must be of {rule}, got {name}"):
            gather(study.folder)

    def test_broken_table_is_named(self, study: MadeStudy) -> None:
        (study.result("unet") / "volumes_last.csv").write_bytes(b'case,dice\n"disc,0.5\n\xff')
        with pytest.raises(MedsegError, match=r"volumes_last\.csv: must be a table of a finished training"):
            gather(study.folder)

    def test_table_without_a_column_is_named(self, study: MadeStudy) -> None:
        path = study.result("unet") / "volumes_best.csv"
        pd.read_csv(path).drop(columns="dice").to_csv(path, index=False)
        with pytest.raises(
            MedsegError, match=r"volumes_best\.csv: must hold what a training recorded, got no column dice"
        ):
            gather(study.folder)

    @pytest.mark.parametrize(("name", "column"), [("history", "epoch"), ("calibration_last", "pixels")])
    def test_other_tables_without_a_column_are_named(self, study: MadeStudy, name: str, column: str) -> None:
        path = study.result("fcn8s") / f"{name}.csv"
        pd.read_csv(path).drop(columns=column).to_csv(path, index=False)
        with pytest.raises(MedsegError, match=rf"{name}\.csv: must hold .*, got no column {column}"):
            gather(study.folder)

    def test_table_without_rows_is_named(self, study: MadeStudy) -> None:
        path = study.result("unet") / "scores_last.csv"
        pd.read_csv(path).head(0).to_csv(path, index=False)
        with pytest.raises(MedsegError, match=r"scores_last\.csv: must hold what a training recorded, got no row"):
            gather(study.folder)


def remove(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
