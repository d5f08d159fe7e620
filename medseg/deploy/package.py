"""A trained bundle as one zip in the layout of MONAI's model zoo, with all that it takes to run it.

It holds medseg itself, so that it runs where medseg is not installed. The zoo keeps files above 25 MB out of its Git
repository and names their addresses in ``large_files.yml``; a package holds them, and has no such file, by which MONAI
would try to download what is there.

The same bundle gives the same bytes: no member is compressed, as zlib's versions differ (and weights hardly shrink),
members are sorted, and their times are fixed.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import medseg
from medseg.deploy.export_record import RECORD, check_export, read_record
from medseg.deploy.formats import FORMATS
from medseg.deploy.model_card import model_card
from medseg.deploy.package_configs import packaged_configs
from medseg.deploy.trained import Trained, check_no_paths, trained_bundle
from medseg.errors import UsageError
from medseg.io.atomic import atomic_path
from medseg.io.hashes import file_sha256

__all__ = ["CHECKSUMS", "package_bundle"]

CHECKSUMS = "checksums.sha256"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_PLAIN_FILE = 0o100644 << 16
_BLOCK = 1 << 20


def package_bundle(bundle: Path, output: Path, *, run: str | None = None, which: str = "last") -> Path:
    """Write a bundle's package.

    Args:
        bundle: Its folder.
        output: The zip; another of that name is replaced when this one is complete.
        run: Folder of a training whose weights and scores go in; the bundle's installed weights where None.
        which: ``last`` or ``best`` epoch of the run.

    Returns:
        ``output``.

    Raises:
        UsageError: If there are no weights, nothing says what they were trained on, or ``output`` cannot be written.
        MedsegError: If the weights are another network's, or a path of this machine would get into the package.
    """
    name = bundle.resolve().name
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise UsageError(f"{bundle}: bundle's name must consist of letters, digits, '.', '_' and '-', got {name!r}")
    trained = trained_bundle(bundle, run, which)
    members = _members(bundle, name, trained)
    try:
        with atomic_path(output) as unfinished, zipfile.ZipFile(unfinished, "w") as archive:
            sums = {path: _add(archive, f"{name}/{path}", members[path]) for path in sorted(members)}
            lines = "".join(f"{digest}  {path}\n" for path, digest in sums.items())
            _add(archive, f"{name}/{CHECKSUMS}", lines.encode())
    except OSError as error:
        raise UsageError(f"{output}: must be a file that can be written, got {error.strerror or error}") from error
    return output


def _members(bundle: Path, name: str, trained: Trained) -> dict[str, Path | bytes]:
    """Content of the package by path below the bundle's folder."""
    members: dict[str, Path | bytes] = {**packaged_configs(bundle, trained.facts)}
    members |= {f"models/{file}": content for file, content in _models(trained)}
    members["docs/README.md"] = model_card(bundle, name, trained, sorted(members)).encode()
    members["LICENSE"] = bundle / "LICENSE"
    return members | dict(_code())


def _models(trained: Trained) -> Iterator[tuple[str, Path | bytes]]:
    """Weights, what they were trained on, and the exports that were made of these weights."""
    weights = trained.weights
    yield "model.pt", weights
    yield "model.json", weights.with_suffix(".json")
    record = read_record(weights.parent)
    digest = file_sha256(weights) if record else ""
    own = {name: entry for name, entry in record.items() if name in FORMATS and entry["weights_sha256"] == digest}
    check_no_paths(weights.with_name(RECORD), own)
    if own:
        yield RECORD, (json.dumps(own, indent=2) + "\n").encode()
    for name in own:
        check_export(weights, FORMATS[name])
        yield from ((file, weights.parent / file) for file in FORMATS[name].files)


def _code() -> Iterator[tuple[str, Path]]:
    """This package's own modules."""
    package = Path(medseg.__file__).resolve().parent
    for path in package.rglob("*.py"):
        yield f"{package.name}/{path.relative_to(package).as_posix()}", path


def _add(archive: zipfile.ZipFile, name: str, content: Path | bytes) -> str:
    """Store one file, block by block; its SHA-256."""
    member = zipfile.ZipInfo(name, _EPOCH)
    member.create_system = 3  # Unix, whose permissions these are
    member.external_attr = _PLAIN_FILE
    member.file_size = len(content) if isinstance(content, bytes) else content.stat().st_size
    digest = hashlib.sha256()
    with (
        io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as source,
        archive.open(member, "w") as target,
    ):
        for block in iter(partial(source.read, _BLOCK), b""):
            digest.update(block)
            target.write(block)
    return digest.hexdigest()
