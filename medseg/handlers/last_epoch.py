"""Validate the last epoch, also where the interval of validations does not divide the number of epochs."""

from __future__ import annotations

from ignite.engine import Engine, Events
from monai.engines import Evaluator

__all__ = ["ValidateLastEpoch"]


class ValidateLastEpoch:
    """Run an evaluator after the last epoch, whose score is a run's own, unless ``ValidationHandler`` just did.

    Args:
        validator: Evaluator, as ``ValidationHandler`` has it.
        interval: Its interval in epochs, 1 or more.

    Raises:
        ValueError: If ``interval`` is below 1.
    """

    def __init__(self, validator: Evaluator, interval: int) -> None:
        if interval < 1:
            raise ValueError(f"interval must be >= 1, got {interval}")
        self.validator = validator
        self.interval = interval

    def attach(self, engine: Engine) -> None:
        """Run after each epoch; attach before the handler that records scores."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Validate if this epoch is the last one and no multiple of the interval."""
        if engine.state.epoch == engine.state.max_epochs and engine.state.epoch % self.interval:
            self.validator.run(engine.state.epoch)
