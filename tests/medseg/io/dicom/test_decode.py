from __future__ import annotations

import base64
import threading
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from medseg.errors import MedsegError, SourceError
from medseg.io.dicom.decode import FrameDecoder
from medseg.io.dicom.header import Header
from medseg.io.dicom.stored import Stored
from tests.medseg.io.dicom.encodings import J2K, JPEG_LS, j2k, jls, jpeg
from tests.medseg.io.dicom.writer import slice_dataset

ROWS, COLUMNS = 40, 33
PIXELS = np.random.default_rng(0).integers(0, 2**12, (ROWS, COLUMNS)).astype(np.uint16)

# 24 rows, 32 columns of 37 x + 101 y - 1500 in 16 bits with a sign, encoded by OpenJPH 0.26.3, which shares no code
# with OpenJPEG.
HTJ2K = (
    "/0//UQApQAAAAAAgAAAAGAAAAAAAAAAAAAAAIAAAABgAAAAAAAAAAAABjwEB/1AACAACAAAACv9SAAwAAgABAAUEBEAB/1wAEyCIkJCQkJCQkJCQ"
    "kJCQiIiI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv+QAAoAAAAAALwAAf+TwAAmhf4CB3QAwAATQAATAEj9Aod0AIT9Awd0AMAAE8AAEwCiRP0C"
    "AnQA8fgAIjQAwAAVMAAFWFBQUKBiMYJ2AJhjjjnmwEIBvrYAwAAVsAAFpCQSiUQi/eeKenECdwDEiYmJiYmJifoMYHv2MYHsugDAAC1IAAXQgAiC"
    "IAiCIAiCIPn+Cnp6enpwgnsAyEgkEolEIpFIJBKJRCL/cYCEB79iEB79iEB79iEB7LMB/9k="
)


def header(syntax: str, name: str = "slice.dcm") -> Header:
    return Header(path=Path(name), transfer_syntax=syntax)


def stored(bits_stored: int = 12, *, signed: bool = False, bits_allocated: int = 16, rows: int = ROWS) -> Stored:
    return Stored(rows, COLUMNS, bits_allocated, bits_stored, signed)


def decoded(data: bytes, syntax: str, kind: Stored) -> NDArray[Any]:
    with FrameDecoder() as decoder:
        return decoder.decode(data, header(syntax), kind)


@pytest.fixture
def fake_openjpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts another ``openjpeg`` before the real one, in the decoder's process only."""

    def fake(body: str) -> None:
        package = tmp_path / "fakes" / "openjpeg"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "utils.py").write_text(f"import os, sys, time\ndef decode_pixel_data(data, version):\n    {body}\n")
        monkeypatch.setenv("PYTHONPATH", str(package.parent))

    return fake


class TestLossless:
    @pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint8), (12, np.uint16), (16, np.uint16), (16, np.int16)])
    def test_all_codecs_return_what_was_encoded(self, tmp_path: Path, bits: int, dtype: Any) -> None:
        info = np.iinfo(dtype)
        pixels = (
            np.random.default_rng(bits)
            .integers(info.min, min(info.max, 2**bits - 1) + 1, (ROWS, COLUMNS))
            .astype(dtype)
        )
        signed = dtype is np.int16
        dataset = slice_dataset(pixels.T, (0, 0, 0), BitsStored=bits, HighBit=bits - 1)
        kinds = (gdcm.TransferSyntax.JPEGLosslessProcess14, gdcm.TransferSyntax.JPEGLosslessProcess14_1)
        streams = [(J2K, j2k(pixels, bits=bits, signed=signed)), (JPEG_LS, jls(pixels, bits=bits))]
        streams += [jpeg(dataset, tmp_path, kind) for kind in kinds]
        assert [syntax[-3:] for syntax, _ in streams] == [".90", ".80", ".57", ".70"]
        kind = Stored(ROWS, COLUMNS, 8 * pixels.itemsize, bits, signed)
        with FrameDecoder() as decoder:
            for syntax, data in streams:
                values = decoder.decode(data, header(syntax), kind)
                assert values.dtype == dtype
                np.testing.assert_array_equal(values, pixels, err_msg=syntax)

    @pytest.mark.parametrize("syntax", [f"1.2.840.10008.1.2.4.{end}" for end in (201, 202, 203)])
    def test_high_throughput_jpeg_2000(self, syntax: str) -> None:
        y, x = np.mgrid[:24, :32]
        values = decoded(base64.b64decode(HTJ2K), syntax, Stored(24, 32, 16, 16, True))
        np.testing.assert_array_equal(values, 37 * x + 101 * y - 1500)

    @pytest.mark.parametrize("codestream_signed", [False, True])
    @pytest.mark.parametrize("signed", [False, True])
    def test_header_s_sign_holds_where_bits_agree(self, signed: bool, codestream_signed: bool) -> None:
        values = decoded(j2k(PIXELS, bits=12, signed=codestream_signed), J2K, stored(12, signed=signed))
        expected = PIXELS.astype(int) - (4096 * (PIXELS >= 2048) if signed else 0)
        np.testing.assert_array_equal(values, expected)

    def test_frames_may_be_decoded_in_any_thread(self) -> None:
        results: list[NDArray[Any]] = []
        thread = threading.Thread(target=lambda: results.append(decoded(jls(PIXELS, bits=12), JPEG_LS, stored())))
        thread.start()
        thread.join()
        np.testing.assert_array_equal(results[0], PIXELS)


