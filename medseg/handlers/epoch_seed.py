"""Seed everything anew at the start of each epoch, from the run's seed, the epoch's number and the process's rank.

An epoch's shuffling, augmentation and dropout then depend on nothing that came before it, so a training that was killed
and goes on from a checkpoint draws exactly what it would have drawn, without random state in the checkpoint. Of several
processes each draws its own augmentation and dropout; the order of slices is theirs in common, for it is their
``DistributedSampler`` that draws it, from its own seed and the epoch.
"""

from __future__ import annotations

import numpy as np
import torch.distributed as dist
from ignite.engine import Engine, Events
from monai.data.utils import set_rnd
from monai.utils import set_determinism
from torch.utils.data import Dataset

__all__ = ["EpochSeed"]


class EpochSeed:
    """Seed Python, NumPy, torch and the data set's transforms, and begin a new pass over the data.

    Without the new pass an epoch shorter or longer than the data would begin in the middle of the last one's order.

    Args:
        dataset: Training data set, whose random transforms are seeded; loader workers seed their copies from torch.
        seed: The run's seed, 0 or more.

    Raises:
        ValueError: If ``seed`` is negative.
    """

    def __init__(self, dataset: Dataset[object], seed: int) -> None:
        if seed < 0:
            raise ValueError(f"seed must be >= 0, got {seed}")
        self.dataset = dataset
        self.seed = seed

    def attach(self, engine: Engine) -> None:
        """Run at the start of each epoch, before the loader draws its order."""
        engine.add_event_handler(Events.EPOCH_STARTED, self)

    def __call__(self, engine: Engine) -> None:
        """Seed for the epoch that starts."""
        rank = dist.get_rank() if dist.is_available() and dist.is_initialized() else 0
        epoch_seed = int(np.random.SeedSequence((self.seed, engine.state.epoch, rank)).generate_state(1)[0])
        set_determinism(epoch_seed)
        set_rnd(self.dataset, epoch_seed)
        if engine.state.dataloader is not None:
            engine.set_data(engine.state.dataloader)
