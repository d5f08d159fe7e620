from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from medseg.errors import SourceError
from medseg.io.labels import read_seg
from medseg.io.volume import Volume
from tests.medseg.io.labels.seg_files import save_seg, segmentation
from tests.medseg.io.labels.series_files import SIZE, random_mask, read_ct, write_ct

LIVER, TUMOUR = random_mask(seed=5), random_mask(seed=6)
# The least that JPEG 2000 encoders take; 33 x 35 pixels end within a byte.
LARGE = (33, 35, 3)
NATIVE = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_ct(tmp_path_factory.mktemp("pixels") / "ct")


@pytest.fixture(scope="module")
def image(files: list[Path]) -> Volume:
    return read_ct(files)


def masks(kind: str, size: tuple[int, int, int]) -> list[np.ndarray]:
    """The second segment is ``random_mask(seed=6)``, with gaps by the first one in a label map."""
    first, second = random_mask(size, seed=5), random_mask(size, seed=6)
    return [np.where(second, 2, first).astype(np.uint8)] if kind == "LABELMAP" else [first, second]


def saved_as(path: Path, data: Dataset, syntax: pydicom.uid.UID) -> Path:
    """Save in an uncompressed syntax that highdicom does not write."""
    data.file_meta.TransferSyntaxUID = syntax
    pydicom.dcmwrite(path, data, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian)
    return path


class TestEncodings:
    @pytest.mark.parametrize("syntax", NATIVE, ids=str)
    @pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
    def test_uncompressed_and_deflated(
        self, tmp_path: Path, files: list[Path], image: Volume, kind: str, syntax: pydicom.uid.UID
    ) -> None:
        path = saved_as(tmp_path / "a", segmentation(files, *masks(kind, SIZE), kind=kind), syntax)
        np.testing.assert_array_equal(read_seg(path, image, ["2"]).mask, TUMOUR)

    @pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
    @pytest.mark.parametrize("kind", ["FRACTIONAL", "LABELMAP"])
    def test_compressed(
        self, tmp_path: Path, files: list[Path], image: Volume, kind: str, syntax: pydicom.uid.UID
    ) -> None:
        data = segmentation(files, *masks(kind, SIZE), kind=kind, transfer_syntax_uid=syntax)
        np.testing.assert_array_equal(read_seg(save_seg(tmp_path / "a", data), image, ["2"]).mask, TUMOUR)

    @pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
    def test_jpeg_2000(self, tmp_path: Path, kind: str) -> None:
        files = write_ct(tmp_path / "ct", LARGE)
        data = segmentation(files, *masks(kind, LARGE), kind=kind, transfer_syntax_uid=JPEG2000Lossless)
        read = read_seg(save_seg(tmp_path / "a", data), read_ct(files), ["2"])
        np.testing.assert_array_equal(read.mask, random_mask(LARGE, seed=6))

    def test_label_map_of_16_bits(self, tmp_path: Path, files: list[Path], image: Volume) -> None:
        data = segmentation(files, LIVER, kind="LABELMAP")
        values = 300 * np.frombuffer(data.PixelData, np.uint8).astype(np.uint16)
        data.SegmentSequence[-1].SegmentNumber = 300
        data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
        data.PixelData = values.tobytes()
        data["PixelData"].VR = "OW"
        np.testing.assert_array_equal(read_seg(save_seg(tmp_path / "a", data), image, ["300"]).mask, LIVER)

    def test_without_preamble_and_meta_information(self, tmp_path: Path, files: list[Path], image: Volume) -> None:
        data = segmentation(files, LIVER)
        bare = Dataset({element.tag: element for element in data})
        pydicom.dcmwrite(tmp_path / "a", bare, implicit_vr=True, little_endian=True)
        np.testing.assert_array_equal(read_seg(tmp_path / "a", image).mask, LIVER)

    def test_big_endian_bits_are_refused(self, tmp_path: Path, files: list[Path], image: Volume) -> None:
        path = saved_as(tmp_path / "a", segmentation(files, LIVER), ExplicitVRBigEndian)
        with pytest.raises(SourceError, match=r"deflated or JPEG 2000 \(0002,0010\), got big endian; export it again"):
            read_seg(path, image)

    def test_bits_in_rle_are_refused(self, tmp_path: Path, files: list[Path], image: Volume) -> None:
        data = segmentation(files, LIVER, kind="FRACTIONAL", transfer_syntax_uid=RLELossless)
        data.SegmentationType, data.BitsAllocated, data.BitsStored, data.HighBit = "BINARY", 1, 1, 0
        with pytest.raises(SourceError, match=r"deflated or JPEG 2000 \(0002,0010\), got RLE; export it again"):
            read_seg(save_seg(tmp_path / "a", data), image)

    def test_unknown_syntax_is_refused(self, tmp_path: Path, files: list[Path], image: Volume) -> None:
        data = segmentation(files, LIVER, kind="FRACTIONAL", transfer_syntax_uid=RLELossless)
        data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.100"
        with pytest.raises(SourceError, match=r"transfer syntax \(0002,0010\) must be one that a maintained decoder"):
            read_seg(save_seg(tmp_path / "a", data), image)


