"""Bundles by their folder, or by their name as part of the installed package; copies of them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import medseg
from medseg.errors import UsageError

__all__ = ["copy_bundle", "find_bundle", "shipped_bundles"]

_CONFIG = Path("configs", "inference.json")
_TAKEN = ("LICENSE", "configs/*", "docs/*", "models/README.md")


def find_bundle(name_or_path: str, start: Path = Path()) -> Path:
    """Folder of a bundle.

    Args:
        name_or_path: A bundle's folder, or the name of a bundle that medseg brings along; the folder wins.
        start: Where a relative folder starts.

    Returns:
        A folder that holds ``configs/inference.json``.

    Raises:
        UsageError: If it is neither.
    """
    named = Path(name_or_path).expanduser()
    path = Path(os.path.normpath(start / named))  # there may be no start yet, of which .. would be asked
    if (path / _CONFIG).is_file():
        return path
    if path.is_dir() and (path.name == "configs" or len(named.parts) > 1):
        raise UsageError(f"{path}: must be a bundle's folder, but it has no {_CONFIG.as_posix()}")
    shipped = shipped_bundles()
    if name_or_path in shipped:
        return shipped[name_or_path]
    if path.is_file():
        way_out = f"unpack it with: medseg unpack {path} FOLDER" if path.suffix == ".zip" else "give its folder"
        raise UsageError(f"{path}: must be a bundle's folder, got a file; {way_out}")
    raise UsageError(
        f"{name_or_path}: must be a bundle's folder with {_CONFIG.as_posix()}, or one of {', '.join(shipped)};"
        " list them with: medseg bundles"
    )


def shipped_bundles() -> dict[str, Path]:
    """Bundles that are part of medseg, by name: of the installed package, or of the checkout that it runs from.

    A copy of the package inside a packed bundle brings none.
    """
    package = Path(medseg.__file__).resolve().parent
    for folder in (package / "shipped", package.parent / "bundles"):
        found = {path.parent.parent.name: path.parent.parent for path in sorted(folder.glob(f"*/{_CONFIG.as_posix()}"))}
        found.pop("template", None)
        if found:
            return found
    return {}


def copy_bundle(bundle: Path, folder: Path) -> Path:
    """Copy a bundle without its weights, whole or not at all.

    Args:
        bundle: Its folder.
        folder: The copy's; must not exist yet.

    Raises:
        UsageError: If ``folder`` exists or cannot be written.
    """
    if folder.exists():
        raise UsageError(f"{folder}: must not exist yet, as the copy is made there; give another folder")
    unfinished = folder.with_name(f".partial-{os.getpid()}-{folder.name}")
    try:
        for name in _TAKEN:
            for path in sorted(bundle.glob(name)):
                target = unfinished / path.relative_to(bundle)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
        unfinished.rename(folder)
    except OSError as error:
        raise UsageError(f"{folder}: must be a folder that can be written, got {error.strerror or error}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder
