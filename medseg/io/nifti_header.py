"""NIfTI headers, checked before anything is allocated: ``.nii``, ``.nii.gz`` and pairs of ``.hdr`` and ``.img``.

NIfTI-1 and NIfTI-2. What contradicts itself is refused, since a flipped bit in a header otherwise gives a volume that
looks right: type and bits a voxel must agree, and the file must hold the voxels, no fewer bytes and no more.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.wrapstruct import WrapStructError

from medseg.errors import SourceError
from medseg.io.stored import Stored, is_deflated, read_head

__all__ = ["HEAD_BYTES", "NiftiHeader", "is_nifti_head", "read_nifti_header"]

HEAD_BYTES = 540
"""What to read of a file to see whether it is NIfTI."""

_HEADERS = {348: nib.Nifti1Header, 540: nib.Nifti2Header}
_MAGIC_AT = {348: slice(344, 348), 540: slice(4, 12)}
_SINGLE = {348: b"n+1\0", 540: b"n+2\0\r\n\x1a\n"}
_PAIR = {348: b"ni1\0", 540: b"ni2\0\r\n\x1a\n"}
_FIRST_VOXEL = {348: 352, 540: 544}  # header and the four bytes that announce extensions

_PAIR_NAME = re.compile(r"(?P<stem>.*)\.(?P<part>hdr|img)(\.gz)?", re.IGNORECASE | re.DOTALL)

_TYPES = {
    2: "uint8",
    4: "int16",
    8: "int32",
    16: "float32",
    64: "float64",
    256: "int8",
    512: "uint16",
    768: "uint32",
    1024: "int64",
    1280: "uint64",
}
_REFUSED_TYPES = {
    1: "one bit a voxel",
    32: "complex numbers",
    128: "RGB colour",
    1536: "128-bit floats",
    1792: "complex numbers",
    2048: "complex numbers",
    2304: "RGBA colour",
}


@dataclass(frozen=True, eq=False)
class NiftiHeader:
    """A header that keeps all rules but those of geometry.

    Attributes:
        fields: nibabel's header.
        stored: Where the voxels are.
        slope: Factor of the stored numbers, 1 if the header has none.
        inter: Summand.
    """

    fields: Any
    stored: Stored
    slope: float
    inter: float


def is_nifti_head(head: bytes) -> bool:
    """Whether a file's first bytes, inflated, are those of a NIfTI header."""
    kind = _header_size(head)
    return kind is not None and head[_MAGIC_AT[kind[0]]] in (_SINGLE[kind[0]], _PAIR[kind[0]])


def read_nifti_header(path: Path) -> NiftiHeader:
    """Read and check a header.

    Args:
        path: ``.nii``, ``.nii.gz``, or either file of a pair.

    Raises:
        SourceError: If the file is no NIfTI file, a file of the pair is missing, or the header breaks a rule.
    """
    if not path.is_file():
        raise SourceError(path, "must be a file, got none")
    head_path, data_path = _files(path)
    head = read_head(head_path, HEAD_BYTES)
    fields, size = _parse(head_path, head)
    single = head[_MAGIC_AT[size]] == _SINGLE[size]
    if single != (head_path == data_path):
        raise SourceError(
            head_path, f"must be {'one .nii file' if single else 'a pair of .hdr and .img'} by its magic; rename it"
        )
    slope, inter = _scaling(head_path, fields)
    shape = _shape(head_path, fields)
    dtype = _dtype(head_path, fields)
    offset = _offset(head_path, fields, _FIRST_VOXEL[size] if single else 0)
    deflated = is_deflated(data_path)
    start, skip = (0, offset) if deflated else (offset, 0)
    return NiftiHeader(fields, Stored(data_path, dtype, shape, start, deflated, skip), slope, inter)


