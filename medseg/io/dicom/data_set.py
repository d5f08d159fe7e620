"""The elements before a file's pixels, read by pydicom, and where those pixels begin.

The values wanted are few, so they are taken from the elements' bytes, and files of the usual form are read from their
first 32 kB in memory; pydicom's own conversion of values and its data set would take three times as long.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from pydicom import dcmread
from pydicom.filereader import data_element_generator, read_dataset

from medseg.io.dicom.elements import TAGS, Elements

__all__ = ["HEAD_BYTES", "DataSet", "read_data_set"]

HEAD_BYTES = 2**15

_IMPLICIT, _EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
_BIG_ENDIAN, _DEFLATED = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
_ENCAPSULATED = ("1.2.840.10008.1.2.4.", "1.2.840.10008.1.2.5")
_NATIVE = frozenset({_IMPLICIT, _EXPLICIT, _BIG_ENDIAN})
_SYNTAX, _CLASS = 0x00020010, 0x00020002
_META_START = 132
_PIXELS = (0x7FE0, 0x0010)
_UNDEFINED = 0xFFFFFFFF
# Headers are a few kB; more than this of inflated data before the pixels is an attack or damage.
_MAX_INFLATED_HEADER = 2**24


@dataclass(frozen=True)
class DataSet:
    """What stands before the pixels.

    Attributes:
        elements: Those of :data:`medseg.io.dicom.elements.TAGS`.
        transfer_syntax: (0002,0010), or what the elements show where it is missing.
        sop_class: (0008,0016), or else (0002,0002).
        has_pixels: Whether the element (7FE0,0010) follows.
        pixel_offset: First byte of its value in the file; None unless it is uncompressed and of known length.
        pixel_bytes: Its length; None as above.
        overrun: Whether an element's length leads beyond the file's end.
    """

    elements: Elements
    transfer_syntax: str
    sop_class: str
    has_pixels: bool
    pixel_offset: int | None
    pixel_bytes: int | None
    overrun: bool


def read_data_set(file: BinaryIO, head: bytes, size: int) -> DataSet:
    """Read the elements before the pixels.

    Args:
        file: Opened file, anywhere.
        head: Its first :data:`HEAD_BYTES` bytes.
        size: Its length.

    Raises:
        Exception: Whatever pydicom raises on a damaged file.
    """
    part_10 = head[128:132] == b"DICM"
    if part_10 and _DEFLATED.encode() in head[:1024]:
        return _read_deflated(file, size)
    quick = _read_head(head, size) if part_10 else None
    if quick is not None:
        return quick
    file.seek(0)
    data = dcmread(file, stop_before_pixels=True, force=not part_10, specific_tags=list(TAGS))
    syntax, media_class = (
        str(data.file_meta.get(name, "")) for name in ("TransferSyntaxUID", "MediaStorageSOPClassUID")
    )
    return _data_set(Elements(data.elements()), syntax, media_class, file, size)


def _read_head(head: bytes, size: int) -> DataSet | None:
    """Read a file of the usual form that reaches its pixels within its head; None leaves all others to pydicom."""
    try:
        source = BytesIO(head)
        syntax, media_class = _read_meta(source)
        implicit = syntax == _IMPLICIT
        if not (implicit or syntax == _EXPLICIT or syntax.startswith(_ENCAPSULATED)):
            return None
        group, _, vr = struct.unpack_from("<HH2s", head, source.tell())
        if group == 0 or implicit == (vr.isalpha() and vr.isupper()):
            return None
        elements = data_element_generator(source, implicit, True, stop_when=_at_pixels, specific_tags=list(TAGS))
        found = _data_set(Elements(elements), syntax, media_class, source, size)
    except Exception:
        return None
    return found if found.has_pixels else None


def _read_meta(source: BinaryIO) -> tuple[str, str]:
    """Transfer syntax and SOP class of the file meta group; leaves ``source`` behind it."""
    source.seek(_META_START)
    meta = Elements(data_element_generator(source, False, True, stop_when=_beyond_meta))
    return meta.text(_SYNTAX), meta.text(_CLASS)


def _beyond_meta(tag: int, _vr: str | None, _length: int) -> bool:
    return tag >> 16 != 2


def _at_pixels(tag: int, _vr: str | None, _length: int) -> bool:
    return tag in (0x7FE00008, 0x7FE00009, 0x7FE00010)


def _read_deflated(file: BinaryIO, size: int) -> DataSet:
    syntax, media_class = _read_meta(file)
    inflated = BytesIO(zlib.decompressobj(-zlib.MAX_WBITS).decompress(file.read(), _MAX_INFLATED_HEADER))
    data = read_dataset(inflated, False, True, stop_when=_at_pixels, specific_tags=list(TAGS))
    return _data_set(Elements(data.elements()), syntax, media_class, inflated, size)


def _data_set(elements: Elements, syntax: str, media_class: str, source: BinaryIO, size: int) -> DataSet:
    """Judge the place at which reading stopped."""
    syntax = syntax or elements.transfer_syntax()
    start = source.tell()
    order, length_at = ">" if syntax == _BIG_ENDIAN else "<", 4 if elements.implicit else 8
    head = source.read(12)
    has_pixels = len(head) >= length_at + 4 and struct.unpack_from(order + "HH", head) == _PIXELS
    length = struct.unpack_from(order + "L", head, length_at)[0] if has_pixels else _UNDEFINED
    native = syntax in _NATIVE and length != _UNDEFINED
    return DataSet(
        elements=elements,
        transfer_syntax=syntax,
        sop_class=elements.text(0x00080016) or media_class,
        has_pixels=has_pixels,
        pixel_offset=start + length_at + 4 if native else None,
        pixel_bytes=length if native else None,
        overrun=syntax != _DEFLATED and start > size,
    )
