"""Everything that is known about a raw folder before a file is written: cases, facts, split, problems."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from pathlib import Path

from data_prep.choose_layout import choose_layout
from data_prep.grouping import given_groups, made_names
from data_prep.intensity import IntensityCounter
from data_prep.oddities import Oddities
from data_prep.options import Options, Track
from data_prep.read_case import Pixels, read_case
from data_prep.sources import Found, SourceCase, is_image, relative, walk
from data_prep.splits import make_folds
from medseg.errors import MedsegError, UsageError
from medseg.manifest import Case, Fold, Intensity, Split, SplitMethod, case_hash

__all__ = ["Survey", "survey"]


@dataclass
class Survey:
    """What a raw folder holds.

    Attributes:
        layout: Name of its layout.
        sources: Source of each case, in natural order.
        cases: Cases whose files could be read, named by their place among the sources.
        groups_known: Whether groups were given, or the layout has several.
        image_hashes: Hash of each case's image alone, by case name.
        mask_values: All values that masks hold.
        intensity: None if no image could be read.
        split: None if none could be made.
        folds: The split's folds.
        errors: One line a problem, with source paths.
        warnings: Oddities that do not stop anything.
    """

    layout: str
    sources: tuple[SourceCase, ...]
    groups_known: bool = False
    cases: list[Case] = field(default_factory=list)
    image_hashes: dict[str, str] = field(default_factory=dict)
    mask_values: set[int] = field(default_factory=set)
    intensity: Intensity | None = None
    split: Split | None = None
    folds: tuple[Fold, ...] = ()
    errors: list[str] = field(default_factory=list)
    warnings: Oddities = field(default_factory=Oddities)


def survey(raw: Path, options: Options, track: Track) -> Survey:
    """Read a raw folder without changing anything; problems are collected, not raised.

    Raises:
        UsageError: If folder, layout, groups or split cannot be what the options say.
    """
    layout = choose_layout(raw, options.layout)
    found = layout.find(raw)
    result = Survey(layout.name, found.cases, errors=list(found.errors))
    if not found.cases and not found.errors:
        result.errors.append(f"{raw}: must hold images with labels, got none in layout {layout.name}")
    _warn_about_ignored(raw, found, result)
    groups = _groups(raw, found.cases, options, result)
    _read_all(found.cases, groups, options, track, result)
    _check_labels(raw, result)
    # A split of what is left without the faulty cases would not be the one that is made in the end.
    if not result.errors:
        _split(options, result)
        _check_duplicates(raw, result)
    return result


def _groups(raw: Path, cases: tuple[SourceCase, ...], options: Options, result: Survey) -> list[str]:
    if options.groups is not None and cases:
        result.groups_known = True
        try:
            return made_names(given_groups(raw, cases, options.groups))
        except UsageError:
            if not result.errors:
                raise
            # Faulty images are no cases, so a table that names them need not be wrong.
            return made_names([""] * len(cases))
    known = [case.group for case in cases if case.group is not None]
    result.groups_known = len(set(known)) > 1
    # Of images about which nothing is known, the safe assumption is that all come from one patient.
    return made_names(known if len(known) == len(cases) else [""] * len(cases))


def _read_all(
    sources: tuple[SourceCase, ...], groups: list[str], options: Options, track: Track, result: Survey
) -> None:
    counters: dict[str, IntensityCounter] = {}
    width = max(4, len(str(len(sources) - 1)))
    for ordinal, source in enumerate(track(sources, "Checking")):
        try:
            pixels = read_case(source, options)
        except MedsegError as error:
            result.errors.append(str(error))
            continue
        case = _facts(f"case_{ordinal:0{width}d}", groups[ordinal], pixels)
        result.cases.append(case)
        result.image_hashes[case.name] = hashlib.sha256(
            f"{pixels.image.shape}".encode() + pixels.image.tobytes(order="F")
        ).hexdigest()
        result.mask_values |= pixels.mask_values
        _warn_about_mask(result.warnings, ordinal, source, pixels)
        counter = counters.setdefault(pixels.image.dtype.name, IntensityCounter(pixels.image.dtype))
        counter.add(pixels.image)
        if len(counters) > 1:
            first, other = list(counters)[:2]
            result.errors.append(
                f"{source.image}: all images must be of one type, got {other} after {first}; save all in one"
            )
            counters.pop(other)
    if counters:
        result.intensity = next(iter(counters.values())).facts()
    wrong = (options.foreground or frozenset()) - result.mask_values
    if wrong and result.cases:
        result.warnings.add(f"--foreground {', '.join(map(str, sorted(wrong)))} is in no mask")
    if options.foreground is None and {1, 255} <= result.mask_values:
        result.warnings.add("some masks hold 0 and 1, others 0 and 255; both were read as background and foreground")


def _check_labels(raw: Path, result: Survey) -> None:
    """Refuse what a mistaken ``--foreground`` gives: a data set in which there is nothing to find."""
    pixels = sum(math.prod(case.shape) for case in result.cases)
    foreground = sum(case.foreground_px or 0 for case in result.cases)
    if result.errors or 0 < foreground < pixels:
        return
    values = ", ".join(str(value) for value in sorted(result.mask_values)[:10])
    result.errors.append(
        f"{raw}: masks must hold {'background' if foreground else 'foreground'}, got none in any of them,"
        f" only the values {values}; choose the values that are foreground with --foreground"
    )


def _facts(name: str, group: str, pixels: Pixels) -> Case:
    width_px, height_px, slices = pixels.image.shape
    return Case(
        name=name,
        group=group,
        shape=(width_px, height_px, slices),
        sha256=case_hash(pixels.image, pixels.label),
        foreground_px=int(pixels.label.sum()),
    )


def _split(options: Options, result: Survey) -> None:
    method: SplitMethod = options.split or ("group" if result.groups_known else "contiguous")
    names, groups = [case.name for case in result.cases], [case.group for case in result.cases]
    result.split, result.folds = make_folds(names, groups, method=method, folds=options.folds, seed=options.seed)
    units = "groups" if method == "group" else "images"
    if result.split.folds < options.folds:
        result.warnings.add(f"{result.split.folds} folds instead of {options.folds}: there are no more {units}")
    block = all(case.group is not None for case in result.sources)
    if method == "contiguous" and not result.groups_known and not block:
        result.warnings.add(
            "no groups known: neighbours in name order stay together; give --groups if patients have several images"
        )
    if method == "random":
        result.warnings.add("random split: images of one patient may stand on both sides, so scores look too good")
    placed = {(case.group, index) for index, fold in enumerate(result.folds) for case in _of(result.cases, fold.val)}
    if method == "contiguous" and result.groups_known and len(placed) > len(set(groups)):
        result.warnings.add("contiguous split: groups at its cuts stand on both sides; --split group keeps them whole")


def _of(cases: list[Case], names: tuple[str, ...]) -> list[Case]:
    wanted = set(names)
    return [case for case in cases if case.name in wanted]


def _check_duplicates(raw: Path, result: Survey) -> None:
    fold_of = {name: index for index, fold in enumerate(result.folds) for name in fold.val}
    by_hash: dict[str, list[int]] = {}
    for ordinal, case in enumerate(result.cases):
        by_hash.setdefault(result.image_hashes[case.name], []).append(ordinal)
    for ordinals in by_hash.values():
        first = result.cases[ordinals[0]]
        for ordinal in ordinals[1:]:
            other = result.cases[ordinal]
            names = " and ".join(relative(result.sources[index].image, raw) for index in (ordinals[0], ordinal))
            if result.groups_known and first.group != other.group:
                where = "in different groups"
            elif fold_of[first.name] != fold_of[other.name]:
                where = "on both sides of the split"
            else:
                pair = (ordinals[0], ordinal)
                result.warnings.add("images with the same pixels", cases=pair, names=[names])
                continue
            result.errors.append(
                f"{names}: images with the same pixels must not stand {where};"
                " put them into one group with --groups, or delete one"
            )


def _warn_about_mask(warnings: Oddities, ordinal: int, source: SourceCase, pixels: Pixels) -> None:
    texts = []
    if not pixels.label.any():
        texts.append("masks without foreground")
    elif pixels.label.all():
        texts.append("masks without background")
    if pixels.overlap_px:
        texts.append("images whose masks overlap each other")
    for text in texts:
        warnings.add(text, cases=[ordinal], names=[source.name])


def _warn_about_ignored(raw: Path, found: Found, result: Survey) -> None:
    ignored = [path for path in walk(raw) if path not in found.used]
    strays = [relative(path, raw) for path in ignored if not is_image(path)]
    images = [relative(path, raw) for path in ignored if is_image(path)]
    if strays:
        result.warnings.add("files that are no images were ignored", names=strays)
    if images:
        result.warnings.add("images outside the layout were ignored", names=images)
