"""One case from its source to its two files, and the facts about it; this is what workers run."""

from __future__ import annotations

import logging
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from data_prep.case_facts import CaseFacts
from data_prep.implausible import implausible_ct, implausible_foreground
from data_prep.intensity import count_values
from data_prep.report.picture import case_picture
from data_prep.sources import SourceCase
from medseg.errors import MedsegError, SourceError, UsageError
from medseg.io.affine import spacing_mm
from medseg.io.labels import LabelMask
from medseg.io.nifti import write_nifti
from medseg.io.orient import to_ras
from medseg.io.scans import ScanChoices
from medseg.io.spacing import resample_spacing
from medseg.io.volume import Volume
from medseg.manifest import case_paths, voxel_hashes

__all__ = ["CaseResult", "CaseTask", "OutError", "Reading", "attempt_case", "prepare_case"]

log = logging.getLogger(__name__)


class OutError(MedsegError):
    """The prepared data set cannot be written, which is no fault of the case."""


@dataclass(frozen=True)
class Reading:
    """What decides the bytes of a case, beside its source.

    Attributes:
        scan: For scans.
        foreground: Label values and names; None demands one class.
        orientation: Where columns and rows of pictures run; None where they show no patient.
        spacing_mm: Voxel size to which volumes are resampled; None keeps their own.
        foreground_name: What the foreground is to be called, by which its HU are judged, too.
    """

    scan: ScanChoices
    foreground: tuple[str, ...] | None = None
    orientation: str | None = None
    spacing_mm: tuple[float, float, float] | None = None
    foreground_name: str | None = None


@dataclass(frozen=True)
class CaseTask:
    """A case to prepare.

    Attributes:
        ordinal: Place among the source's cases, from 0.
        name: Made name.
        source: Where it comes from.
        reading: How it is read.
    """

    ordinal: int
    name: str
    source: SourceCase
    reading: Reading


@dataclass(frozen=True)
class CaseResult:
    """What is left of a case once its voxels are written.

    Attributes:
        facts: What tables and report need.
        picture: Small JPEG for the report.
    """

    facts: CaseFacts
    picture: bytes


