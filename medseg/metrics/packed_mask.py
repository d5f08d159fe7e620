"""A mask in memory as compressed bits: some hundred bytes for a liver on a slice of 512 x 512, not 262,144."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["PackedMask"]


@dataclass(frozen=True)
class PackedMask:
    """A binary mask of any shape, without loss; make it with :meth:`of`."""

    shape: tuple[int, ...]
    bits: bytes

    @classmethod
    def of(cls, mask: NDArray[np.bool_]) -> PackedMask:
        """Pack ``mask``."""
        return cls(mask.shape, zlib.compress(np.packbits(mask).tobytes(), level=1))

    def unpack(self) -> NDArray[np.bool_]:
        """The mask."""
        bits = np.frombuffer(zlib.decompress(self.bits), dtype=np.uint8)
        return np.unpackbits(bits, count=int(np.prod(self.shape))).astype(np.bool_).reshape(self.shape)
