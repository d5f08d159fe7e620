"""Kinds of PNG and TIFF that Pillow reads as something else, without a word."""

from __future__ import annotations

import zlib
from pathlib import Path

from PIL import Image

from medseg.errors import MedsegError

__all__ = ["is_unsigned_32_bit", "refuse_misread"]

# TIFF tags
_BITS, _PHOTOMETRIC, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 258, 262, 338, 339
_SIGNED, _WHITE_IS_ZERO, _UNSPECIFIED = 2, 0, 0

_PNG_SIGNATURE_BYTES = 8
_PNG_CHUNK_FRAME_BYTES = 12  # length, kind and checksum


def refuse_misread(path: Path, image: Image.Image) -> None:
    """Refuse an opened image whose values Pillow would change.

    Raises:
        MedsegError: If checksums of a PNG are wrong, colour has more than 8 bits a channel, or a TIFF holds signed
            8-bit values, deep values with white as zero, or channels of unknown meaning.
    """
    fault = None
    if image.format == "PNG":
        fault = _png_fault(path, image)
    elif image.format == "TIFF":
        fault = _tiff_fault(image)
    if fault is not None:
        raise MedsegError(f"{path}: {fault}")


def is_unsigned_32_bit(image: Image.Image) -> bool:
    """Whether 32-bit values are unsigned, which Pillow gives as signed."""
    return image.format == "TIFF" and image.mode == "I" and _bits(image) == 32 and _tag(image, _SAMPLE_FORMAT, 1) == 1


def _png_fault(path: Path, image: Image.Image) -> str | None:
    if image.mode in ("LA", "RGB", "RGBA") and any(";16" in str(tile[3]) for tile in getattr(image, "tile", [])):
        return _deep_colour(16)
    content = memoryview(path.read_bytes())
    start = _PNG_SIGNATURE_BYTES
    while start + _PNG_CHUNK_FRAME_BYTES <= len(content):
        kind, data_end = bytes(content[start + 4 : start + 8]), start + 8 + _number(content, start)
        if data_end + 4 > len(content):
            break
        # Chunks in lower case are comments and the like (PNG specification, 5.4): pixels do not depend on them.
        if kind[:1].isupper() and zlib.crc32(content[start + 4 : data_end]) != _number(content, data_end):
            return f"must be a readable image, got a wrong checksum of {kind!r}; the file is damaged or cut short"
        if kind == b"IEND":
            return None
        start = data_end + 4
    return "must be a readable image, got no end of the PNG; the file is damaged or cut short"


def _tiff_fault(image: Image.Image) -> str | None:
    bits = _bits(image)
    deep = image.mode in ("I", "F") or image.mode.startswith("I;16")
    if _UNSPECIFIED in image.tag_v2.get(_EXTRA_SAMPLES, ()):  # type: ignore[attr-defined]
        return "channels must be grey or colour and transparency, got more; save without the others"
    if bits > 8 and not deep:
        return _deep_colour(bits)
    if bits == 8 and _tag(image, _SAMPLE_FORMAT, 1) == _SIGNED:
        return "8-bit values must be unsigned, got signed; save 16 bits"
    if deep and _tag(image, _PHOTOMETRIC, 1) == _WHITE_IS_ZERO:
        return "grey must have black as zero above 8 bits (TIFF tag 262 = 1), got white as zero; invert and save it"
    return None


def _deep_colour(bits: int) -> str:
    return f"colour must have 8 bits a channel, got {bits}; save it as 16-bit grey"


def _bits(image: Image.Image) -> int:
    return _tag(image, _BITS, 1)


def _tag(image: Image.Image, tag: int, default: int) -> int:
    """Largest value of a TIFF tag of whole numbers."""
    value = image.tag_v2.get(tag, default)  # type: ignore[attr-defined]
    return max(value) if isinstance(value, tuple) else int(value)


def _number(content: memoryview, start: int) -> int:
    return int.from_bytes(content[start : start + 4], "big")
