"""Which series of a patient's images is meant, by ``--series`` and ``--modality``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.image_sources import Refused
from data_prep.layouts.dicom_units import Unit
from data_prep.layouts.few import few
from data_prep.layouts.other_files import may_have_lost
from data_prep.sources import FindChoices
from medseg.errors import UsageError
from medseg.io.dicom import DicomSeriesError, Other, Series, group_series, select_series, set_aside
from medseg.io.dicom.image_rules import modality_of

__all__ = [
    "UnitSeries",
    "check_modality",
    "check_series_choice",
    "choose_series",
    "series_warnings",
    "wanted_modality",
]

_WORDS = ("only", "largest", "all")
_UNKNOWN = "none"


@dataclass(frozen=True)
class UnitSeries:
    """What was chosen of a unit.

    Attributes:
        unit: The unit.
        serieses: All of its series.
        of_modality: Those of the wanted modality.
        taken: Those that are meant; none where the unit is refused, or has no series of the modality or UID.
        refused: Why none is taken although one should be.
        by_label: Whether one of several was taken since only that one is labelled.
    """

    unit: Unit
    serieses: tuple[Series, ...]
    of_modality: tuple[Series, ...]
    taken: tuple[Series, ...] = ()
    refused: Refused | None = None
    by_label: bool = False


def choose_series(
    unit: Unit,
    choices: FindChoices,
    others: Sequence[Other] = (),
    *,
    labelled: Callable[[Unit, Series], bool] | None = None,
) -> UnitSeries:
    """Choose among a unit's series; what cannot be chosen becomes a :class:`Refused`.

    Args:
        unit: Its images.
        choices: What a person wants.
        others: The tree's files that are no images, of which the damaged may be images of this unit.
        labelled: Whether a series of a unit has a label of its own.
    """
    serieses = group_series(unit.headers)
    wanted = wanted_modality(choices)
    kept = tuple(series for series in serieses if wanted in (None, _modality(series)))
    if (serieses and not kept) or (choices.series not in _WORDS and not _called(kept, choices.series)):
        return UnitSeries(unit, serieses, kept)
    lost = _lost(unit, others)
    if lost is not None or len(unit.patient_ids) > 1:
        return UnitSeries(unit, serieses, kept, refused=lost or _two_patients(unit))
    volumes = [series for series in kept if series.kind == "volume"]
    meant = [series for series in volumes if labelled is not None and labelled(unit, series)]
    if choices.series == "only" and len(volumes) > 1 and len(meant) == 1:
        return UnitSeries(unit, serieses, kept, tuple(meant), by_label=True)
    try:
        return UnitSeries(unit, serieses, kept, select_series(kept, choices.series, where=unit.where))
    except DicomSeriesError as error:
        return UnitSeries(unit, serieses, kept, refused=Refused(error.where, error.fault, _paths(unit)))


def wanted_modality(choices: FindChoices) -> str | None:
    """``--modality`` as DICOM writes it."""
    return None if choices.modality is None else choices.modality.strip().upper()


def check_series_choice(root: Path, chosen: Iterable[UnitSeries], choice: str) -> None:
    """Refuse a UID that is nowhere.

    Raises:
        UsageError: If ``choice`` is no word and no unit has a series of that name.
    """
    serieses = [series for of_unit in chosen for series in of_unit.of_modality]
    if choice not in _WORDS and serieses and not _called(serieses, choice):
        known = few([series.key for series in serieses])
        raise UsageError(f"--series must be only, largest, all or a UID of {root}, got {choice!r}; there are {known}")


def check_modality(
    root: Path, chosen: Sequence[UnitSeries], choices: FindChoices
) -> tuple[str | None, tuple[str, ...]]:
    """The one modality (0008,0060) of all series that are meant, or why there is none.

    Args:
        root: Folder, for messages.
        chosen: All units.
        choices: What a person wants.

    Returns:
        The modality, None where the files do not say; and at most one error.
    """
    wanted = wanted_modality(choices)
    if wanted is not None:
        if any(of_unit.of_modality for of_unit in chosen):
            return wanted, ()
        got = _counted(series for of_unit in chosen for series in of_unit.serieses)
        return None, (
            f"{root}: must hold series of modality {wanted} (0008,0060), got {got}; choose another --modality",
        )
    meant = [series for of_unit in chosen for series in _meant(of_unit)]
    modalities = {_modality(series) for series in meant}
    if len(modalities) > 1:
        return None, (
            f"{root}: series must have one modality (0008,0060), got {_counted(meant)}; choose with --modality",
        )
    return modality_of(meant[0].headers[0]) if meant else None, ()


def series_warnings(chosen: Sequence[UnitSeries], choices: FindChoices) -> tuple[str, ...]:
    """What was set aside."""
    serieses = [series for of_unit in chosen for series in of_unit.serieses]
    left = [series for of_unit in chosen for series in of_unit.serieses if series not in of_unit.taken]
    warnings = [*set_aside(left)] if choices.series in _WORDS else []
    wanted = wanted_modality(choices)
    other = [series for series in serieses if wanted not in (None, _modality(series))]
    if other:
        warnings.append(f"series of another modality than {wanted} set aside: {_counted(other)}")
    without = [of_unit.unit.name for of_unit in chosen if not of_unit.taken and of_unit.refused is None]
    if without and len(without) < len(chosen):
        warnings.append(f"folders without a series that was chosen set aside: {few(without)}")
    by_label = [of_unit.unit.name for of_unit in chosen if of_unit.by_label]
    if by_label:
        warnings.append(f"of several series the only one with a label was taken: {few(by_label)}")
    return tuple(warnings)


def _lost(unit: Unit, others: Sequence[Other]) -> Refused | None:
    """The damaged files that may be the unit's images, as a refusal."""
    damaged = [other for other in others if may_have_lost(unit, other)]
    if not damaged:
        return None
    more = f" and {len(damaged) - 1} more like it" if len(damaged) > 1 else ""
    fault = f"{damaged[0].reason}{more}; an image may be missing, replace or remove the file"
    return Refused(str(damaged[0].path), fault, (*_paths(unit), *(other.path for other in damaged)))


def _two_patients(unit: Unit) -> Refused:
    fault = f"must hold images of one patient, got {len(unit.patient_ids)} different patient IDs (0010,0020)"
    return Refused(unit.where, f"{fault}; give each patient a folder", _paths(unit))


def _paths(unit: Unit) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(header.path for header in unit.headers))


def _meant(of_unit: UnitSeries) -> tuple[Series, ...]:
    """Series whose modality counts: those taken, or where a unit is refused all of its volumes."""
    volumes = tuple(series for series in of_unit.of_modality if series.kind == "volume")
    return of_unit.taken if of_unit.refused is None else volumes


def _called(serieses: Iterable[Series], name: str) -> bool:
    return any(name in (series.key, series.uid) for series in serieses)


def _modality(series: Series) -> str:
    return modality_of(series.headers[0]) or _UNKNOWN


def _counted(serieses: Iterable[Series]) -> str:
    counts = Counter(map(_modality, serieses))
    return ", ".join(f"{number} of {modality}" for modality, number in counts.items())
