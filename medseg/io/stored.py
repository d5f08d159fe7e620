"""Voxels as they stand in a file, raw or deflated, read whole into memory that the file's own length bounds.

A header may claim anything, so nothing is allocated before the claim has been held against the file: raw voxels need
exactly their bytes, and deflate (RFC 1951) makes at most 1032 bytes of one, so a 1 kB ``.nii.gz`` gets at most 1 MB.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from medseg.errors import SourceError

__all__ = ["MAX_INFLATION", "MAX_VOXELS", "Stored", "is_deflated", "read_head", "read_stored"]

MAX_INFLATION = 1032
"""Bytes that one deflated byte can become: two bits code a run of 258."""

MAX_VOXELS = 2**31
"""Largest volume that is read: eight times 512 x 512 x 1024."""

_CHUNK_BYTES = 2**20
_GZIP = b"\x1f\x8b"
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


@dataclass(frozen=True)
class Stored:
    """Where a file keeps its voxels.

    Attributes:
        path: File with the voxels.
        dtype: Type and byte order.
        shape: ``(x, y, z)``, x fastest.
        start: Bytes of the file before the voxels, or before the deflated stream.
        deflated: Whether a gzip or zlib stream begins at ``start``.
        skip: Bytes of the inflated stream before the voxels.
    """

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, int, int]
    start: int = 0
    deflated: bool = False
    skip: int = 0

    @property
    def length(self) -> int:
        """Bytes that the voxels take."""
        return math.prod(self.shape) * self.dtype.itemsize


def is_deflated(path: Path) -> bool:
    """Whether a file is a gzip file, by its first bytes; names lie.

    Raises:
        SourceError: If the file can't be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(2) == _GZIP
    except OSError as error:
        raise _unreadable(path, error) from error


def read_head(path: Path, count: int) -> bytes:
    """Read the first bytes of a file's content, inflated if it is a gzip file; fewer where it ends before.

    Raises:
        SourceError: If the file can't be read or its gzip stream is damaged.
    """
    try:
        with path.open("rb") as file:
            if file.read(2) != _GZIP:
                file.seek(0)
                return file.read(count)
            file.seek(0)
            return zlib.decompressobj(_GZIP_OR_ZLIB).decompress(file.read(count + 2**16), count)
    except OSError as error:
        raise _unreadable(path, error) from error
    except zlib.error as error:
        raise SourceError(path, "must be soundly compressed, got damaged data; fetch the file again") from error


def read_stored(stored: Stored) -> NDArray[Any]:
    """Read all voxels.

    Memory is that of the voxels as stored, and is not used before the file has shown that it can hold them.

    Returns:
        ``(x, y, z)`` in the file's type and the machine's byte order, x fastest.

    Raises:
        SourceError: If the file holds fewer bytes than ``stored`` says, or more, or its stream is damaged.
    """
    try:
        _check_claim(stored)
        buffer = np.empty(stored.length, dtype=np.uint8)
        with stored.path.open("rb") as file:
            file.seek(stored.start)
            if stored.deflated:
                _inflate(stored, file, buffer.data)
            elif file.readinto(buffer.data) != stored.length:
                raise _short(stored, "fewer")
    except OSError as error:
        raise _unreadable(stored.path, error) from error
    except MemoryError as error:
        raise SourceError(stored.path, f"must fit into memory, got {stored.length} bytes of voxels; crop it") from error
    except zlib.error as error:
        raise SourceError(stored.path, "must be soundly compressed, got damaged data; fetch the file again") from error
    voxels = buffer.view(stored.dtype).reshape(stored.shape, order="F")
    if not voxels.dtype.isnative:
        voxels = voxels.byteswap(inplace=True).view(voxels.dtype.newbyteorder("="))
    return voxels


def _unreadable(path: Path, error: OSError) -> SourceError:
    return SourceError(path, f"must be a readable file, got {error.strerror or 'an error'}")


def _check_claim(stored: Stored) -> None:
    """Hold what the header claims against the file's length."""
    voxels = math.prod(stored.shape)
    if voxels > MAX_VOXELS:
        raise SourceError(stored.path, f"must hold at most {MAX_VOXELS} voxels, got {voxels}; crop or split the volume")
    held = stored.path.stat().st_size - stored.start
    if not stored.deflated:
        if held != stored.length:
            raise _short(stored, str(max(held, 0)))
    elif stored.skip + stored.length > MAX_INFLATION * held:
        raise SourceError(
            stored.path,
            f"must hold the {stored.length} bytes of voxels that its header claims, got a compressed file of {held},"
            f" which makes at most {MAX_INFLATION} times as many; the file is cut short or its header is damaged",
        )


def _short(stored: Stored, got: str) -> SourceError:
    shape = " x ".join(map(str, stored.shape))
    return SourceError(
        stored.path,
        f"must hold exactly {stored.length} bytes of voxels ({shape} of {stored.dtype.name}), got {got};"
        " the file is cut short or damaged, or its header is wrong: fetch or write it again",
    )


def _inflate(stored: Stored, file: BinaryIO, buffer: memoryview) -> None:
    """Fill the buffer from a deflated stream, which must end where the buffer does."""
    at = -stored.skip
    for chunk in _inflated(stored.path, file):
        piece = chunk[max(-at, 0) :] if at < 0 else chunk
        begin = max(at, 0)
        if begin + len(piece) > len(buffer):
            raise _short(stored, "more")
        buffer[begin : begin + len(piece)] = piece
        at += len(chunk)
    if at != len(buffer):
        raise _short(stored, str(max(at, 0)))


def _inflated(path: Path, file: BinaryIO) -> Iterator[bytes]:
    """Pieces of what a gzip or zlib stream inflates to, over all members of a gzip file; zlib checks their sums."""
    inflater = None
    rest = b""
    while data := rest or file.read(_CHUNK_BYTES):
        if inflater is None:
            inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
        piece = inflater.decompress(data, _CHUNK_BYTES)
        if piece:
            yield piece
        rest = inflater.unconsumed_tail
        if inflater.eof:
            rest = _next_member(inflater.unused_data, file)
            inflater = None
    if inflater is not None:
        raise SourceError(path, "must be compressed to its end, got a stream that is cut short; fetch the file again")


def _next_member(data: bytes, file: BinaryIO) -> bytes:
    """What follows the zeros with which a gzip member may be filled up to a tape's block."""
    while not (member := data.lstrip(b"\0")) and (data := file.read(_CHUNK_BYTES)):
        pass
    return member
