"""RT Structure Sets written by plain pydicom."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from medseg.io.volume import Volume
from tests.medseg.io.dicom.writer import ROOT, save

RTSTRUCT_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"


def on_slice(points: Sequence[Sequence[float]] | NDArray[np.float64], index: float, image: Volume) -> NDArray[Any]:
    """``(n, 3)`` points of a contour, LPS mm, from pixel indices (x, y) on a slice."""
    places = np.column_stack([np.asarray(points, dtype=np.float64), np.full(len(points), index), np.ones(len(points))])
    return (np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine_mm @ places.T).T[:, :3]


def contour(points_mm: NDArray[np.float64], kind: str = "CLOSED_PLANAR", **tags: Any) -> Dataset:
    """A contour of LPS points; tags may be changed, None takes one out."""
    item = Dataset()
    item.ContourGeometricType = kind
    item.NumberOfContourPoints = len(points_mm)
    item.ContourData = [f"{value:.9g}" for value in np.ravel(points_mm)]
    for keyword, value in tags.items():
        if value is None:
            del item[keyword]
        else:
            setattr(item, keyword, value)
    return item


def structure_set(rois: dict[str, Sequence[Dataset]], series: Sequence[str] = (f"{ROOT}.1",)) -> Dataset:
    """Structures with their contours; they are numbered from 1."""
    data = Dataset()
    data.SOPClassUID = RTSTRUCT_CLASS
    data.SOPInstanceUID = f"{ROOT}.9"
    data.PatientName = "CANARY^NAME"
    study, frame = Dataset(), Dataset()
    study.RTReferencedSeriesSequence = [_named("SeriesInstanceUID", uid) for uid in series]
    frame.RTReferencedStudySequence = [study]
    data.ReferencedFrameOfReferenceSequence = [frame]
    data.StructureSetROISequence, data.ROIContourSequence = [], []
    for number, (name, contours) in enumerate(rois.items(), 1):
        roi, drawn = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName = number, name
        drawn.ReferencedROINumber, drawn.ContourSequence = number, list(contours)
        data.StructureSetROISequence.append(roi)
        data.ROIContourSequence.append(drawn)
    return data


def write_rtstruct(path: Path, rois: dict[str, Sequence[Dataset]], *, implicit: bool = False) -> Path:
    return save(structure_set(rois), path, implicit=implicit)


def _named(keyword: str, value: Any) -> Dataset:
    item = Dataset()
    setattr(item, keyword, value)
    return item
