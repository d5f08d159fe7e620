"""Rules on what a series' pixels are: their kind, bits, length and rescale.

- Stored bits may differ from slice to slice; allocated bits and sign may not.
- CT must say how stored values become Hounsfield units: (0028,1052) and (0028,1053) in every image, and a type
  (0028,1054) of HU if any. US, unspecified, is a warning: it is what SimpleITK writes for CT. They may differ between
  slices; each slice has its own applied. Other modalities without them keep stored values.
- MONOCHROME1 says how to show values, not what they are, so it is a warning.
- Modality is one of the codes that DICOM defines (PS3.3 C.7.3.1.1.1), so that no text of the source travels as one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from medseg.io.dicom.choices import Choices
from medseg.io.dicom.header import Header
from medseg.io.dicom.verdicts import Findings, counted

__all__ = ["check_images", "modality_of"]

# Those that images have.
_MODALITIES = re.compile("BI|CR|CT|DG|DX|ES|GM|IO|IVUS|LS|MG|MR|NM|OCT|OP|OPT|OT|PT|PX|RF|RG|RTIMAGE|SM|TG|US|XA|XC")
_MODALITY_OF_CLASS = {
    "1.2.840.10008.5.1.4.1.1.2": "CT",
    "1.2.840.10008.5.1.4.1.1.2.1": "CT",
    "1.2.840.10008.5.1.4.1.1.2.2": "CT",
    "1.2.840.10008.5.1.4.1.1.4": "MR",
    "1.2.840.10008.5.1.4.1.1.4.1": "MR",
    "1.2.840.10008.5.1.4.1.1.4.4": "MR",
    "1.2.840.10008.5.1.4.1.1.128": "PT",
    "1.2.840.10008.5.1.4.1.1.128.1": "PT",
    "1.2.840.10008.5.1.4.1.1.130": "PT",
}
# A survey image, and slices side by side in one image.
_NO_SLICES = ("LOCALIZER", "MOSAIC")
_GREY = frozenset({"MONOCHROME1", "MONOCHROME2"})
_PHOTOMETRIC = _GREY | {"RGB", "PALETTE COLOR", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT"}
_UNSPECIFIED = "US"
_RESCALE_TYPES = frozenset({"OD", "HU", "US", "MGML", "Z_EFF", "ED", "EDW", "HU_MOD", "PCT"})
_ZERO = 1e-30

_AGAIN = "export the series again"


def check_images(headers: Sequence[Header], choices: Choices, findings: Findings) -> None:
    """Apply the rules to all images of a series."""
    for rule in (_check_legible, _check_modality, _check_kind, _check_grey, _check_size, _check_bits, _check_length):
        rule(headers, findings)
    _check_rescale(headers, choices, findings)


def modality_of(header: Header) -> str | None:
    """(0008,0060) if it is a code that DICOM defines, or else what the SOP class (0008,0016) says."""
    if _MODALITIES.fullmatch(header.modality):
        return header.modality
    return None if header.modality else _MODALITY_OF_CLASS.get(header.sop_class)


def _check_legible(headers: Sequence[Header], findings: Findings) -> None:
    for tag in dict.fromkeys(tag for header in headers for tag in header.illegible):
        number = sum(tag in header.illegible for header in headers)
        findings.errors.append(
            f"value of {tag} must have its form, got another in {counted(number, len(headers))}; {_AGAIN}"
        )


def _check_modality(headers: Sequence[Header], findings: Findings) -> None:
    modality = modality_of(headers[0])
    if modality is None:
        got = "an unknown one" if headers[0].modality else "none"
        findings.errors.append(f"modality (0008,0060) must be a code of DICOM, got {got}; {_AGAIN}")
    elif not headers[0].modality:
        findings.warnings.append(f"modality (0008,0060) is empty; the SOP class (0008,0016) says {modality}")


def _check_kind(headers: Sequence[Header], findings: Findings) -> None:
    for kind in _NO_SLICES:
        if any(kind in header.image_type for header in headers):
            findings.errors.append(
                f"image type (0008,0008) must be that of slices, got {kind}; choose another series with --series UID"
            )


def _check_grey(headers: Sequence[Header], findings: Findings) -> None:
    samples = _values(headers, lambda header: header.samples_per_pixel)
    if samples != {1}:
        findings.errors.append(f"samples per pixel (0028,0002) must be 1, got {_show(samples)}; export grey images")
    kinds = _values(headers, lambda header: header.photometric)
    if not kinds <= _GREY or len(kinds) > 1:
        findings.errors.append(
            "photometric interpretation (0028,0004) must be MONOCHROME1 or MONOCHROME2 throughout,"
            f" got {_show_known(kinds, _PHOTOMETRIC)}; export grey images"
        )
    elif kinds == {"MONOCHROME1"}:
        findings.warnings.append(
            "photometric interpretation (0028,0004) is MONOCHROME1; values stay as they are stored"
        )


def _check_size(headers: Sequence[Header], findings: Findings) -> None:
    rows, columns = _values(headers, lambda header: header.rows), _values(headers, lambda header: header.columns)
    if not all(rows | columns):
        findings.errors.append(
            "rows (0028,0010) and columns (0028,0011) must be at least 1,"
            f" got {_show(rows)} and {_show(columns)}; {_AGAIN}"
        )
    frames = min(header.frames for header in headers)
    if frames < 1:
        findings.errors.append(f"number of frames (0028,0008) must be at least 1, got {frames}; {_AGAIN}")


def _check_bits(headers: Sequence[Header], findings: Findings) -> None:
    allocated = _values(headers, lambda header: header.bits_allocated)
    if len(allocated) > 1 or not allocated <= {8, 16, 32}:
        findings.errors.append(
            f"bits allocated (0028,0100) must be 8, 16 or 32 throughout, got {_show(allocated)}; {_AGAIN}"
        )
    signs = _values(headers, lambda header: None if header.signed is None else int(header.signed))
    if len(signs) > 1 or None in signs:
        findings.errors.append(
            f"pixel representation (0028,0103) must be 0 or 1 throughout, got {_show(signs)}; {_AGAIN}"
        )
    for allocated_bits, stored, high in _values(headers, lambda h: (h.bits_allocated, h.bits_stored, h.high_bit)):
        if stored is None or high != stored - 1 or not 1 <= stored <= (allocated_bits or 0):
            findings.errors.append(
                "bits stored (0028,0101) must be 1 to bits allocated (0028,0100), and high bit (0028,0102) one less,"
                f" got {_show({stored})}, {_show({allocated_bits})} and {_show({high})}; {_AGAIN}"
            )


def _check_length(headers: Sequence[Header], findings: Findings) -> None:
    for header in headers:
        row = (header.columns or 0) * (header.samples_per_pixel or 0) * (header.bits_allocated or 0) // 8
        needed = row * (header.rows or 0) * header.frames
        if needed <= 0 or header.pixel_offset is None or header.pixel_bytes is None:
            continue
        present = min(header.pixel_bytes, header.file_bytes - header.pixel_offset)
        if present < needed:
            findings.errors.append(
                f"pixel data (7fe0,0010) must hold {needed} bytes, got {present}; the file is cut short, {_AGAIN}"
            )
        elif header.pixel_bytes - needed >= max(row, 2):
            findings.errors.append(
                f"pixel data (7fe0,0010) must hold the {needed} bytes that size (0028,0010), (0028,0011) and bits"
                f" (0028,0100) demand, got {header.pixel_bytes}; {_AGAIN}"
            )


def _check_rescale(headers: Sequence[Header], choices: Choices, findings: Findings) -> None:
    ct = modality_of(headers[0]) == "CT"
    without = sum(header.slope is None or header.intercept is None for header in headers)
    some = sum(header.slope is not None or header.intercept is not None for header in headers)
    pair = "rescale slope (0028,1053) and intercept (0028,1052)"
    if without and ct and choices.assume_hu and not some:
        findings.decisions.append(f"stored values taken as Hounsfield units: no {pair}")
    elif without and (ct or some):
        way = "; if stored values are Hounsfield units, say so with --assume-hu" if ct and not some else f"; {_AGAIN}"
        findings.errors.append(f"{pair} must be in every image, missing in {counted(without, len(headers))}{way}")
    if any(header.slope is not None and abs(header.slope) < _ZERO for header in headers):
        findings.errors.append(f"rescale slope (0028,1053) must not be 0; {_AGAIN}")
    if ct and len(_values(headers, lambda header: (header.slope, header.intercept))) > 1 and not without:
        findings.warnings.append(f"{pair} differ between slices; each slice has its own applied")
    if any(header.modality_lut for header in headers):
        findings.errors.append(
            "modality LUT (0028,3000) must be absent: only linear rescale is read; export with rescale"
        )
    kinds = _values(headers, lambda header: header.rescale_type.upper())
    if ct and _UNSPECIFIED in kinds and not choices.assume_hu:
        findings.warnings.append("rescale type (0028,1054) is US, unspecified; values are taken as Hounsfield units")
    if ct and not kinds <= {"", "HU", _UNSPECIFIED}:
        got = _show_known(kinds - {"", _UNSPECIFIED}, _RESCALE_TYPES)
        if choices.assume_hu:
            findings.decisions.append(f"values taken as Hounsfield units though rescale type (0028,1054) is {got}")
        else:
            findings.errors.append(
                f"rescale type (0028,1054) of CT must be HU, got {got};"
                " if values are Hounsfield units, say so with --assume-hu"
            )


def _values(headers: Sequence[Header], value: Callable[[Header], Hashable]) -> set[Any]:
    return {value(header) for header in headers}


def _show(values: set[Any]) -> str:
    return " and ".join(sorted("none" if value is None else str(value) for value in values))


def _show_known(values: set[str], known: frozenset[str]) -> str:
    """Codes that DICOM defines; others may be texts of the source."""
    return _show({value if value in known else "another" if value else None for value in values})
