"""Take a package apart without trusting it: no file outside its folder, no link, nothing unchecked, all or nothing."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from medseg.deploy.package import CHECKSUMS
from medseg.errors import MedsegError, UsageError

__all__ = ["MOST_BYTES", "MOST_FILES", "MOST_SHRUNK", "unpack_bundle"]

MOST_FILES = 5_000
MOST_BYTES = 8 << 30
"""Of all files together; FCN-8s with all its exports takes 2 GiB."""

MOST_SHRUNK = 100
"""How many times its size a zip may unpack to; a bomb of nothing but zeros reaches 1,000, text about 10."""

_MOST_CHECKSUM_BYTES = 4 << 20
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_BLOCK = 1 << 20


def unpack_bundle(package: Path, folder: Path) -> Path:
    """Unpack what :func:`medseg.deploy.package.package_bundle` made.

    Args:
        package: The zip.
        folder: Where the bundle's folder is put; made if need be.

    Returns:
        The bundle's folder.

    Raises:
        UsageError: If there is no such file, or the bundle's folder exists.
        MedsegError: If it is no package, a name leads out of the folder, a file is no plain file, the whole is too
            large, or a checksum is wrong.
    """
    if not package.is_file():
        raise UsageError(f"{package}: must be a package made by medseg package, but there is no such file")
    try:
        with zipfile.ZipFile(package) as archive:
            return _unpack(package, archive, folder)
    # What zipfile raises for damaged, encrypted and exotic archives.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise MedsegError(f"{package}: must be a readable zip, got {error}; get it again") from error
    except OSError as error:
        raise UsageError(f"{folder}: must be a folder that can be written, got {error.strerror or error}") from error


def _unpack(package: Path, archive: zipfile.ZipFile, folder: Path) -> Path:
    # A torch file is a zip itself, and would be taken for the whole where a package is cut off behind it.
    before = min((member.header_offset for member in archive.infolist()), default=0)
    if before:
        raise MedsegError(f"{package}: must begin with its first file, got {before} bytes before it; get it again")
    members = [member for member in archive.infolist() if not member.is_dir()]
    odd = [member for member in members if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)]
    if odd:
        raise MedsegError(f"{package}: must be stored or deflated, got another compression; get it again")
    name = _checked_names(package, archive.infolist())
    _check_sizes(package, members)
    sums = _read_checksums(package, archive, name, members)
    target = folder / name
    if target.exists():
        raise UsageError(f"{target}: must not exist yet, as a bundle is unpacked there; give another folder")
    partial_folder = folder / f".partial-{os.getpid()}-{name}"
    try:
        for member in members:
            _write(package, archive, member, partial_folder / _below(member), sums.get(_below(member)))
        partial_folder.rename(target)
    finally:
        shutil.rmtree(partial_folder, ignore_errors=True)
    return target


def _checked_names(package: Path, members: Sequence[zipfile.ZipInfo]) -> str:
    """The one folder that all members lie in."""
    names = [member.orig_filename for member in members]
    for member, name in zip(members, names, strict=True):
        parts = name.removesuffix("/").split("/")
        if not all(_PART.fullmatch(part) for part in parts) or (len(parts) < 2 and not member.is_dir()):
            raise MedsegError(f"{package}: names must be plain and lie in one folder, got {name!r}; do not trust it")
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise MedsegError(f"{package}: must hold plain files only, got {name!r}, a link or device; do not trust it")
    tops = {PurePosixPath(name).parts[0] for name in names}
    if len(tops) != 1 or len({name.lower() for name in names}) != len(names):
        raise MedsegError(
            f"{package}: must hold one folder with each file once, got {len(names)} names in {len(tops)} folders;"
            " do not trust it"
        )
    return tops.pop()


def _check_sizes(package: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    """Refuse what would fill the disk; zipfile never gives more bytes of a member than it says here."""
    size = sum(member.file_size for member in members)
    if len(members) > MOST_FILES or size > MOST_BYTES:
        raise MedsegError(
            f"{package}: must hold at most {MOST_FILES} files and {MOST_BYTES} bytes, got {len(members)} files and"
            f" {size} bytes; do not trust it"
        )
    if size > MOST_SHRUNK * (packed := package.stat().st_size):
        raise MedsegError(
            f"{package}: must unpack to at most {MOST_SHRUNK} times its size, got {packed} bytes for {size};"
            " do not trust it"
        )


def _read_checksums(
    package: Path, archive: zipfile.ZipFile, name: str, members: Sequence[zipfile.ZipInfo]
) -> dict[str, str]:
    """SHA-256 by path below the bundle's folder, of every file but the list itself."""
    found = {_below(member): member for member in members}
    member = found.pop(CHECKSUMS, None)
    if member is None or member.file_size > _MOST_CHECKSUM_BYTES:
        raise MedsegError(f"{package}: must be made by medseg package, but it has no {name}/{CHECKSUMS}")
    sums = {}
    for line in archive.read(member).decode().splitlines():
        digest, _, path = line.partition("  ")
        sums[path] = digest
    differing = sorted(sums.keys() ^ found.keys())
    if differing:
        raise MedsegError(
            f"{package}: {CHECKSUMS} must name each file, got a difference in {differing[0]!r}; get it again"
        )
    return sums


def _write(
    package: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, expected: str | None
) -> None:
    """Write one file and compare its hash, but for the list of hashes itself."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest: Any = hashlib.sha256()
    with archive.open(member) as source, target.open("xb") as file:
        for block in iter(partial(source.read, _BLOCK), b""):
            digest.update(block)
            file.write(block)
    if expected is not None and digest.hexdigest() != expected:
        raise MedsegError(f"{package}: {member.filename} must be as it was packed, got another hash; get it again")


def _below(member: zipfile.ZipInfo) -> str:
    return member.filename.split("/", 1)[1]
