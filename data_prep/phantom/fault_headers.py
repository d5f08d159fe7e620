"""Faults of tags and of pixel data, put into sound images before they are written."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian, RLELossless

from data_prep.phantom.dicom_ct import Instance, add_colour
from data_prep.phantom.scanner import Scanner

__all__ = [
    "Series",
    "change_all",
    "change_middle",
    "colour",
    "compress",
    "dirty_high_bits",
    "empty",
    "invert",
    "shift_rescale",
    "without",
]

Series = Callable[[list[Instance], Scanner], list[Instance]]


def change_all(change: Callable[[Dataset], None]) -> Series:
    """Change all images."""

    def changed(instances: list[Instance], scanner: Scanner) -> list[Instance]:
        for instance in instances:
            change(instance.dataset)
        return instances

    return changed


def change_middle(change: Callable[[Dataset], None]) -> Series:
    """Change one image."""

    def changed(instances: list[Instance], scanner: Scanner) -> list[Instance]:
        change(instances[len(scanner.acquisition.planes) // 2].dataset)
        return instances

    return changed


def without(*keywords: str) -> Callable[[Dataset], None]:
    """Drop tags where they are present."""

    def drop(dataset: Dataset) -> None:
        for keyword in keywords:
            dataset.pop(keyword, None)

    return drop


def empty(*keywords: str) -> Callable[[Dataset], None]:
    """Empty tags where they are present; File Meta Information keeps its own."""

    def clear(dataset: Dataset) -> None:
        for keyword in keywords:
            if keyword in dataset:
                setattr(dataset, keyword, "")

    return clear


def shift_rescale(instances: list[Instance], scanner: Scanner) -> list[Instance]:
    """Store every second image with another RescaleIntercept and the same HU."""
    for instance in instances[::2]:
        dataset = instance.dataset
        stored = np.frombuffer(dataset.PixelData, dtype="<i2" if dataset.PixelRepresentation else "<u2")
        dataset.PixelData = (stored + 100).astype(stored.dtype).tobytes()
        dataset.RescaleIntercept = int(dataset.RescaleIntercept) - 100
    return instances


def colour(dataset: Dataset) -> None:
    """Store the picture of a viewer: RGB of 8 bits."""
    stored = np.frombuffer(dataset.PixelData, dtype="<i2" if dataset.PixelRepresentation else "<u2")
    hu = stored.reshape(dataset.Rows, dataset.Columns).astype(float) + float(dataset.RescaleIntercept)
    grey = np.rint(np.clip((hu + 135) / 350, 0, 1) * 255).astype(np.uint8)
    add_colour(dataset, np.repeat(grey[..., None], 3, axis=-1))


def invert(dataset: Dataset) -> None:
    """Say MONOCHROME1: low values are shown bright, HU are what they were."""
    dataset.PhotometricInterpretation = "MONOCHROME1"


def dirty_high_bits(dataset: Dataset) -> None:
    """Put ones above the 12 stored bits, where old scanners kept overlays (PS3.5 8.1.2)."""
    dataset.PixelData = (np.frombuffer(dataset.PixelData, dtype="<u2") | 0xA000).astype("<u2").tobytes()


def compress(dataset: Dataset) -> None:
    """Compress without loss by run lengths."""
    if dataset.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian:
        dataset["PixelData"].VR = "OW"
    dataset.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
