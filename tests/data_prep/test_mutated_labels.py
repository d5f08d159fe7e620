"""Damaged labels through the whole intake: their scans are whole, and another patient's case comes out as ever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.pixels import pixel_array

from tests.data_prep.mutants import changed_bytes
from tests.data_prep.raw_folders import save
from tests.data_prep.runs import Run, prepare
from tests.medseg.io.dicom.writer import ROOT, slice_positions, stored_voxels, write_series
from tests.medseg.io.labels.rtstruct_files import contour, write_rtstruct
from tests.medseg.io.labels.seg_files import save_seg, segmentation
from tests.medseg.io.labels.series_files import random_mask, write_ct

SIZE = (9, 8, 4)
MUTANTS = 16


@dataclass(frozen=True)
class Kind:
    """A kind of label.

    Attributes:
        write: Writes a patient and says which files are the label.
        read: What a damaged label says without the project, ``(x, y, z)`` as acquired; None where that is not asked.
    """

    write: Callable[[Path, int], list[Path]]
    read: Callable[[Path], NDArray[np.uint8]] | None = None


def write_scan(folder: Path, number: int) -> list[Path]:
    tags = {"PatientID": f"P{number}", "StudyInstanceUID": f"{ROOT}.{number}.0", "series": number}
    return write_ct(folder, SIZE, RescaleIntercept=-1024 - number, **tags)


def write_seg(patient: Path, number: int) -> list[Path]:
    files = write_scan(patient / "ct", number)
    return [save_seg(patient / "liver.dcm", segmentation(files, random_mask(SIZE, seed=number)))]


def read_seg(patient: Path) -> NDArray[np.uint8]:
    data = dcmread(patient / "liver.dcm")
    mask = np.zeros(SIZE, dtype=np.uint8)
    heights = slice_positions(SIZE[2])[:, 2]
    frames = pixel_array(data).reshape(-1, data.Rows, data.Columns)
    for frame, groups in zip(frames, data.PerFrameFunctionalGroupsSequence, strict=True):
        z = np.abs(heights - float(groups.PlanePositionSequence[0].ImagePositionPatient[2])).argmin()
        mask[..., z] = frame.T
    return mask


def write_contours(patient: Path, number: int) -> list[Path]:
    """One square on each slice."""
    write_scan(patient / "ct", number)
    corners = np.array([(1, 1), (6, 1), (6, 5), (1, 5)]) * (0.7, 0.8)
    squares = [
        contour(np.column_stack([corners + place[:2], np.full(4, place[2])])) for place in slice_positions(SIZE[2])
    ]
    path = patient / "contours.dcm"
    data = dcmread(write_rtstruct(path, {"Liver": squares}))
    series = data.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0].RTReferencedSeriesSequence[0]
    series.SeriesInstanceUID = f"{ROOT}.{number}"
    data.save_as(path)
    return [path]


def write_pictures(patient: Path, number: int) -> list[Path]:
    write_scan(patient / "DICOM_anon", number)
    mask = random_mask(SIZE, seed=number)
    return [save(patient / "Ground" / f"mask_{z}.png", mask[..., z].T * 255) for z in range(SIZE[2])]


def read_pictures(patient: Path) -> NDArray[np.uint8]:
    """Checksums let no other values pass."""
    return random_mask(SIZE, seed=int(patient.name[1:]))


def write_masks(patient: Path, number: int) -> list[Path]:
    write_scan(patient / "PATIENT_DICOM", number)
    return write_series(patient / "MASKS_DICOM" / "liver", random_mask(SIZE, seed=number) * np.uint8(255))


def read_masks(patient: Path) -> NDArray[np.uint8]:
    images = [dcmread(path, force=True) for path in (patient / "MASKS_DICOM" / "liver").iterdir()]
    images.sort(key=lambda image: float(image.ImagePositionPatient[2]))
    return (np.stack([pixel_array(image).T for image in images], axis=-1) != 0).astype(np.uint8)


KINDS = {
    "DICOM SEG": Kind(write_seg, read_seg),
    "RTSTRUCT": Kind(write_contours),
    "pictures": Kind(write_pictures, read_pictures),
    "mask series": Kind(write_masks, read_masks),
}


def hu_of(number: int) -> NDArray[np.int16]:
    """RAS+: columns run to the left and rows to the back."""
    return (stored_voxels(SIZE).astype(np.int16) - 1024 - number)[::-1, ::-1]


@pytest.mark.parametrize("name", KINDS)
def test_damage_is_refused_or_told_as_it_is(tmp_path: Path, name: str) -> None:
    kind = KINDS[name]
    raw, counts = tmp_path / "raw", dict.fromkeys(("prepared", "without label", "left out", "stopped"), 0)
    _, files = (kind.write(raw / f"p{number}", number) for number in (1, 2))
    sound = prepare(raw, tmp_path)
    for seed in range(MUTANTS):
        rng = np.random.default_rng(seed)
        path = files[int(rng.integers(len(files)))]
        whole = path.read_bytes()
        path.write_bytes(changed_bytes(whole, rng, start=min(128, len(whole) // 2)))
        (home := tmp_path / str(seed)).mkdir()
        counts[outcome(raw, home, kind, sound)] += 1
        path.write_bytes(whole)
    assert counts["left out"] + counts["stopped"] > MUTANTS / 8
    # Each part of a picture has its checksum.
    assert counts["prepared"] > 0 or name == "pictures"


def outcome(raw: Path, home: Path, kind: Kind, sound: Run) -> str:
    """What became of the damaged case, all of which must be right."""
    run = prepare(raw, home, status=(0, 1))
    if not (home / "out" / "dataset.json").exists():
        assert len(run.errors) == 1
        return "stopped"
    for read in (Run.image, Run.label):
        np.testing.assert_array_equal(read(run, "p1")[0], read(sound, "p1")[0])
    if "p2" not in run.prepared():
        assert len(run.errors) == 2
        return "left out"
    np.testing.assert_array_equal(run.image("p2")[0], hu_of(2))
    if not (run.out / "labelsTr" / f"{run.cases['p2']}.nii").exists():
        # What no longer says that it is a label may be anything.
        assert "warning: cases without label: p2\n" in run.shown
        return "without label"
    np.testing.assert_array_equal(run.label("p2")[1], sound.label("p2")[1])
    label = run.label("p2")[0]
    if kind.read is not None and not np.array_equal(label, sound.label("p2")[0]):
        np.testing.assert_array_equal(label, kind.read(raw / "p2")[::-1, ::-1])
    return "prepared"
