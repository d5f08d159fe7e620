"""Which images belong to one patient, block or other unit: from a table, or from their names."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from data_prep.layouts.volume_files import volume_stem
from data_prep.sources import SourceCase, is_image, natural_key, relative
from medseg.errors import UsageError

__all__ = ["given_groups", "made_names"]


def given_groups(raw: Path, cases: Sequence[SourceCase], groups: str) -> list[str]:
    """The group of each case, in the words of whoever gave it.

    Args:
        raw: Folder to which the images' names are relative.
        cases: In natural order.
        groups: A CSV file with header ``name,group`` or ``first,last,group``, or else a regular expression with one
            capture group, searched in the images' names.

    Raises:
        UsageError: If file or expression are wrong, or do not give each image exactly one group.
    """
    path = Path(groups)
    if _is_file(path):
        return _from_table(raw, cases, path)
    if path.suffix.lower() == ".csv":
        raise UsageError(f"--groups {groups}: there is no such file")
    return _from_pattern(raw, cases, groups)


def made_names(groups: Sequence[str]) -> list[str]:
    """``g00``, ``g01`` and so on in order of first appearance: names that tell nothing about the source."""
    order = {group: index for index, group in enumerate(dict.fromkeys(groups))}
    width = max(2, len(str(len(order) - 1)))
    return [f"g{order[group]:0{width}d}" for group in groups]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a long pattern is no name of a file
        return False


def _names(raw: Path, case: SourceCase) -> tuple[str, ...]:
    """Names by which a person may call a case, the shortest with its suffix first."""
    if len(case.image.paths) != 1:
        return (case.name,)
    (path,) = case.image.paths
    full = relative(path, raw)
    suffix = path.name[len(volume_stem(path.name)) :] or (path.suffix if is_image(path) else "")
    return case.name + suffix, case.name, full, full.removesuffix(suffix)


def _from_pattern(raw: Path, cases: Sequence[SourceCase], pattern: str) -> list[str]:
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise UsageError(f"--groups {pattern}: must be a CSV file or a regular expression, got {error}") from error
    if expression.groups != 1:
        raise UsageError(f"--groups {pattern}: must have one capture group ( ), got {expression.groups}")
    matches = [next((m for name in _names(raw, case) if (m := expression.search(name))), None) for case in cases]
    groups = [match[1] for match in matches if match is not None and match[1]]
    if len(groups) < len(cases):
        missing = [case.name for case, match in zip(cases, matches, strict=True) if match is None or not match[1]]
        raise UsageError(f"--groups {pattern}: must match every image, got no match for {_few(missing)}")
    return groups


def _from_table(raw: Path, cases: Sequence[SourceCase], path: Path) -> list[str]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"--groups {path}: must be a CSV file in UTF-8, got {error}") from error
    header = lines[0][1] if lines else []
    if header not in (["name", "group"], ["first", "last", "group"]):
        raise UsageError(
            f"--groups {path}: header must be name,group or first,last,group, got {','.join(header) or 'an empty file'}"
        )
    for number, row in lines[1:]:
        if len(row) != len(header) or not all(row):
            raise UsageError(f"--groups {path}: line {number} must have {len(header)} entries, got {','.join(row)}")
    rows = [row for _, row in lines[1:]]
    found = _by_name(raw, cases, path, rows) if len(header) == 2 else _by_range(cases, path, rows)
    for case, groups in zip(cases, found, strict=True):
        if len(groups) > 1:
            raise UsageError(f"--groups {path}: image {case.name} must have one group, got {', '.join(groups)}")
    missing = [case.name for case, groups in zip(cases, found, strict=True) if not groups]
    if missing:
        raise UsageError(f"--groups {path}: every image must have a group, got none for {_few(missing)}")
    return [groups[0] for groups in found]


def _by_name(raw: Path, cases: Sequence[SourceCase], path: Path, rows: list[list[str]]) -> list[list[str]]:
    table: dict[str, list[str]] = {}
    for name, group in rows:
        table.setdefault(name, []).append(group)
    unknown = table.keys() - {name for case in cases for name in _names(raw, case)}
    if unknown:
        raise UsageError(f"--groups {path}: must name images of the folder, got {_few(sorted(unknown))}")
    return [[group for name in dict.fromkeys(_names(raw, case)) for group in table.get(name, ())] for case in cases]


def _by_range(cases: Sequence[SourceCase], path: Path, rows: list[list[str]]) -> list[list[str]]:
    found: list[list[str]] = [[] for _ in cases]
    # By text and numbers alone, so that 1 and 001 are the same end of a range.
    keys = [natural_key(case.name)[0] for case in cases]
    for first, last, group in rows:
        inside = [index for index, key in enumerate(keys) if natural_key(first)[0] <= key <= natural_key(last)[0]]
        if not inside:
            raise UsageError(f"--groups {path}: range {first} to {last} must hold images, got none")
        for index in inside:
            found[index].append(group)
    return found


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
