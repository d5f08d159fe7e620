"""DICOM Segmentations written by highdicom."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentDescription
from highdicom.uid import UID
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.sr.codedict import codes


def segmentation(
    files: Sequence[Path],
    *masks: NDArray[Any],
    labels: Sequence[str] = ("Liver", "Tumour", "Vein"),
    kind: str = "BINARY",
    **options: Any,
) -> Dataset:
    """Segment a series.

    Args:
        files: Its files in the order of the masks' slices.
        masks: One a segment, ``(x, y, z)``; for a label map one that holds the values of all.
        labels: Of the segments.
        kind: ``BINARY``, ``FRACTIONAL`` or ``LABELMAP``.
        options: Of highdicom.
    """
    label_map = kind == "LABELMAP"
    count = int(masks[0].max()) if label_map else len(masks)
    pixels = masks[0].T if label_map else np.stack([mask.T for mask in masks], axis=-1)
    return Segmentation(
        source_images=[dcmread(file) for file in files],
        pixel_array=np.ascontiguousarray(pixels),
        segmentation_type=kind,
        segment_descriptions=[_segment(number, label) for number, label in enumerate(labels[:count], 1)],
        series_instance_uid=UID(),
        series_number=50,
        sop_instance_uid=UID(),
        instance_number=1,
        manufacturer="tests",
        manufacturer_model_name="tests",
        software_versions="1",
        device_serial_number="0",
        **options,
    )


def save_seg(path: Path, data: Dataset) -> Path:
    data.save_as(path)
    return path


def reorder(data: Dataset, order: Sequence[int]) -> Dataset:
    """Put the frames of a binary segmentation in another order, which highdicom sorts."""
    pixels = data.Rows * data.Columns
    bits = np.unpackbits(np.frombuffer(data.PixelData, np.uint8), bitorder="little")
    frames = bits[: data.NumberOfFrames * pixels].reshape(-1, pixels)[list(order)]
    packed = np.packbits(frames, bitorder="little").tobytes()
    data.PixelData = packed + b"\0" * (len(packed) % 2)
    data.PerFrameFunctionalGroupsSequence = [data.PerFrameFunctionalGroupsSequence[number] for number in order]
    return data


def _segment(number: int, label: str) -> SegmentDescription:
    return SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=codes.SCT.Organ,
        segmented_property_type=codes.SCT.Liver,
        algorithm_type=SegmentAlgorithmTypeValues.MANUAL,
    )
