"""A patient who must not be seen again: every text, date, file name and folder name holds a canary.

After preparing such a series, none of these may stand in any file that was written (PS3.15 annex E names what
identifies a patient; here every text of the dictionary's patient, study, series and visit groups is filled).
"""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from pathlib import Path

import nibabel as nib
from pydicom.datadict import dictionary_is_retired, dictionary_VM, dictionary_VR, keyword_dict
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from medseg.io.atomic import atomic_path

__all__ = ["CANARY", "CANARY_DATE", "CANARY_TIME", "fill", "mark_nifti", "rename"]

CANARY = "CANARY"
CANARY_DATE = "19231117"
CANARY_TIME = "231117.424242"

_TEXT_VRS = {"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"}
_BY_VR = {
    **dict.fromkeys(_TEXT_VRS, CANARY),
    "PN": f"{CANARY}^{CANARY}",
    "DA": CANARY_DATE,
    "TM": CANARY_TIME,
    "DT": CANARY_DATE + CANARY_TIME,
    "AS": "103Y",
}
_GROUPS = {0x0008, 0x0010, 0x0018, 0x0020, 0x0032, 0x0038, 0x0040}
# Texts that say how to read the rest, as do the codes (CS) that are there.
_KEPT = {"RescaleType", "CodingSchemeDesignator", "CodeValue", "SpecificCharacterSet"}
# Patients and segments stay apart by what follows the canary.
_FOLLOWED = {"PatientID", "SegmentLabel", "CodeMeaning"}
_PRIVATE_GROUP = 0x0009


def fill(dataset: Dataset) -> None:
    """Put the canary into every text, date and time: those that are there, and those that might be."""
    # highdicom's objects share elements with their images and its own codes.
    for element in [*dataset]:
        dataset[element.tag] = deepcopy(element)
    dataset.walk(_overwrite)
    for tag, vr in _identifying():
        if tag not in dataset:
            dataset[tag] = DataElement(Tag(tag), vr, _BY_VR[vr])
    dataset.BodyPartExamined = CANARY
    dataset.file_meta.SourceApplicationEntityTitle = CANARY
    dataset.file_meta.ImplementationVersionName = CANARY
    request = Dataset()
    request.ScheduledProcedureStepDescription = CANARY
    dataset.RequestAttributesSequence = [request]
    block = dataset.private_block(_PRIVATE_GROUP, CANARY, create=True)
    block.add_new(0x01, "LO", CANARY)
    block.add_new(0x02, "UN", CANARY.encode())


def mark_nifti(path: Path) -> None:
    """Put the canary into the texts of a NIfTI header."""
    image = nib.Nifti1Image.from_filename(path)
    for name in ("descrip", "aux_file", "intent_name", "db_name"):
        image.header[name] = CANARY
    with atomic_path(path) as partial:
        nib.save(image, partial)


def rename(folder: Path) -> Path:
    """Put the canary into the names of a folder and of all it holds.

    Returns:
        The folder under its new name.
    """
    for path in sorted(folder.rglob("*"), key=lambda path: len(path.parts), reverse=True):
        path.rename(path.with_name(f"{CANARY}-{path.name}"))
    return folder.rename(folder.with_name(f"{CANARY}-{CANARY_DATE}-{folder.name}"))


@cache
def _identifying() -> tuple[tuple[int, str], ...]:
    """Tags of the dictionary that may hold one text or date, with their VR."""
    tags = [
        (tag, dictionary_VR(tag))
        for keyword, tag in keyword_dict.items()
        if tag >> 16 in _GROUPS and keyword not in _KEPT
    ]
    return tuple(
        (tag, vr)
        for tag, vr in tags
        if vr in _BY_VR and not dictionary_is_retired(tag) and dictionary_VM(tag).startswith("1")
    )


def _overwrite(_: Dataset, element: DataElement) -> None:
    if element.keyword in _FOLLOWED:
        # Frames share their codes, which are met again.
        element.value = f"{CANARY} {str(element.value).removeprefix(f'{CANARY} ')}"
    elif element.VR in _BY_VR and element.VR != "CS" and element.keyword not in _KEPT:
        element.value = _BY_VR[element.VR]
