from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from monai.data import MetaTensor
from torch import nn

from medseg.errors import MedsegError, UsageError
from medseg.handlers import ScoreTable
from medseg.manifest import Manifest
from tests.factories import make_prepared
from tests.medseg.handlers.outputs import COLUMN, CORNER, EMPTY, make_item, passing_engine

# Three of four pixels right by a logit of 2, one wrong by 2.
RIGHT, WRONG = math.log1p(math.exp(-2)), math.log1p(math.exp(2))
CORNER_FOR_COLUMN = (3 * RIGHT + WRONG) / 4


def scored(manifest: Manifest, *epochs: list[list[dict[str, MetaTensor]]], loss: nn.Module | None = None) -> ScoreTable:
    """Scores after an evaluator's epochs, each of some batches; the cases are those of ``manifest``."""
    scores, engine = ScoreTable(loss or nn.BCEWithLogitsLoss(), str(manifest.root)), passing_engine()
    scores.attach(engine)
    for batches in epochs:
        engine.run(batches)
    return scores


class TestTable:
    def test_holds_a_row_a_slice_after_the_epoch(self, prepared: Manifest) -> None:
        batches = [[make_item("disc_003", 0, CORNER, COLUMN)], [make_item("disc_001", 3, EMPTY, EMPTY)]]
        table = scored(prepared, batches).table
        assert list(zip(table.group, table.case, table.slice, strict=True)) == [
            ("g1", "disc_001", 3),
            ("g0", "disc_003", 0),
        ]
        assert list(table.dice) == pytest.approx([1.0, 2 / 3])
        assert list(table.precision) == [1.0, 1.0]
        assert list(table.recall) == [1.0, 0.5]
        assert list(table.true_positive_px) == [0, 1]
        assert list(table.false_negative_px) == [0, 1]

    def test_loss_is_that_of_the_slices_logits(self, prepared: Manifest) -> None:
        table = scored(prepared, [[make_item("disc_000", 0, CORNER, COLUMN)]]).table
        assert table.loss[0] == pytest.approx(CORNER_FOR_COLUMN)

    def test_cross_entropy_is_the_same_whatever_the_loss(self, prepared: Manifest) -> None:
        table = scored(prepared, [[make_item("disc_000", 0, CORNER, COLUMN)]], loss=nn.L1Loss()).table
        assert table.cross_entropy[0] == pytest.approx(CORNER_FOR_COLUMN)
        # Logits 2 and -2 are 1 and 2 off the truth's 1 and 0, and 3 off where it was missed.
        assert table.loss[0] == pytest.approx((1 + 3 + 2 + 2) / 4)

    def test_calibration_error_is_that_of_the_probabilities(self, prepared: Manifest) -> None:
        table = scored(prepared, [[make_item("disc_000", 0, CORNER, COLUMN)]]).table
        high, low = 1 / (1 + math.exp(-2)), 1 / (1 + math.exp(2))
        # One pixel is called foreground and is; of three called background one is not.
        assert table.calibration_error[0] == pytest.approx(((1 - high) + abs(3 * low - 1)) / 4)

    def test_every_item_of_a_batch_counts(self, prepared: Manifest) -> None:
        table = scored(prepared, [[make_item("disc_000", index, CORNER, CORNER) for index in range(3)]]).table
        assert list(table.slice) == [0, 1, 2]

    def test_next_epoch_replaces_the_rows(self, prepared: Manifest) -> None:
        first, second = [[make_item("disc_000", 0, CORNER, CORNER)]], [[make_item("disc_001", 0, EMPTY, CORNER)]]
        scores = scored(prepared, first, second)
        assert list(scores.table.case) == ["disc_001"]
        assert list(scores.table.dice) == [0.0]
        assert list(scores.epoch.calibration) == ["disc_001"]

    def test_is_empty_before(self, prepared: Manifest) -> None:
        assert ScoreTable(nn.BCEWithLogitsLoss(), str(prepared.root)).table.empty

    def test_case_of_another_data_set_raises(self, prepared: Manifest) -> None:
        with pytest.raises(MedsegError, match=r"case must be one of dataset\.json, got 'other'"):
            scored(prepared, [[make_item("other", 0, CORNER, CORNER)]])

    @pytest.mark.parametrize("tolerance", [-1, math.inf, math.nan, "2mm", None])
    def test_tolerance_that_is_no_distance_raises(self, prepared: Manifest, tolerance: Any) -> None:
        message = f"surface_tolerance must be a finite number from 0, got {tolerance!r}"
        with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
            ScoreTable(nn.BCEWithLogitsLoss(), str(prepared.root), tolerance)


class TestMasks:
    def test_are_the_slices_stacked_in_order(self, prepared: Manifest) -> None:
        batches = [[make_item("disc_000", 1, EMPTY, CORNER)], [make_item("disc_000", 0, CORNER, COLUMN)]]
        scores = scored(prepared, batches)
        prediction, truth = scores.epoch.prediction("disc_000"), scores.truth("disc_000")
        assert prediction.shape == truth.shape == (2, 2, 2)
        assert np.array_equal(prediction[..., 0], CORNER[0].numpy() > 0)
        assert not prediction[..., 1].any()
        assert np.array_equal(truth[..., 0], COLUMN[0].numpy() > 0)
        assert np.array_equal(truth[..., 1], CORNER[0].numpy() > 0)

    def test_slice_that_came_twice_counts_once(self, prepared: Manifest) -> None:
        scores = scored(prepared, [[make_item("disc_000", 0, CORNER, COLUMN)]] * 2)
        assert len(scores.table) == 1
        assert scores.epoch.calibration["disc_000"].pixels.sum() == 4
        assert scores.truth("disc_000").shape == (2, 2, 1)


class TestVolumes:
    def test_are_of_the_masks_with_group_spacing_and_tolerance(self, prepared: Manifest) -> None:
        batches = [[make_item("disc_000", 1, EMPTY, EMPTY)], [make_item("disc_000", 0, CORNER, COLUMN)]]
        scores = scored(prepared, batches)
        (found,) = scores.volumes(scores.epoch).to_dict("records")
        assert (found["group"], found["case"], found["slices"]) == ("g0", "disc_000", 2)
        assert found["dice"] == pytest.approx(2 / 3)
        # Voxels of 0.5 x 0.75 x 2 mm3; the missed one lies 0.5 mm from the other.
        assert found["truth_ml"] == pytest.approx(2 * 0.75 / 1000)
        assert found["assd_mm"] == pytest.approx(0.5 / 3)
        assert found["surface_tolerance_mm"] == 2.0
        expected = ((3 * RIGHT + WRONG) + 4 * RIGHT) / 8
        assert found["cross_entropy"] == pytest.approx(expected)

    def test_pictures_are_measured_in_pixels(self, tmp_path: Path) -> None:
        manifest = make_prepared(tmp_path, size=(8, 8), placed=False)
        scores = scored(manifest, [[make_item("disc_000", 0, CORNER, COLUMN)]])
        (found,) = scores.volumes(scores.epoch).to_dict("records")
        assert (found["assd_px"], found["truth_px2"]) == (pytest.approx(1 / 3), 2.0)
