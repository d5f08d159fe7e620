"""Trainings as folders: where they are, how they end, what their weights have seen."""

from medseg.runs.folder import RunFolder, new_run_name, run_folder
from medseg.runs.lifecycle import Lifecycle, Status
from medseg.runs.masks import load_mask, load_masks, save_masks
from medseg.runs.resume import check_resume
from medseg.runs.weights import (
    check_unseen,
    check_weights,
    find_weights,
    install_weights,
    load_weights,
    save_weights,
    trained_ct,
    trained_window,
    trained_window_hu,
    trained_with,
    weights_facts,
)

__all__ = [
    "Lifecycle",
    "RunFolder",
    "Status",
    "check_resume",
    "check_unseen",
    "check_weights",
    "find_weights",
    "install_weights",
    "load_mask",
    "load_masks",
    "load_weights",
    "new_run_name",
    "run_folder",
    "save_masks",
    "save_weights",
    "trained_ct",
    "trained_window",
    "trained_window_hu",
    "trained_with",
    "weights_facts",
]
