from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from pydicom import dcmread

from medseg.errors import SourceError
from medseg.io.dicom.header import Header
from medseg.io.dicom.headers import read_headers
from medseg.io.dicom.pixels import read_frames
from tests.medseg.io.dicom.encodings import BIG_ENDIAN, DEFLATED, J2K, RLE, j2k, rle, save_as, save_encapsulated
from tests.medseg.io.dicom.references import by_simpleitk
from tests.medseg.io.dicom.writer import save, slice_dataset, stored_voxels, write_series

DTYPES = (np.uint8, np.uint16, np.int16, np.uint32, np.int32)


def only(path: Path) -> Header:
    (header,) = read_headers(path).headers
    return header


def extremes(dtype: Any) -> NDArray[Any]:
    """``(3, 5)`` values from the type's lowest to its highest; the frame's length is odd in bytes for 8 bits."""
    info = np.iinfo(dtype)
    return np.linspace(info.min, info.max, 15).astype(dtype).reshape(3, 5)


class TestUncompressed:
    @pytest.mark.parametrize("implicit", [False, True])
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_values_and_type_are_kept(self, tmp_path: Path, dtype: Any, implicit: bool) -> None:
        path = save(slice_dataset(extremes(dtype), (0, 0, 0)), tmp_path / "a.dcm", implicit=implicit)
        read = read_frames([only(path)])
        assert read.dtype == dtype
        np.testing.assert_array_equal(read[..., 0], extremes(dtype))

    @pytest.mark.parametrize("dtype", DTYPES[1:])
    def test_big_endian_words_are_swapped(self, tmp_path: Path, dtype: Any) -> None:
        dataset = slice_dataset(extremes(dtype), (0, 0, 0))
        dataset.PixelData = extremes(dtype).T.astype(np.dtype(dtype).newbyteorder(">")).tobytes()
        read = read_frames([only(save_as(dataset, tmp_path / "a.dcm", BIG_ENDIAN))])
        assert read.dtype == dtype
        np.testing.assert_array_equal(read[..., 0], extremes(dtype))

    def test_big_endian_bytes_are_taken_in_order(self, tmp_path: Path) -> None:
        dataset = slice_dataset(extremes(np.uint8), (0, 0, 0))
        dataset["PixelData"].VR = "OB"
        read = read_frames([only(save_as(dataset, tmp_path / "a.dcm", BIG_ENDIAN))])
        np.testing.assert_array_equal(read[..., 0], extremes(np.uint8))

    def test_big_endian_bytes_in_words_are_refused(self, tmp_path: Path) -> None:
        path = save_as(slice_dataset(extremes(np.uint8), (0, 0, 0)), tmp_path / "a.dcm", BIG_ENDIAN)
        with pytest.raises(
            SourceError, match=r"a\.dcm: big-endian pixel data \(7FE0,0010\) of 8 bits must have the VR OB"
        ):
            read_frames([only(path)])

    def test_slices_are_blocks_in_the_order_of_the_headers(self, tmp_path: Path) -> None:
        voxels = stored_voxels((5, 4, 3))
        headers = [only(path) for path in write_series(tmp_path, voxels)]
        read = read_frames([headers[2], headers[0], headers[2]])
        np.testing.assert_array_equal(read, voxels[..., [2, 0, 2]])
        assert read.flags.f_contiguous

    def test_overlay_in_the_high_bits_is_left_out(self, tmp_path: Path) -> None:
        values = np.arange(15, dtype=np.uint16).reshape(3, 5) * 270
        overlay = (values % 4 == 0).astype(np.uint16)
        dataset = slice_dataset(values | overlay << 12, (0, 0, 0), BitsStored=12, HighBit=11)
        path = save(dataset, tmp_path / "a.dcm")
        read = read_frames([only(path)])
        np.testing.assert_array_equal(read[..., 0], values)
        np.testing.assert_array_equal(by_simpleitk(path)[0] + 1024, read)

    def test_stored_bits_may_change_from_slice_to_slice(self, tmp_path: Path) -> None:
        voxels = np.full((3, 2, 2), 0xF123, np.uint16)
        files = write_series(tmp_path, voxels, each=lambda z: {"BitsStored": 16 - 4 * z, "HighBit": 15 - 4 * z})
        read = read_frames([only(path) for path in files])
        assert np.unique(read[..., 0]).tolist() == [0xF123]
        assert np.unique(read[..., 1]).tolist() == [0x0123]

    def test_frames_of_one_file_are_read_where_they_lie(self, tmp_path: Path) -> None:
        voxels = stored_voxels((5, 3, 4)).astype(np.uint8)  # odd frames: 15 bytes
        dataset = slice_dataset(voxels[..., 0], (0, 0, 0))
        dataset.PixelData = voxels.T.tobytes()
        header = replace(only(save(dataset, tmp_path / "a.dcm")), frames=4)
        read = read_frames([replace(header, frame=frame) for frame in (3, 1, 2)])
        np.testing.assert_array_equal(read, voxels[..., [3, 1, 2]])


