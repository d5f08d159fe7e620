"""Scores of an evaluator's epoch: per slice with case and slice, and what scores of whole cases are made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.distributed as dist
from ignite.engine import Engine, Events
from numpy.typing import NDArray

from medseg.errors import UsageError
from medseg.manifest import Manifest, read_manifest
from medseg.metrics import (
    CalibrationBins,
    PackedMask,
    SliceScore,
    calibration_bins,
    calibration_error,
    cross_entropy,
    score_slice,
    score_table,
    volume_table,
)

__all__ = ["EpochScores", "ScoreTable"]


@dataclass(frozen=True)
class EpochScores:
    """All that is known of one epoch's predictions.

    Attributes:
        table: A row a slice, as :func:`~medseg.metrics.scores.score_table` gives it.
        calibration: Calibration bins of each case.
        prediction: A case's predicted mask, ``(x, y, z)``, by its name.
    """

    table: pd.DataFrame
    calibration: Mapping[str, CalibrationBins]
    prediction: Callable[[str], NDArray[np.bool_]]


@dataclass(frozen=True)
class _ScoredSlice:
    score: SliceScore
    calibration: CalibrationBins
    prediction: PackedMask
    truth: PackedMask


class ScoreTable:
    """Collect scores of each slice; :attr:`table` holds them after the evaluator's epoch.

    Expects ``pred`` (binary), ``logits`` and ``label`` in each item of the evaluator's output, the label a
    ``MetaTensor`` that carries ``case`` and ``slice``. Masks are kept as compressed bits. Under distributed evaluation
    every rank gets all slices.

    Args:
        loss: Called with logits and label of one slice, ``(1, 1, H, W)`` each.
        dataset_dir: Prepared data set, which knows the cases' groups and spacings.
        surface_tolerance: Distance up to which surface Dice takes a surface for met, in mm; of pictures in px.

    Raises:
        UsageError: If ``surface_tolerance`` is negative or not finite.
    """

    def __init__(self, loss: torch.nn.Module, dataset_dir: str, surface_tolerance: float = 2.0) -> None:
        # The command line hands over whatever stands after the flag.
        if not (isinstance(surface_tolerance, (int, float)) and 0 <= surface_tolerance < math.inf):
            raise UsageError(f"surface_tolerance must be a finite number from 0, got {surface_tolerance!r}")
        self.loss = loss
        self.dataset_dir = dataset_dir
        self.surface_tolerance = float(surface_tolerance)
        self.table = pd.DataFrame()
        self._slices: list[_ScoredSlice] = []

    def attach(self, engine: Engine) -> None:
        """Collect after each iteration, tabulate after the epoch."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._complete)

    def __call__(self, engine: Engine) -> None:
        """Score the batch's items."""
        self._slices += [self._scored(item) for item in engine.state.output]  # type: ignore[union-attr]

    @property
    def epoch(self) -> EpochScores:
        """The evaluator's last epoch."""
        bins: dict[str, CalibrationBins] = {}
        for scored in self._slices:
            case = scored.score.case
            bins[case] = bins[case] + scored.calibration if case in bins else scored.calibration
        return EpochScores(self.table, bins, lambda case: self._stacked(case, lambda scored: scored.prediction))

    def truth(self, case: str) -> NDArray[np.bool_]:
        """The truth of one of the evaluator's cases, ``(x, y, z)``."""
        return self._stacked(case, lambda scored: scored.truth)

    def volumes(self, epoch: EpochScores) -> pd.DataFrame:
        """Scores of whole cases (:func:`~medseg.metrics.volumes.volume_table`).

        Args:
            epoch: The evaluator's last epoch, or an earlier one of the same cases.
        """
        return volume_table(
            epoch.table,
            calibration=epoch.calibration,
            prediction=epoch.prediction,
            truth=self.truth,
            spacing_mm=lambda case: self._manifest.case(case).spacing_mm,
            tolerance=self.surface_tolerance,
        )

    @cached_property
    def _manifest(self) -> Manifest:
        # Read when it is first needed, so that a bundle can be looked at without data.
        return read_manifest(self.dataset_dir)

    def _scored(self, item: Mapping[str, Any]) -> _ScoredSlice:
        meta = item["label"].meta
        label, pred = item["label"].as_tensor(), item["pred"].as_tensor().cpu()
        logits = torch.as_tensor(item["logits"]).as_subclass(torch.Tensor)
        loss = float(self.loss(logits[None].float(), label[None].to(logits.device)))
        values, truth = logits.detach().cpu().float().numpy(), label.cpu().numpy() > 0.5
        bins = calibration_bins(values, truth)
        score = score_slice(
            pred,
            label.cpu(),
            loss=loss,
            cross_entropy=cross_entropy(values, truth),
            calibration_error=calibration_error(bins),
            group=self._manifest.case(str(meta["case"])).group,
            case=str(meta["case"]),
            index=int(meta["slice"]),
        )
        return _ScoredSlice(score, bins, PackedMask.of(pred.numpy()[0] > 0.5), PackedMask.of(truth[0]))

    def _stacked(self, case: str, mask: Callable[[_ScoredSlice], PackedMask]) -> NDArray[np.bool_]:
        slices = [mask(scored).unpack() for scored in self._slices if scored.score.case == case]
        return np.stack(slices, axis=-1)

    def _start(self, _engine: Engine) -> None:
        self._slices = []

    def _complete(self, _engine: Engine) -> None:
        self._slices = _by_place(self._slices)
        if dist.is_available() and dist.is_initialized():
            gathered: list[list[_ScoredSlice]] = [[] for _ in range(dist.get_world_size())]
            dist.all_gather_object(gathered, self._slices)
            self._slices = _by_place(scored for part in gathered for scored in part)
        self.table = score_table([scored.score for scored in self._slices])


def _by_place(slices: Iterable[_ScoredSlice]) -> list[_ScoredSlice]:
    """In order of case and slice, each once, whichever of a distributed sampler's parts repeated it."""
    found = {(scored.score.case, scored.score.slice): scored for scored in slices}
    return [found[place] for place in sorted(found)]
