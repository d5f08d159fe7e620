"""A raw folder to a prepared data set; after a kill, running it again finishes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_prep.options import Options, Track
from data_prep.provenance import describe, request_hash
from data_prep.read_case import read_case
from data_prep.survey import Survey, survey
from data_prep.target import check_apart, claim, finish, is_finished
from medseg.errors import MedsegError, UsageError
from medseg.io.atomic import write_json
from medseg.io.nifti import open_nifti, write_nifti
from medseg.manifest import Case, Manifest, SliceRow, case_hash, read_manifest, write_manifest

__all__ = ["Prepared", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """What a run has done.

    Attributes:
        manifest: The data set.
        survey: The source, with warnings.
        written: Cases that this run wrote; the others were complete.
    """

    manifest: Manifest
    survey: Survey
    written: int


def prepare(raw: Path, out: Path, options: Options, *, overwrite: bool = False, track: Track | None = None) -> Prepared:
    """Prepare ``raw`` into ``out``.

    Args:
        raw: Folder in one of the layouts; it is not changed.
        out: Folder of the prepared data set; made where there is none.
        options: How to read and split.
        overwrite: Whether another prepared data set in ``out`` may be replaced.
        track: Shows progress.

    Raises:
        UsageError: If folders or options are wrong.
        MedsegError: If the source has errors; nothing is written then.
    """
    track = track or Track()
    check_apart(raw, out)
    found = survey(raw, options, track)
    if found.errors:
        raise MedsegError(_summed_up(found.errors, raw))
    _check_units(found, options)
    manifest = _manifest(found, options, out)
    provenance = describe(found, options, manifest)
    if not _holds(out, manifest, provenance):
        request = request_hash(provenance, manifest)
        claim(out, request, [case.name for case in manifest.cases], overwrite=overwrite)
    written = 0
    for index, case in enumerate(track(manifest.cases, "Writing")):
        if not _is_complete(out, case):
            _write(found, index, case, options, out)
            written += 1
    # Also of a finished data set: its tables may be damaged, and equal bytes change nothing.
    write_json(out / "provenance.json", provenance)
    write_manifest(out, manifest, [SliceRow(case.name, 0, case.foreground_px) for case in manifest.cases])
    finish(out)
    return Prepared(manifest, found, written)


def _summed_up(errors: list[str], raw: Path) -> str:
    if len(errors) == 1:
        return errors[0]
    return f"{errors[0]}; and {len(errors) - 1} more; see: python -m data_prep inspect {raw}"


def _check_units(found: Survey, options: Options) -> None:
    """In a data set of CT the values are taken for HU, and air is -1000 HU."""
    if options.modality == "CT" and found.intensity is not None and found.intensity.dtype.startswith("uint"):
        raise UsageError(
            f"--modality CT means Hounsfield units, but the images are {found.intensity.dtype};"
            " name it otherwise, such as 'windowed CT'"
        )


def _manifest(found: Survey, options: Options, out: Path) -> Manifest:
    if found.intensity is None or found.split is None:
        raise MedsegError("a survey without errors must have intensities and a split")
    return Manifest(
        name=options.name,
        modality=options.modality,
        layout=found.layout,
        foreground=options.foreground_name,
        orientation=options.orientation,
        cases=tuple(found.cases),
        intensity=found.intensity,
        split=found.split,
        folds=found.folds,
        root=out,
    )


def _holds(out: Path, manifest: Manifest, provenance: dict[str, object]) -> bool:
    """Whether ``out`` was finished by an equal run; tables that were damaged since then do not make it another."""
    if not is_finished(out):
        return False
    if _stored(out / "provenance.json") == provenance and _has_names(out, manifest):
        return True
    try:
        return read_manifest(out) == manifest
    except MedsegError:
        return False


def _has_names(out: Path, manifest: Manifest) -> bool:
    """Whether ``dataset.json`` has the names that do not stand in ``provenance.json``."""
    stored = _stored(out / "dataset.json")
    names = [stored.get(key) for key in ("name", "channel_names", "labels")]
    return names == [manifest.name, {"0": manifest.modality}, {"background": 0, manifest.foreground: 1}]


def _stored(path: Path) -> dict[str, object]:
    """A JSON object; empty if it cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _is_complete(out: Path, case: Case) -> bool:
    """Whether the case's files hold what they should, to the last voxel."""
    try:
        image, label = open_nifti(out / case.image), open_nifti(out / case.label)
        return case_hash(np.asarray(image.dataobj), np.asarray(label.dataobj)) == case.sha256
    except MedsegError:
        return False


def _write(found: Survey, index: int, case: Case, options: Options, out: Path) -> None:
    source = found.sources[index]
    pixels = read_case(source, options)
    if case_hash(pixels.image, pixels.label) != case.sha256:
        raise MedsegError(f"{source.image}: changed while it was prepared; run it again")
    affine_mm = np.eye(4)
    write_nifti(out / case.label, pixels.label, affine_mm)
    write_nifti(out / case.image, pixels.image, affine_mm)
