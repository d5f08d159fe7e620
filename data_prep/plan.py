"""Everything that is known of a raw folder before a pixel is read: its cases, their made names and groups."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from data_prep.choose_layout import choose_layout
from data_prep.grouping import given_groups, made_names
from data_prep.image_sources import Picture
from data_prep.label_sources import DicomLabel
from data_prep.oddities import Oddities
from data_prep.options import Options
from data_prep.prepare_case import CaseTask, Reading
from data_prep.sources import Found, is_image, relative, walk
from medseg.errors import MedsegError, UsageError
from medseg.io.scans import ScanChoices

__all__ = ["WINDOWED_CT", "Plan", "make_plan"]

WINDOWED_CT = "windowed CT"
"""Modality of pictures whose grey values were HU."""


@dataclass(frozen=True)
class Plan:
    """What is to be prepared.

    Attributes:
        layout: Name of the source's layout.
        tasks: One a case, in natural order of their names in the source.
        groups: Made name of each case's group.
        groups_known: Whether groups were given, or the layout knows them.
        pictures: Whether the cases are pictures, which have no geometry.
        modality: What options or layout say the images are; None where the files are asked.
        errors: Problems of the folder itself, one line each, with source paths; with any, nothing is prepared.
        warnings: Oddities of the folder.
    """

    layout: str
    tasks: tuple[CaseTask, ...]
    groups: tuple[str, ...]
    groups_known: bool
    pictures: bool
    modality: str | None
    errors: tuple[str, ...] = ()
    warnings: Oddities = field(default_factory=Oddities)


def make_plan(raw: Path, options: Options, workers: int | None) -> Plan:
    """Look at a folder without reading pixels.

    Raises:
        UsageError: If folder, layout or groups cannot be what the options say.
        MedsegError: If a DICOM folder cannot be read.
    """
    layout = choose_layout(raw, options.layout)
    found = layout.find(raw, options.find_choices(workers))
    errors = list(found.errors)
    if not found.cases and not errors:
        errors.append(f"{raw}: must hold images with labels, got none in layout {layout.name}")
    pictures = all(isinstance(case.image, Picture) for case in found.cases)
    if found.cases:
        _refuse_unfit_options(options, pictures=pictures)
    if pictures and (options.modality or found.modality) == "CT":
        _refuse_pictures_of_ct(raw, found, options)
    reading = Reading(
        scan=options.scan_choices(found.modality),
        foreground=options.foreground,
        orientation=options.orientation,
        spacing_mm=options.spacing_mm,
        foreground_name=options.foreground_name,
    )
    width = max(4, len(str(len(found.cases) - 1)))
    if options.labels == "none":
        found = replace(found, cases=tuple(replace(case, label=None) for case in found.cases))
    tasks = [CaseTask(index, f"case_{index:0{width}d}", case, reading) for index, case in enumerate(found.cases)]
    groups, known = _groups(raw, found, options)
    return Plan(
        layout=layout.name,
        tasks=tuple(tasks),
        groups=tuple(groups),
        groups_known=known,
        pictures=pictures,
        modality=options.modality or found.modality or (None if options.window_hu is None else WINDOWED_CT),
        errors=tuple(errors),
        warnings=_warnings(raw, found, options.foreground or ()),
    )


def _refuse_unfit_options(options: Options, *, pictures: bool) -> None:
    """What would turn or resample images must not be passed over in silence."""
    if pictures and options.spacing_mm is not None:
        raise UsageError("--spacing is for scans, but the images are pictures, of which no spacing is known; drop it")
    if pictures and options.dicom.plane != "axial":
        raise UsageError("--plane is for scans, but the images are pictures, which are one slice each; drop it")
    if not pictures and options.window_hu is not None:
        raise UsageError("--window-hu is for pictures, but the images are scans, which hold HU themselves; drop it")
    if options.window_hu is not None and options.orientation is None:
        raise UsageError(
            "--window-hu is for pictures of patients, which need --orientation, got none; say where columns and rows"
            " run, such as --orientation LP"
        )
    if not pictures and options.orientation is not None:
        raise UsageError(
            "--orientation is for pictures, but the images are scans, which say themselves how they lie; drop it"
        )


def _refuse_pictures_of_ct(raw: Path, found: Found, options: Options) -> None:
    """In a data set of CT the values are taken for HU, and air is -1000 HU."""
    for case in found.cases[:1]:
        dtype = None
        with suppress(MedsegError):  # a damaged one is told of with its name later
            dtype = case.image.read(ScanChoices(), None).volume.voxels.dtype
        if dtype is not None and dtype.kind == "u":
            said = "--modality CT" if options.modality else f"{raw}: the folder's modality CT"
            raise UsageError(
                f"{said} means Hounsfield units, but the images are {dtype.name};"
                f" name it otherwise, such as {'' if options.modality else '--modality '}'{WINDOWED_CT}'"
            )


def _groups(raw: Path, found: Found, options: Options) -> tuple[list[str], bool]:
    cases = found.cases
    if options.groups is not None and cases:
        try:
            return made_names(given_groups(raw, cases, options.groups)), True
        except UsageError:
            if not found.errors:
                raise
            # Faulty images are no cases, so a table that names them need not be wrong.
            return made_names([""] * len(cases)), True
    known = [case.group for case in cases if case.group is not None]
    if len(known) < len(cases):
        # Of images about which nothing is known, the safe assumption is that all come from one patient.
        return made_names([""] * len(cases)), False
    return made_names(known), True


def _warnings(raw: Path, found: Found, foreground: tuple[str, ...]) -> Oddities:
    warnings = Oddities()
    for text in found.warnings:
        warnings.add_for_terminal(text)
    numbers = [item for item in foreground if item.isdecimal()]
    if numbers and sum(isinstance(case.label, DicomLabel) for case in found.cases) > 1:
        warnings.add(
            f"--foreground {', '.join(numbers)} is a number of each DICOM label's own, which may be another structure"
            " in the next; names are safe"
        )
    ignored = [path for path in walk(raw) if path not in found.used]
    strays = [relative(path, raw) for path in ignored if not is_image(path)]
    images = [relative(path, raw) for path in ignored if is_image(path)]
    if strays:
        pictures = all(isinstance(case.image, Picture) for case in found.cases)
        what = "files that are no images" if pictures else "files that belong to no case"
        warnings.add(f"{what} were ignored", names=strays)
    if images:
        warnings.add("images outside the layout were ignored", names=images)
    return warnings
