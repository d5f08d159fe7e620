"""Whether a scan is like those that a network was trained on; where it is not, masks may be wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medseg.io.affine import spacing_mm
from medseg.io.hounsfield import without_negative_hu
from medseg.io.orient import to_ras
from medseg.io.volume import Volume
from medseg.predict.value_range import odd_values

__all__ = ["domain_warnings"]

_SPACING_FACTOR = 1.5
_SIZE_FACTOR = 2.0
_EFFECT = ("structures may have another size in pixels than in training", "slices show another thickness of the body")
# DICOM's (0008,0060), which other texts that a person gives as --modality are not.
_DICOM_MODALITIES = frozenset({"CT", "MR", "PT", "NM", "US", "CR", "DX", "MG", "XA"})


def domain_warnings(volume: Volume, facts: Mapping[str, Any], *, placed: bool = True) -> tuple[str, ...]:
    """What sets a scan apart from the training cases, with both values and the likely consequence or way out.

    A warning is given for

    - a modality, where training was on CT and the scan is another or does not say its own, or both are different ones
      of DICOM's; a picture after training on scans. (CT after training on pictures of an unknown window is an error of
      :class:`medseg.transforms.scale_window.ScaleWindow`.)
    - CT without a value below 0 HU;
    - a spacing below the least of the training cases, or above the largest, by a factor of more than 1.5;
    - slices with less than half the pixels of the smallest along an axis, or more than twice those of the largest,
      unless the network resizes them; more than twice as many slices as the largest scan has;
    - values: see :func:`medseg.predict.value_range.odd_values`. Not beside one of the first two, of which they follow.

    Args:
        volume: The scan, on its own grid or any other.
        facts: What the weights were trained with (``model.json``); nothing is said of what they do not tell.
        placed: Whether the scan has a place in space; pictures have none.
    """
    turned = to_ras(volume, facts.get("plane", "axial"))[0] if placed else volume
    spacing = tuple(map(float, spacing_mm(turned.affine_mm))) if placed else None
    shape, target = turned.voxels.shape, facts.get("spacing_mm")
    if spacing is not None and target is not None:  # prediction resamples the scan before the network sees it
        shape = tuple(round(size * own / new) for size, own, new in zip(shape, spacing, target, strict=True))
        spacing = tuple(target)
    is_ct = volume.modality == "CT" and placed
    odd_kind = _odd_kind(volume.modality, facts, picture=not placed)
    odd_hu = without_negative_hu(float(volume.voxels.min())) if is_ct else ()
    values = () if odd_kind or odd_hu else odd_values(volume.voxels, facts, is_hu=is_ct)
    return (*odd_kind, *odd_hu, *_odd_spacing(spacing, facts), *_odd_size(shape, facts), *values)


def _odd_kind(modality: str | None, facts: Mapping[str, Any], *, picture: bool) -> tuple[str, ...]:
    trained = facts.get("modality")
    if trained is None:
        return ()
    if picture:
        of_scans = trained == "CT" or _known(facts).get("spacing_mm_min") is not None
        return (f"a picture, but trained on scans ({trained}): grey values are on another scale",) if of_scans else ()
    learnt = "CT" if facts.get("picture_window_hu") is not None else trained
    if modality is None and learnt == "CT":
        return (f"the scan does not say what it is, but trained on {trained}; if it is CT, give --modality CT",)
    comparable = learnt == "CT" or {modality, learnt} <= _DICOM_MODALITIES
    if not comparable or modality == learnt:
        return ()
    return (f"modality {modality}, but trained on {trained}: masks are likely to be wrong",)


def _odd_spacing(spacing: tuple[float, ...] | None, facts: Mapping[str, Any]) -> tuple[str, ...]:
    least, largest = _known(facts).get("spacing_mm_min"), _known(facts).get("spacing_mm_max")
    if spacing is None or least is None or largest is None:
        return ()
    return tuple(
        f"spacing {size:.3g} mm along {axis}, trained on {_between(low, high)} mm: {_EFFECT[axis == 'z']}"
        for axis, size, low, high in zip("xyz", spacing, least, largest, strict=True)
        if not low / _SPACING_FACTOR <= size <= high * _SPACING_FACTOR
    )


def _odd_size(shape: tuple[int, ...], facts: Mapping[str, Any]) -> tuple[str, ...]:
    least, largest = _known(facts).get("shape_min"), _known(facts).get("shape_max")
    if least is None or largest is None:
        return ()
    warnings = [
        f"{size} pixels along {axis}, trained on {_between(low, high)}: {_EFFECT[False]}"
        for axis, size, low, high in zip("xy", shape[:2], least[:2], largest[:2], strict=True)
        if facts.get("image_size") is None and not low / _SIZE_FACTOR <= size <= high * _SIZE_FACTOR
    ]
    # Training pictures are a slice each, which says nothing of scans.
    if _known(facts).get("spacing_mm_min") is not None and shape[2] > largest[2] * _SIZE_FACTOR:
        warnings.append(
            f"{shape[2]} slices, trained on {_between(least[2], largest[2])}: where more of the body is shown, expect"
            " false findings"
        )
    return tuple(warnings)


def _known(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    known: Mapping[str, Any] = facts.get("training_set") or {}
    return known


def _between(low: float, high: float) -> str:
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
