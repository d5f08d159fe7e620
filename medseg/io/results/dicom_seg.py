"""A mask as a DICOM Segmentation (PS3.3, A.51) of the series on which it lies, through highdicom.

Every slice gets a frame, also an empty one, so that readers that build their grid from the frames, as dcmqi's
``segimage2itkimage`` does, give back the series' own. highdicom is given stand-ins for the source's images: it looks
at the class of an image to know whether it has frames, and refuses several such images and classes that it does not
know. So stand-ins are single CT slices, and references are made right afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from highdicom.color import CIELabColor
from highdicom.content import AlgorithmIdentificationSequence
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentationTypeValues, SegmentDescription
from highdicom.sr import CodedConcept
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid
from pydicom.valuerep import DSfloat

import medseg
from medseg.io.atomic import atomic_path
from medseg.io.dicom.geometry import Stack, depth_mm
from medseg.io.dicom.header import Header
from medseg.io.dicom.parse import quiet_pydicom
from medseg.io.results.on_series import RGB, check_mask, reference, references, result_number
from medseg.io.results.segment import Algorithm, Segment
from medseg.io.results.source_series import SourceSeries

__all__ = ["write_dicom_seg"]

_SINGLE_FRAME_CLASS = "1.2.840.10008.5.1.4.1.1.2"
_LONGEST_LABEL = 16
_LONGEST_TEXT = 64


def write_dicom_seg(
    path: Path, mask_xyz: NDArray[np.uint8], source: SourceSeries, *, segment: Segment, algorithm: Algorithm
) -> None:
    """Write a mask as a binary segmentation of one segment; the file is complete or absent.

    Args:
        path: File to write.
        mask_xyz: ``(x, y, z)`` of 0 and 1 on the series' grid; it may be empty.
        source: The series.
        segment: What the mask shows.
        algorithm: What made it.

    Raises:
        MedsegError: If the mask is not of the series' size.
        ValueError: If it has other values.
        OSError: If the file cannot be written.
    """
    check_mask(mask_xyz, source)
    # The series' texts, which warnings quote, are the series' affair.
    with quiet_pydicom(), atomic_path(path) as partial:
        found = _segmentation(mask_xyz, source, segment, algorithm)
        _refer(found, source)
        found.save_as(partial, enforce_file_format=True)


def _segmentation(
    mask_xyz: NDArray[np.uint8], source: SourceSeries, segment: Segment, algorithm: Algorithm
) -> Segmentation:
    found = Segmentation(
        source_images=_stand_ins(source),
        pixel_array=np.ascontiguousarray(mask_xyz.T),
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[_description(segment, algorithm)],
        series_instance_uid=generate_uid(),
        series_number=result_number(source, 1),
        series_description=f"Segmentation of {segment.label}"[:_LONGEST_TEXT],
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="medseg",
        manufacturer_model_name="medseg",
        software_versions=medseg.__version__,
        device_serial_number="0",
        content_label=_content_label(segment.label),
        content_description=f"{segment.label} by {algorithm.name}"[:_LONGEST_TEXT],
        omit_empty_frames=False,
        specific_character_set="ISO_IR 192",
    )
    # It must be there (type 2), and highdicom leaves it out.
    found.ContentCreatorName = ""
    return found


def _description(segment: Segment, algorithm: Algorithm) -> SegmentDescription:
    description = SegmentDescription(
        segment_number=1,
        segment_label=segment.label,
        segmented_property_category=segment.category,
        segmented_property_type=segment.kind,
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=AlgorithmIdentificationSequence(
            algorithm.name, codes.DCM.ArtificialIntelligence, algorithm.version, source="medseg"
        ),
        display_color=CIELabColor.from_rgb(*RGB),
    )
    if segment.modifier is not None:
        kind = description.SegmentedPropertyTypeCodeSequence[0]
        kind.SegmentedPropertyTypeModifierCodeSequence = [
            CodedConcept(segment.modifier.value, segment.modifier.scheme_designator, segment.modifier.meaning)
        ]
    return description


def _content_label(label: str) -> str:
    """A code string: capitals, digits, blank and underscore."""
    letters = (char if char.isascii() and (char.isalnum() or char == " ") else "_" for char in label.upper())
    return "".join(letters)[:_LONGEST_LABEL].strip()


def _stand_ins(source: SourceSeries) -> list[Dataset]:
    spacing_mm = _spacing_mm(source.headers)
    return [_stand_in(source, index, spacing_mm) for index in range(len(source.headers))]


def _stand_in(source: SourceSeries, index: int, spacing_mm: float) -> Dataset:
    """A slice, all in the first one's orientation and spacing, from which they differ by rounding only."""
    first, header = source.headers[0], source.headers[index]
    image = Dataset()
    image.update(source.identity)
    image.update(source.image)
    image.SOPClassUID = _SINGLE_FRAME_CLASS
    image.SOPInstanceUID = _stand_in_uid(index)
    image.StudyInstanceUID, image.SeriesInstanceUID = header.study_uid, header.series_uid
    image.FrameOfReferenceUID = source.frame_of_reference_uid
    image.Modality = header.modality
    image.Rows, image.Columns = header.rows, header.columns
    image.ImagePositionPatient = _decimals(header.position_mm or ())
    image.ImageOrientationPatient = _decimals(first.orientation or ())
    image.PixelSpacing = _decimals(first.pixel_spacing_mm or ())
    # A voxel is as deep as slices are apart, however thick the scanner's slices are.
    image.SliceThickness = image.SpacingBetweenSlices = DSfloat(spacing_mm, auto_format=True)
    return image


def _decimals(numbers: Iterable[float]) -> list[DSfloat]:
    return [DSfloat(number, auto_format=True) for number in numbers]


def _spacing_mm(headers: Sequence[Header]) -> float:
    if len(headers) == 1:
        return depth_mm(headers[0]) or 0.0
    return Stack.of(headers).length_mm / (len(headers) - 1)


def _refer(found: Segmentation, source: SourceSeries) -> None:
    """Put the images' own classes, and their frames where they have several, into what refers to the stand-ins."""
    images = references(source)
    found.SourceImageSequence = images
    found.ReferencedSeriesSequence[0].ReferencedInstanceSequence = images
    slices = {_stand_in_uid(index): header for index, header in enumerate(source.headers)}
    for frame in found.PerFrameFunctionalGroupsSequence:
        image = frame.DerivationImageSequence[0].SourceImageSequence[0]
        image.update(reference(slices[image.ReferencedSOPInstanceUID]))


def _stand_in_uid(index: int) -> str:
    return f"2.25.{index + 1}"
