"""The DICOM series on which a mask lies, as objects that refer to it need it.

Slices are known by their headers. What tells patient and study is read anew from the first slice's file and made fit to
write: texts become Unicode, so that an empty or unknown character set (0008,0005) does no harm; absent elements that
must be there (type 2) become empty, which says the same; and values that break their form are left out, with a warning.

References cannot be made up: an image without UIDs is refused. A missing frame of reference (0020,0052) is not
referred to by any image, so naming it anew contradicts nothing; the name is made from the series' UID, so that all
results of a series share it. Viewers that overlay by frame of reference alone will not, hence the warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import config, dcmread
from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import generate_uid
from pydicom.valuerep import validate_value

from medseg.errors import SourceError
from medseg.io.dicom.elements import tag_text
from medseg.io.dicom.header import Header
from medseg.io.dicom.resample import plan_regrid
from medseg.io.labels.dicom_object import readable

__all__ = ["SourceSeries", "read_source_series"]

_ONLY_NIFTI = "write it with --to nifti"
# Patient, General Study and Patient Study modules (PS3.3, C.7.1.1, C.7.2.1, C.7.2.2): first what must be there.
_DEMANDED = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber"),
)
_CARRIED = (
    *("IssuerOfPatientID", "TypeOfPatientID", "PatientBirthTime", "EthnicGroup", "PatientComments"),
    *("PatientIdentityRemoved", "DeidentificationMethod", "StudyDescription"),
    *("PatientAge", "PatientSize", "PatientWeight"),
)
# What segmentations take over from the images themselves.
_OF_IMAGE = (
    *("PositionReferenceIndicator", "LossyImageCompression", "LossyImageCompressionRatio"),
    "LossyImageCompressionMethod",
)
_SEXES = ("M", "F", "O", "")
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_LONGEST_UID = 64
_UIDS = (
    ("SOP class UID", 0x00080016, "sop_class"),
    ("SOP instance UID", 0x00080018, "sop_uid"),
    ("study instance UID", 0x0020000D, "study_uid"),
    ("series instance UID", 0x0020000E, "series_uid"),
)


@dataclass(frozen=True, eq=False)
class SourceSeries:
    """A series that masks may refer to.

    Attributes:
        headers: One a slice, in the order of the mask's z.
        identity: Patient and study in Unicode, fit to write.
        image: Position reference indicator (0020,1040) and lossy compression (0028,2110), where the images have them.
        frame_of_reference_uid: (0020,0052), the series' own or made from its UID.
        warnings: What was left out or made, without names of the source.
    """

    headers: tuple[Header, ...]
    identity: Dataset
    image: Dataset
    frame_of_reference_uid: str
    warnings: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(x, y, z)`` of a mask on it: columns, rows, slices."""
        return self.headers[0].columns or 0, self.headers[0].rows or 0, len(self.headers)


def read_source_series(headers: Sequence[Header]) -> SourceSeries:
    """Read what referring to a series needs.

    Args:
        headers: Its slices in order, as ``check_series(series, choices).headers`` has them: at least one.

    Raises:
        SourceError: If the slices cannot be referred to: UIDs are missing, broken or shared, studies or frames of
            reference differ, or the series was put on another grid (``--tilt``, ``--irregular``).
    """
    headers = tuple(headers)
    for header in headers:
        _check_uids(header)
    _check_one(headers)
    if plan_regrid(headers, tilt=True, irregular=True) is not None:
        raise SourceError(
            headers[0].path.parent,
            "slices must stand on a right-angled, regular grid where results refer to them, got tilted or uneven ones,"
            f" which are on a new grid; {_ONLY_NIFTI}",
        )
    (identity, image), warnings = _describe(headers[0].path)
    frame = headers[0].frame_of_reference_uid
    if not frame:
        frame = generate_uid(entropy_srcs=["frame of reference", headers[0].series_uid])
        warnings += ("frame of reference UID (0020,0052) is missing, so results name one made from the series' UID",)
    return SourceSeries(headers, identity, image, frame, warnings)


