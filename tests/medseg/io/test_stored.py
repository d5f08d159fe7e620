from __future__ import annotations

import gzip
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest

from medseg.errors import SourceError
from medseg.io.stored import MAX_INFLATION, Stored, is_deflated, read_head, read_stored

SHAPE = (5, 4, 3)
VOXELS = np.arange(60, dtype="<i2").reshape(SHAPE, order="F")
CONTENT = VOXELS.tobytes(order="F")
HEADER = b"some header"


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def plain(path: Path, content: bytes = HEADER + CONTENT, **changes: object) -> Stored:
    return Stored(
        **{"path": write(path, content), "dtype": VOXELS.dtype, "shape": SHAPE, "start": len(HEADER)} | changes
    )


def deflated(path: Path, content: bytes, **changes: object) -> Stored:
    return Stored(**{"path": write(path, content), "dtype": VOXELS.dtype, "shape": SHAPE, "deflated": True} | changes)


class TestReadStored:
    def test_raw_voxels_behind_a_header(self, tmp_path: Path) -> None:
        np.testing.assert_array_equal(read_stored(plain(tmp_path / "a")), VOXELS)

    def test_big_endian_becomes_native(self, tmp_path: Path) -> None:
        swapped = VOXELS.astype(">i2")
        stored = plain(tmp_path / "a", HEADER + swapped.tobytes(order="F"), dtype=swapped.dtype)
        read = read_stored(stored)
        assert read.dtype == np.int16
        assert read.dtype.isnative
        np.testing.assert_array_equal(read, VOXELS)

    @pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
    def test_compressed_voxels_behind_a_header_that_is_not(self, tmp_path: Path, compress: object) -> None:
        stored = deflated(tmp_path / "a", HEADER + compress(CONTENT), start=len(HEADER))  # type: ignore[operator]
        np.testing.assert_array_equal(read_stored(stored), VOXELS)

    def test_compressed_header_is_skipped(self, tmp_path: Path) -> None:
        stored = deflated(tmp_path / "a", gzip.compress(HEADER + CONTENT), skip=len(HEADER))
        np.testing.assert_array_equal(read_stored(stored), VOXELS)

    def test_gzip_members_join_and_may_be_padded_with_zeros(self, tmp_path: Path) -> None:
        content = gzip.compress(HEADER + CONTENT[:7]) + bytes(900) + gzip.compress(CONTENT[7:]) + bytes(2_000_000)
        np.testing.assert_array_equal(read_stored(deflated(tmp_path / "a", content, skip=len(HEADER))), VOXELS)

    def test_long_streams_are_read_in_pieces(self, tmp_path: Path) -> None:
        voxels = np.random.default_rng(0).integers(0, 999, (256, 256, 40), dtype=np.int16)
        content = gzip.compress(HEADER * 200_000 + voxels.tobytes(order="F"), compresslevel=1)
        stored = deflated(tmp_path / "a", content, skip=len(HEADER) * 200_000, shape=voxels.shape)
        np.testing.assert_array_equal(read_stored(stored), voxels)

    @pytest.mark.parametrize(
        ("content", "got"), [(CONTENT[:-1], "119"), (CONTENT + b"x", "121"), (b"", "0"), (CONTENT * 2, "240")]
    )
    def test_raw_voxels_must_fill_the_file(self, tmp_path: Path, content: bytes, got: str) -> None:
        with pytest.raises(
            SourceError,
            match=rf"a: must hold exactly 120 bytes of voxels \(5 x 4 x 3 of int16\), got {got}; the file is",
        ):
            read_stored(plain(tmp_path / "a", HEADER + content))

    @pytest.mark.parametrize(
        ("content", "got"), [(CONTENT[:-1], "119"), (CONTENT + b"x", "more"), (CONTENT * 2, "more")]
    )
    def test_compressed_voxels_must_fill_the_stream(self, tmp_path: Path, content: bytes, got: str) -> None:
        with pytest.raises(SourceError, match=rf"must hold exactly 120 bytes of voxels .*, got {got}; the file is"):
            read_stored(deflated(tmp_path / "a", gzip.compress(content)))

    @pytest.mark.parametrize("cut", [1, 7, 8, 9, 40])
    def test_cut_streams_are_refused(self, tmp_path: Path, cut: int) -> None:
        noise = np.random.default_rng(0).integers(0, 255, 120, dtype=np.uint8).tobytes()
        with pytest.raises(SourceError, match=r"a: must be compressed to its end, got a stream that is cut short"):
            read_stored(deflated(tmp_path / "a", gzip.compress(noise)[:-cut]))

    @pytest.mark.parametrize("at", [-1, -5, 12])
    def test_damaged_streams_are_refused(self, tmp_path: Path, at: int) -> None:
        content = bytearray(gzip.compress(CONTENT))
        content[at] ^= 0xFF
        with pytest.raises(SourceError, match=r"a: must be soundly compressed, got damaged data; fetch the file again"):
            read_stored(deflated(tmp_path / "a", bytes(content)))

    def test_missing_file_is_refused(self, tmp_path: Path) -> None:
        stored = plain(tmp_path / "a")
        stored.path.unlink()
        with pytest.raises(SourceError, match=r"a: must be a readable file, got No such file or directory"):
            read_stored(stored)