class TestDamage:
    @pytest.mark.parametrize(
        ("kind", "cut", "match"),
        [
            (
                "BINARY",
                4,
                r"pixel data \(7FE0,0010\) must hold 27 bytes, got 24; the file is cut short, export it again",
            ),
            ("FRACTIONAL", 4, r"pixel data \(7FE0,0010\) must hold 210 bytes, got 206; the file is cut short"),
        ],
    )
    def test_pixels_cut_short_are_refused(
        self, tmp_path: Path, files: list[Path], image: Volume, kind: str, cut: int, match: str
    ) -> None:
        path = save_seg(tmp_path / "a", segmentation(files, LIVER, kind=kind))
        path.write_bytes(path.read_bytes()[:-cut])
        with pytest.raises(SourceError, match=match):
            read_seg(path, image)

    @pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
    def test_deflated_pixels_cut_short_are_refused(
        self, tmp_path: Path, files: list[Path], image: Volume, kind: str
    ) -> None:
        path = saved_as(tmp_path / "a", segmentation(files, LIVER, kind=kind), DeflatedExplicitVRLittleEndian)
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(SourceError, match=r"must hold \d+ bytes, got \d+; the file is cut short"):
            read_seg(path, image)

    def test_any_cut_is_refused(self, tmp_path: Path, files: list[Path], image: Volume) -> None:
        whole = save_seg(tmp_path / "a", segmentation(files, LIVER)).read_bytes()
        for size in range(0, len(whole) - 1, 97):
            (tmp_path / "a").write_bytes(whole[:size])
            with pytest.raises(SourceError, match=r"a: .*(; choose another file|, export it again|; export it again)$"):
                read_seg(tmp_path / "a", image)

    def test_frames_that_are_each_filled_up_to_a_byte_are_refused(
        self, tmp_path: Path, files: list[Path], image: Volume
    ) -> None:
        """5 frames of 42 bits take 27 bytes, and 30 if each begins with a byte of its own, as some writers have it."""
        data = segmentation(files, LIVER)
        packed = np.packbits(LIVER.T.reshape(SIZE[2], -1), axis=1, bitorder="little")
        data.PixelData = packed.tobytes()
        with pytest.raises(
            SourceError, match=r"must hold the 27 bytes that frames \(0028,0008\), size .* demand, got 30"
        ):
            read_seg(save_seg(tmp_path / "a", data), image)

    @pytest.mark.parametrize("tags", [{"Rows": 65535, "Columns": 65535}, {"Columns": 8}])
    def test_sizes_that_the_file_cannot_hold_are_refused(
        self, tmp_path: Path, files: list[Path], image: Volume, tags: dict[str, Any]
    ) -> None:
        data = segmentation(files, LIVER, kind="FRACTIONAL", transfer_syntax_uid=RLELossless)
        for keyword, value in tags.items():
            setattr(data, keyword, value)
        with pytest.raises(SourceError, match="frames must have the size of the image, 7 x 6 pixels, got "):
            read_seg(save_seg(tmp_path / "a", data), image)

    def test_damaged_codestream_is_refused(self, tmp_path: Path, files: list[Path], image: Volume) -> None:
        path = save_seg(tmp_path / "a", segmentation(files, LIVER, kind="LABELMAP", transfer_syntax_uid=JPEGLSLossless))
        whole = path.read_bytes()
        at = whole.rindex(b"\xff\xd8\xff")
        path.write_bytes(whole[:at] + bytes(20) + whole[at + 20 :])
        with pytest.raises(SourceError, match=r"frame 5 of pixel data \(7FE0,0010\) in JPEG-LS"):
            read_seg(path, image)