def _check_uids(header: Header) -> None:
    for name, tag, attribute in _UIDS:
        uid = getattr(header, attribute)
        if not uid:
            raise SourceError(
                header.path,
                f"{name} {tag_text(tag)} must be there for DICOM results to refer to, got none; {_ONLY_NIFTI}",
            )
        _check_form(header.path, name, tag, uid)
    if header.frame_of_reference_uid:
        _check_form(header.path, "frame of reference UID", 0x00200052, header.frame_of_reference_uid)


def _check_form(path: Path, name: str, tag: int, uid: str) -> None:
    if len(uid) > _LONGEST_UID or not _UID.fullmatch(uid):
        raise SourceError(
            path,
            f"{name} {tag_text(tag)} must be at most {_LONGEST_UID} digits and points, got another text; {_ONLY_NIFTI}",
        )


def _check_one(headers: Sequence[Header]) -> None:
    """All slices belong together, and each can be told from the others."""
    alike = (
        ("study instance UID (0020,000d)", "study_uid"),
        ("series instance UID (0020,000e)", "series_uid"),
        ("frame of reference UID (0020,0052)", "frame_of_reference_uid"),
    )
    where = headers[0].path.parent
    for name, attribute in alike:
        count = len({getattr(header, attribute) for header in headers})
        if count > 1:
            raise SourceError(
                where, f"{name} must be the same on all slices for DICOM results, got {count}; {_ONLY_NIFTI}"
            )
    different = len({(header.sop_uid, header.frame) for header in headers})
    if different < len(headers):
        raise SourceError(
            where,
            f"SOP instance UID (0008,0018) must differ from image to image for DICOM results, got {different} for"
            f" {len(headers)} slices; {_ONLY_NIFTI}",
        )


def _describe(path: Path) -> tuple[tuple[Dataset, Dataset], tuple[str, ...]]:
    """Patient and study, and the image, fit to write, and what was left out."""
    identity, image = Dataset(), Dataset()
    dropped: list[str] = []
    places = {**dict.fromkeys((*_DEMANDED, *_CARRIED), identity), **dict.fromkeys(_OF_IMAGE, image)}
    with readable(path, "DICOM image"):
        data = dcmread(path, stop_before_pixels=True, force=True, specific_tags=["SpecificCharacterSet", *places])
        for keyword, place in places.items():
            value = _fit(data, keyword) if keyword in data else ""
            if value is None:
                dropped.append(tag_text(int(tag_for_keyword(keyword) or 0)))
            if value or keyword in _DEMANDED:
                place.add(DataElement(keyword, dictionary_VR(keyword), value or "", validation_mode=config.IGNORE))
    # It demands to be told how (type 1C).
    if "DeidentificationMethod" not in identity and "PatientIdentityRemoved" in identity:
        del identity.PatientIdentityRemoved
    warnings = (f"{', '.join(dropped)} break their form and are left out of results",) if dropped else ()
    return (identity, image), warnings


def _fit(data: Dataset, keyword: str) -> str | list[str] | None:
    """An element's value in Unicode; None where it breaks its form."""
    try:
        value = data[keyword].value
        texts = [str(part).strip(" \0") for part in _parts(value)]
        for text in texts:
            validate_value(dictionary_VR(keyword), text, config.RAISE)
    except Exception:  # pydicom raises nearly anything on a damaged value
        return None
    # What is not of its character set was read with a mark in its place.
    if any("\N{REPLACEMENT CHARACTER}" in text for text in texts):
        return None
    if (len(texts) > 1 and dictionary_VM(keyword) == "1") or (keyword == "PatientSex" and texts[0] not in _SEXES):
        return None
    return texts if len(texts) > 1 else texts[0]


def _parts(value: object) -> Iterator[object]:
    """Values of an element; the empty text where there is none."""
    if isinstance(value, MultiValue):
        yield from value
    else:
        yield "" if value is None else value