class TestBound:
    def test_a_small_file_that_claims_much_is_refused_before_memory_is_taken(self, tmp_path: Path) -> None:
        content = gzip.compress(bytes(1_000_000))  # about 1 kB
        stored = deflated(tmp_path / "a", content, shape=(2000, 1000, 1000))
        tracemalloc.start()
        with pytest.raises(
            SourceError,
            match=rf"a: must hold the 4000000000 bytes of voxels that its header claims, got a compressed file of"
            rf" {len(content)}, which makes at most 1032 times as many",
        ):
            read_stored(stored)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 100_000

    def test_raw_claims_are_refused_too(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"must hold exactly 2000000000 bytes of voxels .*, got 120;"):
            read_stored(plain(tmp_path / "a", shape=(1000, 1000, 1000)))

    def test_zeros_stay_below_the_bound(self, tmp_path: Path) -> None:
        # The best that deflate does, so the bound refuses no file that could be true.
        zeros = bytes(12_000_000)
        content = zlib.compress(zeros, 9)
        assert len(zeros) / len(content) < MAX_INFLATION
        read = read_stored(deflated(tmp_path / "a", content, dtype=np.dtype("u1"), shape=(120, 1000, 100)))
        assert not read.any()

    def test_more_voxels_than_any_scan_has_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"must hold at most 2147483648 voxels, got 2147614720; crop or split"):
            read_stored(plain(tmp_path / "a", shape=(65540, 32768, 1)))


class TestReadHead:
    def test_plain_and_compressed_files_give_the_same(self, tmp_path: Path) -> None:
        write(tmp_path / "a", HEADER + CONTENT)
        write(tmp_path / "b", gzip.compress(HEADER + CONTENT))
        assert read_head(tmp_path / "a", 20) == read_head(tmp_path / "b", 20) == (HEADER + CONTENT)[:20]

    def test_short_files_give_what_they_have(self, tmp_path: Path) -> None:
        assert read_head(write(tmp_path / "a", b"abc"), 20) == b"abc"

    def test_what_only_begins_like_gzip_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"a: must be soundly compressed, got damaged data"):
            read_head(write(tmp_path / "a", b"\x1f\x8b" + HEADER), 20)

    def test_a_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"must be a readable file, got Is a directory"):
            read_head(tmp_path, 20)


class TestIsDeflated:
    def test_goes_by_content_not_by_name(self, tmp_path: Path) -> None:
        assert is_deflated(write(tmp_path / "a.nii", gzip.compress(CONTENT)))
        assert not is_deflated(write(tmp_path / "a.nii.gz", CONTENT))

    def test_a_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"must be a readable file, got Is a directory"):
            is_deflated(tmp_path)