def attempt_case(task: CaseTask, out: Path | None) -> CaseResult | MedsegError:
    """As :func:`prepare_case`, but errors are returned, and those that nobody foresaw are one line, too."""
    try:
        return prepare_case(task, out)
    except UsageError as error:
        return MedsegError(f"{_where(task)}: {error}")  # of a choice, which does not know for which case it does not do
    except MedsegError as error:
        return error
    except MemoryError:
        return SourceError(_where(task), "is too large for this machine's memory; use fewer --workers")
    except OSError as error:
        return SourceError(_where(task), f"must be readable, got {error.strerror or 'an error'}")
    except Exception as error:  # whatever a strange file makes a library raise must not stop the other cases
        # Without the error's own words, which may be the source's.
        log.debug("%s in\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
        return SourceError(_where(task), f"could not be prepared, got {type(error).__name__}; the file may be damaged")


def prepare_case(task: CaseTask, out: Path | None) -> CaseResult:
    """Read a case, bring it to its prepared form and write it.

    Args:
        task: The case.
        out: Folder of the prepared data set; None only looks at the case.

    Raises:
        OutError: If ``out`` cannot be written.
        MedsegError: If image or label are damaged, break a rule, or do not belong together.
    """
    case = _load(task)
    # Hashing lets other threads run, and takes as long as all the rest.
    with ThreadPoolExecutor(1) as beside:
        hashing = beside.submit(voxel_hashes, case.image.voxels, case.label, case.affine_mm)
        if out is not None:
            _write(out, task.name, case)
        counted = count_values(case.image.voxels)
        foreground, mean = _foreground(case.image.voxels, case.label)
        axes = "".join(nib.aff2axcodes(case.image.affine_mm)) if case.placed else "RAS"
        picture = case_picture(
            case.image.voxels,
            case.label,
            case.spacing_mm,
            modality=case.image.modality,
            oriented=case.placed or task.reading.orientation is not None,
            axes=axes,
        )
        hashes = hashing.result()
    odd_ct = implausible_ct(counted.values[0]) if case.image.modality == "CT" else ()
    warnings = (*case.image.warnings, *odd_ct, *_odd_label(case, mean, task.reading))
    facts = CaseFacts(
        ordinal=task.ordinal,
        shape=_shape(case.image.voxels),
        dtype=case.image.voxels.dtype.name,
        modality=case.image.modality,
        spacing_mm=case.spacing_mm,
        source_shape=case.source_shape,
        source_axes=case.source_axes,
        sha256=hashes.case,
        image_sha256=hashes.image,
        foreground_px=foreground,
        mean_foreground=mean,
        values=counted.values,
        counts=counted.counts,
        total=counted.total,
        label_values=() if case.classes is None else tuple(item.value for item in case.classes.classes),
        absent=_indices(task, case.classes, unknown=False),
        unknown=_indices(task, case.classes, unknown=True),
        warnings=tuple(dict.fromkeys(warnings)),
        decisions=case.image.decisions,
    )
    return CaseResult(facts, picture)


@dataclass(frozen=True, eq=False)
class _Loaded:
    """A case in its prepared orientation and spacing, as NIfTI lays it out in memory.

    Attributes:
        image: The image.
        label: ``(x, y, z)`` of 0 and 1; None without a label.
        classes: What the label said of itself, without its voxels.
        placed: Whether the image has a place in space.
        source_shape: Voxels along the source's own axes.
        source_axes: Directions in which these run, such as ``LPS``; empty for pictures.
    """

    image: Volume
    label: NDArray[np.uint8] | None
    classes: LabelMask | None
    placed: bool
    source_shape: tuple[int, ...]
    source_axes: str

    @property
    def affine_mm(self) -> NDArray[np.float64]:
        """What is stored: the identity for pictures."""
        return self.image.affine_mm if self.placed else np.eye(4)

    @property
    def spacing_mm(self) -> tuple[float, float, float] | None:
        """Along x, y and z, to 1 nm, so that rounding of directions does not show; None for pictures."""
        if not self.placed:
            return None
        x, y, z = (round(float(size), 6) for size in spacing_mm(self.image.affine_mm))
        return x, y, z


def _load(task: CaseTask) -> _Loaded:
    """Read image and label, and turn them; what is no longer needed is let go, since volumes fill the memory."""
    source, reading = task.source, task.reading
    acquired = source.image.read(reading.scan, reading.orientation)
    placed, regrid, volume = acquired.placed, acquired.regrid, acquired.volume
    mask = None
    if source.label is not None:
        mask = source.label.read(source.image, acquired, reading.foreground, reading.scan)
    del acquired
    label = None if mask is None else mask.mask
    if mask is not None:
        mask = replace(mask, mask=np.empty((0, 0, 0), dtype=np.uint8))
    if regrid is not None:
        volume = replace(volume, voxels=regrid.image(volume.voxels), affine_mm=regrid.affine_mm)
        label = None if label is None else regrid.label(label)
    source_shape = volume.voxels.shape
    source_axes = "".join(nib.aff2axcodes(volume.affine_mm)) if placed else ""
    image, orientation = to_ras(volume, reading.scan.dicom.plane if placed else "axial")
    del volume
    label = None if label is None else orientation.apply(label)
    if placed and reading.spacing_mm is not None:
        if label is not None:
            label = resample_spacing(replace(image, voxels=label), reading.spacing_mm, order=0).voxels
        image = resample_spacing(image, reading.spacing_mm)
    image = replace(image, voxels=np.asfortranarray(image.voxels))
    label = None if label is None else np.asfortranarray(label)
    return _Loaded(image, label, mask, placed, source_shape, source_axes)


def _foreground(image: NDArray[Any], label: NDArray[np.uint8] | None) -> tuple[tuple[int, ...] | None, float | None]:
    """Foreground voxels of each slice, and the image's mean over all of them; slice by slice, to spare memory."""
    if label is None:
        return None, None
    counts, total = [], 0.0
    for z in range(label.shape[2]):
        inside = image[..., z][label[..., z] != 0]
        counts.append(inside.size)
        total += float(inside.sum(dtype=np.float64))
    return tuple(counts), total / sum(counts) if any(counts) else None


def _odd_label(case: _Loaded, mean: float | None, reading: Reading) -> tuple[str, ...]:
    if case.label is None or case.classes is None:
        return ()
    told = case.classes.warnings
    if mean is None:
        return (*told, "masks without foreground")
    odd = ("masks without background",) if case.label.all() else ()
    wanted = reading.foreground
    chosen = [item for item in case.classes.classes if wanted is None or any(map(item.is_called, wanted))]
    names = (*(wanted or ()), *(item.name for item in chosen), reading.foreground_name or "")
    return (*told, *odd, *(implausible_foreground(mean, names) if case.image.modality == "CT" else ()))


def _indices(task: CaseTask, mask: LabelMask | None, *, unknown: bool) -> tuple[int, ...]:
    """Which of the items of ``--foreground`` the label has no voxel of, or not even a class."""
    if mask is None:
        return ()
    return tuple(
        index
        for index, item in enumerate(task.reading.foreground or ())
        if item in mask.absent and not (unknown and any(known.is_called(item) for known in mask.classes))
    )


def _write(out: Path, name: str, case: _Loaded) -> None:
    """Write the label first: an image without its label would look like a case."""
    image, label = case_paths(name, labelled=case.label is not None)
    try:
        if case.label is not None:
            write_nifti(out / label, case.label, case.affine_mm)
        write_nifti(out / image, case.image.voxels, case.affine_mm)
    except OSError as error:
        raise OutError(
            f"{out}: OUT must be writable, got {error.strerror or error}; make room or choose another folder, and run"
            " it again"
        ) from error


def _shape(voxels: NDArray[Any]) -> tuple[int, int, int]:
    x, y, z = voxels.shape
    return x, y, z


def _where(task: CaseTask) -> str:
    paths = task.source.image.paths
    return str(paths[0]) if len(paths) == 1 else task.source.name
