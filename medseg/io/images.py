"""PNG, TIFF, JPEG and BMP of 8 and 16 bits: grey images and masks in and out.

Arrays are (x, y): x = column, y = row, so they are transposed from Pillow's rows. Rules:

- One grey channel is taken as it is: uint8 stays uint8, uint16 stays uint16, 32-bit integers and floats become float32.
- Colour becomes grey by ITU-R BT.601 luma, (299 R + 587 G + 114 B + 500) // 1000; where R = G = B that is the channel,
  exactly. Palettes, CMYK and YCbCr are turned into RGB first.
- Transparency is dropped where it is the same everywhere; where it varies it is an error, since what is seen then
  depends on the background.
- Orientation tags (EXIF 0x0112) are applied, so arrays are what a viewer shows.
- What Pillow would read wrongly without a word is refused (see :mod:`medseg.io.misread`).
"""

from __future__ import annotations

import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from medseg.errors import MedsegError
from medseg.io.atomic import atomic_path
from medseg.io.misread import is_unsigned_32_bit, refuse_misread

__all__ = ["SUFFIXES", "page_count", "read_grey", "read_mask", "to_grey", "write_grey"]

SUFFIXES = frozenset({".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp"})

_DAMAGED = (OSError, SyntaxError, ValueError, TypeError, EOFError, IndexError, KeyError, struct.error, zlib.error)
_EXACT_IN_FLOAT32 = 2**24


def read_grey(path: Path, *, page: int | None = None) -> NDArray[Any]:
    """Read an image as grey.

    Args:
        path: PNG, TIFF, JPEG or BMP.
        page: Page of a multi-page file; None demands that the file has only one.

    Returns:
        ``(x, y)`` in uint8, uint16 or float32.

    Raises:
        MedsegError: If the file is missing, damaged, cut short, or of a kind that would lose values.
    """
    pixels = _read(path, page)
    try:
        grey = to_grey(pixels) if pixels.ndim == 3 else pixels
    except ValueError as error:
        raise MedsegError(f"{path}: {error}") from error
    if grey.dtype not in (np.uint8, np.uint16):
        grey = _to_float32(path, grey)
    return grey.T


def read_mask(path: Path, *, page: int | None = None) -> NDArray[Any]:
    """Read a mask's values as they are stored.

    Args:
        path: PNG, TIFF, JPEG or BMP.
        page: Page of a multi-page file; None demands that the file has only one.

    Returns:
        ``(x, y)`` in an integer type.

    Raises:
        MedsegError: As :func:`read_grey`, or if the mask is in colour or its values are not whole.
    """
    pixels = _read(path, page)
    if pixels.ndim == 3:
        try:
            colour = _without_alpha(pixels)
        except ValueError as error:
            raise MedsegError(f"{path}: {error}") from error
        if not (colour == colour[..., :1]).all():
            raise MedsegError(f"{path}: mask must be grey (R = G = B), got colours; save one value a class")
        pixels = colour[..., 0]
    if np.issubdtype(pixels.dtype, np.floating):
        if not (np.isfinite(pixels).all() and (np.rint(pixels) == pixels).all()):
            raise MedsegError(f"{path}: mask values must be whole, got fractions, NaN or infinity")
        pixels = pixels.astype(np.int64)
    return pixels.T


def to_grey(pixels: NDArray[Any]) -> NDArray[Any]:
    """Turn colour into grey by BT.601 luma, rounded; a channel that all colours share is returned exactly.

    Args:
        pixels: ``(H, W, C)`` unsigned integers with C = 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha).

    Returns:
        ``(H, W)`` in the same type.

    Raises:
        ValueError: If the type or the channels are others, or transparency varies.
    """
    if pixels.ndim != 3 or pixels.shape[2] not in (2, 3, 4) or not np.issubdtype(pixels.dtype, np.unsignedinteger):
        raise ValueError(f"pixels must be (H, W, 2 to 4) unsigned integers, got {pixels.shape} {pixels.dtype}")
    colour = _without_alpha(pixels)
    if colour.shape[2] == 1:
        return colour[..., 0]
    red, green, blue = (colour[..., channel].astype(np.uint32) for channel in range(3))
    luma: NDArray[Any] = (299 * red + 587 * green + 114 * blue + 500) // 1000
    return luma.astype(pixels.dtype)


def page_count(path: Path) -> int:
    """Number of pages.

    Raises:
        MedsegError: If the file is missing or damaged.
    """
    with _open(path) as image:
        return int(getattr(image, "n_frames", 1))