class TestContradictions:
    """Refused without starting a process."""

    @pytest.fixture(autouse=True)
    def no_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("subprocess.Popen", None)

    def test_size(self) -> None:
        fault = (
            r"slice\.dcm: frame 1 of pixel data \(7FE0,0010\) in JPEG 2000 .*\(1\.2\.840\.10008\.1\.2\.4\.90\): rows"
            r" \(0028,0010\), columns .* must be those of the codestream, 40, 33 and 1, got 41, 33 and 1; export"
        )
        with pytest.raises(SourceError, match=fault):
            decoded(j2k(PIXELS, bits=12), J2K, stored(rows=ROWS + 1))

    def test_more_bits_than_allocated(self) -> None:
        fault = r"bits allocated \(0028,0100\) must hold the codestream's 12 bits, got 8"
        with pytest.raises(SourceError, match=fault):
            decoded(jls(PIXELS, bits=12), JPEG_LS, stored(8, bits_allocated=8))

    def test_cut_codestream(self) -> None:
        with pytest.raises(
            SourceError, match="codestream must end with its end marker, got other bytes; it is cut short"
        ):
            decoded(j2k(PIXELS, bits=12)[:-20], J2K, stored())

    def test_no_codestream(self) -> None:
        with pytest.raises(SourceError, match="must begin as JPEG, JPEG-LS or JPEG 2000"):
            decoded(bytes(100) + b"\xff\xd9", J2K, stored())


