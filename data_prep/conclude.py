"""What follows from all cases together: types, foreground, folds, duplicates, and whether they make a data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from data_prep.case_facts import CaseFacts
from data_prep.intensity import MIXED, intensity_facts
from data_prep.oddities import Oddities
from data_prep.options import Options
from data_prep.plan import Plan
from data_prep.prepare_case import CaseResult, CaseTask
from data_prep.sources import relative
from data_prep.splits import make_folds
from data_prep.work_folder import as_case
from medseg.errors import MedsegError
from medseg.manifest import GREY_LEVELS, Case, Fold, Intensity, Manifest, SliceRow, Split, SplitMethod

__all__ = ["SAME_PIXELS", "Conclusion", "conclude"]

SAME_PIXELS = "images with the same pixels"
"""Warning of duplicates within one group."""


@dataclass
class Conclusion:
    """What the cases make together.

    Attributes:
        plan: What was to be prepared.
        cases: What the manifest says of each case that could be read.
        facts: All that is known of each of them.
        pictures: A small JPEG of each of them.
        left_out: Cases that could not be read, and why.
        modality: Name of the channel.
        intensity: None if no case could be read.
        split: None if none could be made.
        folds: The split's folds; none where there is nothing to separate.
        duplicates: Names of cases with the same image.
        errors: What keeps the cases from being a data set, one line each, with source paths.
        warnings: Oddities of folder and cases.
    """

    plan: Plan
    cases: tuple[Case, ...]
    facts: tuple[CaseFacts, ...]
    pictures: tuple[bytes, ...]
    left_out: tuple[tuple[CaseTask, MedsegError], ...]
    modality: str = ""
    intensity: Intensity | None = None
    split: Split | None = None
    folds: tuple[Fold, ...] = ()
    duplicates: tuple[tuple[str, str], ...] = ()
    errors: list[str] = field(default_factory=list)
    warnings: Oddities = field(default_factory=Oddities)

    @property
    def tasks(self) -> list[CaseTask]:
        """The task of each case that could be read."""
        return [self.plan.tasks[facts.ordinal] for facts in self.facts]

    def manifest(self, options: Options, out: Path) -> Manifest:
        """The data set's description; there must be no errors."""
        if self.intensity is None or self.split is None:
            raise MedsegError(f"{out}: cases without errors must have intensities and a split")
        return Manifest(
            name=options.name,
            modality=self.modality,
            layout=self.plan.layout,
            foreground=options.foreground_label,
            orientation=options.orientation,
            plane=options.dicom.plane,
            spacing_mm=options.spacing_mm,
            window_hu=options.window_hu,
            cases=self.cases,
            intensity=self.intensity,
            split=self.split,
            folds=self.folds,
            root=out,
        )

    def slices(self) -> list[SliceRow]:
        """Foreground of every slice."""
        rows: list[SliceRow] = []
        for case, facts in zip(self.cases, self.facts, strict=True):
            counts: Sequence[int | None] = facts.foreground_px or [None] * case.shape[2]
            rows += [SliceRow(case.name, index, count) for index, count in enumerate(counts)]
        return rows


def conclude(raw: Path, plan: Plan, options: Options, done: Mapping[int, CaseResult | MedsegError]) -> Conclusion:
    """Judge all cases together.

    Args:
        raw: Folder to which names are relative.
        plan: What was to be prepared.
        options: How to split, and what the foreground is.
        done: What became of each case, by ordinal.

    Raises:
        UsageError: If the split that was asked for cannot be.
    """
    results = [(plan.tasks[ordinal], result) for ordinal, result in sorted(done.items())]
    read = [(task, result) for task, result in results if isinstance(result, CaseResult)]
    facts = tuple(result.facts for _, result in read)
    found = Conclusion(
        plan=plan,
        cases=tuple(as_case(task.name, plan.groups[task.ordinal], result.facts) for task, result in read),
        facts=facts,
        pictures=tuple(result.picture for _, result in read),
        left_out=tuple((task, result) for task, result in results if isinstance(result, MedsegError)),
    )
    found.warnings.join(plan.warnings)
    for task, result in read:
        for text in result.facts.warnings:
            found.warnings.add(text, cases=[task.ordinal], names=[task.source.name])
    if not facts:
        return found
    found.intensity = intensity_facts(facts)
    _judge_modality(found)
    _judge_types(raw, found)
    _judge_window(raw, options, found)
    _judge_foreground(raw, options, found)
    # A split of what is left without the faulty cases would not be the one that is made in the end.
    if not found.errors:
        _split(options, found)
        _judge_duplicates(raw, found)
    return found


def _judge_modality(found: Conclusion) -> None:
    plan = found.plan
    modalities = Counter(facts.modality for facts in found.facts if facts.modality)
    found.modality = plan.modality or next(iter(modalities), "grey image" if plan.pictures else "scan")
    if plan.modality is None and len(modalities) > 1:
        listed = ", ".join(f"{name} in {count}" for name, count in modalities.most_common())
        found.errors.append(f"cases must be of one modality, got {listed}; choose one with --modality")
    if not plan.pictures and plan.modality is None and not modalities:
        found.warnings.add(
            "the files do not say what was scanned, so values are not taken for Hounsfield units; if it is CT, give"
            " --modality CT"
        )


def _judge_types(raw: Path, found: Conclusion) -> None:
    """Pictures in different types differ in scale; scans may, since each is stored as exactly as it needs."""
    if found.intensity is None or found.intensity.dtype != MIXED or not found.plan.pictures:
        return
    first = found.facts[0].dtype
    for facts in found.facts:
        if facts.dtype != first:
            name = _name(raw, found.plan.tasks[facts.ordinal])
            found.errors.append(
                f"{name}: all images must be of one type, got {facts.dtype} after {first}; save all in one"
            )