class TestDeflated:
    def test_values_are_kept(self, tmp_path: Path) -> None:
        path = save_as(slice_dataset(extremes(np.int16), (0, 0, 0)), tmp_path / "a.dcm", DEFLATED)
        np.testing.assert_array_equal(read_frames([only(path)])[..., 0], extremes(np.int16))

    def test_cut_file_raises(self, tmp_path: Path) -> None:
        noise = np.random.default_rng(0).integers(0, 2**16, (50, 40)).astype(np.uint16)
        path = save_as(slice_dataset(noise, (0, 0, 0)), tmp_path / "a.dcm", DEFLATED)
        path.write_bytes(path.read_bytes()[:-1000])
        with pytest.raises(SourceError, match=r"a\.dcm: pixel data \(7FE0,0010\) must hold 4000 bytes, got 3\d\d\d; "):
            read_frames([only(path)])

    def test_damaged_stream_raises(self, tmp_path: Path) -> None:
        path = save_as(slice_dataset(extremes(np.int16), (0, 0, 0)), tmp_path / "a.dcm", DEFLATED)
        header = only(path)
        content = path.read_bytes()
        path.write_bytes(content[:-200] + bytes([255]) * 200)
        with pytest.raises(SourceError, match=r"a\.dcm: deflated data set must inflate to elements, got error"):
            read_frames([header])


