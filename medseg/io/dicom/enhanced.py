"""Multi-frame CT, MR and PET: one header a frame, from the functional groups (PS3.3, C.7.6.16).

A frame's own group (5200,9230) goes before the shared one (5200,9229). Only images whose class defines these groups are
taken; frames of secondary captures and the like have no place in space.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from pydicom import config
from pydicom.datadict import dictionary_description
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.uid import UID

from medseg.errors import SourceError
from medseg.io.dicom.header import MARKS, Header
from medseg.io.dicom.locate import read_elements
from medseg.io.dicom.syntaxes import Packing, packing

__all__ = ["SOP_CLASSES", "frame_headers"]

_STORAGE = "1.2.840.10008.5.1.4.1.1"
# Enhanced and Legacy Converted Enhanced: CT, MR, PET.
SOP_CLASSES = frozenset(f"{_STORAGE}.{end}" for end in ("2.1", "2.2", "4.1", "4.4", "130", "128.1"))

_SHARED, _PER_FRAME = 0x52009229, 0x52009230
_WAY_OUT = "export the series again, as single frames if it can be"

# Marks of single frames, and where functional groups hold the like: sequence, then element.
_MARKS = {
    "temporal position": (0x00209111, 0x00209128),
    "acquisition number": (0x00209111, 0x00209156),
    "stack": (0x00209111, 0x00209056),
    "echo time": (0x00189114, 0x00189082),
    "trigger time": (0x00189118, 0x00209153),
    "b value": (0x00189117, 0x00189087),
    "convolution kernel": (0x00189314, 0x00181210),
    "tube voltage": (0x00189325, 0x00180060),
}
# Sequences that hold the frame type (0008,9007) of CT, MR and PET.
_FRAME_TYPES = (0x00189329, 0x00189226, 0x00189751)
_TRANSFORMATION = 0x00289145
# What converted single frames said, a frame's own and shared, under the tags of single frames.
_CONVERTED = (0x00209171, 0x00209170)


def frame_headers(header: Header) -> tuple[Header, ...]:
    """Split a multi-frame image's header into one a frame.

    Args:
        header: What the file's top level says.

    Returns:
        Headers in the order of the frames.

    Raises:
        SourceError: If the image is of another class, or a group that places its frames is missing or damaged.
    """
    if header.sop_class not in SOP_CLASSES:
        name = UID(header.sop_class, config.IGNORE).name if header.sop_class.startswith(_STORAGE) else "unknown"
        raise SourceError(
            header.path,
            f"multi-frame images (0028,0008) must be enhanced CT, MR or PET (0008,0016), got {name}; {_WAY_OUT}",
        )
    try:
        data = read_elements(header.path, frames=header.frames, deflated=packing(header) is Packing.DEFLATED)
        shared, frames = _items(data, _SHARED), _items(data, _PER_FRAME)
        if len(frames) != header.frames:
            raise ValueError(
                f"per-frame functional groups (5200,9230) must be as many as frames (0028,0008), {header.frames}, got"
                f" {len(frames)}"
            )
        return tuple(_frame_header(header, _Groups(index, shared, own)) for index, own in enumerate(frames))
    except ValueError as error:
        raise SourceError(header.path, f"{error}; {_WAY_OUT}") from error


@dataclass(frozen=True)
class _Groups:
    """What is said of one frame."""

    index: int
    shared: list[Dataset]
    own: Dataset

    def sequence(self, tag: int) -> Dataset | None:
        """The one item of a functional group, or None."""
        for groups in (self.own, *self.shared):
            items = _items(groups, tag)
            if items:
                return items[0]
        return None

    def numbers(self, tag: int, element: int, count: int) -> tuple[float, ...] | None:
        """Numbers of an element in a functional group, or None where either is absent."""
        item = self.sequence(tag)
        values = None if item is None else _value(item, element)
        if values is None:
            return None
        try:
            numbers = tuple(float(value) for value in (values if isinstance(values, MultiValue) else [values]))
        except (TypeError, ValueError):
            numbers = ()
        if len(numbers) != count or not all(map(math.isfinite, numbers)):
            raise ValueError(f"{_name(tag)} must have {count} numbers in {_name(element)}, got others in {self}")
        return numbers

    def number(self, tag: int, element: int) -> float | None:
        """A number of an element in a functional group, or None where either is absent."""
        numbers = self.numbers(tag, element, 1)
        return None if numbers is None else numbers[0]

    def required(self, tag: int, element: int, count: int) -> tuple[float, ...]:
        """Numbers without which a frame has no place."""
        numbers = self.numbers(tag, element, count)
        if numbers is None:
            raise ValueError(
                f"{_name(tag)} with {_name(element)} must be in the shared (5200,9229) or per-frame (5200,9230)"
                f" functional groups, got none for {self}"
            )
        return numbers

    def text(self, tag: int, element: int) -> str:
        """Text of an element in a functional group, values joined by backslashes; empty where either is absent."""
        item = self.sequence(tag)
        value = None if item is None else _value(item, element)
        if value is None:
            return ""
        return "\\".join(map(str, value)) if isinstance(value, MultiValue) else str(value)

    def __str__(self) -> str:
        return f"frame {self.index + 1}"


def _frame_header(header: Header, groups: _Groups) -> Header:
    slope, intercept = (groups.number(_TRANSFORMATION, element) for element in (0x00281053, 0x00281052))
    frame_type = next((text for tag in _FRAME_TYPES if (text := groups.text(tag, 0x00089007))), "")
    tilts = [groups.number(tag, 0x00181120) for tag in (0x00189304, *_CONVERTED)]
    return replace(
        header,
        frame=groups.index,
        marks=tuple(_mark(header, groups, index, frame_type) for index in range(len(MARKS))),
        image_type=tuple(part.strip().upper() for part in frame_type.split("\\")) if frame_type else header.image_type,
        position_mm=groups.required(0x00209113, 0x00200032, 3),
        orientation=groups.required(0x00209116, 0x00200037, 6),
        pixel_spacing_mm=groups.required(0x00289110, 0x00280030, 2),
        slice_thickness_mm=groups.number(0x00289110, 0x00180050),
        spacing_between_mm=groups.number(0x00289110, 0x00180088),
        tilt_degrees=next((tilt for tilt in tilts if tilt is not None), header.tilt_degrees),
        slope=header.slope if slope is None else slope,
        intercept=header.intercept if intercept is None else intercept,
        rescale_type=groups.text(_TRANSFORMATION, 0x00281054) or header.rescale_type,
    )


def _mark(header: Header, groups: _Groups, index: int, frame_type: str) -> str:
    name, tag = MARKS[index]
    if name == "image type" and frame_type:
        return frame_type
    places = [_MARKS[name]] if name in _MARKS else []
    places += [(sequence, tag) for sequence in _CONVERTED]
    return next((text for place in places if (text := groups.text(*place))), header.marks[index])


def _items(data: Dataset, tag: int) -> list[Dataset]:
    """Items of a sequence; none where it is absent."""
    value = _value(data, tag)
    if value is not None and not isinstance(value, Sequence):
        raise ValueError(f"{_name(tag)} must be a sequence, got another value")
    return [] if value is None else list(value)


def _value(data: Dataset, tag: int) -> Any:
    """Value of an element; None where it is absent or empty."""
    if tag not in data:
        return None
    try:
        value = data[tag].value
    except Exception as error:
        raise ValueError(f"{_name(tag)} must be readable, got {type(error).__name__}") from error
    return None if value is None or (isinstance(value, (str, MultiValue)) and not value) else value


def _name(tag: int) -> str:
    return f"{dictionary_description(tag).lower()} ({tag >> 16:04X},{tag & 0xFFFF:04X})"
