"""TIFF files of kinds that Pillow does not write, uncompressed and little-endian."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

_SHORT, _LONG = 3, 4


def write_tiff(
    path: Path,
    pixels: np.ndarray,
    *,
    photometric: int,
    sample_format: int = 1,
    extra_samples: tuple[int, ...] = (),
    planar: bool = False,
) -> None:
    """Write ``(H, W)`` or ``(H, W, C)`` with the given tags (TIFF 6.0, section 2)."""
    height, width = pixels.shape[:2]
    samples = 1 if pixels.ndim == 2 else pixels.shape[2]
    planes = [pixels[..., channel] for channel in range(samples)] if planar else [pixels]
    data = [np.ascontiguousarray(plane, dtype=plane.dtype.newbyteorder("<")).tobytes() for plane in planes]
    offsets = [8 + sum(map(len, data[:index])) for index in range(len(data))]
    entries: list[tuple[int, int, tuple[int, ...]]] = [
        (256, _LONG, (width,)),
        (257, _LONG, (height,)),
        (258, _SHORT, (8 * pixels.dtype.itemsize,) * samples),
        (259, _SHORT, (1,)),
        (262, _SHORT, (photometric,)),
        (273, _LONG, tuple(offsets)),
        (277, _SHORT, (samples,)),
        (278, _LONG, (height,)),
        (279, _LONG, tuple(map(len, data))),
        (284, _SHORT, (2 if planar else 1,)),
        *([(338, _SHORT, extra_samples)] if extra_samples else []),
        (339, _SHORT, (sample_format,) * samples),
    ]
    start = 8 + sum(map(len, data))
    values_start = start + 2 + 12 * len(entries) + 4
    table, values = struct.pack("<H", len(entries)), b""
    for tag, kind, numbers in entries:
        packed = struct.pack(f"<{len(numbers)}{'H' if kind == _SHORT else 'I'}", *numbers)
        if len(packed) > 4:
            place, values = struct.pack("<I", values_start + len(values)), values + packed
        else:
            place = packed.ljust(4, b"\0")
        table += struct.pack("<HHI", tag, kind, len(numbers)) + place
    path.write_bytes(b"II*\0" + struct.pack("<I", start) + b"".join(data) + table + struct.pack("<I", 0) + values)
