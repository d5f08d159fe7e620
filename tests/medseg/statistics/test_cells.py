from __future__ import annotations

import numpy as np
import pandas as pd

from medseg.statistics.cells import arrange
from medseg.statistics.evidence import Missing


def table(*rows: tuple[str, int, int, str, str, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["architecture", "fold", "seed", "group", "case", "dice"])


class TestArrange:
    def test_cases_are_in_the_order_in_which_people_count(self) -> None:
        rows = [("unet", 0, 0, "block_10", "case_2", 0.1), ("unet", 0, 0, "block_9", "case_10", 0.2)]
        cells = arrange(table(*rows, ("unet", 0, 0, "block_9", "case_9", 0.3)), "dice")
        assert list(cells.names["case"]) == ["case_9", "case_10", "case_2"]
        assert cells.values.tolist() == [[0.3, 0.2, 0.1]]
        assert cells.case.tolist() == [0, 1, 2]
        assert cells.unit.tolist() == [0, 0, 1]

    def test_networks_keep_their_order_and_share_cells(self) -> None:
        cells = arrange(table(("unet", 0, 0, "p", "c", 0.1), ("fcn8s", 0, 0, "p", "c", 0.2)), "dice")
        assert cells.architectures == ("unet", "fcn8s")
        assert cells.values.tolist() == [[0.1], [0.2]]

    def test_a_case_in_several_folds_and_seeds_has_a_cell_each(self) -> None:
        rows = [("unet", fold, seed, "p", "c", fold + seed / 10) for fold in (1, 0) for seed in (5, 3)]
        cells = arrange(table(*rows), "dice")
        assert cells.values.tolist() == [[0.3, 0.5, 1.3, 1.5]]
        assert cells.case.tolist() == [0, 0, 0, 0]
        assert cells.run.tolist() == [0, 1, 2, 3]
        assert cells.fold.tolist() == [0, 0, 1, 1]
        assert cells.seed.tolist() == [0, 1, 0, 1]


class TestMissing:
    def test_names_what_others_have_scored_and_what_is_empty(self) -> None:
        rows = [("unet", 0, seed, "p", case, 0.5) for seed in (0, 1) for case in ("a", "b")]
        cells = arrange(table(*rows, ("fcn8s", 0, 0, "p", "a", 0.5), ("fcn8s", 0, 0, "p", "b", np.nan)), "dice")
        assert cells.missing == (Missing("fcn8s", 0, 0, ("b",)), Missing("fcn8s", 0, 1, ("a", "b")))

    def test_nothing_is_missing_where_all_have_all(self) -> None:
        assert arrange(table(("unet", 0, 0, "p", "c", 0.1), ("fcn8s", 0, 0, "p", "c", 0.2)), "dice").missing == ()
