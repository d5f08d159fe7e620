"""Train the last epochs with batch norm's running statistics, the ones that prediction uses.

With one image a batch, batch norm in training normalises each image by its own mean and variance, in prediction by
running averages over many images. Where images differ in contrast the network then meets, in prediction, features it
never saw in training. Once the running statistics are used in training too, the two are the same network.
"""

from __future__ import annotations

from typing import Any

import torch
from ignite.engine import Engine, Events
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ["FreezeBatchNorm"]


class FreezeBatchNorm:
    """Freeze the running statistics of every batch norm after some epochs, and normalise by them from then on.

    Scale and shift of the norm go on learning. A network without batch norm is not changed.

    Args:
        network: Network that is trained.
        after_epochs: Epochs in which batches are normalised by their own statistics, 0 or more.

    Raises:
        ValueError: If ``after_epochs`` is negative.
    """

    def __init__(self, network: torch.nn.Module, after_epochs: int) -> None:
        if after_epochs < 0:
            raise ValueError(f"after_epochs must be >= 0, got {after_epochs}")
        self.norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
        self.after_epochs = after_epochs
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []

    def attach(self, engine: Engine) -> None:
        """Run at the start of each epoch, also of the one with which a training goes on."""
        engine.add_event_handler(Events.EPOCH_STARTED, self)
        engine.add_event_handler(Events.COMPLETED, self._release)

    def __call__(self, engine: Engine) -> None:
        """Freeze from the epoch after ``after_epochs``."""
        if engine.state.epoch > self.after_epochs and not self._hooks:
            # The trainer calls network.train() before each step, so each norm puts itself back before it is used.
            self._hooks = [norm.register_forward_pre_hook(_use_running_statistics) for norm in self.norms]

    def _release(self, _engine: Engine) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks = []


def _use_running_statistics(norm: torch.nn.Module, _inputs: Any) -> None:
    norm.eval()