class TestEncapsulated:
    @pytest.mark.parametrize("dtype", DTYPES[:3])
    def test_rle_values_and_type_are_kept(self, tmp_path: Path, dtype: Any) -> None:
        pixels = extremes(dtype)
        path = save_encapsulated(slice_dataset(pixels, (0, 0, 0)), tmp_path / "a.dcm", RLE, [rle(pixels.T)])
        read = read_frames([only(path)])
        assert read.dtype == dtype
        np.testing.assert_array_equal(read[..., 0], pixels)

    def test_rle_is_stripped_to_the_stored_bits(self, tmp_path: Path) -> None:
        pixels = np.array([[0x0FFF, 0xF005]], np.uint16)
        dataset = slice_dataset(pixels, (0, 0, 0), BitsStored=12, HighBit=11)
        path = save_encapsulated(dataset, tmp_path / "a.dcm", RLE, [rle(pixels.T)])
        assert read_frames([only(path)]).ravel().tolist() == [0x0FFF, 0x0005]

    def test_damaged_rle_raises(self, tmp_path: Path) -> None:
        pixels = extremes(np.uint8)
        path = save_encapsulated(slice_dataset(pixels, (0, 0, 0)), tmp_path / "a.dcm", RLE, [rle(pixels.T)[:-4]])
        with pytest.raises(SourceError, match=r"a\.dcm: RLE plane must give 15 bytes, got .*; copy or export it again"):
            read_frames([only(path)])

    @pytest.mark.parametrize("table", [False, True])
    def test_frames_of_one_file_are_told_apart(self, tmp_path: Path, table: bool) -> None:
        voxels = stored_voxels((33, 34, 3))
        streams = [j2k(voxels[..., z].T, bits=16) for z in range(3)]
        path = save_encapsulated(
            slice_dataset(voxels[..., 0], (0, 0, 0)), tmp_path / "a.dcm", J2K, streams, table=table
        )
        header = replace(only(path), frames=3)
        read = read_frames([replace(header, frame=frame) for frame in (2, 0)])
        np.testing.assert_array_equal(read, voxels[..., [2, 0]])

    def test_no_process_is_left(self, tmp_path: Path) -> None:
        pixels = stored_voxels((33, 34, 1))[..., 0]
        path = save_encapsulated(slice_dataset(pixels, (0, 0, 0)), tmp_path / "a.dcm", J2K, [j2k(pixels.T, bits=16)])
        before = psutil.Process().children()
        np.testing.assert_array_equal(read_frames([only(path)])[..., 0], pixels)
        assert psutil.Process().children() == before

    def test_cut_file_raises(self, tmp_path: Path) -> None:
        pixels = stored_voxels((33, 34, 1))[..., 0]
        path = save_encapsulated(slice_dataset(pixels, (0, 0, 0)), tmp_path / "a.dcm", J2K, [j2k(pixels.T, bits=16)])
        path.write_bytes(path.read_bytes()[:-100])
        fault = r"a\.dcm: pixel data \(7FE0,0010\) must hold \d+ bytes in its item 1, got \d+; the file is cut short"
        with pytest.raises(SourceError, match=fault):
            read_frames([only(path)])

    def test_pixels_with_a_length_raise(self, tmp_path: Path) -> None:
        path = save_as(slice_dataset(extremes(np.uint16), (0, 0, 0)), tmp_path / "a.dcm", "1.2.840.10008.1.2.1")
        header = replace(only(path), transfer_syntax=J2K)
        with pytest.raises(SourceError, match=r"compressed pixel data \(7FE0,0010\) must be of undefined length"):
            read_frames([header])

    def test_file_without_pixels_raises(self, tmp_path: Path) -> None:
        header = only(save(slice_dataset(extremes(np.uint16), (0, 0, 0)), tmp_path / "a.dcm"))
        dataset = dcmread(header.path)
        del dataset.PixelData
        dataset.save_as(header.path)
        with pytest.raises(SourceError, match=r"a\.dcm: pixel data \(7FE0,0010\) must be there, got none"):
            read_frames([replace(header, transfer_syntax=RLE)])

    def test_another_file_in_its_place_raises(self, tmp_path: Path) -> None:
        header = only(save(slice_dataset(extremes(np.uint16), (0, 0, 0)), tmp_path / "a.dcm"))
        header.path.write_bytes(b"\0" * 2000)
        with pytest.raises(SourceError, match=r"a\.dcm: (elements before the pixels must be readable|pixel data)"):
            read_frames([replace(header, transfer_syntax=RLE)])


