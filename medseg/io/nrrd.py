"""NRRD headers: ``.nrrd``, and ``.nhdr`` with its data file.

https://teem.sourceforge.net/nrrd/format.html. Only what says where its voxels lie is taken: SimpleITK puts the identity
where ``space directions`` or ``space origin`` are missing, and takes a space without anatomy (``scanner-xyz``) for LPS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from medseg.errors import SourceError
from medseg.io.stored import Stored
from medseg.io.text_header import MAX_HEADER_BYTES, TextHeader, collect

__all__ = ["MAGIC", "read_nrrd_header"]

MAGIC = b"NRRD000"

_TYPES = {
    "int8": ("signed char", "int8", "int8_t"),
    "uint8": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "int16": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "uint16": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "int32": ("int", "signed int", "int32", "int32_t"),
    "uint32": ("uint", "unsigned int", "uint32", "uint32_t"),
    "int64": ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"),
    "uint64": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "float32": ("float",),
    "float64": ("double",),
}
_TYPE_OF_NAME = {name: dtype for dtype, names in _TYPES.items() for name in names}
_ENCODINGS = {"raw": False, "gzip": True, "gz": True}
_BYTE_ORDERS: dict[str, Literal["<", ">"]] = {"little": "<", "big": ">"}
# Signs that turn the space into RAS.
_SPACES = {
    "right-anterior-superior": (1, 1, 1),
    "ras": (1, 1, 1),
    "left-anterior-superior": (-1, 1, 1),
    "las": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1),
    "lps": (-1, -1, 1),
}
_READ = ("type", "dimension", "sizes", "endian", "encoding", "kinds", "lineskip", "byteskip", "datafile")
_READ_OF_SPACE = ("space", "spacedirections", "spaceorigin", "spaceunits")
_PASSED = (
    "content",
    "number",
    "spacedimension",
    "spacings",
    "thicknesses",
    "axismins",
    "axismaxs",
    "centers",
    "labels",
)
_PASSED_TOO = ("centerings", "units", "min", "max", "oldmin", "oldmax", "blocksize", "measurementframe", "sampleunits")
_FIELDS = frozenset((*_READ, *_READ_OF_SPACE, *_PASSED, *_PASSED_TOO))
_KEY_AND_VALUE = re.compile(r"[^:]*:=")
_SPATIAL_KINDS = frozenset({"domain", "space", "???", "none"})
_VECTOR = re.compile(r"\(([^()]*)\)")


def read_nrrd_header(path: Path) -> tuple[Stored, NDArray[np.float64]]:
    """Read and check a header.

    Args:
        path: ``.nrrd`` or ``.nhdr``.

    Returns:
        Where the voxels are, and the 4 x 4 affine, voxel indices to RAS+ mm.

    Raises:
        SourceError: If the header is damaged, lacks geometry, or describes anything but one grey volume.
    """
    header = _parse(path)
    _check_one_volume(header)
    return _stored(header), _affine(header)


def _parse(path: Path) -> TextHeader:
    with path.open("rb") as file:
        content = file.read(MAX_HEADER_BYTES)
    header = re.match(rb"NRRD000[1-5]\r?\n((?:[^\r\n]+\r?\n)*)(?:[^\r\n]*\Z|\r?\n)", content)
    if header is None:
        raise SourceError(
            path, "must have a NRRD header of lines that end in a blank one, got none; it is cut short or damaged"
        )
    return TextHeader(path, collect(path, _fields(path, header[0].decode("latin-1"))), header.end())


def _fields(path: Path, text: str) -> Iterator[tuple[str, str]]:
    for line in re.split(r"\r?\n", text)[1:]:
        if not line or line.startswith("#") or _KEY_AND_VALUE.match(line):
            continue
        name, colon, value = line.partition(": ")
        # "space directions" may be written "spacedirections".
        field = name.lower().replace(" ", "")
        if not colon or field not in _FIELDS:
            raise SourceError(path, "must have a header of NRRD's fields, got another line; the header is damaged")
        yield field, value.strip()


def _check_one_volume(header: TextHeader) -> None:
    (dimension,) = header.whole("dimension", 1)
    if dimension != 3:
        raise header.fault(
            f"dimension must be 3, got {dimension}; save one volume of single numbers, without list or time axis"
        )
    kinds = header.fields.get("kinds", "").lower().split()
    if not _SPATIAL_KINDS.issuperset(kinds) or len(kinds) not in (0, 3):
        raise header.fault("kinds must be domain or space along each axis, got colour, vector or time; save one volume")


def _stored(header: TextHeader) -> Stored:
    dtype = np.dtype(header.one_of("type", _TYPE_OF_NAME, "an integer or floating type"))
    if dtype.itemsize > 1:
        dtype = dtype.newbyteorder(header.one_of("endian", _BYTE_ORDERS, "little or big"))
    deflated = header.one_of("encoding", _ENCODINGS, "raw or gzip")
    shape = header.shape("sizes")
    for name in ("line", "byte"):
        if f"{name}skip" in header.fields and header.whole(f"{name}skip", 1) != (0,):
            raise header.fault(f"{name} skip must be 0, got another; write the file anew")
    data_file = header.fields.get("datafile")
    if data_file is None:
        return Stored(header.path, dtype, shape, header.end, deflated)
    if "%" in data_file or data_file.split()[:1] == ["LIST"]:
        raise header.fault("data file must be one file, got several; write the volume into one")
    return Stored(header.beside(data_file), dtype, shape, 0, deflated)


def _affine(header: TextHeader) -> NDArray[np.float64]:
    signs = header.one_of("space", _SPACES, "LPS, RAS or LAS, so that left is known")
    units = header.fields.get("spaceunits")
    if units is not None and set(re.findall(r'"([^"]*)"', units)) - {"mm", ""}:
        raise header.fault("space units must be mm, got another; write the geometry in mm")
    affine = np.eye(4)
    affine[:3, :3] = _vectors(header, "spacedirections", 3).T
    affine[:3, 3] = _vectors(header, "spaceorigin", 1)[0]
    ras: NDArray[np.float64] = np.diag([*signs, 1.0]) @ affine
    return ras


def _vectors(header: TextHeader, name: str, count: int) -> NDArray[Any]:
    """``(count, 3)`` vectors written as ``(1,0,0) (0,1,0)``."""
    shown = name.replace("space", "space ")
    text = header.fields.get(name)
    if text is None:
        raise header.fault(f"must say where its voxels lie, got no {shown}; export the volume with its geometry")
    vectors = _VECTOR.findall(text)
    if len(vectors) != count or _VECTOR.sub("", text).strip():
        raise header.fault(f"{shown} must be {count} vectors such as (1,0,0), got something else; write the file anew")
    return np.array([header.parse_numbers(shown, vector, 3, ",") for vector in vectors])
