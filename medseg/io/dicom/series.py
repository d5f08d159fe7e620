"""Images into series: by SeriesInstanceUID (0020,000E), and by what makes one UID several volumes.

1. Images share a series if UID, patient (0010,0020), modality, SOP class, size, samples per pixel and the first three
   values of the image type (0008,0008) agree, so that localizers, secondary captures and derived images stand apart,
   and if orientation (0020,0037) and pixel spacing (0028,0030) agree within 1e-4.
2. Where the UID is empty or missing, study UID, frame of reference UID, series number and folder stand in for it.
3. Where several images lie at one position, the tags of :data:`medseg.io.dicom.header.MARKS` are tried in turn: a tag
   parts a series if each part has at least two positions and the parts have fewer images at shared ones. So a time
   series becomes its time points, while repeated images of one slice stay together and are refused by the checks.
   Where no positions are shared, none of these tags parts anything: scanners count acquisitions slice by slice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from medseg.errors import SourceError
from medseg.io.dicom.elements import printable, tag_text
from medseg.io.dicom.geometry import Stack, same_positions
from medseg.io.dicom.header import MARKS, Header

__all__ = ["DicomSeriesError", "Series", "group_series"]

_NO_UID = "no-uid"
_NEAR = 1e-4
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_TEXT_LENGTH = 40

# What a part of a UID has in common; the names stand in messages.
_SHARED: tuple[tuple[str, Callable[[Header], Hashable]], ...] = (
    ("patient (0010,0020)", lambda header: header.patient_id),
    ("modality (0008,0060)", lambda header: header.modality),
    ("SOP class (0008,0016)", lambda header: header.sop_class),
    ("image type (0008,0008)", lambda header: header.image_type[:3]),
    ("size (0028,0010), (0028,0011)", lambda header: (header.rows, header.columns)),
    ("samples per pixel (0028,0002)", lambda header: header.samples_per_pixel),
)


class DicomSeriesError(SourceError):
    """A DICOM series cannot become a volume."""


@dataclass(frozen=True)
class Series:
    """Images that are to become one volume.

    Attributes:
        headers: One a slice, sorted by position along the normal; images at one position by time, acquisition and
            instance number, then path. Unsorted where positions or orientations are missing.
        uid: (0020,000E), with ``?`` for what cannot be printed, or ``no-uid``.
        part: Which part of the UID's images this is, from 1; 0 if it is all of them.
        parted_by: Tags by which the UID's images were parted.
    """

    headers: tuple[Header, ...]
    uid: str
    part: int = 0
    parted_by: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What ``--series`` takes: the UID, with ``:<part>`` if it was parted."""
        return f"{self.uid}:{self.part}" if self.part else self.uid

    @property
    def label(self) -> str:
        """Name for the terminal; it holds texts of the source."""
        first = self.headers[0]
        number = "" if first.series_number is None else f" {first.series_number}"
        text = f" '{first.description[:_TEXT_LENGTH]}'" if first.description else ""
        return f"series{number}{text} {self._place()} ({_count(len(self.headers), 'image')})"

    def _place(self) -> str:
        folder = self.headers[0].path.parent
        where = f"{self.uid if len(self.uid) < 16 else '...' + self.uid[-12:]}"
        return f"{where}{f':{self.part}' if self.part else ''} in {folder}"

    @cached_property
    def kind(self) -> str:
        """``volume``, or why these are no slices of one: ``localizer`` or ``secondary capture``."""
        first = self.headers[0]
        if "LOCALIZER" in first.image_type:
            return "localizer"
        captured = first.sop_class.startswith(_SECONDARY_CAPTURE)
        if captured and not all(header.position_mm and header.orientation for header in self.headers):
            return "secondary capture"
        return "volume"


def group_series(headers: Iterable[Header]) -> tuple[Series, ...]:
    """Group images into series and sort their slices.

    Returns:
        In the order of their first images.
    """
    by_uid: dict[Hashable, list[Header]] = {}
    for header in headers:
        by_uid.setdefault(_uid_key(header), []).append(header)
    found: list[Series] = []
    for group in by_uid.values():
        parts, tags = _parts(group)
        numbered = enumerate(parts, 1)
        uid = printable(group[0].series_uid) or _NO_UID
        found += [Series(part, uid, number if len(parts) > 1 else 0, tags) for number, part in numbered]
    return _number_without_uid(found)


