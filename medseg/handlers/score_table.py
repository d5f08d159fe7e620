"""Per-slice scores of an evaluator's epoch, as a table with case and slice."""

from __future__ import annotations

import pandas as pd
import torch
import torch.distributed as dist
from ignite.engine import Engine, Events

from medseg.metrics import SliceScore, score_slice, score_table

__all__ = ["ScoreTable"]


class ScoreTable:
    """Collect scores of each slice; :attr:`table` holds them after the evaluator's epoch.

    Expects ``pred`` (binary), ``logits`` and ``label`` in each item of the evaluator's output, the label a
    ``MetaTensor`` that carries ``case`` and ``slice``. Under distributed evaluation every rank gets all rows.

    Args:
        loss: Called with logits and label of one slice, ``(1, 1, H, W)`` each.
    """

    def __init__(self, loss: torch.nn.Module) -> None:
        self.loss = loss
        self._scores: list[SliceScore] = []
        self.table = pd.DataFrame()

    def attach(self, engine: Engine) -> None:
        """Collect after each iteration, tabulate after the epoch."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._complete)

    def __call__(self, engine: Engine) -> None:
        """Score the batch's items."""
        for item in engine.state.output:  # type: ignore[union-attr]
            label = item["label"].as_tensor()
            logits = torch.as_tensor(item["logits"]).as_subclass(torch.Tensor)
            loss = float(self.loss(logits[None].float(), label[None].to(logits.device)))
            pred = item["pred"].as_tensor().cpu()
            meta = item["label"].meta
            self._scores.append(
                score_slice(pred, label.cpu(), loss=loss, case=str(meta["case"]), index=int(meta["slice"]))
            )

    def _start(self, _engine: Engine) -> None:
        self._scores = []

    def _complete(self, _engine: Engine) -> None:
        scores = self._scores
        if dist.is_available() and dist.is_initialized():
            gathered: list[list[SliceScore]] = [[] for _ in range(dist.get_world_size())]
            dist.all_gather_object(gathered, scores)
            scores = [score for part in gathered for score in part]
        self.table = score_table(scores)
