"""The phantom's liver as DICOM SEG (PS3.3 A.51), which refers to the series, and as NIfTI."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentationTypeValues, SegmentDescription
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from data_prep.phantom.acquisition import Acquisition, Plane
from data_prep.phantom.scanner import Scanner
from data_prep.phantom.uids import make_uid
from medseg.io.nifti import write_nifti

__all__ = ["grid_affine_mm", "liver_segmentation", "write_liver_nifti"]

_SEG_SERIES = 50


def grid_affine_mm(planes: tuple[Plane, ...]) -> NDArray[np.float64]:
    """Affine of an evenly spaced stack of equal planes, voxel indices (column, row, slice) to RAS+ mm.

    Args:
        planes: Sorted along their normal.
    """
    first, last = planes[0], planes[-1]
    affine = np.eye(4)
    affine[:3, 0] = np.asarray(first.row) * first.pixel_mm
    affine[:3, 1] = np.asarray(first.column) * first.pixel_mm
    affine[:3, 2] = np.subtract(last.position_mm, first.position_mm) / (len(planes) - 1)
    affine[:3, 3] = first.position_mm
    # DICOM's x and y point to the left and the back, NIfTI's to the right and the front.
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


def write_liver_nifti(path: Path, scanner: Scanner) -> int:
    """Write the liver on the series' grid: 1 within, 0 elsewhere.

    Args:
        path: Target, ``.nii.gz``.
        scanner: Scan whose planes are evenly spaced.

    Returns:
        Voxels of the liver.
    """
    planes = scanner.acquisition.planes
    liver = np.stack([scanner.liver(plane) for plane in planes], axis=-1).astype(np.uint8)
    write_nifti(path, liver, grid_affine_mm(planes))
    return int(liver.sum())


def liver_segmentation(scanner: Scanner, images: list[Dataset]) -> Dataset:
    """Make a DICOM SEG of the liver.

    Args:
        scanner: The scan.
        images: Its CT images, one a plane and in the planes' order; or one multi-frame image with a frame a plane.

    Returns:
        Binary segmentation with one segment, in the images' frame of reference; frames without liver are left out.
    """
    scan = scanner.acquisition
    frames = np.stack([scanner.liver(plane).T for plane in scan.planes]).astype(np.uint8)
    segmentation = Segmentation(
        source_images=images,
        pixel_array=frames,
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[_liver_segment()],
        series_instance_uid=make_uid(scan.identity, scan.patient, _SEG_SERIES),
        series_number=_SEG_SERIES,
        sop_instance_uid=make_uid(scan.identity, scan.patient, _SEG_SERIES, 1),
        instance_number=1,
        manufacturer="medseg",
        manufacturer_model_name="phantom",
        software_versions="1",
        device_serial_number="0",
        content_label="LIVER",
        series_description="Liver, ground truth",
    )
    _make_repeatable(segmentation, scan, images[0])
    return segmentation


def _liver_segment() -> SegmentDescription:
    return SegmentDescription(
        segment_number=1,
        segment_label="Liver",
        segmented_property_category=codes.SCT.Organ,
        segmented_property_type=codes.SCT.Liver,
        algorithm_type=SegmentAlgorithmTypeValues.MANUAL,
    )


def _make_repeatable(segmentation: Dataset, scan: Acquisition, image: Dataset) -> None:
    """Replace what highdicom takes from the clock or draws: dates, times, UIDs of its own."""
    for kind in ("InstanceCreation", "Content", "Series"):
        setattr(segmentation, f"{kind}Date", image.StudyDate)
        setattr(segmentation, f"{kind}Time", image.StudyTime)
    for equipment in segmentation.get("ContributingEquipmentSequence", []):
        equipment.ContributionDateTime = image.StudyDate + image.StudyTime
    dimensions = make_uid(scan.identity, scan.patient, _SEG_SERIES, "dimensions")
    for organization in segmentation.DimensionOrganizationSequence:
        organization.DimensionOrganizationUID = dimensions
    for index in segmentation.DimensionIndexSequence:
        index.DimensionOrganizationUID = dimensions
