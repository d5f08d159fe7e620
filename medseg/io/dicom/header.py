"""What grouping, checks and pixel reading need to know of a DICOM image, without its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["MARKS", "Header", "Other", "Scan"]

# What may tell apart several volumes that share one SeriesInstanceUID and their positions, in the order tried.
MARKS = (
    ("temporal position", 0x00200100),
    ("acquisition number", 0x00200012),
    ("stack", 0x00209056),
    ("echo time", 0x00180081),
    ("trigger time", 0x00181060),
    ("b value", 0x00189087),
    ("convolution kernel", 0x00181210),
    ("tube voltage", 0x00180060),
    ("image type", 0x00080008),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """One image, or one frame of a multi-frame image.

    Tags that are absent or empty are None (numbers) or empty (texts). Texts may hold patient data: they are for
    grouping, hashing and the terminal only.

    Attributes:
        path: File.
        frame: Frame in the file, from 0.
        frames: (0028,0008) Number of Frames; 1 where absent.
        transfer_syntax: (0002,0010); what the file's first elements show where it is missing.
        pixel_offset: First byte of the value of (7FE0,0010), counted from the file's start, for uncompressed pixels;
            None where they are encapsulated or deflated. It is the file's, so the same for all frames.
        pixel_bytes: Length of that value as its element says; None as above.
        file_bytes: Size of the file.
        sop_class: (0008,0016).
        sop_uid: (0008,0018).
        series_uid: (0020,000E).
        study_uid: (0020,000D).
        frame_of_reference_uid: (0020,0052).
        patient_id: (0010,0020).
        series_number: (0020,0011).
        description: (0008,103E), printable ASCII.
        modality: (0008,0060).
        image_type: (0008,0008), upper case.
        instance_number: (0020,0013).
        marks: Values of the tags of :data:`MARKS`, in that order.
        rows: (0028,0010).
        columns: (0028,0011).
        samples_per_pixel: (0028,0002).
        photometric: (0028,0004).
        planar_configuration: (0028,0006).
        bits_allocated: (0028,0100).
        bits_stored: (0028,0101).
        high_bit: (0028,0102).
        signed: (0028,0103).
        position_mm: (0020,0032), LPS.
        orientation: (0020,0037), LPS: direction in which the column index runs, then the row index.
        pixel_spacing_mm: (0028,0030): between rows, then between columns.
        slice_thickness_mm: (0018,0050).
        spacing_between_mm: (0018,0088).
        tilt_degrees: (0018,1120).
        slope: (0028,1053).
        intercept: (0028,1052).
        rescale_type: (0028,1054).
        modality_lut: Whether (0028,3000) is there.
        padding: (0028,0120).
        illegible: Tags, as ``(gggg,eeee)``, whose values break their form.
    """

    path: Path
    frame: int = 0
    frames: int = 1
    transfer_syntax: str
    pixel_offset: int | None = None
    pixel_bytes: int | None = None
    file_bytes: int = 0
    sop_class: str = ""
    sop_uid: str = ""
    series_uid: str = ""
    study_uid: str = ""
    frame_of_reference_uid: str = ""
    patient_id: str = ""
    series_number: int | None = None
    description: str = ""
    modality: str = ""
    image_type: tuple[str, ...] = ()
    instance_number: int | None = None
    marks: tuple[str, ...] = ("",) * len(MARKS)
    rows: int | None = None
    columns: int | None = None
    samples_per_pixel: int | None = None
    photometric: str = ""
    planar_configuration: int | None = None
    bits_allocated: int | None = None
    bits_stored: int | None = None
    high_bit: int | None = None
    signed: bool | None = None
    position_mm: tuple[float, ...] | None = None
    orientation: tuple[float, ...] | None = None
    pixel_spacing_mm: tuple[float, ...] | None = None
    slice_thickness_mm: float | None = None
    spacing_between_mm: float | None = None
    tilt_degrees: float | None = None
    slope: float | None = None
    intercept: float | None = None
    rescale_type: str = ""
    modality_lut: bool = False
    padding: int | None = None
    illegible: tuple[str, ...] = ()


@dataclass(frozen=True)
class Other:
    """A file that gives no image.

    Attributes:
        path: File.
        reason: Why, without names of the source.
        damaged: Whether it is a DICOM file that should have been readable, so that an image is missing.
        empty: Whether it is an empty file under a name that an image may have, so that one may be missing.
        sop_class: (0008,0016), empty where the file is no DICOM file.
    """

    path: Path
    reason: str
    damaged: bool = False
    empty: bool = False
    sop_class: str = ""


@dataclass(frozen=True)
class Scan:
    """What a walk found, in the order of the paths.

    Attributes:
        headers: Images, one entry a frame.
        others: Every other file.
    """

    headers: tuple[Header, ...]
    others: tuple[Other, ...]
