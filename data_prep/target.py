"""The folder that is written: what already stands there, and what of it may be replaced."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from data_prep.work_folder import WORK_FOLDER
from medseg.errors import MedsegError, UsageError
from medseg.io.atomic import write_json

__all__ = ["REPORT", "abandon", "check_apart", "claim", "finish", "is_finished", "refuse", "remove_case"]

REPORT = "report/index.html"

_MARK = ".prepare.json"
_HALF_WRITTEN = ".partial-"  # medseg.io.atomic
_TABLES = ("dataset.json", "splits_final.json", "slices.csv", "provenance.json", REPORT)
_FOLDERS = ("imagesTr", "imagesTs", "labelsTr", "report", WORK_FOLDER)


def check_apart(raw: Path, out: Path) -> None:
    """Refuse to write into the source, or around it.

    Raises:
        UsageError: If one folder lies in the other.
    """
    source, target = raw.resolve(), out.resolve()
    if source == target or source in target.parents or target in source.parents:
        raise UsageError(f"{out}: OUT must lie outside RAW {raw} and not around it; choose another folder")
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: OUT must be a folder, but there is a file")


def claim(out: Path, request: str, cases: Iterable[str], *, overwrite: bool, keep_cases: bool = False) -> None:
    """Make ``out`` the folder of a run, empty but for what an equal run left there.

    Args:
        out: Folder of the prepared data set.
        request: Hash of everything that decides what is written.
        cases: Names of the cases to be written.
        overwrite: Whether another data set may be deleted.
        keep_cases: Whether files of these cases stay, since only what differs is written again.

    Raises:
        UsageError: If there are files of another run and no ``overwrite``, or files that data_prep did not write.
    """
    names = sorted(cases)
    mark = _load(out / _MARK)
    if mark.get("request") == request:
        _clean(out, keep=names)
        return
    files = _files(out) - _half_written_marks(out)
    foreign = files - _owned(out, mark)
    if foreign:
        raise UsageError(
            f"{out}: OUT must be empty, got files that data_prep did not write, such as {_first(out, foreign)};"
            " choose another folder; --overwrite deletes only what data_prep wrote"
        )
    if files and not overwrite:
        refuse(out)
    # From here on the mark names every file that may be there, so that a kill leaves nothing that looks foreign.
    old = _case_names(out, mark)
    write_json(out / _MARK, {"request": request, "cases": sorted({*old, *names})})
    for path in (*(out / table for table in _TABLES), *_half_written_marks(out)):
        path.unlink(missing_ok=True)
    _clean(out, keep=names if keep_cases else ())


def refuse(out: Path) -> NoReturn:
    """Say that something else stands in ``out``.

    Raises:
        UsageError: Always.
    """
    state = "an unfinished data set" if _load(out / _MARK) else "a data set"
    raise UsageError(
        f"{out}: OUT must be empty, got {state} of another source or other options;"
        " choose another folder or --overwrite"
    )


def abandon(out: Path) -> None:
    """Leave no trace of a run that has finished no case; else keep everything for the next."""
    _remove_empty(out)
    if _files(out) <= {out / _MARK}:
        finish(out)
        _remove_empty(out)
        if out.exists() and not any(out.iterdir()):
            out.rmdir()


def remove_case(out: Path, name: str) -> None:
    """Delete what an earlier run wrote of a case that can no longer be read."""
    for path in _case_files(out, name):
        path.unlink(missing_ok=True)


def finish(out: Path) -> None:
    """Remove the mark of an unfinished run, once everything is written."""
    (out / _MARK).unlink(missing_ok=True)


def is_finished(out: Path) -> bool:
    """Whether a run has written everything."""
    return "medseg" in _load(out / "dataset.json") and not (out / _MARK).exists()


def _clean(out: Path, *, keep: Iterable[str]) -> None:
    """Delete half-written files, complete ones of cases that are not to be kept, and what is known of those."""
    kept = {path for name in keep for path in _case_files(out, name)}
    owned = _owned(out, _load(out / _MARK))
    for path in _files(out) & owned - kept:
        if path.parent != out or path.name.startswith(_HALF_WRITTEN):
            path.unlink()
    _remove_empty(out)


def _remove_empty(out: Path) -> None:
    for folder in _FOLDERS:
        if (out / folder).is_dir() and not any((out / folder).iterdir()):
            (out / folder).rmdir()


def _owned(out: Path, mark: dict[str, Any]) -> set[Path]:
    """Files that data_prep wrote; none unless its mark or its ``dataset.json`` is there."""
    if not mark and "medseg" not in _load(out / "dataset.json"):
        return set()
    owned = {out / _MARK, *(out / table for table in _TABLES)}
    owned |= {path for name in _case_names(out, mark) for path in _case_files(out, name)}
    return owned | {path for path in _files(out) if path.name.startswith(_HALF_WRITTEN)}


def _half_written_marks(out: Path) -> set[Path]:
    """What a run leaves that is killed before anything else is there."""
    return set(out.glob(f"{_HALF_WRITTEN}*-{_MARK}"))


def _case_names(out: Path, mark: dict[str, Any]) -> list[str]:
    described = _load(out / "dataset.json").get("medseg", {}).get("cases", [])
    return [*mark.get("cases", []), *(case["name"] for case in described)]


def _case_files(out: Path, name: str) -> tuple[Path, ...]:
    images = [out / folder / f"{name}_0000.nii" for folder in ("imagesTr", "imagesTs")]
    facts = [out / WORK_FOLDER / f"{name}{suffix}" for suffix in (".json", ".jpg")]
    return *images, out / "labelsTr" / f"{name}.nii", *facts


def _files(out: Path) -> set[Path]:
    return {path for path in out.rglob("*") if not path.is_dir()} if out.exists() else set()


def _first(out: Path, files: set[Path]) -> str:
    return min(path.relative_to(out).as_posix() for path in files)


def _load(path: Path) -> dict[str, Any]:
    """A JSON object; empty if there is none, since then the file is not ours."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise MedsegError(f"{path}: must be readable JSON, got {error}; choose another folder") from error
    return content if isinstance(content, dict) else {}
