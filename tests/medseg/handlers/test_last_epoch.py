from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch
from ignite.engine import Engine
from monai.engines import SupervisedEvaluator
from monai.handlers import ValidationHandler

from medseg.handlers import ValidateLastEpoch
from medseg.manifest import Manifest
from tests.medseg.handlers.tiny import make_training


class Listening(SupervisedEvaluator):
    """Notes for which epoch it was run, and scores nothing."""

    def __init__(self) -> None:
        super().__init__(torch.device("cpu"), [], torch.nn.Identity(), epoch_length=1)
        self.epochs: list[int] = []

    def run(self, global_epoch: int = 1) -> None:
        self.epochs.append(global_epoch)


def validated(max_epochs: int, interval: int) -> list[int]:
    validator, trainer = Listening(), Engine(lambda _engine, _batch: None)
    ValidationHandler(interval, validator).attach(trainer)
    ValidateLastEpoch(validator, interval).attach(trainer)
    trainer.run([0], max_epochs=max_epochs)
    return validator.epochs


class TestValidateLastEpoch:
    @pytest.mark.parametrize(
        ("max_epochs", "interval", "epochs"),
        [
            (3, 1, [1, 2, 3]),
            (4, 2, [2, 4]),
            (5, 2, [2, 4, 5]),
            (3, 5, [3]),
            (1, 1, [1]),
        ],
    )
    def test_last_epoch_is_validated_once(self, max_epochs: int, interval: int, epochs: list[int]) -> None:
        assert validated(max_epochs, interval) == epochs

    def test_score_of_the_run_is_the_last_epoch_s(self, prepared: Manifest, tmp_path: Path) -> None:
        make_training(prepared, tmp_path, max_epochs=2, val_interval=3).trainer.run()
        assert pd.read_csv(tmp_path / "history.csv").val_dice.isna().tolist() == [True, False]
        assert (tmp_path / "weights" / "best" / "model.pt").is_file()

    def test_interval_below_one_raises(self) -> None:
        with pytest.raises(ValueError, match="interval must be >= 1, got 0"):
            ValidateLastEpoch(Listening(), 0)
