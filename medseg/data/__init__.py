"""Slices for training and scoring."""

from medseg.data.items import default_window, shows_patients, slice_items
from medseg.data.load_slice import LoadSlice, LoadSliced

__all__ = ["LoadSlice", "LoadSliced", "default_window", "shows_patients", "slice_items"]
