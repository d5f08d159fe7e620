"""Finds texts of a source in what was made of it, also in pictures, under other encodings, and as plain hashes."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pydicom
from PIL import Image
from pydicom.misc import is_dicom

__all__ = ["dicom_uids", "hashes", "leaks"]

_DATA_URI = re.compile(rb"data:[\w/+.-]*;base64,([A-Za-z0-9+/=\s]+)")
_LEAST = 5
_RUNS = re.compile(rb"[\x20-\x7e]{5,}")
_WIDE_RUNS = re.compile(rb"(?:[\x20-\x7e]\0){5,}")
_TENSOR = re.compile(r"/data/\d+$")
_STANDARD = "1.2.840.10008."


def leaks(folder: Path, words: Iterable[str]) -> list[str]:
    """Where any of some words stands below a folder, in whatever case of letters.

    Args:
        folder: All its files are searched, as they are and with their pictures and escapes decoded.
        words: Texts of five or more ASCII characters that must not be there.

    Returns:
        ``file: word`` of each; none where all is clean.
    """
    wanted = sorted(words)
    assert all(word.isascii() and len(word) >= _LEAST for word in wanted), wanted
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        text = b"\n".join((name.encode(), *(_decoded(path) if path.is_file() else ()))).lower()
        found += [f"{name}: {word}" for word in wanted if word.lower().encode() in text]
    return found


def dicom_uids(raw: Path) -> set[str]:
    """All UIDs in DICOM files that are not the standard's."""
    uids = set[str]()
    for path in raw.rglob("*"):
        if path.is_file() and is_dicom(path):
            data = pydicom.dcmread(path, stop_before_pixels=True)
            uids |= {str(element.value) for element in (*data.iterall(), *data.file_meta) if element.VR == "UI"}
    return {uid for uid in uids if uid and not uid.startswith(_STANDARD)}


def hashes(texts: Iterable[str]) -> set[str]:
    """Plain hashes of texts, from which whoever has a list of names finds the text."""
    return {
        hashlib.new(kind, text.encode(errors="surrogateescape")).hexdigest()
        for text in texts
        for kind in ("md5", "sha1", "sha256")
    }


def _texts(content: bytes) -> bytes:
    """What may be read in bytes, in ASCII and UTF-16."""
    wide = (run.replace(b"\0", b"") for run in _WIDE_RUNS.findall(content))
    return b"\n".join((*_RUNS.findall(content), *wide))


def _decoded(path: Path) -> Iterator[bytes]:
    """A file's texts in all ways in which they may stand in it."""
    if zipfile.is_zipfile(path):
        yield from _unpacked(path)
        return
    content = path.read_bytes()
    texts = _texts(content)
    yield texts
    yield html.unescape(texts.decode()).encode()
    yield unquote_to_bytes(texts)
    for encoded in _DATA_URI.findall(content):
        picture = base64.b64decode(encoded)
        yield _texts(picture)
        yield _metadata(picture)
    if content.startswith((b"\xff\xd8", b"\x89PNG")):
        yield _metadata(content)


def _unpacked(path: Path) -> Iterator[bytes]:
    """An archive's names and files, such as torch's, but for the numbers of tensors."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            yield name.encode()
            if not _TENSOR.search(name):
                yield _texts(archive.read(name))


def _metadata(picture: bytes) -> bytes:
    """What a picture says of itself: comments, EXIF, texts that PNG compresses."""
    with Image.open(io.BytesIO(picture)) as opened:
        opened.load()
        return repr((opened.info, dict(opened.getexif()))).encode()