def _uid_key(header: Header) -> Hashable:
    if header.series_uid:
        return header.series_uid
    return header.study_uid, header.frame_of_reference_uid, header.series_number, header.path.parent


def _number_without_uid(found: list[Series]) -> tuple[Series, ...]:
    """Several series without UID share a name, so they are counted over all."""
    nameless = [index for index, series in enumerate(found) if series.uid == _NO_UID]
    if len(nameless) > 1:
        for number, index in enumerate(nameless, 1):
            found[index] = replace(found[index], part=number)
    return tuple(found)


def _parts(group: list[Header]) -> tuple[list[tuple[Header, ...]], tuple[str, ...]]:
    """Parts of the images of one UID, sorted, and the tags that part them."""
    shared: dict[Hashable, list[Header]] = {}
    orientation, spacing = _Near(), _Near()
    keys = []
    for header in group:
        near = (orientation.first(header.orientation), spacing.first(header.pixel_spacing_mm))
        keys.append((*(value(header) for _, value in _SHARED), *near))
        shared.setdefault(keys[-1], []).append(header)
    names = (*(name for name, _ in _SHARED), "orientation (0020,0037)", "pixel spacing (0028,0030)")
    tags = [name for name, values in zip(names, zip(*keys, strict=True), strict=True) if len(set(values)) > 1]
    parts: list[tuple[Header, ...]] = []
    for same in shared.values():
        more, mark_tags = _part_by_marks(_sorted(same))
        parts += more
        tags += [tag for tag in mark_tags if tag not in tags]
    return parts, tuple(tags)


class _Near:
    """Maps numbers to the first ones seen that agree with them."""

    def __init__(self) -> None:
        self._known: dict[tuple[float, ...], tuple[float, ...]] = {}

    def first(self, numbers: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if numbers is None or numbers in self._known:
            return self._known[numbers] if numbers else None
        firsts = dict.fromkeys(self._known.values())
        near = (known for known in firsts if np.allclose(known, numbers, rtol=_NEAR, atol=_NEAR))
        return self._known.setdefault(numbers, next(near, numbers))


def _sorted(headers: Sequence[Header]) -> tuple[Header, ...]:
    if not _placed(headers):
        return tuple(headers)
    # Absurd values overflow here and are refused by the checks.
    with np.errstate(all="ignore"):
        along = Stack.of(headers).along_mm
    order = sorted(range(len(headers)), key=lambda index: along[index])
    ordered: list[Header] = []
    for same in same_positions(along[order]):
        ordered += sorted((headers[order[place]] for place in same), key=_by_time)
    return tuple(ordered)


def _placed(headers: Sequence[Header]) -> bool:
    if not all(header.position_mm and header.orientation for header in headers):
        return False
    columns, rows = np.array(headers[0].orientation).reshape(2, 3)
    with np.errstate(all="ignore"):
        return bool(np.linalg.norm(np.cross(columns, rows)) > _NEAR)


def _by_time(header: Header) -> tuple[object, ...]:
    numbers = [(text == "", _as_number(text), text) for text in header.marks[:2]]
    return *numbers, header.instance_number is None, header.instance_number or 0, header.path, header.frame


def _as_number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return 0.0
    return number if math.isfinite(number) else 0.0


def _part_by_marks(headers: tuple[Header, ...]) -> tuple[list[tuple[Header, ...]], list[str]]:
    surplus = _surplus(headers)
    if not surplus:
        return [headers], []
    for index, (name, tag) in enumerate(MARKS):
        parts: dict[str, list[Header]] = {}
        for header in headers:
            parts.setdefault(header.marks[index], []).append(header)
        if len(parts) < 2 or not all(_positions(part) > 1 for part in parts.values()):
            continue
        if sum(map(_surplus, parts.values())) < surplus:
            further = [_part_by_marks(tuple(part)) for part in parts.values()]
            tags = dict.fromkeys([f"{name} {tag_text(tag)}", *(tag for _, tags in further for tag in tags)])
            return [part for found, _ in further for part in found], list(tags)
    return [headers], []


def _positions(headers: Sequence[Header]) -> int:
    return len(same_positions(Stack.of(headers).along_mm)) if _placed(headers) else 1


def _surplus(headers: Sequence[Header]) -> int:
    """Images beyond one a position."""
    return len(headers) - _positions(headers) if _placed(headers) else 0


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
