"""Frames of JPEG, JPEG-LS and JPEG 2000, decoded in a process that may die.

Native decoders crash or hang on damaged codestreams. One process decodes a read's frames in turn; when it crashes,
exceeds its time or its memory, that frame is an error that names the file, and the next frame gets a new process.
Limits for a frame: 30 s of the processor's time and 5 s for each million pixels, or four times that by the clock; 1 GiB
of address space (Linux only) and 64 bytes for each pixel.

Decoders: OpenJPEG for JPEG 2000 and its high-throughput form, CharLS for JPEG-LS, GDCM for JPEG. All lossless kinds
give the values that were encoded. A codestream has no checksum, so a flipped bit in its coded values is seen only where
it breaks the code; what contradicts the header in size, colours or bits is always refused.

Differences of the lossy kinds from the original, measured on one 512 x 512 CT slice, in HU; they come from the
encoder's settings, and SimpleITK gives the same values:

====================== ======= ====
transfer syntax        largest mean
====================== ======= ====
JPEG 8 bits (.50)      65      20
JPEG 12 bits (.51)     36      3.9
JPEG-LS near (.81)     1       0.7
JPEG 2000 lossy (.91)  5       0.6
====================== ======= ====
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from medseg.errors import MedsegError, SourceError
from medseg.io.dicom.codestream import Codestream, read_codestream
from medseg.io.dicom.header import Header
from medseg.io.dicom.stored import Stored
from medseg.io.dicom.syntaxes import Library, library, syntax_name

__all__ = ["FrameDecoder"]

_SCRIPT = Path(__file__).with_name("decoder_process.py")
_SECONDS, _SECONDS_PER_PIXEL = 30.0, 5e-6
# On a busy machine the clock runs ahead of the processor's time; it is what ends a process that waits for ever.
_CLOCK_PER_SECOND = 4
_START_SECONDS, _GRACE_SECONDS = 120.0, 5.0
_MEMORY_BYTES, _MEMORY_BYTES_PER_PIXEL = 2**30, 64
_MAX_ANSWER = 2**16
_WAY_OUT = "export the series again, uncompressed"


class FrameDecoder:
    """Decodes codestreams; a context manager, which ends the process.

    Args:
        seconds: Limit of the processor's time for a frame, instead of the one that its size gives.
    """

    def __init__(self, *, seconds: float | None = None) -> None:
        self._seconds = seconds
        self._process: _Process | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def decode(self, data: bytes, header: Header, stored: Stored) -> NDArray[Any]:
        """Decode a frame.

        Args:
            data: Codestream, whole.
            header: Of the frame.
            stored: How its values are stored.

        Returns:
            ``(rows, columns)`` of stored values.

        Raises:
            SourceError: If the codestream contradicts the header, is damaged, or its decoder dies of it.
            MedsegError: If the decoder is not installed, or its process does not start.
        """
        try:
            codestream = read_codestream(data)
            _check_size(codestream, stored)
            decoded = self._decode(data, codestream, header.transfer_syntax)
            return stored.from_codestream(decoded, codestream.precision)
        except ValueError as error:
            name = syntax_name(header.transfer_syntax)
            raise SourceError(
                header.path, f"frame {header.frame + 1} of pixel data (7FE0,0010) in {name}: {error}; {_WAY_OUT}"
            ) from error

    def _decode(self, data: bytes, codestream: Codestream, syntax: str) -> NDArray[Any]:
        pixels = codestream.rows * codestream.columns
        used = library(syntax)
        request = {
            "module": used.module,
            "syntax": syntax,
            "rows": codestream.rows,
            "columns": codestream.columns,
            "precision": codestream.precision,
            "memory_bytes": _MEMORY_BYTES + _MEMORY_BYTES_PER_PIXEL * pixels,
            "seconds": self._seconds or _SECONDS + _SECONDS_PER_PIXEL * pixels,
        }
        word_bytes = next(size for size in (1, 2, 4) if codestream.precision <= 8 * size)
        words = self._ask(request, data, pixels * word_bytes, used)
        kind = "i" if codestream.signed else "u"
        return np.frombuffer(words, f"<{kind}{word_bytes}").reshape(codestream.rows, codestream.columns)

    def _ask(self, request: dict[str, Any], data: bytes, expected_bytes: int, used: Library) -> bytes:
        if self._process is None:
            self._process = _Process()
        try:
            return self._process.ask(request, data, expected_bytes)
        except _DecoderDiedError:
            self._end()
            raise
        except _DecoderMissingError:
            raise MedsegError(
                f"{syntax_name(request['syntax'])} needs the decoder {used.package}, which is not installed;"
                f" run 'pip install {used.package}'"
            ) from None

    def _end(self) -> None:
        if self._process is not None:
            self._process.end()
            self._process = None


class _DecoderDiedError(ValueError):
    """The process is gone, or not to be trusted any more."""


class _DecoderMissingError(Exception):
    """The process lacks its decoder."""


class _Process:
    """The process and the pipes to it."""

    def __init__(self) -> None:
        self._log = tempfile.TemporaryFile("a+b", buffering=0)  # noqa: SIM115
        # Threads of numerical libraries would take address space and decode nothing.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        # Not multiprocessing: its fork is unsafe beside torch's threads, its spawn runs the caller's main module again,
        # and neither is allowed in a data loader's daemonic workers.
        self._popen = subprocess.Popen(
            [sys.executable, "-P", str(_SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
        )
        self._to, self._from = cast(IO[bytes], self._popen.stdin), cast(IO[bytes], self._popen.stdout)
        self._overdue = False
        with self._clock(_START_SECONDS):
            started = self._read_answer() is not None
        if not started:
            fault = self._death()
            self.end()
            raise MedsegError(f"the process that decodes compressed pixels must start, got {fault}; reinstall medseg")

    def ask(self, request: dict[str, Any], data: bytes, expected_bytes: int) -> bytes:
        """The decoded words that answer a request."""
        seconds: float = _CLOCK_PER_SECOND * request["seconds"]
        with self._clock(seconds):
            try:
                self._to.write(json.dumps({**request, "bytes": len(data)}).encode() + b"\n")
                self._to.write(data)
                self._to.flush()
            except OSError:
                raise _DecoderDiedError(f"it must decode, got {self._death()}") from None
            answer = self._read_answer() or {}
            if answer.get("missing"):
                raise _DecoderMissingError
            if "fault" in answer:
                raise ValueError(f"it must decode, got {' '.join(str(answer['fault']).split())[:200]}")
            if answer.get("bytes", expected_bytes) != expected_bytes:
                raise _DecoderDiedError(f"it must decode to {expected_bytes} bytes, got {answer['bytes']}")
            words = self._from.read(expected_bytes)
            if len(words) != expected_bytes:
                raise _DecoderDiedError(f"it must decode, got {self._death()}")
        return words

    def end(self) -> None:
        """Kill it and free what belongs to it."""
        self._popen.kill()
        self._popen.wait()
        self._from.close()
        # Closing flushes what the dead end of the pipe does not take.
        with suppress(OSError):
            self._to.close()
        self._log.close()

    def _read_answer(self) -> dict[str, Any] | None:
        try:
            answer = json.loads(self._from.readline(_MAX_ANSWER))
        except ValueError:
            return None
        return answer if isinstance(answer, dict) else None

    @contextmanager
    def _clock(self, seconds: float) -> Iterator[None]:
        clock = threading.Timer(seconds, self._kill_overdue)
        clock.daemon = True
        clock.start()
        try:
            yield
        finally:
            clock.cancel()

    def _kill_overdue(self) -> None:
        self._overdue = True
        self._popen.kill()

    def _death(self) -> str:
        try:
            status = self._popen.wait(timeout=_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            return "an answer that is none"
        if self._overdue or (sys.platform != "win32" and status == -signal.SIGXCPU):
            return "none within the time limit"
        return f"a crash by {signal.Signals(-status).name}" if status < 0 else f"its end with status {status}"


def _check_size(codestream: Codestream, stored: Stored) -> None:
    got = (codestream.rows, codestream.columns, codestream.components)
    if got != (stored.rows, stored.columns, 1):
        raise ValueError(
            "rows (0028,0010), columns (0028,0011) and samples (0028,0002) must be those of the codestream,"
            f" {got[0]}, {got[1]} and {got[2]}, got {stored.rows}, {stored.columns} and 1"
        )
    if codestream.precision > stored.bits_allocated:
        raise ValueError(
            f"bits allocated (0028,0100) must hold the codestream's {codestream.precision} bits, got"
            f" {stored.bits_allocated}"
        )
