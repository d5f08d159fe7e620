"""Overlap scores and their summaries."""

from medseg.metrics.interval import mean_interval
from medseg.metrics.scores import SliceScore, both_class_pairs, both_classes, score_slice, score_table, summarise

__all__ = ["SliceScore", "both_class_pairs", "both_classes", "mean_interval", "score_slice", "score_table", "summarise"]
