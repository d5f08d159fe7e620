"""Scores of segmentations, slice by slice and case by case, and their summaries."""

from medseg.metrics.calibration import (
    BINS,
    CalibrationBins,
    calibration_bins,
    calibration_error,
    calibration_table,
)
from medseg.metrics.cross_entropy import cross_entropy
from medseg.metrics.interval import mean_interval
from medseg.metrics.overlap import OVERLAP, overlap
from medseg.metrics.packed_mask import PackedMask
from medseg.metrics.scores import SliceScore, both_class_pairs, both_classes, score_slice, score_table
from medseg.metrics.summary import summarise
from medseg.metrics.surface import SurfaceScores, surface_scores
from medseg.metrics.volumes import COUNTS, case_table, volume_table

__all__ = [
    "BINS",
    "COUNTS",
    "OVERLAP",
    "CalibrationBins",
    "PackedMask",
    "SliceScore",
    "SurfaceScores",
    "both_class_pairs",
    "both_classes",
    "calibration_bins",
    "calibration_error",
    "calibration_table",
    "case_table",
    "cross_entropy",
    "mean_interval",
    "overlap",
    "score_slice",
    "score_table",
    "summarise",
    "surface_scores",
    "volume_table",
]
