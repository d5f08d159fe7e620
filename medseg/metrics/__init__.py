"""Overlap scores and their summaries."""

from medseg.metrics.scores import SliceScore, both_class_pairs, both_classes, score_slice, score_table, summarise

__all__ = ["SliceScore", "both_class_pairs", "both_classes", "score_slice", "score_table", "summarise"]