def write_grey(path: Path, image: NDArray[Any]) -> None:
    """Write a grey image, atomically; the suffix chooses the format.

    Args:
        path: Target, PNG or TIFF.
        image: ``(x, y)`` in uint8 or uint16; TIFF also takes float32.

    Raises:
        ValueError: If format, type or dimensions are others.
    """
    kinds = {".png": ("uint8", "uint16"), ".tif": ("uint8", "uint16", "float32")}
    suffix = ".tif" if path.suffix.lower() == ".tiff" else path.suffix.lower()
    if image.ndim != 2 or image.dtype.name not in kinds.get(suffix, ()):
        raise ValueError(f"{path}: must be a (x, y) array in a type of {kinds}, got {image.shape} {image.dtype}")
    with atomic_path(path) as partial:
        Image.fromarray(np.ascontiguousarray(image.T)).save(partial)


def _read(path: Path, page: int | None) -> NDArray[Any]:
    """Pixels as stored, ``(H, W)`` or ``(H, W, C)``."""
    with _open(path) as image:
        _turn_to(path, image, page)
        refuse_misread(path, image)
        unsigned = is_unsigned_32_bit(image)
        image.load()
        pixels = _pixels(path, ImageOps.exif_transpose(image))
        return pixels.view(np.uint32) if unsigned else pixels


def _turn_to(path: Path, image: Image.Image, page: int | None) -> None:
    pages = int(getattr(image, "n_frames", 1)) if page is None else None
    if pages is not None and pages > 1:
        raise MedsegError(f"{path}: must hold one image, got {pages} pages")
    try:
        image.seek(page or 0)
    except EOFError as error:
        raise MedsegError(f"{path}: has no page {page}, counted from 0") from error


def _pixels(path: Path, image: Image.Image) -> NDArray[Any]:
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB")
    elif image.mode in ("CMYK", "YCbCr"):
        image = image.convert("RGB")
    elif image.mode == "1":
        image = image.convert("L")
    if image.mode not in ("L", "LA", "RGB", "RGBA", "RGBX", "I", "F") and not image.mode.startswith("I;16"):
        raise MedsegError(f"{path}: must be grey, colour or palette, got Pillow mode {image.mode}")
    pixels = np.asarray(image)
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)


def _without_alpha(pixels: NDArray[Any]) -> NDArray[Any]:
    """Colour channels of ``(H, W, C)``; 2 and 4 channels end in alpha."""
    if pixels.shape[2] == 3:
        return pixels
    alpha = pixels[..., -1]
    if alpha.size and (alpha != alpha.flat[0]).any():
        raise ValueError(
            f"transparency must be the same everywhere, got {alpha.min()} to {alpha.max()}; save without transparency"
        )
    return pixels[..., :-1]


def _to_float32(path: Path, grey: NDArray[Any]) -> NDArray[np.float32]:
    if not np.isfinite(grey).all():
        raise MedsegError(f"{path}: values must be finite, got NaN or infinity")
    if np.issubdtype(grey.dtype, np.integer) and np.abs(grey.astype(np.int64)).max(initial=0) > _EXACT_IN_FLOAT32:
        raise MedsegError(f"{path}: 32-bit values must be at most {_EXACT_IN_FLOAT32}, got more; save 16 bits")
    return grey.astype(np.float32)


@contextmanager
def _open(path: Path) -> Iterator[Image.Image]:
    if not path.is_file():
        raise MedsegError(f"{path}: does not exist")
    try:
        # Given a path, Pillow maps uncompressed TIFF into memory, wrongly where an orientation tag swaps the axes.
        with _quiet_pillow(), path.open("rb") as file, Image.open(file) as image:
            yield image
    except Image.DecompressionBombError as error:
        raise MedsegError(f"{path}: image is too large, {error}") from error
    except UnidentifiedImageError as error:
        raise MedsegError(
            f"{path}: must be a readable image, got none; the file is damaged or cut short, or of a kind that cannot be"
            " read, such as 64-bit float"
        ) from error
    except _DAMAGED as error:
        raise MedsegError(f"{path}: must be a readable image, got {error}; the file is damaged or cut short") from error


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Keep what Pillow says to itself: it announces damage, which also raises, and large images, which are welcome.

    Where everything is logged down to debugging, it quotes the texts of EXIF, which may be a patient's name.
    """
    logger = logging.getLogger("PIL")
    before = logger.level
    logger.setLevel(logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
