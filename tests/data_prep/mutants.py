"""Damaged DICOM and NIfTI files: bytes flipped, put in, taken out, ends cut, and headers that say what cannot be."""

from __future__ import annotations

import gzip
import io
import struct
from typing import Any

import nibabel as nib
import numpy as np
from pydicom import config, dcmread, dcmwrite
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

__all__ = ["ABSURD_NIFTI", "ABSURD_TAGS", "absurd_nifti", "absurd_tag", "changed_bytes", "swapped_vr", "wrong_length"]

# What a header may say; None takes the tag out. Texts are written as they are.
ABSURD_TAGS: tuple[tuple[str, Any], ...] = (
    ("Rows", 65535),
    ("Rows", 0),
    ("Rows", 6),
    ("Columns", 65535),
    ("Columns", 1),
    ("Columns", None),
    ("NumberOfFrames", "1000000"),
    ("NumberOfFrames", "-1"),
    ("NumberOfFrames", "2"),
    ("SamplesPerPixel", 3),
    ("SamplesPerPixel", 0),
    ("BitsAllocated", 8),
    ("BitsAllocated", 32),
    ("BitsAllocated", 0),
    ("BitsStored", 17),
    ("BitsStored", 0),
    ("BitsStored", 9),
    ("HighBit", 3),
    ("PixelRepresentation", 1),
    ("PixelRepresentation", 7),
    ("PhotometricInterpretation", "PALETTE COLOR"),
    ("PixelSpacing", "0\\0"),
    ("PixelSpacing", "NaN\\NaN"),
    ("PixelSpacing", "-0.8\\0.7"),
    ("PixelSpacing", "1e400\\0.7"),
    ("PixelSpacing", "0.8"),
    ("ImagePositionPatient", "NaN\\20\\30"),
    ("ImagePositionPatient", "1e300\\20\\30"),
    ("ImagePositionPatient", "20\\30"),
    ("ImagePositionPatient", "a\\b\\c"),
    ("ImageOrientationPatient", "0\\0\\0\\0\\0\\0"),
    ("ImageOrientationPatient", "1\\0\\0\\1\\0\\0"),
    ("ImageOrientationPatient", "inf\\0\\0\\0\\1\\0"),
    ("ImageOrientationPatient", None),
    ("RescaleSlope", "0"),
    ("RescaleSlope", "NaN"),
    ("RescaleSlope", "1e308"),
    ("RescaleSlope", "1e-320"),
    ("RescaleSlope", "-1"),
    ("RescaleIntercept", "inf"),
    ("RescaleIntercept", "1e38"),
    ("RescaleIntercept", ""),
    ("GantryDetectorTilt", "90"),
    ("SliceThickness", "-1"),
    ("SpacingBetweenSlices", "NaN"),
    ("SeriesInstanceUID", ""),
    ("SeriesInstanceUID", "1." * 400),
    ("StudyInstanceUID", "x" * 5000),
    ("SOPClassUID", "1.2.840.10008.5.1.4.1.1.66.4"),
    ("SOPClassUID", "1.2.3"),
    ("PatientID", "\x00\xff" * 40),
    ("Modality", "SEG"),
    ("Modality", None),
    ("ImageType", "\\" * 3000),
    ("PixelPaddingValue", 40),
    ("PixelData", None),
    ("PixelData", b""),
    ("PixelData", b"\x01" * 7),
)
# Fields of a NIfTI-1 header of 32 x 33 x 4 voxels.
ABSURD_NIFTI: tuple[dict[str, Any], ...] = (
    {"dim": [3, 32767, 32767, 32767, 1, 1, 1, 1]},
    {"dim": [3, -32, 33, 4, 1, 1, 1, 1]},
    {"dim": [7, 32, 33, 4, 1, 1, 1, 32767]},
    {"dim": [0, 32, 33, 4, 1, 1, 1, 1]},
    {"dim": [2, 32, 132, 1, 1, 1, 1, 1]},
    {"dim": [3, 32, 33, 0, 1, 1, 1, 1]},
    {"datatype": 64},
    {"datatype": 2},
    {"datatype": 0},
    {"datatype": 128, "bitpix": 24},
    {"datatype": 16, "bitpix": 32},
    {"bitpix": 0},
    {"vox_offset": 0},
    {"vox_offset": 1e9},
    {"vox_offset": np.nan},
    {"vox_offset": 353.5},
    {"scl_slope": np.nan},
    {"scl_slope": np.inf},
    {"scl_slope": 0},
    {"scl_slope": 1e38},
    {"scl_slope": 2, "scl_inter": -3},
    {"scl_slope": 1, "scl_inter": np.nan},
    {"pixdim": [1, 0, 0.8, 2.5, 0, 0, 0, 0]},
    {"pixdim": [np.nan] * 8},
    {"pixdim": [1, -0.7, 0.8, 2.5, 0, 0, 0, 0]},
    {"pixdim": [5, 0.7, 0.8, 2.5, 0, 0, 0, 0]},
    {"srow_x": [0, 0, 0, 0]},
    {"srow_x": [np.inf, 0, 0, 0]},
    {"srow_x": [0.7, 0, 0.3, 0]},
    {"quatern_b": 2},
    {"quatern_c": np.nan},
    {"qoffset_x": 1e30},
    {"qform_code": 0, "sform_code": 0},
    {"sform_code": -3},
    {"sizeof_hdr": 540},
    {"magic": b"ni1\0"},
    {"magic": b"n+2\0"},
    {"xyzt_units": 255},
    {"xyzt_units": 1},
    {"intent_code": 1007},
)


