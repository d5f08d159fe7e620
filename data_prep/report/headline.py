"""The facts on top of the page."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from data_prep.report.facts import ReportFacts
from data_prep.report.numerals import between, counted, quantity, share

__all__ = ["Headline", "headlines"]


@dataclass(frozen=True)
class Headline:
    """One fact.

    Attributes:
        title: What it is.
        value: The fact.
        note: What else is to be known of it; may be empty.
        alarming: Whether scores can't be trusted, or not be had, for it.
        badge: Mark before the value; may be empty.
    """

    title: str
    value: str
    note: str = ""
    alarming: bool = False
    badge: str = ""


def headlines(report: ReportFacts) -> tuple[Headline, ...]:
    """All facts, in order."""
    return (
        _cases(report),
        _groups(report),
        *_slices(report),
        _foreground(report),
        _size(report),
        *_spacing(report),
        _intensity(report),
        _split(report),
    )


def _cases(report: ReportFacts) -> Headline:
    unlabelled = sum(case.foreground_px is None for case, _ in report.cases)
    notes = [f"{quantity(unlabelled)} without label"] if unlabelled else ["all with labels"]
    if report.left_out:
        notes.append(f"{quantity(len(report.left_out))} left out")
    return Headline("Cases", quantity(len(report.cases)), ", ".join(notes))


def _groups(report: ReportFacts) -> Headline:
    sizes = Counter(case.group for case, _ in report.cases).values()
    return Headline("Patients or other groups", quantity(len(sizes)), f"{between(sizes)} cases a group")


def _slices(report: ReportFacts) -> tuple[Headline, ...]:
    """None for pictures, which are cases of one slice."""
    if not report.has_volumes:
        return ()
    slices = sum(case.shape[2] for case, _ in report.cases)
    labelled = [count for _, facts in report.cases for count in facts.foreground_px or ()]
    with_foreground = sum(count > 0 for count in labelled)
    note = f"{quantity(with_foreground)} with foreground, {share(with_foreground, len(labelled))} of the labelled"
    return (Headline("Slices", quantity(slices), note),)


def _foreground(report: ReportFacts) -> Headline:
    labelled = [facts for _, facts in report.cases if facts.foreground_px is not None]
    voxels = sum(sum(facts.foreground_px or ()) for facts in labelled)
    part = share(voxels, sum(facts.voxels for facts in labelled))
    volumes = [volume for facts in labelled if (volume := facts.foreground_ml) is not None]
    what = "voxels" if volumes else "pixels"
    each = f"; {between(volumes, 'mL')} a case" if volumes else ""
    return Headline("Foreground", report.manifest.foreground, f"{part} of the {what}{each}")


def _size(report: ReportFacts) -> Headline:
    pictures = not report.has_volumes
    x, y, z = (between(case.shape[axis] for case, _ in report.cases) for axis in range(3))
    value = f"{x} × {y}" if pictures else f"{x} × {y} × {z}"
    orientation = report.manifest.orientation
    if orientation is not None:
        return Headline("Size, x × y", value, f"columns ran to {orientation[0]}, rows to {orientation[1]}; now RAS+")
    return Headline(
        "Size, x × y" if pictures else "Size, x × y × z", value, "x = column, y = row" if pictures else "RAS+"
    )


def _spacing(report: ReportFacts) -> tuple[Headline, ...]:
    known = [case.spacing_mm for case, _ in report.cases if case.spacing_mm is not None]
    if not known:
        return (Headline("Spacing", "not known", "so sizes and areas are in pixels"),)
    in_plane = between((size for spacing in known for size in spacing[:2]), "mm")
    return (Headline("Spacing", f"{in_plane} in plane", f"{between((s[2] for s in known), 'mm')} between slices"),)


def _intensity(report: ReportFacts) -> Headline:
    facts, unit = report.manifest.intensity, report.intensity_unit
    return Headline(
        "Intensity",
        between((facts.min, facts.max), unit),
        f"{facts.dtype}; 0.5 to 99.5 %: {between((facts.percentile_0_5, facts.percentile_99_5))};"
        f" mean {quantity(facts.mean)}, sd {quantity(facts.std)}",
    )


def _split(report: ReportFacts) -> Headline:
    split = report.manifest.split
    if not report.manifest.folds:
        return Headline("Split", "no folds", "nothing to separate", alarming=True)
    if split.leaky:
        return Headline(
            "Split", f"{counted(split.folds, 'fold')}, random", "patients may stand on both sides", True, "LEAKY"
        )
    how = "groups stay whole" if split.method == "group" else "neighbours stay together"
    return Headline("Split", counted(split.folds, "fold"), f"{how}, seed {split.seed}")