class TestDamage:
    def test_bits_on_which_readers_differ(self) -> None:
        with pytest.raises(
            SourceError, match=r"bits stored \(0028,0101\) must be those of the codestream, 12, .* got 16"
        ):
            decoded(jls(PIXELS, bits=12), JPEG_LS, stored(16, signed=True))

    def test_decoder_s_complaint(self) -> None:
        data = bytearray(jls(PIXELS, bits=12))
        data[len(data) // 2 : -2] = b""
        with pytest.raises(SourceError, match=r"1\.2\.4\.80\): it must decode, got RuntimeError \(Decoding error: "):
            decoded(bytes(data), JPEG_LS, stored())

    def test_what_libjpeg_would_fill_in(self, tmp_path: Path) -> None:
        dataset = slice_dataset((PIXELS >> 4).astype(np.uint8).T, (0, 0, 0))
        syntax, data = jpeg(dataset, tmp_path, gdcm.TransferSyntax.JPEGBaselineProcess1)
        end = data.rindex(b"\xff\xd9")
        cut = data[: end - 40] + data[end:]
        with pytest.raises(SourceError, match=r"it must decode, got ValueError \(JPEG data are damaged\); export"):
            decoded(cut, syntax, stored(8, bits_allocated=8))

    def test_what_gdcm_gives_up(self, tmp_path: Path) -> None:
        syntax, data = jpeg(slice_dataset(PIXELS.T, (0, 0, 0)), tmp_path)
        end = data.index(b"\xff\xda")
        with pytest.raises(SourceError, match=r"it must decode, got ValueError \((GDCM gives no image|JPEG data)"):
            decoded(data[:end] + b"\xff\xd9", syntax, stored(16))


class TestProcess:
    def test_crash_is_an_error_and_the_next_file_decodes(self, fake_openjpeg: Any) -> None:
        fake_openjpeg("os.kill(os.getpid(), 11)")
        with FrameDecoder() as decoder:
            with pytest.raises(
                SourceError, match=r"^a\.dcm: .*JPEG 2000.*: it must decode, got a crash by SIGSEGV; export"
            ):
                decoder.decode(j2k(PIXELS, bits=12), header(J2K, "a.dcm"), stored())
            values = decoder.decode(jls(PIXELS, bits=12), header(JPEG_LS, "b.dcm"), stored())
        np.testing.assert_array_equal(values, PIXELS)

    @pytest.mark.parametrize("body", ["time.sleep(60)", "while True: pass"])
    def test_hang_is_ended(self, fake_openjpeg: Any, body: str) -> None:
        fake_openjpeg(body)
        with (
            FrameDecoder(seconds=0.5) as decoder,
            pytest.raises(SourceError, match="it must decode, got none within the time limit; export"),
        ):
            decoder.decode(j2k(PIXELS, bits=12), header(J2K), stored())

    def test_processor_s_time_is_bounded_without_the_parent_s_clock(
        self, fake_openjpeg: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake_openjpeg("while True: pass")
        monkeypatch.setattr(threading.Timer, "start", lambda _: None)
        with (
            FrameDecoder(seconds=0.5) as decoder,
            pytest.raises(SourceError, match="it must decode, got none within the time limit; export"),
        ):
            decoder.decode(j2k(PIXELS, bits=12), header(J2K), stored())

    def test_memory_is_bounded(self, fake_openjpeg: Any) -> None:
        fake_openjpeg("return bytes(3 * 2**30)")
        with pytest.raises(SourceError, match="it must decode, got more memory than the limit; export"):
            decoded(j2k(PIXELS, bits=12), J2K, stored())

    def test_words_of_another_length_are_refused(self, fake_openjpeg: Any) -> None:
        fake_openjpeg("return bytes(7)")
        with pytest.raises(SourceError, match=rf"it must decode to {2 * ROWS * COLUMNS} bytes, got 7; export"):
            decoded(j2k(PIXELS, bits=12), J2K, stored())

    @pytest.mark.parametrize(("body", "how"), [("os._exit(0)", "status 0"), ("os._exit(3)", "status 3")])
    def test_end_without_an_answer_is_an_error(self, fake_openjpeg: Any, body: str, how: str) -> None:
        fake_openjpeg(body)
        with pytest.raises(SourceError, match=f"it must decode, got its end with {how}; export"):
            decoded(j2k(PIXELS, bits=12), J2K, stored())

    def test_what_a_library_prints_is_no_answer(self, fake_openjpeg: Any) -> None:
        fake_openjpeg(f"os.write(1, b'noise' * 99); print('noise'); return bytes([1, 0]) * {ROWS * COLUMNS}")
        assert np.unique(decoded(j2k(PIXELS, bits=12), J2K, stored())).tolist() == [1]

    def test_missing_decoder_names_its_package(self, fake_openjpeg: Any) -> None:
        fake_openjpeg("raise ImportError")
        with pytest.raises(
            MedsegError, match=r"needs the decoder pylibjpeg-openjpeg, .* run 'pip install pylibjpeg-open"
        ):
            decoded(j2k(PIXELS, bits=12), J2K, stored())

    def test_process_that_does_not_start(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "json.py").write_text("raise SystemExit(9)")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        with pytest.raises(MedsegError, match="must start, got its end with status 9; reinstall medseg"):
            decoded(j2k(PIXELS, bits=12), J2K, stored())

    def test_process_serves_all_frames_and_ends_with_the_block(self) -> None:
        before = psutil.Process().children()
        with FrameDecoder() as decoder:
            pids = set()
            for _ in range(3):
                decoder.decode(jls(PIXELS, bits=12), header(JPEG_LS), stored())
                pids |= {child.pid for child in psutil.Process().children() if child not in before}
            assert len(pids) == 1
        assert psutil.Process().children() == before


class TestMutations:
    """Flipped, lost and inserted bytes: an error of one line, or an image of the right kind."""

    @pytest.mark.parametrize("codec", ["jpeg 2000", "jpeg-ls", "jpeg"])
    def test_no_mutation_escapes(self, tmp_path: Path, codec: str) -> None:
        syntax, data = {
            "jpeg 2000": lambda: (J2K, j2k(PIXELS, bits=12)),
            "jpeg-ls": lambda: (JPEG_LS, jls(PIXELS, bits=12)),
            "jpeg": lambda: jpeg(slice_dataset(PIXELS.T, (0, 0, 0), BitsStored=12, HighBit=11), tmp_path),
        }[codec]()
        random = np.random.default_rng(1)
        errors: list[str] = []
        with FrameDecoder() as decoder:
            for _ in range(40):
                try:
                    values = decoder.decode(_mutated(data, random), header(syntax), stored())
                except SourceError as error:
                    errors.append(str(error))
                else:
                    assert values.shape == (ROWS, COLUMNS)
                    assert values.dtype == np.uint16
        assert 10 < len(errors) <= 40
        assert not any("\n" in error for error in errors)


def _mutated(data: bytes, random: np.random.Generator) -> bytes:
    mutated = bytearray(data)
    # Half of them in the head, where sizes and tables are.
    at = int(random.integers(len(data) if random.random() < 0.5 else 120))
    match random.integers(3):
        case 0:
            mutated[at] ^= 1 << int(random.integers(8))
        case 1:
            del mutated[at : at + int(random.integers(1, 30))]
        case _:
            mutated[at:at] = random.bytes(int(random.integers(1, 30)))
    return bytes(mutated)