class TestRefused:
    @pytest.fixture
    def header(self, tmp_path: Path) -> Header:
        return only(save(slice_dataset(extremes(np.uint16), (0, 0, 0)), tmp_path / "a.dcm"))

    @pytest.mark.parametrize("cut", [1, 29, 30])
    def test_file_cut_before_its_header_was_read(self, header: Header, cut: int) -> None:
        header.path.write_bytes(header.path.read_bytes()[:-cut])
        fault = rf"a\.dcm: pixel data \(7FE0,0010\) must hold 30 bytes, got {30 - cut}; the file is cut short"
        with pytest.raises(SourceError, match=fault):
            read_frames([only(header.path)])

    def test_file_cut_after_its_header_was_read(self, header: Header) -> None:
        header.path.write_bytes(header.path.read_bytes()[:-9])
        with pytest.raises(SourceError, match=r"a\.dcm: pixel data \(7FE0,0010\) must hold 30 bytes, got 21; "):
            read_frames([header])

    def test_element_that_is_shorter_than_the_image(self, header: Header) -> None:
        with pytest.raises(SourceError, match=r"pixel data \(7FE0,0010\) must hold 30 bytes, got 12; "):
            read_frames([replace(header, pixel_bytes=12)])

    def test_missing_length(self, header: Header) -> None:
        with pytest.raises(SourceError, match=r"pixel data \(7FE0,0010\) must have a length where it is uncompressed"):
            read_frames([replace(header, pixel_bytes=None)])

    def test_missing_file(self, header: Header) -> None:
        header.path.unlink()
        with pytest.raises(SourceError, match=r"a\.dcm: must be readable, got No such file or directory"):
            read_frames([header])

    @pytest.mark.parametrize("change", [{"rows": 3}, {"bits_allocated": 32}, {"signed": True}])
    def test_frames_of_different_kinds(self, header: Header, change: dict[str, Any]) -> None:
        with pytest.raises(SourceError, match=r"must be the same throughout, got 2 kinds"):
            read_frames([header, replace(header, **change)])

    def test_no_frames(self) -> None:
        with pytest.raises(SourceError, match="must be the same throughout, got 0 kinds"):
            read_frames([])

    @pytest.mark.parametrize("change", [{"rows": 65535, "columns": 65535}, {"frames": 10**6}])
    @pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", DEFLATED, RLE, J2K])
    def test_absurd_sizes_are_refused_before_memory_is_taken(
        self, header: Header, monkeypatch: pytest.MonkeyPatch, change: dict[str, int], syntax: str
    ) -> None:
        def no_memory(*_: object) -> None:
            raise AssertionError("memory was taken")

        monkeypatch.setattr(np, "empty", no_memory)
        big = {"rows": 50, "columns": 50} | change
        with pytest.raises(
            SourceError, match=r"a\.dcm: (compressed )?pixel data \(7FE0,0010\) (must hold|may decode to)"
        ):
            read_frames([replace(header, transfer_syntax=syntax, **big)])

    def test_volume_beyond_memory(self, header: Header, monkeypatch: pytest.MonkeyPatch) -> None:
        def no_memory(*_: object) -> None:
            raise MemoryError

        monkeypatch.setattr(np, "empty", no_memory)
        with pytest.raises(SourceError, match="volume must fit into memory, got 60 bytes; choose less"):
            read_frames([header, header])

    def test_faults_hold_no_path(self, header: Header) -> None:
        with pytest.raises(SourceError) as raised:
            read_frames([replace(header, pixel_bytes=12)])
        assert str(header.path) in str(raised.value)
        assert header.path.name not in raised.value.fault


@pytest.mark.realdata
class TestRealSyntaxes:
    """One CT slice in many transfer syntaxes; SimpleITK reads the uncompressed file."""

    @pytest.fixture(scope="class")
    def codecs(self, shared_data: Path) -> Path:
        return shared_data / "dicom_codecs"

    @pytest.mark.parametrize(
        ("syntax", "largest_hu", "mean_hu"),
        [
            *((end, 0, 0) for end in ("2", "2.1", "2.2", "2.1.99", "2.5", "2.4.57", "2.4.70", "2.4.80", "2.4.90")),
            ("2.4.50", 65, 20),
            ("2.4.51", 36, 3.9),
            ("2.4.81", 1, 0.7),
            ("2.4.91", 5, 0.6),
        ],
    )
    def test_values_are_those_of_the_uncompressed_file(
        self, codecs: Path, syntax: str, largest_hu: float, mean_hu: float
    ) -> None:
        headers = read_headers(codecs).headers
        header = next(found for found in headers if found.transfer_syntax == f"1.2.840.10008.1.{syntax}")
        assert header.slope is not None
        assert header.intercept is not None
        difference = np.abs(
            read_frames([header]) * header.slope + header.intercept - by_simpleitk(codecs / "CTImage.dcm")[0]
        )
        assert difference.max() <= largest_hu
        assert difference.mean() <= mean_hu

    @pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55"])
    def test_retired_syntaxes_are_refused_by_name(self, codecs: Path, syntax: str) -> None:
        header = next(found for found in read_headers(codecs).headers if found.transfer_syntax == syntax)
        with pytest.raises(SourceError, match=rf"got JPEG .*\({syntax}\); convert the series first"):
            read_frames([header])
