"""A mask as an RT Structure Set (PS3.3, A.19) of the series on which it lies: closed planar contours, slice by slice.

What contours look like is told in :mod:`medseg.io.results.contours`. The file is implicit little endian, as an explicit
element of decimal texts holds 64 kB only, some thousand points.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.charset import convert_encodings, default_encoding
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import ImplicitVRLittleEndian, generate_uid

import medseg
from medseg.errors import MedsegError
from medseg.io.atomic import atomic_path
from medseg.io.dicom.geometry import axes
from medseg.io.dicom.header import Header
from medseg.io.dicom.parse import quiet_pydicom
from medseg.io.results.contours import outline
from medseg.io.results.on_series import RGB, check_mask, reference, references, result_number
from medseg.io.results.segment import Algorithm, check_text
from medseg.io.results.source_series import SourceSeries

__all__ = ["write_rtstruct"]

_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"
_STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"
_CONTOUR_DATA = Tag(0x30060050)
_LONGEST_LABEL = 16
_LONGEST_TEXT = 64
# Readers, ours among them, compare each contour with the others of its slice.
_MOST_CONTOURS = 1000


def write_rtstruct(
    path: Path,
    mask_xyz: NDArray[np.uint8],
    source: SourceSeries,
    *,
    name: str,
    algorithm: Algorithm,
    number: int = 1,
) -> None:
    """Write a mask as a structure set of one structure; the file is complete or absent.

    Args:
        path: File to write.
        mask_xyz: ``(x, y, z)`` of 0 and 1 on the series' grid; of an empty one the structure has no contour.
        source: The series.
        name: Of the structure (3006,0026).
        algorithm: What made it.
        number: Of the structure (3006,0022).

    Raises:
        UsageError: If the name is no text of DICOM.
        MedsegError: If the mask is not of the series' size, or a slice has more than a thousand separate parts.
        ValueError: If it has other values.
        OSError: If the file cannot be written.
    """
    check_text("a structure's name", name)
    check_mask(mask_xyz, source)
    contours = _contours(path, mask_xyz, source.headers)
    with quiet_pydicom(), atomic_path(path) as partial:
        data = _structure_set(source, name, number, algorithm)
        roi = Dataset()
        roi.ROIDisplayColor = list(RGB)
        if contours:
            roi.ContourSequence = contours
        roi.ReferencedROINumber = number
        data.ROIContourSequence = [_written_as_is(roi)]
        _written_as_is(data).save_as(partial, enforce_file_format=True)


def _contours(path: Path, mask_xyz: NDArray[np.uint8], headers: Sequence[Header]) -> list[Dataset]:
    found: list[Dataset] = []
    # Slices lie apart in some arrays, and taking them out one by one would take seconds.
    for plane, header in zip(np.ascontiguousarray(mask_xyz.T), headers, strict=True):
        drawn = outline(plane.T)
        if len(drawn) > _MOST_CONTOURS:
            raise MedsegError(
                f"{path}: a structure must have at most {_MOST_CONTOURS} separate parts on a slice, got {len(drawn)};"
                " leave out small parts, or write it with --to dicomseg"
            )
        found += [_contour(points, header, len(found) + number) for number, points in enumerate(drawn, 1)]
    return found


def _contour(points_px: NDArray[np.float64], header: Header, number: int) -> Dataset:
    """A contour of pixel indices (x, y) on a slice."""
    columns, rows = axes(header)
    between_rows, between_columns = header.pixel_spacing_mm or ()
    places = points_px[:, :1] * between_columns * columns + points_px[:, 1:] * between_rows * rows
    item = Dataset()
    item.ContourImageSequence = [reference(header)]
    item.ContourGeometricType = "CLOSED_PLANAR"
    item.NumberOfContourPoints = len(points_px)
    item.ContourNumber = number
    text = _decimals(places + np.array(header.position_mm), min(between_rows, between_columns))
    item[_CONTOUR_DATA] = RawDataElement(_CONTOUR_DATA, "DS", len(text), text, 0, True, True)
    return _written_as_is(item)


def _written_as_is(data: Dataset) -> Dataset:
    """Keep pydicom from looking for ambiguous elements: there are none, and it would make each number an object."""
    texts = data.get("SpecificCharacterSet")
    data.set_original_encoding(True, True, convert_encodings(texts) if texts else default_encoding)
    return data


def _decimals(numbers: NDArray[np.float64], pixel_mm: float) -> bytes:
    """Decimal strings of at most 16 characters, to a ten-thousandth of a pixel."""
    digits = min(max(4 - math.floor(math.log10(pixel_mm)), 3), 9)
    text = "\\".join([f"{number:.{digits}f}" for number in numbers.ravel().tolist()])
    return (text + " " * (len(text) % 2)).encode()


def _structure_set(source: SourceSeries, name: str, number: int, algorithm: Algorithm) -> Dataset:
    """All but the contours."""
    now = datetime.now()
    date, time = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    made_by = f"{algorithm.name} {algorithm.version}"
    data = Dataset()
    data.update(source.identity)
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    data.SpecificCharacterSet = "ISO_IR 192"
    data.InstanceCreationDate, data.InstanceCreationTime = date, time
    data.SOPClassUID, data.SOPInstanceUID = _CLASS, generate_uid()
    data.Modality, data.Manufacturer = "RTSTRUCT", "medseg"
    data.ManufacturerModelName, data.SoftwareVersions = "medseg", medseg.__version__
    data.SeriesDescription = f"Contours of {name}"[:_LONGEST_TEXT]
    data.OperatorsName = ""
    data.StudyInstanceUID, data.SeriesInstanceUID = source.headers[0].study_uid, generate_uid()
    data.SeriesNumber, data.InstanceNumber = result_number(source, 2), 1
    data.FrameOfReferenceUID = source.frame_of_reference_uid
    data.PositionReferenceIndicator = source.image.get("PositionReferenceIndicator", "")
    data.StructureSetLabel = name[:_LONGEST_LABEL].strip()
    data.StructureSetName = name
    data.StructureSetDescription = f"Contours of {name}, made by {made_by}"
    data.StructureSetDate, data.StructureSetTime = date, time
    data.ReferencedFrameOfReferenceSequence = [_frame_of_reference(source)]
    data.StructureSetROISequence = [_structure(source, name, number, made_by)]
    data.RTROIObservationsSequence = [_observation(number)]
    data.ApprovalStatus = "UNAPPROVED"
    return data


def _frame_of_reference(source: SourceSeries) -> Dataset:
    series, study, frame = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID = source.headers[0].series_uid
    series.ContourImageSequence = references(source)
    study.ReferencedSOPClassUID, study.ReferencedSOPInstanceUID = _STUDY_CLASS, source.headers[0].study_uid
    study.RTReferencedSeriesSequence = [series]
    frame.FrameOfReferenceUID = source.frame_of_reference_uid
    frame.RTReferencedStudySequence = [study]
    return frame


def _structure(source: SourceSeries, name: str, number: int, made_by: str) -> Dataset:
    item = Dataset()
    item.ROINumber = number
    item.ReferencedFrameOfReferenceUID = source.frame_of_reference_uid
    item.ROIName = name
    item.ROIGenerationAlgorithm = "AUTOMATIC"
    item.ROIGenerationDescription = made_by[:_LONGEST_TEXT]
    return item


def _observation(number: int) -> Dataset:
    item = Dataset()
    item.ObservationNumber = 1
    item.ReferencedROINumber = number
    item.RTROIInterpretedType = ""
    item.ROIInterpreter = ""
    return item
