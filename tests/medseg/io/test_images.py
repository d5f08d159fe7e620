from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from PIL import Image

from medseg.errors import MedsegError
from medseg.io.images import page_count, read_grey, read_mask, to_grey, write_grey
from tests.medseg.io.tiny_tiff import write_tiff

ROWS = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.uint8)  # 2 rows, 3 columns
ORIENTED_ROWS = {
    1: [[1, 2, 3], [4, 5, 6]],
    2: [[3, 2, 1], [6, 5, 4]],
    3: [[6, 5, 4], [3, 2, 1]],
    4: [[4, 5, 6], [1, 2, 3]],
    5: [[1, 4], [2, 5], [3, 6]],
    6: [[4, 1], [5, 2], [6, 3]],
    7: [[6, 3], [5, 2], [4, 1]],
    8: [[3, 6], [2, 5], [1, 4]],
}  # EXIF 2.3, tag 0x0112


def save(path: Path, rows: Any, mode: str | None = None, **options: Any) -> Path:
    """Write rows, ``(H, W)`` or ``(H, W, C)``, with Pillow."""
    image = Image.fromarray(np.asarray(rows))
    (image if mode is None else image.convert(mode)).save(path, **options)
    return path


def of_palette(rows: Any, colours: list[int]) -> Image.Image:
    image = Image.fromarray(np.asarray(rows, dtype=np.uint8))
    image.putpalette(colours)
    return image


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG file of chunks of kind and data."""
    framed = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def rgb(*pixels: tuple[int, ...]) -> np.ndarray:
    """One row of pixels."""
    return np.array([pixels], dtype=np.uint8)


class TestReadGrey:
    @pytest.mark.parametrize("suffix", ["png", "tif", "tiff", "bmp", "PNG"])
    def test_array_is_column_by_row(self, tmp_path: Path, suffix: str) -> None:
        image = read_grey(save(tmp_path / f"a.{suffix}", ROWS))
        assert image.dtype == np.uint8
        np.testing.assert_array_equal(image, [[1, 4], [2, 5], [3, 6]])

    @pytest.mark.parametrize("suffix", ["png", "tif"])
    def test_sixteen_bits_are_kept(self, tmp_path: Path, suffix: str) -> None:
        image = read_grey(save(tmp_path / f"a.{suffix}", np.array([[0, 255, 256, 65535]], dtype=np.uint16)))
        assert image.dtype == np.uint16
        assert image.dtype.isnative
        np.testing.assert_array_equal(image, [[0], [255], [256], [65535]])

    @pytest.mark.parametrize("suffix", ["png", "tif", "bmp"])
    def test_one_bit_is_0_and_255(self, tmp_path: Path, suffix: str) -> None:
        image = read_grey(save(tmp_path / f"a.{suffix}", np.array([[0, 255, 255]], dtype=np.uint8), mode="1"))
        np.testing.assert_array_equal(image, [[0], [255], [255]])

    def test_floats_and_negative_values_become_float32(self, tmp_path: Path) -> None:
        image = read_grey(save(tmp_path / "a.tif", np.array([[-1024.5, 0.25, 3000]], dtype=np.float32)))
        assert image.dtype == np.float32
        np.testing.assert_array_equal(image, [[-1024.5], [0.25], [3000]])

    @pytest.mark.parametrize("dtype", [np.int16, np.int32])
    def test_signed_integers_become_float32(self, tmp_path: Path, dtype: type) -> None:
        write_tiff(tmp_path / "a.tif", np.array([[-1024, 7]], dtype=dtype), photometric=1, sample_format=2)
        image = read_grey(tmp_path / "a.tif")
        assert image.dtype == np.float32
        np.testing.assert_array_equal(image, [[-1024], [7]])

    def test_white_as_zero_is_inverted_as_a_viewer_does(self, tmp_path: Path) -> None:
        write_tiff(tmp_path / "a.tif", np.array([[0, 100, 255]], dtype=np.uint8), photometric=0)
        np.testing.assert_array_equal(read_grey(tmp_path / "a.tif"), [[255], [155], [0]])

    def test_colour_becomes_luma(self, tmp_path: Path) -> None:
        # 299 x 10 + 587 x 20 + 114 x 30 = 18150, so 18; 58700 + 22800 = 81500, so 81.5, which is rounded up.
        path = save(tmp_path / "a.png", rgb((10, 20, 30), (255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 100, 200)))
        np.testing.assert_array_equal(read_grey(path), [[18], [76], [150], [29], [82]])

    @pytest.mark.parametrize("channels", [3, 4])
    def test_equal_channels_are_exact(self, tmp_path: Path, channels: int) -> None:
        values = np.arange(256, dtype=np.uint8)[None]
        pixels = np.repeat(values[..., None], channels, axis=-1)
        if channels == 4:
            pixels[..., 3] = 255
        np.testing.assert_array_equal(read_grey(save(tmp_path / "a.png", pixels)), values.T)

    @pytest.mark.parametrize("alpha", [0, 128, 255])
    def test_equal_transparency_is_dropped(self, tmp_path: Path, alpha: int) -> None:
        path = save(tmp_path / "a.png", rgb((10, 20, 30, alpha), (9, 9, 9, alpha)))
        np.testing.assert_array_equal(read_grey(path), [[18], [9]])

    def test_equal_transparency_of_grey_is_dropped(self, tmp_path: Path) -> None:
        Image.merge("LA", [Image.fromarray(ROWS), Image.new("L", (3, 2), 7)]).save(tmp_path / "a.png")
        np.testing.assert_array_equal(read_grey(tmp_path / "a.png"), ROWS.T)

    def test_varying_transparency_raises(self, tmp_path: Path) -> None:
        path = save(tmp_path / "a.png", rgb((10, 20, 30, 0), (10, 20, 30, 200)))
        rule = r"a\.png: transparency must be the same everywhere, got 0 to 200; save without transparency"
        for read in (read_grey, read_mask):
            with pytest.raises(MedsegError, match=rule):
                read(path)

    def test_palette_gives_its_colours(self, tmp_path: Path) -> None:
        of_palette([[0, 1, 2]], [10, 20, 30, 200, 200, 200, 255, 0, 0]).save(tmp_path / "a.png")
        np.testing.assert_array_equal(read_grey(tmp_path / "a.png"), [[18], [200], [76]])

    def test_palette_that_is_partly_transparent_raises(self, tmp_path: Path) -> None:
        of_palette([[0, 1]], [10, 20, 30, 200, 200, 200]).save(tmp_path / "a.png", transparency=1)
        with pytest.raises(MedsegError, match="transparency must be the same everywhere, got 0 to 255"):
            read_grey(tmp_path / "a.png")

    def test_cmyk_is_turned_into_colour_first(self, tmp_path: Path) -> None:
        Image.fromarray(rgb((0, 0, 0, 0), (0, 0, 0, 255), (255, 255, 0, 0)), mode="CMYK").save(tmp_path / "a.tif")
        # Paper white, black, and cyan with magenta, which is the blue (0, 0, 255).
        np.testing.assert_array_equal(read_grey(tmp_path / "a.tif"), [[255], [0], [29]])

    def test_jpeg_is_near_its_source(self, tmp_path: Path) -> None:
        grey = np.linspace(0, 255, 64 * 48).reshape(48, 64).astype(np.uint8)
        image = read_grey(save(tmp_path / "a.jpg", grey, quality=95))
        assert image.shape == (64, 48)
        assert np.abs(image.astype(int) - grey.T).max() <= 4

    @pytest.mark.parametrize("suffix", ["png", "tif"])
    @pytest.mark.parametrize("orientation", ORIENTED_ROWS)
    def test_orientation_tag_is_applied_once(self, tmp_path: Path, suffix: str, orientation: int) -> None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = save(tmp_path / f"a.{suffix}", ROWS, exif=exif)
        np.testing.assert_array_equal(read_grey(path), np.transpose(ORIENTED_ROWS[orientation]))

    @pytest.mark.parametrize("orientation", ORIENTED_ROWS)
    def test_orientation_tag_of_a_jpeg_is_applied(self, tmp_path: Path, orientation: int) -> None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = save(tmp_path / "a.jpg", np.kron(40 * ROWS, np.ones((16, 16), dtype=np.uint8)), exif=exif, quality=95)
        blocks = read_grey(path)[8::16, 8::16]
        np.testing.assert_allclose(blocks, 40 * np.transpose(ORIENTED_ROWS[orientation]), atol=3)

    def test_pages_are_read_one_by_one(self, tmp_path: Path) -> None:
        pages = [Image.fromarray(ROWS + 10 * index) for index in range(3)]
        pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
        assert page_count(tmp_path / "a.tif") == 3
        for index in (2, 0, 1):
            np.testing.assert_array_equal(read_grey(tmp_path / "a.tif", page=index), ROWS.T + 10 * index)

    def test_several_pages_where_one_is_wanted_raise(self, tmp_path: Path) -> None:
        Image.fromarray(ROWS).save(tmp_path / "a.tif", save_all=True, append_images=[Image.fromarray(ROWS)])
        with pytest.raises(MedsegError, match=r"a\.tif: must hold one image, got 2 pages"):
            read_grey(tmp_path / "a.tif")

    @pytest.mark.parametrize("suffix", ["png", "tif"])
    def test_absent_page_raises(self, tmp_path: Path, suffix: str) -> None:
        path = save(tmp_path / f"a.{suffix}", ROWS)
        with pytest.raises(MedsegError, match=rf"a\.{suffix}: has no page 1, counted from 0"):
            read_grey(path, page=1)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_value_that_is_no_number_raises(self, tmp_path: Path, value: float) -> None:
        path = save(tmp_path / "a.tif", np.array([[0, value]], dtype=np.float32))
        with pytest.raises(MedsegError, match=r"a\.tif: values must be finite, got NaN or infinity"):
            read_grey(path)

    @pytest.mark.parametrize(("dtype", "value"), [(np.int32, 2**24 + 1), (np.int32, -(2**31)), (np.uint32, 2**32 - 1)])
    def test_integer_that_float32_would_round_raises(self, tmp_path: Path, dtype: type, value: int) -> None:
        sample_format = 1 if dtype is np.uint32 else 2
        write_tiff(tmp_path / "a.tif", np.array([[value]], dtype=dtype), photometric=1, sample_format=sample_format)
        with pytest.raises(MedsegError, match=r"a\.tif: 32-bit values must be at most 16777216, got more; save 16 bit"):
            read_grey(tmp_path / "a.tif")

    def test_sixteen_bit_colour_png_raises(self, tmp_path: Path) -> None:
        # One RGB pixel (PNG specification, 11.2.2), which Pillow cannot write.
        header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
        pixels = zlib.compress(b"\0" + struct.pack(">3H", 1000, 2000, 3000))
        (tmp_path / "a.png").write_bytes(png((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")))
        with pytest.raises(MedsegError, match=r"a\.png: colour must have 8 bits a channel, got 16; save it as 16-bit"):
            read_grey(tmp_path / "a.png")

    @pytest.mark.parametrize(("photometric", "channels", "planar"), [(2, 3, False), (2, 3, True), (5, 4, False)])
    def test_sixteen_bit_colour_tiff_raises(
        self, tmp_path: Path, photometric: int, channels: int, planar: bool
    ) -> None:
        pixels = np.full((2, 3, channels), 1000, dtype=np.uint16)
        write_tiff(tmp_path / "a.tif", pixels, photometric=photometric, planar=planar)
        with pytest.raises(MedsegError, match=r"a\.tif: colour must have 8 bits a channel, got 16"):
            read_grey(tmp_path / "a.tif")

    def test_signed_eight_bits_raise(self, tmp_path: Path) -> None:
        write_tiff(tmp_path / "a.tif", np.array([[-1, 1]], dtype=np.int8), photometric=1, sample_format=2)
        with pytest.raises(MedsegError, match=r"a\.tif: 8-bit values must be unsigned, got signed; save 16 bits"):
            read_grey(tmp_path / "a.tif")

    @pytest.mark.parametrize(("dtype", "sample_format"), [(np.uint16, 1), (np.float32, 3)])
    def test_deep_values_with_white_as_zero_raise(self, tmp_path: Path, dtype: type, sample_format: int) -> None:
        write_tiff(tmp_path / "a.tif", ROWS.astype(dtype), photometric=0, sample_format=sample_format)
        with pytest.raises(MedsegError, match=r"a\.tif: grey must have black as zero above 8 bits .*got white as zero"):
            read_grey(tmp_path / "a.tif")

    @pytest.mark.parametrize(("photometric", "channels"), [(1, 2), (2, 4)])
    def test_channel_of_unknown_meaning_raises(self, tmp_path: Path, photometric: int, channels: int) -> None:
        pixels = np.stack([ROWS] * channels, axis=-1)
        write_tiff(tmp_path / "a.tif", pixels, photometric=photometric, extra_samples=(0,))
        with pytest.raises(MedsegError, match=r"a\.tif: channels must be grey or colour and transparency, got more"):
            read_grey(tmp_path / "a.tif")

    def test_other_colour_space_raises(self, tmp_path: Path) -> None:
        Image.new("LAB", (3, 2)).save(tmp_path / "a.tif")
        with pytest.raises(MedsegError, match=r"a\.tif: must be grey, colour or palette, got Pillow mode LAB"):
            read_grey(tmp_path / "a.tif")

    def test_unknown_kind_raises(self, tmp_path: Path) -> None:
        write_tiff(tmp_path / "a.tif", ROWS.astype(np.float64), photometric=1, sample_format=3)
        with pytest.raises(MedsegError, match="damaged or cut short, or of a kind that cannot be read, such as 64-bit"):
            read_grey(tmp_path / "a.tif")

    def test_missing_file_raises(self, tmp_path: Path) -> None:
        for read in (read_grey, read_mask, page_count):
            with pytest.raises(MedsegError, match=r"absent\.png: does not exist"):
                read(tmp_path / "absent.png")

    @pytest.mark.parametrize("content", [b"", b"text", bytes(2000)])
    def test_another_file_raises(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a.png").write_bytes(content)
        for read in (read_grey, read_mask, page_count):
            with pytest.raises(MedsegError, match=r"a\.png: must be a readable image, got none"):
                read(tmp_path / "a.png")

    def test_absurdly_large_image_raises(self, tmp_path: Path) -> None:
        header = struct.pack(">IIBBBBB", 30000, 30000, 8, 0, 0, 0, 0)
        (tmp_path / "a.png").write_bytes(png((b"IHDR", header), (b"IDAT", b""), (b"IEND", b"")))
        with pytest.raises(MedsegError, match=r"a\.png: image is too large, Image size \(900000000 pixels\)"):
            read_grey(tmp_path / "a.png")

    @pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
    def test_image_without_pixels_raises(self, tmp_path: Path, shape: tuple[int, int]) -> None:
        write_tiff(tmp_path / "a.tif", np.zeros(shape, dtype=np.uint8), photometric=1)
        with pytest.raises(MedsegError, match=r"a\.tif: must be a readable image, got none"):
            read_grey(tmp_path / "a.tif")


class TestDamage:
    """Pillow checks neither the checksums of PNG pixels nor that a PNG has an end."""

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_every_changed_byte_of_a_png_is_found(self, tmp_path: Path, dtype: type) -> None:
        pixels = np.random.default_rng(0).integers(0, 255, (9, 7)).astype(dtype)
        good = save(tmp_path / "a.png", pixels).read_bytes()
        for position in range(len(good)):
            changed = bytearray(good)
            changed[position] ^= 1 << position % 8
            (tmp_path / "a.png").write_bytes(changed)
            with pytest.raises(MedsegError, match=r"a\.png: "):
                read_grey(tmp_path / "a.png")

    def test_wrong_checksum_is_named(self, tmp_path: Path) -> None:
        path = save(tmp_path / "a.png", ROWS)
        content = bytearray(path.read_bytes())
        content[content.index(b"IEND") - 5] ^= 1  # the last byte of IDAT's checksum
        path.write_bytes(content)
        with pytest.raises(
            MedsegError, match=r"a\.png: must be .*got a wrong checksum of b'IDAT'; the file is damaged"
        ):
            read_grey(path)

    def test_comment_with_a_wrong_checksum_does_no_harm(self, tmp_path: Path) -> None:
        path = save(tmp_path / "a.png", ROWS)
        content = path.read_bytes()
        comment = struct.pack(">I", 4) + b"tIMe" + b"1234" + b"\0\0\0\0"
        path.write_bytes(content[:-12] + comment + content[-12:])
        np.testing.assert_array_equal(read_grey(path), ROWS.T)

    def test_png_without_an_end_raises(self, tmp_path: Path) -> None:
        path = save(tmp_path / "a.png", ROWS)
        path.write_bytes(path.read_bytes()[:-12])
        with pytest.raises(MedsegError, match=r"a\.png: must be a readable image, got no end of the PNG; .* cut short"):
            read_grey(path)

    @pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.tif", "lzw.tif"])
    def test_cut_file_raises_or_has_all_pixels(self, tmp_path: Path, name: str) -> None:
        pixels = np.random.default_rng(0).integers(0, 255, (16, 16), dtype=np.uint8)
        good = save(tmp_path / name, pixels, **({"compression": "tiff_lzw"} if name == "lzw.tif" else {})).read_bytes()
        whole = read_grey(tmp_path / name)
        refused = 0
        for length in range(0, len(good), 7):
            (tmp_path / name).write_bytes(good[:length])
            try:
                np.testing.assert_array_equal(read_grey(tmp_path / name), whole)
            except MedsegError as error:
                assert str(error).startswith(f"{tmp_path / name}: ")  # noqa: PT017
                refused += 1
        assert refused > 0.9 * len(good) / 7

    @pytest.mark.parametrize("name", ["a.jpg", "a.bmp", "a.tif", "lzw.tif"])
    def test_changed_bytes_never_end_in_another_error(self, tmp_path: Path, name: str) -> None:
        rng = np.random.default_rng(0)
        pixels = rng.integers(0, 255, (12, 12), dtype=np.uint8)
        good = save(tmp_path / name, pixels, **({"compression": "tiff_lzw"} if name == "lzw.tif" else {})).read_bytes()
        refused = 0
        for _ in range(120):
            changed = bytearray(good)
            for position in rng.integers(0, len(good), rng.integers(1, 4)):
                changed[position] = rng.integers(0, 256)
            (tmp_path / name).write_bytes(changed)
            try:
                assert read_grey(tmp_path / name).ndim == 2
            except MedsegError as error:
                assert str(error).startswith(f"{tmp_path / name}: ")  # noqa: PT017
                refused += 1
        assert refused > 0


class TestReadMask:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_values_are_kept(self, tmp_path: Path, dtype: type) -> None:
        mask = read_mask(save(tmp_path / "a.png", np.array([[0, 1], [2, 250]], dtype=dtype)))
        assert mask.dtype == dtype
        np.testing.assert_array_equal(mask, [[0, 2], [1, 250]])

    def test_grey_that_is_stored_as_colour_is_taken(self, tmp_path: Path) -> None:
        path = save(tmp_path / "a.png", rgb((0, 0, 0), (255, 255, 255)))
        np.testing.assert_array_equal(read_mask(path), [[0], [255]])

    def test_whole_floats_are_taken(self, tmp_path: Path) -> None:
        mask = read_mask(save(tmp_path / "a.tif", np.array([[0, 1, 2]], dtype=np.float32)))
        assert np.issubdtype(mask.dtype, np.integer)
        np.testing.assert_array_equal(mask, [[0], [1], [2]])

    def test_large_unsigned_values_are_kept(self, tmp_path: Path) -> None:
        write_tiff(tmp_path / "a.tif", np.array([[0, 2**32 - 1]], dtype=np.uint32), photometric=1)
        np.testing.assert_array_equal(read_mask(tmp_path / "a.tif"), [[0], [2**32 - 1]])

    def test_page_of_a_stack_is_read(self, tmp_path: Path) -> None:
        pages = [Image.fromarray(ROWS + index) for index in range(2)]
        pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
        np.testing.assert_array_equal(read_mask(tmp_path / "a.tif", page=1), ROWS.T + 1)

    def test_colours_raise(self, tmp_path: Path) -> None:
        rule = r"a\.png: mask must be grey \(R = G = B\), got colours; save one value a class"
        with pytest.raises(MedsegError, match=rule):
            read_mask(save(tmp_path / "a.png", rgb((0, 0, 0), (255, 0, 0))))

    def test_coloured_palette_raises(self, tmp_path: Path) -> None:
        of_palette([[0, 1]], [0, 0, 0, 128, 0, 0]).save(tmp_path / "a.png")
        with pytest.raises(MedsegError, match=r"mask must be grey \(R = G = B\), got colours"):
            read_mask(tmp_path / "a.png")

    @pytest.mark.parametrize("value", [0.5, np.nan, np.inf])
    @pytest.mark.filterwarnings("error")
    def test_fractions_raise(self, tmp_path: Path, value: float) -> None:
        path = save(tmp_path / "a.tif", np.array([[0, value]], dtype=np.float32))
        with pytest.raises(MedsegError, match=r"a\.tif: mask values must be whole, got fractions, NaN or infinity"):
            read_mask(path)


class TestToGrey:
    def test_keeps_the_type(self) -> None:
        grey = to_grey(np.array([[[1000, 2000, 3000]]], dtype=np.uint16))
        # 299 x 1000 + 587 x 2000 + 114 x 3000 = 1815000
        assert grey.dtype == np.uint16
        assert grey.tolist() == [[1815]]

    def test_does_not_overflow(self) -> None:
        assert to_grey(np.full((1, 1, 3), 65535, dtype=np.uint16)).tolist() == [[65535]]

    def test_grey_with_transparency_is_its_first_channel(self) -> None:
        assert to_grey(np.array([[[7, 255], [9, 255]]], dtype=np.uint8)).tolist() == [[7, 9]]

    @pytest.mark.parametrize(("shape", "dtype"), [((2, 2), "uint8"), ((2, 2, 5), "uint8"), ((2, 2, 3), "float32")])
    def test_other_pixels_raise(self, shape: tuple[int, ...], dtype: str) -> None:
        with pytest.raises(
            ValueError, match=r"pixels must be \(H, W, 2 to 4\) unsigned integers, got \(2, 2.*" + dtype
        ):
            to_grey(np.zeros(shape, dtype=dtype))


class TestWriteGrey:
    @settings(max_examples=60, deadline=None)
    @given(data=st.data())
    def test_round_trip_is_exact(self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
        suffix, dtype = data.draw(
            st.sampled_from(
                [("png", "uint8"), ("png", "uint16"), ("tif", "uint8"), ("tiff", "uint16"), ("tif", "float32")]
            )
        )
        elements = st.floats(-1e6, 1e6, width=32) if dtype == "float32" else None
        shape = st_numpy.array_shapes(min_dims=2, max_dims=2, max_side=9)
        image = data.draw(st_numpy.arrays(dtype, shape, elements=elements))
        path = tmp_path_factory.getbasetemp() / f"round-trip.{suffix}"
        write_grey(path, image)
        read = read_grey(path)
        assert read.dtype == image.dtype
        np.testing.assert_array_equal(read, image)

    def test_columns_are_columns(self, tmp_path: Path) -> None:
        write_grey(tmp_path / "a.png", np.array([[1, 4], [2, 5], [3, 6]], dtype=np.uint8))
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), ROWS)

    @pytest.mark.parametrize(
        ("name", "shape", "dtype"),
        [
            ("a.png", (2, 2), "float32"),
            ("a.png", (2, 2), "int16"),
            ("a.jpg", (2, 2), "uint8"),
            ("a.png", (2, 2, 3), "uint8"),
        ],
    )
    def test_what_cannot_be_stored_exactly_raises(
        self, tmp_path: Path, name: str, shape: tuple[int, ...], dtype: str
    ) -> None:
        with pytest.raises(ValueError, match=rf"{name}: must be a \(x, y\) array in a type of .*, got .* {dtype}"):
            write_grey(tmp_path / name, np.zeros(shape, dtype=dtype))
        assert not any(tmp_path.iterdir())