def changed_bytes(content: bytes, rng: np.random.Generator, *, start: int = 0, stop: int | None = None) -> bytes:
    """One to three places from ``start`` to ``stop`` flipped, set, put in or taken out; sometimes the end is cut."""
    end = len(content) if stop is None else stop
    damaged = bytearray(content)
    if rng.random() < 0.15:
        return bytes(damaged[: int(rng.integers(len(content)))])
    for _ in range(int(rng.integers(1, 4))):
        place = int(rng.integers(start, min(end, len(damaged))))
        change = rng.integers(6)
        if change < 2:
            damaged[place] ^= 1 << int(rng.integers(8))
        elif change == 2:
            damaged[place] = int(rng.integers(256))
        elif change == 3:
            damaged[place : place + 4] = rng.choice([0, 0x7F, 0x80, 0xFF], 4).astype(np.uint8).tobytes()
        elif change == 4:
            damaged[place:place] = rng.bytes(int(rng.integers(1, 9)))
        else:
            del damaged[place : place + int(rng.integers(1, 12))]
    return bytes(damaged)


def absurd_tag(content: bytes, keyword: str, value: Any) -> bytes:
    """A DICOM file with another value of a tag, as it stands, or without it."""
    data = dcmread(io.BytesIO(content))
    if value is None:
        del data[keyword]
        return _written(data)
    vr = data[keyword].VR if keyword in data else _VRS.get(keyword, "DS")
    raw = value if isinstance(value, bytes) else None
    if isinstance(value, str):
        # As text of another kind, since pydicom writes no number that is none.
        raw = value.encode("latin-1")
    if raw is None:
        data[keyword] = DataElement(Tag(keyword), vr, value)
        return _written(data)
    data[keyword] = DataElement(Tag(keyword), "OB", raw + b" " * (len(raw) % 2))
    return _renamed_vr(_written(data), Tag(keyword), vr)


def swapped_vr(content: bytes, rng: np.random.Generator) -> bytes:
    """An explicit DICOM file in which one element has another value representation."""
    places = _elements(content)
    place = places[int(rng.integers(len(places)))]
    wanted = _ALL_VRS[int(rng.integers(len(_ALL_VRS)))]
    return content[: place + 4] + wanted + content[place + 6 :]


def wrong_length(content: bytes, rng: np.random.Generator) -> bytes:
    """An explicit DICOM file in which one element has another length: none, too large, undefined."""
    places = _elements(content)
    place = places[int(rng.integers(len(places)))]
    if content[place + 4 : place + 6] in _LONG_VRS:
        length = struct.pack("<I", int(rng.choice([0, 1, 0x7FFFFFFE, 0xFFFFFFFF, 0xFFFFFFFE])))
        return content[: place + 8] + length + content[place + 12 :]
    return content[: place + 6] + struct.pack("<H", int(rng.choice([0, 1, 3, 0x7FFF, 0xFFFF]))) + content[place + 8 :]


def absurd_nifti(content: bytes, fields: dict[str, Any]) -> bytes:
    """A NIfTI-1 file, packed by gzip or not, with other header fields."""
    packed = content.startswith(b"\x1f\x8b")
    damaged = bytearray(gzip.decompress(content) if packed else content)
    header = np.frombuffer(damaged, dtype=nib.Nifti1Header.template_dtype, count=1)[0]
    for name, value in fields.items():
        header[name] = value
    return gzip.compress(damaged, 1, mtime=0) if packed else bytes(damaged)


_VRS = {"NumberOfFrames": "IS", "PixelPaddingValue": "US"}
_LONG_VRS = (b"OB", b"OW", b"OF", b"OD", b"OL", b"UN", b"UT", b"UC", b"UR", b"SQ")
_ALL_VRS = (
    *_LONG_VRS,
    b"US",
    b"SS",
    b"UL",
    b"FD",
    b"FL",
    b"IS",
    b"DS",
    b"CS",
    b"LO",
    b"UI",
    b"PN",
    b"AT",
    b"DA",
    b"??",
)


def _written(data: Dataset) -> bytes:
    out = io.BytesIO()
    before = config.settings.writing_validation_mode
    config.settings.writing_validation_mode = config.IGNORE
    try:
        dcmwrite(out, data)
    finally:
        config.settings.writing_validation_mode = before
    return out.getvalue()


def _elements(content: bytes) -> list[int]:
    """Where the elements of an explicit file begin, behind its preamble."""
    places, place = [], 132
    while place + 8 <= len(content):
        places.append(place)
        if content[place + 4 : place + 6] in _LONG_VRS:
            place += 12 + struct.unpack_from("<I", content, place + 8)[0]
        else:
            place += 8 + struct.unpack_from("<H", content, place + 6)[0]
    return places


def _renamed_vr(content: bytes, tag: Any, vr: str) -> bytes:
    """An element that was written as OB under its own value representation, with the length where that has it."""
    mark = struct.pack("<HH", tag.group, tag.element) + b"OB\0\0"
    place = content.index(mark)
    (length,) = struct.unpack_from("<I", content, place + 8)
    name = vr.encode()
    head = content[place : place + 4] + name
    head += b"\0\0" + struct.pack("<I", length) if name in _LONG_VRS else struct.pack("<H", length)
    return content[:place] + head + content[place + 12 :]
