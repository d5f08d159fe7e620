from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from medseg.errors import UsageError
from medseg.statistics.check import check_complete, check_scores
from medseg.statistics.evidence import Missing
from tests.medseg.statistics.tables import one_score_each


class TestCheckScores:
    def test_a_sound_table_passes(self) -> None:
        check_scores(one_score_each(unet=[0.5, np.nan]), "dice")

    def test_a_lacking_column_is_named_beside_those_that_must_be_there(self) -> None:
        with pytest.raises(UsageError, match=r"architecture, fold, seed, group, case, iou, got none named group, iou"):
            check_scores(one_score_each(unet=[0.5]).drop(columns="group"), "iou")

    @pytest.mark.parametrize("scores", [[], [np.nan, np.nan]])
    def test_no_score_at_all_is_refused(self, scores: list[float]) -> None:
        table = pd.concat([one_score_each(unet=[0.5]).iloc[:0], one_score_each(unet=scores)])
        with pytest.raises(UsageError, match="dice must be there for at least one case, got none"):
            check_scores(table, "dice")

    def test_an_infinite_score_is_named(self) -> None:
        with pytest.raises(
            UsageError, match=r"dice must be finite, got infinity for case_1 \(unet, fold 0, seed 0\); leave"
        ):
            check_scores(one_score_each(unet=[0.5, np.inf]), "dice")

    def test_two_scores_of_a_case_by_one_training_are_named(self) -> None:
        table = one_score_each(unet=[0.5, 0.6])
        with pytest.raises(
            UsageError, match=r"must score a case once, got two scores of case_0 \(unet, fold 0, seed 0\)"
        ):
            check_scores(pd.concat([table, table.iloc[:1]]), "dice")

    def test_a_case_in_two_groups_is_named(self) -> None:
        other = one_score_each(fcn8s=[0.5, 0.6]).assign(group="patient_1")
        with pytest.raises(UsageError, match=r"a case must be in one group, got several for case_0$"):
            check_scores(pd.concat([one_score_each(unet=[0.5, 0.6]), other]), "dice")

    def test_many_names_are_cut_short(self) -> None:
        with pytest.raises(UsageError, match=r"case_4 \(unet, fold 0, seed 0\) and 3 more;"):
            check_scores(one_score_each(unet=[np.inf] * 8), "dice")


class TestCheckComplete:
    def test_nothing_missing_passes(self) -> None:
        check_complete(())

    def test_missing_cases_are_named_with_their_network_fold_and_seed(self) -> None:
        gaps = [Missing("unet", 0, 1, ("case_0", "case_2")), Missing("fcn8s", 3, 0, ("case_9",))]
        with pytest.raises(
            UsageError, match="missing unet, fold 0, seed 1: case_0, case_2; fcn8s, fold 3, seed 0: case_9;"
        ):
            check_complete(gaps)
