"""Trained bundles on whole scans: what to predict, results, and what is odd about them."""

from medseg.predict.find_scans import Found, Scan, check_output, find_scans, scan_items
from medseg.predict.formats import Format, parse_formats
from medseg.predict.save_results import SaveImageResultsd

__all__ = ["Format", "Found", "SaveImageResultsd", "Scan", "check_output", "find_scans", "parse_formats", "scan_items"]
