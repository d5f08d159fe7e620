"""Comparisons of bundles over folds and seeds, each training a ``python -m monai.bundle run`` of its own."""

from medseg.study.results import Result, check_comparable, missing_cases, read_results

__all__ = ["Result", "check_comparable", "missing_cases", "read_results"]
