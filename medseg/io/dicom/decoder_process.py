"""Decodes frames in a process of its own, which may crash, hang or ask for too much memory without harm to others.

Run as a script by :mod:`medseg.io.dicom.decode`, so that it imports nothing but one decoder. A request on standard
input is a line of JSON and then the codestream; an answer on standard output is a line of JSON and then the decoded
words, lowest byte first. Standard error is a file, in which decoders' complaints are looked for.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

# What libjpeg says where it fills in what is damaged, and goes on.
_COMPLAINTS = (b"Corrupt JPEG data", b"Premature end of JPEG", b"Invalid SOS parameters", b"Inconsistent progression")


def main() -> None:
    """Answer requests until standard input ends."""
    requests = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    # What libraries print must not get among the answers.
    os.dup2(2, 1)
    # Ctrl-C reaches the whole group; the parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _answer(answers, {"ready": True})
    for line in requests:
        request = json.loads(line)
        codestream = requests.read(request["bytes"])
        try:
            _limit(request["memory_bytes"], request["seconds"])
            words = _decode(codestream, request)
        except ImportError:
            _answer(answers, {"missing": True})
        except MemoryError:
            _answer(answers, {"fault": "more memory than the limit"})
        except Exception as error:
            _answer(answers, {"fault": f"{type(error).__name__} ({error})"})
        else:
            _answer(answers, {"bytes": len(words)}, words)


def _answer(answers: Any, head: dict[str, Any], words: bytes = b"") -> None:
    answers.write(json.dumps(head).encode() + b"\n")
    answers.write(words)
    answers.flush()


def _limit(memory_bytes: int, seconds: float) -> None:
    """Bound the process for the next frame; where the system has no such limits, the parent's clock is left."""
    if sys.platform == "win32":
        return
    import resource

    # The processor's time ends the process even when its parent is gone.
    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_CPU: int(time.process_time() + seconds) + 1}
    if sys.platform == "linux":
        limits[resource.RLIMIT_AS] = memory_bytes
    for kind, limit in limits.items():
        _, most = resource.getrlimit(kind)
        resource.setrlimit(kind, (limit if most == resource.RLIM_INFINITY else min(limit, most), most))


def _decode(codestream: bytes, request: dict[str, Any]) -> bytes:
    if request["module"] == "openjpeg":
        return _by_openjpeg(codestream)
    if request["module"] == "jpeg_ls":
        return _by_charls(codestream)
    os.ftruncate(2, 0)
    words = _by_gdcm(codestream, request)
    if any(complaint in os.pread(2, 2**16, 0) for complaint in _COMPLAINTS):
        raise ValueError("JPEG data are damaged")
    return words


def _by_openjpeg(codestream: bytes) -> bytes:
    from openjpeg.utils import decode_pixel_data

    return bytes(decode_pixel_data(codestream, version=2))


def _by_charls(codestream: bytes) -> bytes:
    from jpeg_ls import decode_pixel_data  # type: ignore[import-untyped]

    return bytes(decode_pixel_data(codestream)[0])


def _by_gdcm(codestream: bytes, request: dict[str, Any]) -> bytes:
    """Decode as pydicom does with GDCM, but also JPEG of 12 bits, which GDCM reads."""
    import gdcm  # type: ignore[import-untyped]

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(codestream)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((request["columns"], request["rows"], 1))
    image.SetDataElement(element)
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(request["syntax"])))
    bits = request["precision"]
    image.SetPixelFormat(gdcm.PixelFormat(1, 8 if bits <= 8 else 16, bits, bits - 1, 0))
    words = image.GetBuffer()
    if words is None:
        raise ValueError("GDCM gives no image")
    # The wrapper returns bytes as text.
    return bytes(words.encode("utf-8", "surrogateescape"))


if __name__ == "__main__":
    main()
