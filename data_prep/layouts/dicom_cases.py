"""Series of a DICOM tree and their labels become cases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.image_sources import DicomSeries, Refused
from data_prep.layouts.dicom_labels import LabelObject, TreeLabels, label_source
from data_prep.layouts.dicom_units import Unit
from data_prep.layouts.few import few
from data_prep.layouts.unit_series import UnitSeries
from data_prep.sources import LabelKind, SourceCase
from medseg.io.dicom import Series

__all__ = ["Candidate", "as_case", "candidates", "label_errors", "label_warnings"]

_LOOKED_FOR: dict[LabelKind, str] = {
    "files": "label maps called after a case's folder (p1.nii.gz, p1_label.nii.gz) or alone in it",
    "seg": "DICOM SEG that refer to a series",
    "rtstruct": "DICOM RTSTRUCT that refer to a series",
    "png": "a folder with a picture for each slice",
}


@dataclass(frozen=True)
class Candidate:
    """A series that was taken, and all labels that may be its own.

    Attributes:
        name: Of the case.
        unit: Its unit.
        series: The series.
        siblings: How many series of the unit were taken.
        labels: Files by their kind.
        own: Whether one of them says that it is about this series.
        aside: Whether it is no case, having no label while a sibling has one.
    """

    name: str
    unit: Unit
    series: Series
    siblings: int
    labels: Mapping[LabelKind, tuple[Path, ...]]
    own: bool
    aside: bool

    @property
    def files(self) -> tuple[Path, ...]:
        """All of the labels' files."""
        return tuple(
            path for kind, paths in self.labels.items() for one in paths for path in label_source(kind, one)[1]
        )


def candidates(of_unit: UnitSeries, labels: TreeLabels) -> list[Candidate]:
    """The series of a unit that were taken, with their labels."""
    unit, taken = of_unit.unit, of_unit.taken
    found = []
    for number, series in enumerate(taken, 1):
        name = unit.name if len(taken) == 1 else f"{unit.name}/{number}"
        of_series = labels.of(unit, series, alone=len(taken) == 1)
        own = [labels.has_own(unit, other) for other in taken]
        aside = any(own) and not own[number - 1]
        found.append(Candidate(name, unit, series, len(taken), of_series, own[number - 1], aside))
    return found


def as_case(candidate: Candidate) -> SourceCase:
    """A case, which is refused where its labels are not one."""
    image = DicomSeries(candidate.series)
    kind, paths = next(iter(candidate.labels.items()), (None, ()))
    if kind is None:
        return SourceCase(candidate.name, image, None, candidate.unit.group)
    fault = _fault(kind, paths, 1 if candidate.own else candidate.siblings)
    if fault is not None:
        where = f"{candidate.unit.where} [{few([path.name for path in paths])}]"
        return SourceCase(candidate.name, Refused(where, fault, image.paths), None, candidate.unit.group)
    return SourceCase(candidate.name, image, label_source(kind, paths[0])[0], candidate.unit.group)


def label_errors(
    root: Path, found: Sequence[Candidate], unclaimed: Sequence[LabelObject], wanted: LabelKind
) -> list[str]:
    """Why the labels as a whole cannot be used: damaged ones, several kinds, one for two cases, or none.

    Args:
        root: The tree, for messages.
        found: All that are to be cases.
        unclaimed: Labels of none of them.
        wanted: ``--labels``.
    """
    damaged = [f"{item.fault}; it may be any series' label" for item in unclaimed if item.fault]
    if damaged:
        return damaged
    several = [candidate for candidate in found if len(candidate.labels) > 1]
    if several:
        first = several[0]
        got = " and ".join(f"{kind} ({paths[0].name})" for kind, paths in first.labels.items())
        return [
            f"{root}: a case must have one kind of label, got {got} in {first.name} and several in {len(several)} of"
            f" {len(found)} cases; choose with --labels {'|'.join(_LOOKED_FOR)}"
        ]
    if wanted != "none" and found and not any(candidate.labels for candidate in found):
        kinds = _LOOKED_FOR if wanted == "auto" else (wanted,)
        looked = "; ".join(_LOOKED_FOR[kind] for kind in kinds)
        got = f"none for any of {len(found)}"
        if unclaimed:
            got += f", and {few([item.path for item in unclaimed])} that refer to none of them"
        return [
            f"{root}: DICOM series must have labels, got {got}; looked for {looked}; --labels none prepares them"
            " without"
        ]
    return _shared(found)


def label_warnings(found: Sequence[Candidate], unclaimed: Sequence[LabelObject]) -> list[str]:
    """What is odd about the labels."""
    warnings = []
    without = [candidate.name for candidate in found if not candidate.labels and not candidate.aside]
    if without:
        warnings.append(f"cases without label: {few(without)}")
    aside = [f"{candidate.unit.name} {candidate.series.key}" for candidate in found if candidate.aside]
    if aside:
        warnings.append(f"series without label set aside beside those with one: {few(aside)}")
    if unclaimed:
        paths = few([item.path for item in unclaimed])
        warnings.append(f"DICOM SEG or RTSTRUCT files that belong to no series that was taken: {paths}")
    return warnings


def _fault(kind: LabelKind, paths: Sequence[Path], siblings: int) -> str | None:
    if len(paths) > 1:
        what = {"seg": "DICOM SEG", "rtstruct": "DICOM RTSTRUCT", "png": "folder of masks"}.get(kind, "label map")
        return f"series must have one {what}, got {len(paths)}; move all but one away, or join them"
    if kind == "files" and siblings > 1:
        return f"a label map must belong to one series, got {siblings}; choose with --series UID|largest"
    return None


def _shared(found: Iterable[Candidate]) -> list[str]:
    """A label map may be called after one case while it lies in the folder of another."""
    owners: dict[Path, dict[str, None]] = {}
    for candidate in found:
        for path in candidate.labels.get("files", ()):
            owners.setdefault(path, {})[candidate.unit.name] = None
    return [
        f"{path}: a label map must belong to one case, got {few([*names])}; call it after its case's folder"
        for path, names in owners.items()
        if len(names) > 1
    ]
