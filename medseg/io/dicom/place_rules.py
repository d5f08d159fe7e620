"""Rules on where a series' slices lie; tolerances are those of :mod:`medseg.io.dicom.geometry`.

- Geometry is (0020,0032), (0020,0037) and (0028,0030), never slice thickness, slice location or order of numbers.
  Slice thickness (0018,0050) may differ from the gaps, as overlapping slices do; a spacing between slices (0018,0088)
  that the positions contradict is a warning. A single slice has no gap: it needs one of these two tags.
- A drift of the positions across the normal is a tilted gantry. Its tag (0018,1120) must not contradict the positions
  by more than a degree, unless they are trusted by ``--tilt resample``.
- Unequal gaps are told apart into missing slices (multiples of the usual gap) and irregular ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medseg.io.dicom.choices import Choices
from medseg.io.dicom.geometry import Stack, depth_mm, place_tolerance_mm, plane_of, regular_grid_mm, usual_gap_mm
from medseg.io.dicom.header import Header
from medseg.io.dicom.verdicts import Findings, counted

__all__ = ["check_gaps", "check_single", "check_tags", "check_tilt", "check_view"]

_UNIT = 2e-3
# Beyond these a value is damage, not a body.
_MAX_POSITION_MM = 1e5
_MAX_SPACING_MM = 100.0
_MIN_SPACING_MM = 1e-4
_TILT_AGREES_DEGREES = 1.0
_MULTIPLE = 0.1
_OFF_MM = 0.01
_SPACING_AGREES = 0.01
# More slices than this between two real ones would be invention.
_MAX_GAP_RATIO = 10

_AGAIN = "export the series again"


def check_tags(headers: Sequence[Header], findings: Findings) -> bool:
    """Whether every slice says where it lies; only then can the other rules be applied."""
    before = len(findings.errors)
    for tag, name in (
        ("position_mm", "position (0020,0032)"),
        ("orientation", "orientation (0020,0037)"),
        ("pixel_spacing_mm", "pixel spacing (0028,0030)"),
    ):
        missing = sum(getattr(header, tag) is None for header in headers)
        if missing:
            findings.errors.append(
                f"{name} must be in every image, missing in {counted(missing, len(headers))}; {_AGAIN}"
            )
    _check_orientation(headers, findings)
    _check_extent(headers, findings)
    frames = {header.frame_of_reference_uid for header in headers} - {""}
    if len(frames) > 1:
        findings.errors.append(
            f"frame of reference (0020,0052) must be one, got {len(frames)}: positions cannot be compared; {_AGAIN}"
        )
    return len(findings.errors) == before


def _check_orientation(headers: Sequence[Header], findings: Findings) -> None:
    for orientation in dict.fromkeys(header.orientation for header in headers if header.orientation):
        columns, rows = np.array(orientation).reshape(2, 3)
        with np.errstate(over="ignore"):
            lengths, cosine = np.linalg.norm([columns, rows], axis=1), abs(float(columns @ rows))
        if np.abs(lengths - 1).max() > _UNIT or cosine > _UNIT:
            findings.errors.append(
                "orientation (0020,0037) must be two unit vectors at right angles,"
                f" got lengths {lengths[0]:.4g} and {lengths[1]:.4g}, cosine {cosine:.4g}; {_AGAIN}"
            )
            return


def _check_extent(headers: Sequence[Header], findings: Findings) -> None:
    spacings = [spacing for header in headers for spacing in header.pixel_spacing_mm or ()]
    if spacings and not (min(spacings) >= _MIN_SPACING_MM and max(spacings) <= _MAX_SPACING_MM):
        findings.errors.append(
            f"pixel spacing (0028,0030) must be {_MIN_SPACING_MM:g} to {_MAX_SPACING_MM:g} mm,"
            f" got {min(spacings):g} to {max(spacings):g}; {_AGAIN}"
        )
    farthest = max((abs(place) for header in headers for place in header.position_mm or ()), default=0.0)
    if not farthest <= _MAX_POSITION_MM:
        findings.errors.append(
            f"position (0020,0032) must be within +-{_MAX_POSITION_MM:g} mm, got {farthest:g}; {_AGAIN}"
        )


def check_view(header: Header, choices: Choices, findings: Findings) -> None:
    """Warn of slices in another plane than the one wanted, if there is one."""
    plane = plane_of(header)
    if choices.plane not in ("source", plane):
        findings.warnings.append(
            f"slices (0020,0037) are {plane}, so {choices.plane} ones are cut across them; --plane {plane} keeps them"
        )


def check_single(header: Header, findings: Findings) -> None:
    """A slice alone is as deep as its tags say."""
    depth = depth_mm(header)
    if depth is None or not _MIN_SPACING_MM <= depth <= _MAX_SPACING_MM:
        told = depth if depth is not None else header.slice_thickness_mm
        findings.errors.append(
            "slice thickness (0018,0050) or spacing between slices (0018,0088) of a single position must be"
            f" {_MIN_SPACING_MM:g} to {_MAX_SPACING_MM:g} mm, got {'none' if told is None else f'{told:g}'};"
            " give more slices of the series"
        )
        return
    tag = "spacing between slices (0018,0088)" if header.spacing_between_mm else "slice thickness (0018,0050)"
    findings.warnings.append(f"1 slice only, so its depth is its {tag}, {depth:g} mm")


def check_tilt(headers: Sequence[Header], stack: Stack, choices: Choices, findings: Findings) -> None:
    """Slices must lie on a straight line along their normal, and the gantry's tag must not contradict that."""
    drift = float(np.linalg.norm(stack.across_mm, axis=1).max())
    tilted = drift > stack.across_tolerance_mm()
    off = stack.off_line_mm()
    if tilted and off > stack.across_tolerance_mm():
        findings.errors.append(
            "positions (0020,0032) must lie on a straight line,"
            f" got slices up to {off:.2f} mm beside it; {_AGAIN} with one field of view"
        )
        return
    measured = stack.tilt_degrees() if tilted else 0.0
    tags = {abs(header.tilt_degrees) for header in headers if header.tilt_degrees is not None}
    told = f"(0018,1120) says {max(tags):.1f}" if tags else "(0018,1120) is absent"
    contradicted = any(abs(tag - measured) > _TILT_AGREES_DEGREES for tag in tags) if tags else False
    if choices.tilt == "resample":
        if tilted:
            findings.decisions.append(
                f"gantry tilt of {measured:.1f} degrees undone by shifting slices up to {drift:.2f} mm"
            )
        elif contradicted:
            findings.decisions.append(f"gantry tilt: {told} degrees, positions (0020,0032) say 0.0 and are trusted")
    elif tilted:
        findings.errors.append(
            f"positions (0020,0032) must follow the slice normal (0020,0037), got a drift of {drift:.2f} mm over"
            f" {stack.length_mm:.2f} mm: gantry tilted by {measured:.1f} degrees, {told}; undo it with --tilt resample"
        )
    elif contradicted:
        findings.errors.append(
            f"gantry tilt (0018,1120) must agree with the positions (0020,0032), got {max(tags):.1f} and {measured:.1f}"
            " degrees; trust the positions with --tilt resample"
        )


