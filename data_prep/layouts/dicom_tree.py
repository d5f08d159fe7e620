"""Any tree with DICOM images, and labels for them.

- Files are told by their content; hidden ones do not count. Images are divided into units, one a patient where folders
  or Patient ID (0010,0020) tell patients apart: :mod:`data_prep.layouts.dicom_units`. A unit with images of several
  Patient IDs, or with a damaged DICOM file in its folders, is refused.
- A unit's series is chosen by ``--series`` and ``--modality``: localizers and secondary captures do not count. Where a
  unit has several series, the only one that has a label of its own is taken; else ``only`` refuses the unit.
  ``all`` makes a case of each series, called ``unit/1``, ``unit/2``; those without label are set aside where others of
  the unit have one. A UID takes that series wherever it is, and sets aside units without it.
- Labels are found by :mod:`data_prep.layouts.dicom_labels`. Where a case has several kinds, ``--labels`` chooses. Cases
  without label are kept, as long as any has one or ``--labels none`` asks for none.
- Cases with one Patient ID are one group; without it, those of one study (0020,000D), or else of one unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from data_prep.layouts.dicom_cases import as_case, candidates, label_errors, label_warnings
from data_prep.layouts.dicom_labels import tree_labels
from data_prep.layouts.dicom_units import Unit, make_units
from data_prep.layouts.few import few
from data_prep.layouts.other_files import is_told_of, odd_files, what_instead
from data_prep.layouts.unit_series import (
    UnitSeries,
    check_modality,
    check_series_choice,
    choose_series,
    series_warnings,
)
from data_prep.layouts.volume_files import is_volume
from data_prep.sources import FindChoices, Found, Layout, SourceCase, is_image, natural_key, walk
from medseg.io.dicom import Other, Scan, read_headers
from medseg.io.dicom.parse import parse_files

__all__ = ["LAYOUT"]


def detect(root: Path) -> bool:
    """Whether any file is a DICOM image, or a damaged one by its name."""
    for path in walk(root):
        if is_image(path) or is_volume(path):
            continue
        (found,) = parse_files([path])
        if not isinstance(found, Other) or (found.damaged and path.suffix.lower() == ".dcm"):
            return True
    return False


def find(root: Path, choices: FindChoices) -> Found:
    """Divide the images into units, choose their series, and pair these with labels.

    Raises:
        UsageError: If ``--series`` names a series that is nowhere.
    """
    scan = _visible(root, read_headers(root, workers=choices.workers))
    used = {header.path for header in scan.headers} | {other.path for other in scan.others if is_told_of(other)}
    if not scan.headers:
        return Found((), (f"{root}: must hold DICOM images, got {what_instead(scan.others)}",), frozenset(used))
    labels = tree_labels(root, scan, choices.labels)
    units = make_units(root, scan.headers)
    chosen = [choose_series(unit, choices, scan.others, labelled=labels.has_own) for unit in units]
    check_series_choice(root, chosen, choices.series)
    modality, errors = check_modality(root, chosen, choices)
    found = [candidate for of_unit in chosen for candidate in candidates(of_unit, labels)]
    kept = [candidate for candidate in found if not candidate.aside]
    claimed = {path for candidate in found for path in candidate.files}.union(
        *(labels.around(of_unit.unit) for of_unit in chosen if of_unit.refused is not None)
    )
    unclaimed = [item for item in labels.objects if item.path not in claimed]
    cases = (*_refused(chosen), *map(as_case, kept))
    return Found(
        cases=tuple(sorted(cases, key=lambda case: natural_key(case.name))),
        errors=(*errors, *label_errors(root, kept, unclaimed, choices.labels)),
        used=frozenset(used | claimed),
        modality=modality,
        warnings=(
            *_odd_units(units),
            *series_warnings(chosen, choices),
            *(() if choices.labels == "none" else label_warnings(found, unclaimed)),
            *odd_files(scan.others, units),
        ),
    )


def _visible(root: Path, scan: Scan) -> Scan:
    """Without hidden files, as :func:`data_prep.sources.walk` gives them."""
    files = frozenset(walk(root))
    headers = tuple(header for header in scan.headers if header.path in files)
    return Scan(headers, tuple(other for other in scan.others if other.path in files))


def _refused(chosen: Sequence[UnitSeries]) -> list[SourceCase]:
    return [
        SourceCase(of_unit.unit.name, of_unit.refused, None, of_unit.unit.group)
        for of_unit in chosen
        if of_unit.refused is not None
    ]


def _odd_units(units: Sequence[Unit]) -> list[str]:
    warnings = []
    by_patient = [unit.name for unit in units if not unit.folders]
    if by_patient:
        warnings.append(f"patients share a folder, so each Patient ID (0010,0020) is a case: {few(by_patient)}")
    joined = [unit.name for unit in units if len(unit.folders) > 1]
    if joined:
        warnings.append(f"folders that share a series were taken as one case: {few(joined)}")
    if len(units) > 1 and len({unit.patient_ids for unit in units}) == 1 and units[0].patient_ids:
        warnings.append(
            f"all {len(units)} folders have the same Patient ID (0010,0020), so they count as one patient; give"
            " --groups if they are several"
        )
    return warnings


LAYOUT = Layout(
    name="dicom-tree",
    looks_for="DICOM images in any folders, with DICOM SEG, RTSTRUCT, label maps or a picture a slice",
    detect=detect,
    find=find,
    general=True,
)
