"""Masks out: in the formats that clinics and tools read, on the scan's own grid."""

from medseg.io.results.coded_terms import segment_for
from medseg.io.results.dicom_seg import write_dicom_seg
from medseg.io.results.rtstruct import write_rtstruct
from medseg.io.results.segment import Algorithm, Segment
from medseg.io.results.source_series import SourceSeries, read_source_series

__all__ = [
    "Algorithm",
    "Segment",
    "SourceSeries",
    "read_source_series",
    "segment_for",
    "write_dicom_seg",
    "write_rtstruct",
]
