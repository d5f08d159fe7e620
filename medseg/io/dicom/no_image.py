"""Files that give no image: what they are, and whether an image may be missing because of them.

A folder's series may not lose a slice without a word. So a file counts as damaged, not as a stranger, where it began as
a DICOM image, or as the zeros that an interrupted copy leaves; empty files are told apart, for a warning.
"""

from __future__ import annotations

from pathlib import Path

from pydicom.uid import UID

from medseg.io.dicom.elements import Elements
from medseg.io.dicom.header import Other

__all__ = ["class_name", "is_no_image", "no_dicom_file", "without_image"]

_DICOMDIR = "1.2.840.10008.1.3.10"
# They have pixels, but not those of an image: segmentations, label maps, parametric maps, radiotherapy doses.
_NO_IMAGES = frozenset(f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("66.4", "66.7", "30", "481.2"))
_ABOUT_THE_MARK = (96, 160)
_UNKNOWN = "unknown class"
_SUFFIXES = frozenset({"", ".dcm", ".dic", ".dicom", ".ima", ".img"})


def is_no_image(sop_class: str) -> bool:
    """Whether a class has pixels that are not those of an image."""
    return sop_class in _NO_IMAGES


def no_dicom_file(path: Path, head: bytes) -> Other:
    """What to say of a file without DICOM's mark.

    Args:
        path: File.
        head: Its first kB.
    """
    if (head[132:134] == b"\x02\x00" and head[136:138] == b"UL") or head[136:140] == b"UL\x04\x00":
        return Other(path, "has lost the mark DICM at byte 128", damaged=True)
    # Not anywhere, since an archive of images is none of them.
    if head.find(b"DICM\x02\x00", *_ABOUT_THE_MARK) >= 0:
        return Other(path, "has the mark DICM beside byte 128; bytes are missing or were put in", damaged=True)
    suffix = path.suffix.lower()
    # A copy may also end within the mark.
    begun = head[:128] if b"DICM".startswith(head[128:]) else head
    if begun.strip(b"\0") or path.name.startswith(".") or not (suffix in _SUFFIXES or suffix[1:].isdigit()):
        return Other(path, "is no DICOM file")
    if not head:
        return Other(path, "is empty", empty=True)
    return Other(path, "begins with zeros only", damaged=True)


def without_image(path: Path, sop_class: str, elements: Elements, *, part_10: bool, overrun: bool) -> Other:
    """What to say of a data set that has no pixels, or not those of an image.

    Args:
        path: File.
        sop_class: (0008,0016).
        elements: What was read.
        part_10: Whether the file has DICOM's mark.
        overrun: Whether an element's length leads beyond the file's end.
    """
    if sop_class == _DICOMDIR or path.name.upper() == "DICOMDIR":
        return Other(path, "is a DICOMDIR; the files it lists are found by themselves", sop_class=sop_class)
    if not part_10 and not sop_class:
        return Other(path, "is no DICOM file")
    name = class_name(sop_class)
    known = name != _UNKNOWN
    # A class of its own, with the study UID that every object has but no rows, is the vendor's and no image.
    whole = not (overrun or elements.cut_short)
    foreign = bool(sop_class) and not known and whole and 0x0020000D in elements and 0x00280010 not in elements
    if is_no_image(sop_class) or (known and "Image Storage" not in name) or foreign:
        return Other(path, f"is a DICOM object but no image ({name})", sop_class=sop_class)
    return Other(path, "has no pixel data (7fe0,0010); the file is cut short", damaged=True, sop_class=sop_class)


def class_name(sop_class: str) -> str:
    """A name that DICOM gives, so no text of the source."""
    uid = UID(sop_class)
    return uid.name if uid.keyword else _UNKNOWN
