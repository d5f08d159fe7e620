"""Slices for training and scoring, scans for prediction."""

from medseg.data.items import default_window, scan_items, shows_patients, slice_items
from medseg.data.load_slice import LoadSlice, LoadSliced
from medseg.data.save_mask import SaveMaskd

__all__ = ["LoadSlice", "LoadSliced", "SaveMaskd", "default_window", "scan_items", "shows_patients", "slice_items"]
