"""Writes the phantom: patients as folders of DICOM CT, with the liver as DICOM SEG and as NIfTI.

OUT/PHANTOM-01/ct/IM0001.dcm ...   CT Image Storage
seg/liver.dcm       Segmentation Storage, refers to the series
liver.nii.gz        the same liver on the series' grid
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data_prep.options import Track
from data_prep.phantom.acquisition import Acquisition, Plane, plan
from data_prep.phantom.dicom_ct import Instance, ct_series, write_instance
from data_prep.phantom.enhanced_ct import enhanced_series
from data_prep.phantom.faults import FAULTS, Fault, parse_faults
from data_prep.phantom.scanner import Scanner
from data_prep.phantom.truth import liver_segmentation, write_liver_nifti
from medseg.errors import UsageError

__all__ = ["PhantomSummary", "write_phantom"]

_LEAST = {"patients": 1, "slices": 4, "size": 32, "seed": 0}


@dataclass(frozen=True)
class PhantomSummary:
    """What was written.

    Attributes:
        folders: One a patient.
        files: DICOM images, without the segmentations.
        liver_ml: Volume of each patient's liver.
    """

    folders: tuple[Path, ...]
    files: int
    liver_ml: tuple[float, ...]


def write_phantom(
    out: Path, *, patients: int, slices: int, size_px: int, seed: int, faults: Sequence[str], track: Track
) -> PhantomSummary:
    """Write patients, each with a CT series and the truth.

    Args:
        out: Folder that is empty or does not exist.
        patients: Number of patients, who differ in body, contrast, spacing and habits of scanning.
        slices: Slices a patient, give or take two.
        size_px: Columns and rows.
        seed: The same seed gives the same bytes.
        faults: ``NAME`` for all patients, ``NAME@2`` for the second; see :data:`FAULTS`.
        track: Shows progress.

    Returns:
        What was written.

    Raises:
        UsageError: If a number or a fault is out of range, or ``out`` is not empty.
    """
    _check(out, patients=patients, slices=slices, size=size_px, seed=seed)
    chosen = parse_faults(faults, patients)
    # A run that is killed leaves no half phantom under the name that was asked for.
    partial = out.with_name(f".partial-{os.getpid()}-{out.name}")
    folders, files, liver_ml = [], 0, []
    for index in track(range(patients), "Scanning"):
        identity = "/".join((str(seed), str(slices), str(size_px), *chosen[index]))
        body, sound = plan(index + 1, slices=slices, size_px=size_px, seed=seed, identity=identity)
        folder, written, voxels = _write_patient(
            partial, Scanner(body, sound), [FAULTS[name] for name in chosen[index]]
        )
        folders.append(out / folder.name)
        files += written
        liver_ml.append(voxels * sound.planes[0].pixel_mm ** 2 * sound.gap_mm / 1000)
    partial.replace(out)
    return PhantomSummary(tuple(folders), files, tuple(liver_ml))


def _check(out: Path, **numbers: int) -> None:
    for option, value in numbers.items():
        if value < _LEAST[option]:
            raise UsageError(f"--{option} must be at least {_LEAST[option]}, got {value}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: OUT must be empty; choose another folder")


def _write_patient(out: Path, sound: Scanner, faults: Sequence[Fault]) -> tuple[Path, int, int]:
    """Returns the folder, the number of images and the voxels of the liver."""
    acquisition = sound.acquisition
    for fault in faults:
        acquisition = fault.scan(acquisition) if fault.scan else acquisition
    scanner = Scanner(sound.body, acquisition)
    folder = out / acquisition.patient_id
    for part in ("ct", "seg"):
        (folder / part).mkdir(parents=True)
    series = enhanced_series(scanner) if acquisition.enhanced else ct_series(scanner)
    _write_seg(folder / "seg" / "liver.dcm", scanner, series, faults)
    voxels = write_liver_nifti(folder / "liver.nii.gz", sound)
    for fault in faults:
        series = fault.series(series, scanner) if fault.series else series
    for instance in series:
        write_instance(folder / "ct" / instance.name, instance.dataset)
    for fault in faults:
        if fault.ct:
            fault.ct(folder / "ct")
    for fault in faults:
        folder = fault.patient(folder) if fault.patient else folder
    return folder, len(series), voxels


def _write_seg(path: Path, scanner: Scanner, series: list[Instance], faults: Sequence[Fault]) -> None:
    """Made from the images as they are before their tags are spoilt."""
    acquisition = scanner.acquisition
    kept = _agreeing(acquisition)
    images = [instance.dataset for instance in series]
    if not acquisition.enhanced:
        images = [image for image, plane in zip(images, acquisition.planes, strict=True) if plane in kept]
    segmentation = liver_segmentation(
        Scanner(scanner.body, replace(acquisition, planes=kept)) if len(kept) < len(acquisition.planes) else scanner,
        images,
    )
    for fault in faults:
        if fault.seg:
            fault.seg(segmentation)
    write_instance(path, segmentation)


def _agreeing(acquisition: Acquisition) -> tuple[Plane, ...]:
    """Planes that agree with the first one in all but position, one a position."""
    first = acquisition.planes[0]
    kept: dict[object, Plane] = {}
    for plane in acquisition.planes:
        if replace(plane, position_mm=first.position_mm, number=first.number) == first:
            kept.setdefault(plane.position_mm, plane)
    return tuple(kept.values())
