"""MetaImage headers: ``.mha``, and ``.mhd`` with its data file.

https://itk.org/Wiki/ITK/MetaIO/Documentation. Only what says where its voxels lie is taken: MetaIO puts the identity
where ``TransformMatrix``, ``Offset`` or ``ElementSpacing`` are missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.errors import SourceError
from medseg.io.stored import Stored
from medseg.io.text_header import MAX_HEADER_BYTES, TextHeader, collect

__all__ = ["is_metaimage_head", "read_metaimage_header"]

_TYPES = {
    "met_char": "int8",
    "met_uchar": "uint8",
    "met_short": "int16",
    "met_ushort": "uint16",
    "met_int": "int32",
    "met_uint": "uint32",
    "met_long_long": "int64",
    "met_ulong_long": "uint64",
    "met_float": "float32",
    "met_double": "float64",
}
_TRUTH = {"true": True, "1": True, "false": False, "0": False}
_TRUE_OR_FALSE = "True or False"
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_ALIASES = {
    "Position": "Offset",
    "Origin": "Offset",
    "Rotation": "TransformMatrix",
    "Orientation": "TransformMatrix",
    "ElementByteOrderMSB": "BinaryDataByteOrderMSB",
}
_NAMES = (
    "NDims",
    "DimSize",
    "ElementType",
    "ElementNumberOfChannels",
    "BinaryData",
    "BinaryDataByteOrderMSB",
    "CompressedData",
    "HeaderSize",
    "TransformMatrix",
    "Offset",
    "ElementSpacing",
    "ElementSize",
    "ElementDataFile",
    "ObjectType",
    "DistanceUnits",
    "ElementToIntensityFunctionSlope",
    "ElementToIntensityFunctionOffset",
)
_NAME_OF = {name: name for name in _NAMES} | _ALIASES
_LINE = re.compile(r"\s*(\w+)\s*[=:]\s*(.*?)\s*\Z", re.ASCII | re.DOTALL)
_LAST_LINE = re.compile(rb"(?:\A|\n)[ \t]*ElementDataFile[ \t]*[=:][^\n]*(\n|\Z)")
_FIRST_FIELD = re.compile(rb"\s*(ObjectType|NDims|Comment)\s*[=:]")


def is_metaimage_head(head: bytes) -> bool:
    """Whether a file's first bytes are those of a MetaImage header, which has no magic number."""
    return _FIRST_FIELD.match(head) is not None


def read_metaimage_header(path: Path) -> tuple[Stored, NDArray[np.float64]]:
    """Read and check a header.

    Args:
        path: ``.mha`` or ``.mhd``.

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
    end = _LAST_LINE.search(content)
    if end is None:
        raise SourceError(
            path, "must have a MetaImage header that ends in ElementDataFile, got none; it is cut short or damaged"
        )
    text = content[: end.end()].decode("latin-1")
    return TextHeader(path, collect(path, _fields(text)), end.end())


def _fields(text: str) -> Iterator[tuple[str, str]]:
    for line in text.split("\n"):
        field = _LINE.match(line)
        if field and field[1] in _NAME_OF:
            yield _NAME_OF[field[1]], field[2]


def _check_one_volume(header: TextHeader) -> None:
    (dimension,) = header.whole("NDims", 1)
    if dimension != 3:
        raise header.fault(f"NDims must be 3, got {dimension}; save one volume")
    header.one_of("ObjectType", {"image": True}, "Image", default=True)
    if "ElementNumberOfChannels" in header.fields:
        (channels,) = header.whole("ElementNumberOfChannels", 1)
        if channels != 1:
            raise header.fault(f"ElementNumberOfChannels must be 1, got {channels}; save one grey volume")
    for name, neutral in (("Slope", 1.0), ("Offset", 0.0)):
        field = "ElementToIntensityFunction" + name
        if field in header.fields and header.numbers(field, 1) != (neutral,):
            raise header.fault(f"{field} must be {neutral:g}, got another, which readers ignore; write the values")


def _stored(header: TextHeader) -> Stored:
    dtype = np.dtype(header.one_of("ElementType", _TYPES, "a single number of at most 64 bits"))
    if dtype.itemsize > 1:
        dtype = dtype.newbyteorder(">" if header.one_of("BinaryDataByteOrderMSB", _TRUTH, _TRUE_OR_FALSE) else "<")
    if not header.one_of("BinaryData", _TRUTH, _TRUE_OR_FALSE, default=True):
        raise header.fault("BinaryData must be True, got False; save the volume in binary form")
    deflated = header.one_of("CompressedData", _TRUTH, _TRUE_OR_FALSE, default=False)
    shape = header.shape("DimSize")
    if "HeaderSize" in header.fields and header.whole("HeaderSize", 1) != (0,):
        raise header.fault("HeaderSize must be 0, got another; write the file anew")
    name = header.fields["ElementDataFile"]
    if name.lower() == "local":
        return Stored(header.path, dtype, shape, header.end, deflated)
    if "%" in name or name.split()[:1] == ["LIST"]:
        raise header.fault("ElementDataFile must be one file, got several; write the volume into one")
    return Stored(header.beside(name), dtype, shape, 0, deflated)


def _affine(header: TextHeader) -> NDArray[np.float64]:
    header.one_of("DistanceUnits", {"mm": True, "?": True}, "mm", default=True)
    # ElementSize is the extent of a voxel; MetaIO takes it where there is no ElementSpacing.
    given = [name for name in ("ElementSpacing", "ElementSize") if name in header.fields]
    spacing = given[0] if given else "ElementSpacing"
    for name in ("TransformMatrix", "Offset", spacing):
        if name not in header.fields:
            raise header.fault(f"must say where its voxels lie, got no {name}; export the volume with its geometry")
    sizes = header.numbers(spacing, 3)
    if min(sizes) <= 0:
        raise header.fault(f"{spacing} must be above 0, got {min(sizes):g}; write the geometry anew")
    directions = np.array(header.numbers("TransformMatrix", 9)).reshape(3, 3)  # a row an axis
    affine = np.eye(4)
    affine[:3, :3] = directions.T * sizes
    affine[:3, 3] = header.numbers("Offset", 3)
    ras: NDArray[np.float64] = _LPS_TO_RAS @ affine
    return ras
