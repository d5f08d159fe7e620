from __future__ import annotations

import math

import pytest
from torch import nn

from medseg.handlers import ScoreTable
from tests.medseg.handlers.outputs import COLUMN, CORNER, EMPTY, make_item, passing_engine


class TestScoreTable:
    def test_holds_a_row_a_slice_after_the_epoch(self) -> None:
        scores, engine = ScoreTable(nn.BCEWithLogitsLoss()), passing_engine()
        scores.attach(engine)
        engine.run([[make_item("b", 0, CORNER, COLUMN)], [make_item("a", 3, EMPTY, EMPTY)]])
        table = scores.table
        assert list(zip(table.case, table.slice, strict=True)) == [("a", 3), ("b", 0)]
        assert list(table.dice) == pytest.approx([1.0, 2 / 3])
        assert list(table.true_positive_px) == [0, 1]
        assert list(table.false_negative_px) == [0, 1]

    def test_loss_is_that_of_the_slices_logits(self) -> None:
        scores, engine = ScoreTable(nn.BCEWithLogitsLoss()), passing_engine()
        scores.attach(engine)
        engine.run([[make_item("a", 0, CORNER, COLUMN)]])
        # Three of four pixels right by a logit of 2, one wrong by 2.
        right, wrong = math.log1p(math.exp(-2)), math.log1p(math.exp(2))
        assert scores.table.loss[0] == pytest.approx((3 * right + wrong) / 4)

    def test_every_item_of_a_batch_counts(self) -> None:
        scores, engine = ScoreTable(nn.BCEWithLogitsLoss()), passing_engine()
        scores.attach(engine)
        engine.run([[make_item("a", index, CORNER, CORNER) for index in range(3)]])
        assert list(scores.table.slice) == [0, 1, 2]

    def test_next_epoch_replaces_the_rows(self) -> None:
        scores, engine = ScoreTable(nn.BCEWithLogitsLoss()), passing_engine()
        scores.attach(engine)
        engine.run([[make_item("a", 0, CORNER, CORNER)]])
        engine.run([[make_item("b", 0, EMPTY, CORNER)]])
        assert list(scores.table.case) == ["b"]
        assert list(scores.table.dice) == [0.0]

    def test_is_empty_before(self) -> None:
        assert ScoreTable(nn.BCEWithLogitsLoss()).table.empty
