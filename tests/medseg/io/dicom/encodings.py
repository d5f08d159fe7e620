"""Images in any transfer syntax, by encoders that share no code with the decoders under test where there are any.

JPEG 2000 by OpenJPEG, JPEG-LS by CharLS, JPEG by GDCM, RLE by pydicom.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gdcm
import jpeg_ls
import numpy as np
from numpy.typing import NDArray
from openjpeg.utils import encode_array
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels import get_encoder
from pydicom.uid import ExplicitVRBigEndian, RLELossless

from tests.medseg.io.dicom.writer import CT_CLASS, ROOT, save

J2K = "1.2.840.10008.1.2.4.90"
JPEG_LS = "1.2.840.10008.1.2.4.80"
RLE = "1.2.840.10008.1.2.5"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = str(ExplicitVRBigEndian)


def save_as(dataset: Dataset, path: Path, syntax: str) -> Path:
    """Write an uncompressed or deflated file; big-endian words must be given as such."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = CT_CLASS
    dataset.file_meta.MediaStorageSOPInstanceUID = ROOT
    path.parent.mkdir(parents=True, exist_ok=True)
    dcmwrite(path, dataset, enforce_file_format=True)
    return path


def save_encapsulated(
    dataset: Dataset,
    path: Path,
    syntax: str,
    frames: Sequence[bytes],
    *,
    table: bool = True,
    fragments: int = 1,
) -> Path:
    """Write codestreams as an encapsulated file."""
    dataset.PixelData = encapsulate(list(frames), fragments_per_frame=fragments, has_bot=table)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return save_as(dataset, path, syntax)


def j2k(pixels: NDArray[Any], *, bits: int, signed: bool = False) -> bytes:
    """JPEG 2000, lossless, of ``(rows, columns)`` values, of which the low bits are taken."""
    low = pixels.astype(np.int64) & ((1 << bits) - 1)
    if signed:
        low = np.where(low >> (bits - 1), low - (1 << bits), low)
    words = low.astype(np.dtype(f"<{'i' if signed else 'u'}{1 if bits <= 8 else 2}"))
    return bytes(encode_array(np.ascontiguousarray(words), bits_stored=bits, photometric_interpretation=2))


def jls(pixels: NDArray[Any], *, bits: int) -> bytes:
    """JPEG-LS, lossless, of ``(rows, columns)`` values, of which the low bits are taken."""
    low = (pixels.astype(np.int64) & ((1 << bits) - 1)).astype("<u1" if bits <= 8 else "<u2")
    encoded = jpeg_ls.encode_pixel_data(
        low.tobytes(),
        rows=pixels.shape[0],
        columns=pixels.shape[1],
        samples_per_pixel=1,
        bits_allocated=8 * low.itemsize,
        bits_stored=bits,
        lossy_error=0,
        planar_configuration=0,
        pixel_representation=0,
        photometric_interpretation="MONOCHROME2",
    )
    return bytes(encoded)


def rle(pixels: NDArray[Any]) -> bytes:
    """RLE frame of ``(rows, columns)`` words."""
    encoded = get_encoder(RLELossless).encode(
        pixels,
        encoding_plugin="pydicom",
        rows=pixels.shape[0],
        columns=pixels.shape[1],
        number_of_frames=1,
        samples_per_pixel=1,
        bits_allocated=8 * pixels.itemsize,
        bits_stored=8 * pixels.itemsize,
        pixel_representation=int(pixels.dtype.kind == "i"),
        photometric_interpretation="MONOCHROME2",
    )
    return bytes(encoded)


def jpeg(dataset: Dataset, folder: Path, kind: int = gdcm.TransferSyntax.JPEGLosslessProcess14_1) -> tuple[str, bytes]:
    """Transfer syntax and codestream that GDCM makes of an image."""
    source = save(dataset, folder / "source.dcm")
    reader = gdcm.ImageReader()
    reader.SetFileName(str(source))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(kind))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(folder / "jpeg.dcm"))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    written = dcmread(folder / "jpeg.dcm")
    return str(written.file_meta.TransferSyntaxUID), get_frame(written.PixelData, 0, number_of_frames=1)
