"""What an evaluator's engine gives, without an evaluator."""

from __future__ import annotations

from typing import Any

import torch
from ignite.engine import Engine
from monai.data import MetaTensor
from torch import Tensor

EMPTY = torch.zeros(1, 2, 2)
CORNER = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
COLUMN = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])


def make_item(case: str, index: int, pred: Tensor, label: Tensor, image: Tensor | None = None) -> dict[str, MetaTensor]:
    """A decollated item; logits are 2 where predicted and -2 elsewhere."""
    meta: dict[str, Any] = {"case": case, "slice": index}
    values = {"image": EMPTY if image is None else image, "label": label, "pred": pred, "logits": 4 * pred - 2}
    return {name: MetaTensor(value.clone(), meta=meta) for name, value in values.items()}


def passing_engine() -> Engine:
    """Engine whose output is the batch."""
    return Engine(lambda _engine, batch: batch)
