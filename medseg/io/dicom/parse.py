"""One file's header, or why it has none."""

from __future__ import annotations

import logging
import os
import stat
import struct
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from medseg.errors import SourceError
from medseg.io.dicom import enhanced
from medseg.io.dicom.data_set import HEAD_BYTES, DataSet, read_data_set
from medseg.io.dicom.elements import printable
from medseg.io.dicom.header import MARKS, Header, Other
from medseg.io.dicom.no_image import class_name, is_no_image, no_dicom_file, without_image

__all__ = ["parse_files", "quiet_pydicom"]

# One file an image; several frames in one have nowhere to say where they lie.
_SINGLE_FRAME = frozenset(f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("2", "4", "128"))


def parse_files(paths: Iterable[Path]) -> list[tuple[Header, ...] | Other]:
    """Headers of the frames of each file, in order, or why it is no image.

    Whatever a damaged file makes pydicom raise ends as an :class:`Other` that says so.
    """
    with quiet_pydicom():
        return [_parse_file(path) for path in paths]


def _parse_file(path: Path) -> tuple[Header, ...] | Other:
    try:
        status = path.stat()
        # Opening a pipe would wait for ever.
        if not stat.S_ISREG(status.st_mode):
            return Other(path, "is no regular file")
        with path.open("rb") as file:
            return _parse(path, file, status.st_size)
    except SourceError as error:
        return Other(path, error.fault, damaged=True)
    except OSError as error:
        return Other(path, f"cannot be read, {os.strerror(error.errno or 0)}", damaged=True)
    except Exception as error:
        return Other(path, f"is damaged, pydicom gives {type(error).__name__}", damaged=True)


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Keep pydicom's warnings, which quote values of the source, from terminal and logs."""
    logger = logging.getLogger("pydicom")
    before = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before


def _parse(path: Path, file: BinaryIO, size: int) -> tuple[Header, ...] | Other:
    head = file.read(HEAD_BYTES)
    part_10 = head[128:132] == b"DICM"
    if not part_10 and not _may_lack_preamble(head):
        return no_dicom_file(path, head)
    data = read_data_set(file, head, size)
    sop_class = data.sop_class
    if not data.has_pixels or is_no_image(sop_class):
        return without_image(path, sop_class, data.elements, part_10=part_10, overrun=data.overrun)
    header = _header(path, data, size)
    if sop_class in enhanced.SOP_CLASSES or (header.frames > 1 and sop_class in _SINGLE_FRAME):
        return enhanced.frame_headers(header)
    if header.frames > 1:
        reason = f"is a multi-frame image without places of its frames ({class_name(sop_class)})"
        return Other(path, reason, sop_class=sop_class)
    return (header,)


def _may_lack_preamble(head: bytes) -> bool:
    """Whether a data set may begin at the first byte: an element of group 2 or 8 with a known VR or a short length."""
    if len(head) < 16:
        return False
    group, element, vr, length = struct.unpack_from("<HH2sH", head)
    if group == 0x0800:  # big-endian, so explicit
        return vr in (b"UL", b"CS", b"UI")
    if group not in (0x0002, 0x0008) or element > 0x0100:
        return False
    return vr in (b"UL", b"CS", b"UI", b"OB", b"SH", b"LO") or (length == 0 and struct.unpack("<H", vr)[0] < 256)


def _header(path: Path, data: DataSet, size: int) -> Header:
    elements = data.elements
    signed = elements.unsigned(0x00280103)
    frames = elements.integer(0x00280008)
    return Header(
        path=path,
        frames=1 if frames is None else frames,
        transfer_syntax=data.transfer_syntax,
        pixel_offset=data.pixel_offset,
        pixel_bytes=data.pixel_bytes,
        file_bytes=size,
        sop_class=data.sop_class,
        sop_uid=elements.text(0x00080018),
        series_uid=elements.text(0x0020000E),
        study_uid=elements.text(0x0020000D),
        frame_of_reference_uid=elements.text(0x00200052),
        patient_id=elements.text(0x00100020),
        series_number=elements.integer(0x00200011),
        description=printable(elements.text(0x0008103E)),
        modality=elements.text(0x00080060),
        image_type=elements.texts(0x00080008),
        instance_number=elements.integer(0x00200013),
        marks=tuple(elements.text(tag) for _, tag in MARKS),
        rows=elements.unsigned(0x00280010),
        columns=elements.unsigned(0x00280011),
        samples_per_pixel=elements.unsigned(0x00280002),
        photometric=elements.text(0x00280004),
        planar_configuration=elements.unsigned(0x00280006),
        bits_allocated=elements.unsigned(0x00280100),
        bits_stored=elements.unsigned(0x00280101),
        high_bit=elements.unsigned(0x00280102),
        signed=None if signed is None else bool(signed),
        position_mm=elements.numbers(0x00200032, 3),
        orientation=elements.numbers(0x00200037, 6),
        pixel_spacing_mm=elements.numbers(0x00280030, 2),
        slice_thickness_mm=elements.number(0x00180050),
        spacing_between_mm=elements.number(0x00180088),
        tilt_degrees=elements.number(0x00181120),
        slope=elements.number(0x00281053),
        intercept=elements.number(0x00281052),
        rescale_type=elements.text(0x00281054),
        modality_lut=0x00283000 in elements,
        padding=elements.whole(0x00280120, signed=bool(signed)),
        illegible=elements.illegible(),
    )
