"""Bound the gradient's norm, so that one odd batch of size 1 cannot throw a network without batch norm off course."""

from __future__ import annotations

import torch
from ignite.engine import Engine
from monai.engines.utils import IterationEvents

__all__ = ["ClipGradients"]


class ClipGradients:
    """Scale gradients down to a total L2 norm between backward pass and optimizer step.

    Args:
        network: Network whose gradients are clipped in place.
        max_norm: Largest norm allowed, above 0.

    Raises:
        ValueError: If ``max_norm`` is not above 0.
    """

    def __init__(self, network: torch.nn.Module, max_norm: float) -> None:
        if max_norm <= 0:
            raise ValueError(f"max_norm must be > 0, got {max_norm}")
        self.network = network
        self.max_norm = max_norm

    def attach(self, engine: Engine) -> None:
        """Run after each backward pass."""
        engine.add_event_handler(IterationEvents.BACKWARD_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Clip; under AMP the gradients are unscaled first."""
        if getattr(engine, "amp", False) and engine.scaler.is_enabled():  # type: ignore[attr-defined]
            engine.scaler.unscale_(engine.optimizer)  # type: ignore[attr-defined]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.max_norm)