def _judge_window(raw: Path, options: Options, found: Conclusion) -> None:
    """A window's ends became the least and the greatest value of a type, which only unsigned integers have."""
    if options.window_hu is None:
        return
    for facts in found.facts:
        if facts.dtype not in GREY_LEVELS:
            name = _name(raw, found.plan.tasks[facts.ordinal])
            found.errors.append(
                f"{name}: --window-hu is for pictures of {' or '.join(GREY_LEVELS)}, got {facts.dtype}; drop it"
            )
            return


def _judge_foreground(raw: Path, options: Options, found: Conclusion) -> None:
    """Refuse what a mistaken ``--foreground`` gives: a data set in which there is nothing to find."""
    labelled = [facts for facts in found.facts if facts.foreground_px is not None]
    if options.labels == "none":
        return
    if not labelled:
        found.errors.append(f"{raw}: some case must have a label, got none that has one")
        return
    nowhere = []
    for index, item in enumerate(options.foreground or ()):
        if not item.isdecimal() and all(index in facts.unknown for facts in labelled):
            found.errors.append(f"--foreground {item}: must name a class of some label, got none that is called so")
        elif all(index in facts.absent for facts in labelled):
            nowhere.append(item)
    if nowhere:
        found.warnings.add(f"--foreground {', '.join(nowhere)} is in no mask")
    values = {value for facts in labelled for value in facts.label_values}
    if found.plan.pictures and options.foreground is None and {1, 255} <= values:
        found.warnings.add("some masks hold 0 and 1, others 0 and 255; both were read as background and foreground")
    foreground = sum(sum(facts.foreground_px or ()) for facts in labelled)
    if 0 < foreground < sum(facts.voxels for facts in labelled):
        return
    listed = ", ".join(str(value) for value in [0, *sorted(values)][:10])
    found.errors.append(
        f"{raw}: masks must hold {'background' if foreground else 'foreground'}, got none in any of them,"
        f" only the values {listed}; choose the values that are foreground with --foreground"
    )


def _split(options: Options, found: Conclusion) -> None:
    plan = found.plan
    cases = [case for case in found.cases if case.foreground_px is not None]
    groups = [case.group for case in cases]
    several = plan.groups_known and len(set(groups)) > 1
    if options.split is None and not several and (len(cases) < 2 or (plan.groups_known and not plan.pictures)):
        # Slices of one patient on both sides would be a leak that nobody asked for.
        found.split = Split("group", options.seed, 0)
        if options.labels == "none":
            return
        found.warnings.add(
            f"no folds: all labelled cases ({len(cases)}) are of one patient or group, so there is nothing to separate"
            + ("; --split contiguous or random splits them all the same" if len(cases) > 1 else "")
        )
        return
    method: SplitMethod = options.split or ("group" if several else "contiguous")
    names = [case.name for case in cases]
    found.split, found.folds = make_folds(names, groups, method=method, folds=options.folds, seed=options.seed)
    _warn_about_split(options, found, cases, method, several=several)


def _warn_about_split(
    options: Options, found: Conclusion, cases: Sequence[Case], method: SplitMethod, *, several: bool
) -> None:
    units = "groups" if method == "group" else "images"
    if found.split is not None and found.split.folds < options.folds:
        found.warnings.add(f"{found.split.folds} folds instead of {options.folds}: there are no more {units}")
    if method == "contiguous" and not found.plan.groups_known:
        found.warnings.add(
            "no groups known: neighbours in name order stay together; give --groups if patients have several images"
        )
    if method == "random":
        found.warnings.add("random split: images of one patient may stand on both sides, so scores look too good")
    group_of = {case.name: case.group for case in cases}
    placed = {(group_of[name], index) for index, fold in enumerate(found.folds) for name in fold.val}
    if method == "contiguous" and several and len(placed) > len({group for group, _ in placed}):
        found.warnings.add("contiguous split: groups at its cuts stand on both sides; --split group keeps them whole")


def _judge_duplicates(raw: Path, found: Conclusion) -> None:
    fold_of = {name: index for index, fold in enumerate(found.folds) for name in fold.val}
    several = found.plan.groups_known and len(set(found.plan.groups)) > 1
    by_hash: dict[str, list[tuple[Case, CaseFacts]]] = {}
    for case, facts in zip(found.cases, found.facts, strict=True):
        by_hash.setdefault(facts.image_sha256, []).append((case, facts))
    pairs: list[tuple[str, str]] = []
    for (first, first_facts), *others in by_hash.values():
        for other, facts in others:
            names = " and ".join(_name(raw, found.plan.tasks[index]) for index in (first_facts.ordinal, facts.ordinal))
            pairs.append((first.name, other.name))
            if several and first.group != other.group:
                where = "in different groups"
            elif fold_of.get(first.name) != fold_of.get(other.name):
                where = "on both sides of the split"
            else:
                ordinals = (first_facts.ordinal, facts.ordinal)
                found.warnings.add(SAME_PIXELS, cases=ordinals, names=[names])
                continue
            found.errors.append(
                f"{names}: images with the same pixels must not stand {where};"
                " put them into one group with --groups, or delete one"
            )
    found.duplicates = tuple(pairs)


def _name(raw: Path, task: CaseTask) -> str:
    """What a person calls a case, for the terminal."""
    paths = task.source.image.paths
    return relative(paths[0], raw) if len(paths) == 1 else task.source.name
