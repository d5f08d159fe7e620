"""Ignite handlers that MONAI does not have."""

from medseg.handlers.clip_gradients import ClipGradients
from medseg.handlers.epoch_seed import EpochSeed
from medseg.handlers.evaluation_report import EvaluationReport
from medseg.handlers.freeze_batch_norm import FreezeBatchNorm
from medseg.handlers.last_epoch import ValidateLastEpoch
from medseg.handlers.overlays import Overlays
from medseg.handlers.run_recorder import RunRecorder
from medseg.handlers.score_table import ScoreTable

__all__ = [
    "ClipGradients",
    "EpochSeed",
    "EvaluationReport",
    "FreezeBatchNorm",
    "Overlays",
    "RunRecorder",
    "ScoreTable",
    "ValidateLastEpoch",
]
