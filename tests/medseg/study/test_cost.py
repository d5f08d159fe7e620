"""Costs as they are read again, and what follows from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from medseg.errors import MedsegError
from medseg.study.cost import estimate_seconds, read_costs
from medseg.study.planned import PlannedRun


def test_an_estimate_validates_as_often_as_the_training() -> None:
    run = PlannedRun("unet", Path("unet"), 0, 0, {}, 8, "c", "f", "5", "discs")
    cost = {"train_steps": 10, "train_step_seconds": 2.0, "validate_slices": 4, "validate_seconds": 0.5}
    # 15 s to start, 8 epochs of 10 steps, and validations of 2 s after each epoch, or after 3, 6 and 8.
    assert estimate_seconds(run, {**cost, "val_interval": 1}) == 15 + 8 * 20 + 8 * 2
    assert estimate_seconds(run, {**cost, "val_interval": 3}) == 15 + 8 * 20 + 3 * 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"must be JSON, got .*"),
        ("3", "must hold bundle, but it does not"),
        ("{}", "must hold bundle, but it does not"),
    ],
)
def test_a_damaged_cost_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "costs").mkdir()
    (tmp_path / "costs/unet-cccccccc.json").write_text(text)
    with pytest.raises(MedsegError, match=rf"unet-cccccccc.json: {message}; delete it to measure again$"):
        read_costs(tmp_path)
