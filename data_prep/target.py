"""The folder that is written: what already stands there, and what of it may be replaced."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from data_prep.work_folder import WORK_FOLDER
from medseg.errors import MedsegError, UsageError
from medseg.io.atomic import write_json
from medseg.manifest import UNFINISHED, Case

__all__ = ["REPORT", "abandon", "check_apart", "claim", "finish", "hold", "is_finished", "refuse", "remove_strays"]

REPORT = "report/index.html"

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


@contextmanager
def hold(out: Path) -> Iterator[None]:
    """Keep other runs out of ``out``, which is made where there is none, until the block or the process ends.

    The folder itself is locked, so that no file is left. File systems without locks, such as some over a network, are
    used without.

    Raises:
        UsageError: If another run is writing there.
    """
    made = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    folder = os.open(out, os.O_RDONLY)
    try:
        _lock(out, folder)
        yield
    finally:
        if made:
            with suppress(OSError):  # where something is in it
                out.rmdir()
        os.close(folder)


def _lock(out: Path, folder: int) -> None:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UsageError(
            f"{out}: OUT must be written by one run at a time, got another at work there; wait for it, or choose"
            " another folder"
        ) from error
    except OSError:
        return


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
    mark = _load(out / UNFINISHED)
    again = mark.get("request") == request
    if not again:
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
        write_json(out / UNFINISHED, {"request": request, "cases": sorted({*old, *names})})
    # Of an equal run, too, which may have left cases out: from here on its tables would tell of other files.
    for path in (*(out / table for table in _TABLES), *_half_written_marks(out)):
        path.unlink(missing_ok=True)
    _clean(out, keep=names if again or keep_cases else ())


def refuse(out: Path) -> NoReturn:
    """Say that something else stands in ``out``.

    Raises:
        UsageError: Always.
    """
    state = "an unfinished data set" if _load(out / UNFINISHED) else "a data set"
    raise UsageError(
        f"{out}: OUT must be empty, got {state} of another source or other options;"
        " choose another folder or --overwrite"
    )


def abandon(out: Path) -> None:
    """Leave no trace of a run that has finished no case; else keep what is finished for the next."""
    _remove_half_written(out)
    _remove_empty(out)
    if _files(out) <= {out / UNFINISHED}:
        finish(out)
        _remove_empty(out)


def remove_strays(out: Path, names: Iterable[str], cases: Iterable[Case]) -> None:
    """Delete what earlier runs left: half-written files, and those of cases that broke, or whose label came or went.

    Args:
        out: Folder of the prepared data set.
        names: Names of all cases of the source.
        cases: Those that were prepared.
    """
    prepared = {case.name: case for case in cases}
    for name in names:
        for path in {*_case_files(out, name)} - _files_of(out, prepared.get(name)):
            path.unlink(missing_ok=True)
    _remove_half_written(out)
    _remove_empty(out)


def finish(out: Path) -> None:
    """Remove the mark of an unfinished run, once everything is written."""
    (out / UNFINISHED).unlink(missing_ok=True)


def is_finished(out: Path) -> bool:
    """Whether a run has written everything."""
    return _described(out) is not None and not (out / UNFINISHED).exists()


def _clean(out: Path, *, keep: Iterable[str]) -> None:
    """Delete half-written files, complete ones of cases that are not to be kept, and what is known of those."""
    kept = {path for name in keep for path in _case_files(out, name)}
    owned = _owned(out, _load(out / UNFINISHED))
    for path in _files(out) & owned - kept:
        if path.parent != out or path.name.startswith(_HALF_WRITTEN):
            path.unlink()
    _remove_empty(out)


def _remove_half_written(out: Path) -> None:
    for path in _files(out):
        if path.name.startswith(_HALF_WRITTEN):
            path.unlink(missing_ok=True)


def _remove_empty(out: Path) -> None:
    for folder in _FOLDERS:
        if (out / folder).is_dir() and not any((out / folder).iterdir()):
            (out / folder).rmdir()


def _owned(out: Path, mark: dict[str, Any]) -> set[Path]:
    """Files that data_prep wrote; none unless its mark or its ``dataset.json`` is there."""
    if not mark and _described(out) is None:
        return set()
    owned = {out / UNFINISHED, *(out / table for table in _TABLES)}
    owned |= {path for name in _case_names(out, mark) for path in _case_files(out, name)}
    return owned | {path for path in _files(out) if path.name.startswith(_HALF_WRITTEN)}


def _half_written_marks(out: Path) -> set[Path]:
    """What a run leaves that is killed before anything else is there."""
    return set(out.glob(f"{_HALF_WRITTEN}*-{UNFINISHED}"))


def _case_names(out: Path, mark: dict[str, Any]) -> list[str]:
    try:
        described = [str(case["name"]) for case in (_described(out) or {})["cases"]]
    except (KeyError, TypeError):
        described = []
    return [*mark.get("cases", []), *described]


def _described(out: Path) -> dict[str, Any] | None:
    """What ``dataset.json`` says for us; None where it is not ours."""
    ours = _load(out / "dataset.json").get("medseg")
    return ours if isinstance(ours, dict) else None


def _files_of(out: Path, case: Case | None) -> set[Path]:
    """The files that a case has now, and what is known of it; none without a case."""
    if case is None:
        return set()
    label = [out / case.label] if case.foreground_px is not None else []
    return {out / case.image, *label, *_notes(out, case.name)}


def _case_files(out: Path, name: str) -> tuple[Path, ...]:
    images = [out / folder / f"{name}_0000.nii" for folder in ("imagesTr", "imagesTs")]
    return *images, out / "labelsTr" / f"{name}.nii", *_notes(out, name)


def _notes(out: Path, name: str) -> tuple[Path, Path]:
    return out / WORK_FOLDER / f"{name}.json", out / WORK_FOLDER / f"{name}.jpg"


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
