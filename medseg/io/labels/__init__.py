"""Labels of every kind, as masks on their image's own grid."""

from medseg.io.labels.choose import LabelClass, LabelMask
from medseg.io.labels.dicom_object import referenced_series
from medseg.io.labels.label_file import read_label_file
from medseg.io.labels.mask_series import read_mask_series
from medseg.io.labels.png_slices import read_png_slices
from medseg.io.labels.rtstruct import RTSTRUCT_CLASS, read_rtstruct
from medseg.io.labels.seg import SEG_CLASSES, read_seg

__all__ = [
    "RTSTRUCT_CLASS",
    "SEG_CLASSES",
    "LabelClass",
    "LabelMask",
    "read_label_file",
    "read_mask_series",
    "read_png_slices",
    "read_rtstruct",
    "read_seg",
    "referenced_series",
]