def check_gaps(headers: Sequence[Header], stack: Stack, choices: Choices, findings: Findings) -> None:
    """Slices must lie on a regular grid."""
    gaps = stack.gaps_mm
    spacing = stack.length_mm / len(gaps)
    off = stack.off_grid_mm()
    if off > place_tolerance_mm(spacing):
        _report_gaps(stack, choices, findings)
        return
    if spacing > _MAX_SPACING_MM:
        findings.errors.append(
            f"slice gaps (0020,0032) must be at most {_MAX_SPACING_MM:g} mm, got {spacing:g};"
            " give more slices of the series"
        )
    if off > _OFF_MM:
        findings.warnings.append(
            f"positions (0020,0032) lie up to {off:.3f} mm beside a regular grid of {spacing:.4g} mm;"
            f" {place_tolerance_mm(spacing):.3g} mm pass"
        )
    if len(gaps) == 1:
        findings.warnings.append(f"2 slices only, so nothing confirms their gap of {spacing:.4g} mm")
    told = {abs(header.spacing_between_mm) for header in headers if header.spacing_between_mm}
    if any(abs(value - spacing) > _SPACING_AGREES * spacing for value in told):
        findings.warnings.append(
            f"spacing between slices (0018,0088) says {max(told):.4g} mm;"
            f" the positions (0020,0032), {spacing:.4g} mm, count"
        )


def _report_gaps(stack: Stack, choices: Choices, findings: Findings) -> None:
    gaps = stack.gaps_mm
    usual = usual_gap_mm(gaps)
    multiples = gaps / usual
    missing = np.abs(multiples - multiples.round()) <= _MULTIPLE
    got = f"{gaps.min():.2f} to {gaps.max():.2f} mm"
    if gaps.max() > _MAX_GAP_RATIO * gaps.min():
        findings.errors.append(
            f"largest slice gap (0020,0032) must be at most {_MAX_GAP_RATIO} times the smallest, got {got};"
            " these are several stacks, or too much is missing to be filled in; complete the series"
        )
    elif choices.irregular == "resample":
        step = float(np.diff(regular_grid_mm(stack.along_mm))[0])
        findings.decisions.append(f"slice gaps of {got} put on a regular grid of {step:.4g} mm, linear in between")
    elif missing.all() and multiples.round().min() >= 1:
        number = int(multiples.round().sum()) - len(gaps)
        first = int((multiples.round() > 1).argmax()) + 1
        findings.errors.append(
            f"slice gaps (0020,0032) must be equal, got {got}: {number} slice{'s' * (number > 1)} missing of the usual"
            f" {usual:.2f} mm, first after slice {first} of {len(gaps) + 1}; complete the series,"
            " or fill in with --irregular resample"
        )
    else:
        findings.errors.append(
            f"slice gaps (0020,0032) must be equal, got {got}, mostly {usual:.2f} mm;"
            " put them on a regular grid with --irregular resample"
        )