def _files(path: Path) -> tuple[Path, Path]:
    """The file with the header and that with the voxels."""
    name = _PAIR_NAME.fullmatch(path.name)
    if name is None:
        return path, path
    other = "img" if name["part"].lower() == "hdr" else "hdr"
    wanted = {f"{name['stem']}.{other}{end}".lower() for end in ("", ".gz")}
    found = sorted(file for file in path.parent.iterdir() if file.name.lower() in wanted)
    if len(found) != 1:
        raise SourceError(path, f"must have one .{other} file beside it, got {len(found)}; keep both files of the pair")
    return (path, found[0]) if other == "img" else (found[0], path)


def _header_size(head: bytes) -> tuple[int, str] | None:
    """``sizeof_hdr`` and byte order."""
    for order, mark in (("little", "<"), ("big", ">")):
        size = int.from_bytes(head[:4], order)  # type: ignore[arg-type]
        if size in _HEADERS and len(head) >= size:
            return size, mark
    return None


def _parse(path: Path, head: bytes) -> tuple[Any, int]:
    kind = _header_size(head)
    if kind is None:
        raise SourceError(
            path, "must be a NIfTI file, got no header of 348 or 540 bytes; it is cut short, damaged or of another kind"
        )
    size, mark = kind
    if not is_nifti_head(head):
        raise SourceError(path, "must be NIfTI by its magic, got another kind: Analyze, say, which has no orientation")
    try:
        return _HEADERS[size](head[:size], endianness=mark, check=False), size
    except (WrapStructError, ValueError) as error:
        raise SourceError(path, "must have a NIfTI header, got one that can't be read; it is damaged") from error


def _shape(path: Path, fields: Any) -> tuple[int, int, int]:
    """``(x, y, z)``; a single image is a volume of one slice."""
    count = int(fields["dim"][0])
    if not 1 <= count <= 7:
        raise SourceError(path, f"dim[0] must be 2 or 3, got {count}; the header is damaged")
    dims = [int(size) for size in fields["dim"][1 : count + 1]]
    if min(dims) < 1:
        raise SourceError(path, f"dim must be at least 1 along each axis, got {_times(dims)}; the header is damaged")
    volumes = math.prod(dims[3:])
    if volumes > 1:
        raise SourceError(path, f"must hold one volume, got {volumes} ({_times(dims)}); save the wanted one by itself")
    if count < 2:
        raise SourceError(path, f"must be a volume, got one axis of {dims[0]} voxels")
    x, y, z = (*dims, 1)[:3]
    return x, y, z


def _dtype(path: Path, fields: Any) -> np.dtype[Any]:
    code, bits = int(fields["datatype"]), int(fields["bitpix"])
    if code not in _TYPES:
        got = _REFUSED_TYPES.get(code, "an unknown type")
        raise SourceError(path, f"voxels must be single real numbers, got {got} (datatype {code}); save a grey volume")
    dtype = np.dtype(_TYPES[code]).newbyteorder(fields.endianness)
    if bits != 8 * dtype.itemsize:
        raise SourceError(
            path, f"bitpix must be {8 * dtype.itemsize} for {_TYPES[code]}, got {bits}; the header is damaged"
        )
    return dtype


def _offset(path: Path, fields: Any, least: int) -> int:
    offset = float(fields["vox_offset"])
    if not (offset >= least and offset.is_integer()):
        raise SourceError(path, f"vox_offset must be whole and at least {least}, got {offset:g}; the header is damaged")
    return int(offset)


def _scaling(path: Path, fields: Any) -> tuple[float, float]:
    """Slope and intercept, which don't count where the slope is 0 or, as nibabel leaves it, NaN."""
    slope, inter = float(fields["scl_slope"]), float(fields["scl_inter"])
    if slope == 0 or math.isnan(slope):
        return 1.0, 0.0
    if not (math.isfinite(slope) and math.isfinite(inter)):
        raise SourceError(
            path, f"scl_slope and scl_inter must be finite, got {slope:g} and {inter:g}; the header is damaged"
        )
    return slope, inter


def _times(dims: list[int]) -> str:
    return " x ".join(map(str, dims))
