"""Whether a series can become a volume, by its headers alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medseg.errors import MedsegError
from medseg.io.dicom.choices import Choices
from medseg.io.dicom.geometry import Stack, same_positions
from medseg.io.dicom.header import Header
from medseg.io.dicom.image_rules import check_images
from medseg.io.dicom.pixels import read_frames
from medseg.io.dicom.place_rules import check_gaps, check_single, check_tags, check_tilt, check_view
from medseg.io.dicom.series import Series
from medseg.io.dicom.verdicts import Findings, Verdicts

__all__ = ["check_series"]


def check_series(series: Series, choices: Choices) -> Verdicts:
    """Apply every rule; the pixels stay unread, unless images share a position and are then compared.

    Returns:
        Errors, warnings, the choices that apply, and the slices to read.
    """
    findings = Findings()
    check_images(series.headers, choices, findings)
    if not check_tags(series.headers, findings):
        return findings.of(series.headers)
    kept = _one_a_position(series.headers, choices, findings)
    check_view(kept[0], choices, findings)
    if len(kept) == 1:
        check_single(kept[0], findings)
    else:
        stack = Stack.of(kept)
        check_tilt(kept, stack, choices, findings)
        check_gaps(kept, stack, choices, findings)
    return findings.of(kept)


def _one_a_position(headers: tuple[Header, ...], choices: Choices, findings: Findings) -> tuple[Header, ...]:
    groups = same_positions(Stack.of(headers).along_mm)
    shared = [group for group in groups if len(group) > 1]
    if shared:
        got = f"{len(headers)} images at {len(groups)} position{'s' * (len(groups) > 1)}"
        if choices.duplicates == "first":
            findings.decisions.append(f"first image of each position taken: {got}")
        else:
            # What breaks another rule may not be readable.
            pixels = "" if findings.errors else f", {_compare([headers[index] for index in shared[0]])}"
            findings.errors.append(
                f"position (0020,0032) along the normal must differ from image to image, got {got}{pixels};"
                " take the first of each with --duplicates first"
            )
    return tuple(headers[group[0]] for group in groups)


def _compare(headers: Sequence[Header]) -> str:
    """What the pixels of images at one position say."""
    if len({(header.sop_uid, header.frame) for header in headers}) == 1 and headers[0].sop_uid:
        return "copies of one image (0008,0018)"
    try:
        first, *others = (read_frames([header]) for header in headers)
    except MedsegError:
        return "whose pixels cannot be read"
    same = all(np.array_equal(first, other) for other in others)
    return f"with {'equal' if same else 'different'} pixels"
