"""A synthetic data set: raw abdominal CT slices made in code, for trying everything without any patient's data.

Patients with a liver among neighbours of nearly its grey value (see :mod:`data_prep.abdomen`), the noise of a scanner,
and a radiologist's window: 8-bit PNG, columns to L, rows to P.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from data_prep.abdomen import Body, FloatImage
from data_prep.options import Track
from medseg.errors import UsageError
from medseg.io.images import write_grey

__all__ = ["phantom_slice", "write_synthetic"]

# Soft-tissue window of 350 HU around 40, as radiologists look at the liver.
_WINDOW_LOW_HU, _WINDOW_WIDTH_HU = -135.0, 350.0


def write_synthetic(out: Path, *, patients: int, slices: int, size_px: int, seed: int, track: Track) -> int:
    """Write ``pNN_NNN.png`` and ``pNN_NNN_mask.png``, the layout mask-suffix with patients in the names.

    Args:
        out: Folder that does not exist, is empty, or holds what an equal run wrote, also one that was killed.
        patients: Number of patients.
        slices: Slices a patient, from the diaphragm, level 0, to the pelvis, level 1; below 0.85 there is no liver.
        size_px: Width and height.
        seed: The same seed gives the same bytes.
        track: Shows progress.

    Returns:
        Number of images.

    Raises:
        UsageError: If a number is out of range or ``out`` holds anything else.
    """
    for option, value, least in (("patients", patients, 1), ("slices", slices, 1), ("size", size_px, 32)):
        if value < least:
            raise UsageError(f"--{option} must be at least {least}, got {value}")
    if seed < 0:
        raise UsageError(f"--seed must be at least 0, got {seed}")
    places = [(patient, index) for patient in range(patients) for index in range(slices)]
    _check_folder(out, {f"{_name(*place)}{suffix}.png" for place in places for suffix in ("", "_mask")})
    for patient, index in track(places, "Drawing"):
        image, mask = phantom_slice(patient, index, slices=slices, size_px=size_px, seed=seed)
        write_grey(out / f"{_name(patient, index)}.png", image)
        write_grey(out / f"{_name(patient, index)}_mask.png", mask)
    return len(places)


def phantom_slice(
    patient: int, index: int, *, slices: int, size_px: int, seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Image and mask (0 and 255) of one slice, each ``(x, y)``."""
    body = Body.of(np.random.default_rng([seed, patient]))
    noise = np.random.default_rng([seed, patient, index])
    image_hu, liver = body.section((index + 0.5) / slices, size_px)
    image_hu += _noise_hu(noise, size_px, body.noise_hu)
    grey = np.clip((image_hu - _WINDOW_LOW_HU) / _WINDOW_WIDTH_HU, 0, 1) * 255
    return np.rint(grey).astype(np.uint8), liver.astype(np.uint8) * 255


def _name(patient: int, index: int) -> str:
    return f"p{patient + 1:02d}_{index:03d}"


def _check_folder(out: Path, names: set[str]) -> None:
    """Refuse to mix these files with others; half-written ones (medseg.io.atomic) are a killed run's."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: OUT must be a folder, but there is a file")
    strays = sorted(path.name for path in out.glob("*") if not path.name.startswith(".partial-"))
    others = [name for name in strays if name not in names]
    if others:
        raise UsageError(f"{out}: OUT must be empty, got {others[0]}; choose another folder")


def _noise_hu(rng: np.random.Generator, size_px: int, sd_hu: float) -> FloatImage:
    """Reconstructed noise is correlated over about two pixels, and there is a slow shading."""
    grain = gaussian_filter(rng.normal(size=(size_px, size_px)), sigma=0.7)
    shading = gaussian_filter(rng.normal(size=(size_px, size_px)), sigma=size_px / 10)
    noise: FloatImage = sd_hu * grain / grain.std() + 6 * shading / shading.std()
    return noise
