"""Read a DICOM object that is no image: a segmentation or a structure set.

Memory is bounded: elements before the pixels, or a deflated data set with its pixels, may take 256 MiB, and all
sequences together have 2**18 items, of which each takes about 1 kB beside its values.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from pydicom import dcmread
from pydicom.datadict import dictionary_description, dictionary_has_tag, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from medseg.errors import MedsegError, SourceError
from medseg.io.dicom.elements import tag_text
from medseg.io.dicom.parse import quiet_pydicom

__all__ = ["DicomObject", "read_object", "readable", "referenced_series", "required"]

_IMPLICIT, _EXPLICIT, _BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
_DEFLATED = "1.2.840.10008.1.2.1.99"
_PIXELS = 0x7FE00010
_PREAMBLE_BYTES = 132
_MOST_BYTES = 2**28
_MOST_ITEMS = 2**18
_UNDEFINED = 0xFFFFFFFF
# The tag of a sequence's item, in both byte orders.
_ITEMS = [struct.pack(f"{order}HH", 0xFFFE, 0xE000) for order in "<>"]
_WAY_OUT = "export it again"


@dataclass(frozen=True, eq=False)
class DicomObject:
    """An object without its pixels.

    Attributes:
        data: Elements before the pixels.
        transfer_syntax: (0002,0010), or what the elements are written in where it is missing.
        pixels_at: Where the element of the pixels begins in what :meth:`open` gives, or its end where there are none.
        path: File.
        inflated: The data set with its pixels, where it is deflated.
    """

    data: Dataset
    transfer_syntax: str
    pixels_at: int
    path: Path
    inflated: BytesIO | None = None

    def open(self) -> AbstractContextManager[BinaryIO]:
        """What holds the pixels: the file, or the inflated data set."""
        return self.path.open("rb") if self.inflated is None else nullcontext(self.inflated)


def read_object(path: Path, sop_classes: Sequence[str], kind: str) -> DicomObject:
    """Read a file of one kind.

    Args:
        path: DICOM file.
        sop_classes: Allowed values of (0008,0016).
        kind: What they are called in messages.

    Raises:
        SourceError: If the file is damaged or of another kind.
    """
    with readable(path, kind):
        found = _read(path)
        sop_class = str(found.data.get("SOPClassUID") or "")
        if sop_class not in sop_classes:
            got = "another" if sop_class else "none"
            raise SourceError(path, f"SOP class (0008,0016) must be that of a {kind}, got {got}; choose another file")
        _require_whole(path, found.data)
        return found


def referenced_series(path: Path) -> tuple[str, ...]:
    """Which series a segmentation or structure set says it is about.

    Returns:
        SeriesInstanceUIDs (0020,000E), each once; none where it does not say.

    Raises:
        SourceError: If the file is damaged.
    """
    with readable(path, "DICOM object"):
        data = _read(path).data
        _require_whole(path, data)
        direct = list(data.get("ReferencedSeriesSequence") or [])
        nested = [
            series
            for frame in data.get("ReferencedFrameOfReferenceSequence") or []
            for study in frame.get("RTReferencedStudySequence") or []
            for series in study.get("RTReferencedSeriesSequence") or []
        ]
        uids = [str(item.get("SeriesInstanceUID") or "") for item in (*direct, *nested)]
    return tuple(dict.fromkeys(uid for uid in uids if uid))


@contextmanager
def readable(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a damaged file makes pydicom raise into one line, and keep its warnings to itself.

    Args:
        path: The file.
        kind: What it should be, for the message.

    Raises:
        SourceError: If anything but an error of our own is raised inside.
    """
    try:
        with quiet_pydicom():
            yield
    except MedsegError:
        raise
    except Exception as error:
        raise SourceError(
            path, f"must be a readable {kind}, got {type(error).__name__}; the file is damaged, {_WAY_OUT}"
        ) from error


def required(path: Path, data: Dataset, keyword: str) -> Any:
    """The value of an element.

    Raises:
        SourceError: If it is absent or empty.
    """
    value = data.get(keyword)
    if value is None or (isinstance(value, (str, Sequence)) and not len(value)):
        tag = int(tag_for_keyword(keyword) or 0)
        name = dictionary_description(tag).lower()
        raise SourceError(path, f"{name} {tag_text(tag)} must be there, got none; {_WAY_OUT}")
    return value


def _read(path: Path) -> DicomObject:
    with path.open("rb") as file:
        head = file.read(1024)
        deflated = head[128:132] == b"DICM" and _DEFLATED.encode() in head
        file.seek(0)
        content = _inflate(file) if deflated else BytesIO(file.read(_MOST_BYTES))
    items = sum(content.getvalue().count(tag) for tag in _ITEMS)
    if items > _MOST_ITEMS:
        raise SourceError(path, f"sequences must have at most {_MOST_ITEMS} items, got {items}; {_WAY_OUT} in parts")
    if deflated:
        data = read_dataset(content, False, True, stop_when=lambda tag, _vr, _length: tag == _PIXELS)
        return DicomObject(data, _DEFLATED, content.tell(), path, content)
    data = dcmread(content, stop_before_pixels=True, force=True)
    syntax = str(data.file_meta.get("TransferSyntaxUID") or "") or _syntax_of(data)
    return DicomObject(data, syntax, content.tell(), path)


def _inflate(file: BinaryIO) -> BytesIO:
    file.seek(_PREAMBLE_BYTES)
    read_dataset(file, False, True, stop_when=lambda tag, _vr, _length: tag.group != 2)
    return BytesIO(zlib.decompressobj(-zlib.MAX_WBITS).decompress(file.read(), _MOST_BYTES))


def _syntax_of(data: Dataset) -> str:
    implicit, little = data.original_encoding
    return _IMPLICIT if implicit else _EXPLICIT if little else _BIG_ENDIAN


def _require_whole(path: Path, data: Dataset) -> None:
    """Pydicom takes what is left of an element that the file's end cuts, so that contours or frames would vanish."""
    for element in data.elements():
        if isinstance(element, RawDataElement) and element.length != _UNDEFINED:
            got = len(element.value or b"")
            if got < element.length:
                # A damaged file's tag may be a text's bytes.
                name = tag_text(element.tag) if dictionary_has_tag(element.tag) else "an unknown element"
                raise SourceError(
                    path,
                    f"value of {name} must have {element.length} bytes, got {got}; the file is cut short, {_WAY_OUT}",
                )
