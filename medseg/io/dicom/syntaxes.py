"""Transfer syntaxes (0002,0010): how pixels are packed, and which decoder reads them.

Pixels that no entry here names are refused. Retired JPEG (1.2.840.10008.1.2.4.53, .55 and the like) is among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pydicom import config
from pydicom.uid import UID

from medseg.errors import SourceError
from medseg.io.dicom.header import Header

__all__ = ["BIG_ENDIAN", "Library", "Packing", "library", "packing", "syntax_name"]

BIG_ENDIAN = "1.2.840.10008.1.2.2"


class Packing(Enum):
    """How the pixel data element holds its frames.

    The value is the most decoded bytes that one byte of a file gives: exact for uncompressed, deflate and RLE (two
    bytes give 128); for codestreams, where a blank frame takes next to nothing, far above what whole series reach.
    """

    NATIVE = 1
    DEFLATED = 1032
    RLE = 64
    CODESTREAM = 1000


@dataclass(frozen=True)
class Library:
    """What decodes a codestream, in a process of its own.

    Attributes:
        module: What the process imports.
        package: Its package, for ``pip install``.
    """

    module: str
    package: str


_OPENJPEG = Library("openjpeg", "pylibjpeg-openjpeg")
_CHARLS = Library("jpeg_ls", "pyjpegls")
_GDCM = Library("gdcm", "python-gdcm")

_PACKINGS = {
    "1.2.840.10008.1.2": Packing.NATIVE,
    "1.2.840.10008.1.2.1": Packing.NATIVE,
    BIG_ENDIAN: Packing.NATIVE,
    "1.2.840.10008.1.2.1.99": Packing.DEFLATED,
    "1.2.840.10008.1.2.5": Packing.RLE,
}
_LIBRARIES = {
    "1.2.840.10008.1.2.4.50": _GDCM,
    "1.2.840.10008.1.2.4.51": _GDCM,
    "1.2.840.10008.1.2.4.57": _GDCM,
    "1.2.840.10008.1.2.4.70": _GDCM,
    "1.2.840.10008.1.2.4.80": _CHARLS,
    "1.2.840.10008.1.2.4.81": _CHARLS,
    "1.2.840.10008.1.2.4.90": _OPENJPEG,
    "1.2.840.10008.1.2.4.91": _OPENJPEG,
    "1.2.840.10008.1.2.4.201": _OPENJPEG,
    "1.2.840.10008.1.2.4.202": _OPENJPEG,
    "1.2.840.10008.1.2.4.203": _OPENJPEG,
}


def packing(header: Header) -> Packing:
    """How a file's pixels are packed.

    Raises:
        SourceError: If no decoder reads its transfer syntax.
    """
    syntax = header.transfer_syntax
    if syntax in _LIBRARIES:
        return Packing.CODESTREAM
    if syntax in _PACKINGS:
        return _PACKINGS[syntax]
    raise SourceError(
        f"{header.path} (transfer syntax {syntax or 'missing'})",
        f"transfer syntax (0002,0010) must be one that a maintained decoder reads, got {syntax_name(syntax)};"
        " convert the series first, for example with 'gdcmconv --raw IN OUT' or DCMTK's 'dcmdjpeg IN OUT'",
    )


def library(syntax: str) -> Library:
    """What decodes the codestreams of a transfer syntax."""
    return _LIBRARIES[syntax]


def syntax_name(syntax: str) -> str:
    """Name and UID where the standard has them; never an unknown UID's text, which is the source's own."""
    uid = UID(syntax, config.IGNORE)
    if uid.is_transfer_syntax and not uid.is_private:
        return f"{uid.name} ({syntax})"
    return "an unknown one" if syntax else "none"
