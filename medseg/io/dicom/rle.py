"""RLE Lossless frames (PS3.5, Annex G): the bytes of each word as planes, highest first, each run-length encoded.

pydicom's decoder accepts planes that are longer than the image, which is how damage shows; here each must fit exactly.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

__all__ = ["decode_rle"]

_HEADER_BYTES = 64
_NO_OPERATION = 128


def decode_rle(data: bytes, pixels: int, word_bytes: int) -> NDArray[np.uint8]:
    """Decode a frame.

    Args:
        data: Frame with its header.
        pixels: Pixels of the frame.
        word_bytes: Bytes of a pixel.

    Returns:
        ``(pixels, word_bytes)``, lowest byte first.

    Raises:
        ValueError: If planes are missing, damaged, or do not give the pixels exactly.
    """
    if len(data) < _HEADER_BYTES:
        raise ValueError(f"RLE header must have {_HEADER_BYTES} bytes, got {len(data)}")
    count, *offsets = struct.unpack_from("<16L", data)
    if count != word_bytes:
        raise ValueError(f"RLE frame must have {word_bytes} planes, got {count}")
    bounds = [*offsets[:count], len(data)]
    if bounds[0] != _HEADER_BYTES or sorted(bounds) != bounds:
        raise ValueError("RLE planes must follow each other behind the header, got other offsets")
    words = np.empty((pixels, word_bytes), np.uint8)
    for plane in range(count):
        decoded = _decode_plane(data[bounds[plane] : bounds[plane + 1]], pixels)
        words[:, word_bytes - 1 - plane] = np.frombuffer(decoded, np.uint8)
    return words


def _decode_plane(data: bytes, pixels: int) -> bytearray:
    plane = bytearray()
    at, end = 0, len(data)
    # Zeros may pad the plane to an even length, so reading stops with the last pixel.
    while at < end and len(plane) < pixels:
        control = data[at]
        if control < _NO_OPERATION:
            plane += data[at + 1 : at + 2 + control]
            at += 2 + control
        else:
            if control > _NO_OPERATION:
                plane += data[at + 1 : at + 2] * (257 - control)
            at += 2 if control > _NO_OPERATION else 1
    if len(plane) != pixels or any(data[at:]):
        raise ValueError(f"RLE plane must give {pixels} bytes, got {len(plane)} from {min(at, end)} of {end} bytes")
    return plane
