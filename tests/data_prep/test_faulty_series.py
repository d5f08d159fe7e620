"""Every fault of a phantom's series through the command: refused by name, or right; and right with the choice for it.

The phantom's body is a function of place, so where its liver lies is known without any reader. Other readers make a
volume of most faulty series without a word; what they get wrong is shown beside what the choice makes of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from monai.data import PydicomReader
from monai.transforms import LoadImage
from numpy.typing import NDArray

from data_prep.options import Track
from data_prep.phantom import FAULTS, write_phantom
from data_prep.phantom.acquisition import plan
from tests.data_prep.phantom.reading import nifti_truth
from tests.data_prep.runs import Run, assert_same, prepare
from tests.medseg.io.dicom.references import LPS_TO_RAS, by_simpleitk, onto_axes

REFUSED = {
    "tilt": r"positions \(0020,0032\) must follow the slice normal .* tilted by 14\.0 degrees, .* --tilt resample",
    "missing-slice": r"slice gaps \(0020,0032\) must be equal, .*: 1 slice missing of .* --irregular resample",
    "duplicate-slice": r"position \(0020,0032\) .* got \d+ images at \d+ positions, with .* --duplicates first",
    "irregular-gaps": r"slice gaps \(0020,0032\) must be equal, got .*, mostly .* --irregular resample",
    "mixed-orientation": r"must hold one series, got 2, .* parted by orientation \(0020,0037\); .* --series",
    "mixed-spacing": r"must hold one series, got 2, .* parted by pixel spacing \(0028,0030\); .* --series",
    "mixed-size": r"must hold one series, got 2, .* parted by size \(0028,0010\), \(0028,0011\), .* --series",
    "two-acquisitions": r"must hold one series, got 2, .* parted by acquisition number \(0020,0012\); .* --series",
    "colour": r"samples per pixel \(0028,0002\) must be 1, got 3; export grey images",
    "no-rescale": r"rescale slope \(0028,1053\) and intercept \(0028,1052\) must be in every image, .* --assume-hu",
    "no-spacing": r"pixel spacing \(0028,0030\) must be in every image, missing in \d+ of \d+ images",
    "missing-orientation": r"orientation \(0020,0037\) must be in every image, missing in \d+ of \d+ images",
    "missing-position": r"position \(0020,0032\) must be in every image, missing in 1 of \d+ images",
    "truncated-pixels": r"pixel data \(7fe0,0010\) must hold 3200 bytes, got \d+; the file is cut short",
}
# Options, and what is told of them beside the case.
CHOICES = {
    "tilt": (["--tilt", "resample"], "gantry tilt of 14.0 degrees undone by shifting slices"),
    "missing-slice": (["--irregular", "resample"], "put on a regular grid"),
    "irregular-gaps": (["--irregular", "resample"], "put on a regular grid"),
    "duplicate-slice": (["--duplicates", "first"], "first"),
    "no-rescale": (["--assume-hu"], "Hounsfield units"),
}
BY_SERIES = ("mixed-orientation", "mixed-spacing", "mixed-size")
# The canary has tests of its own.
NAMES = [name for name in FAULTS if name != "canary"]
SOUND = [name for name in NAMES if name not in REFUSED]
SHAPE = {"slices": 16, "size_px": 40, "seed": 5}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A patient for each fault, of which the n-th is the n-th of the phantom."""
    folder = tmp_path_factory.mktemp("faulty") / "raw"
    faults = [f"{name}@{number}" for number, name in enumerate(NAMES, 1)]
    written = write_phantom(folder, patients=len(NAMES), faults=faults, track=Track(), **SHAPE)
    for patient, name in zip(written.folders, NAMES, strict=True):
        patient.rename(folder / name)
    return folder


@pytest.fixture(scope="module")
def run(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    """Prepares them all."""
    return lambda *options, status=1: prepare(
        raw, tmp_path_factory.mktemp("run"), "--labels", "seg", *options, status=status
    )


@pytest.fixture(scope="module")
def plain(run: Callable[..., Run]) -> Run:
    """Without any choice."""
    return run()


@pytest.fixture(scope="module")
def chosen(run: Callable[..., Run]) -> Run:
    """With a choice for all that have one."""
    return run("--tilt", "resample", "--irregular", "resample", "--duplicates", "first", "--assume-hu")


def liver_of(fault: str, affine_mm: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which voxels of a grid lie in a patient's liver."""
    body, scan = plan(NAMES.index(fault) + 1, identity="", **SHAPE)
    world = (LPS_TO_RAS @ affine_mm)[:3] @ np.vstack([np.indices(shape).reshape(3, -1), np.ones(np.prod(shape))])
    return body.section(world - np.asarray(scan.body_mm)[:, None])[1].reshape(shape)


def dice(one: NDArray[Any], other: NDArray[Any]) -> float:
    return float(2 * ((one != 0) & other).sum() / ((one != 0).sum() + other.sum()))


class TestWithoutChoices:
    def test_faulty_series_are_left_out_and_no_others(self, plain: Run) -> None:
        assert plain.prepared() == set(SOUND)
        refused = [int(plain.cases[name][-4:]) for name in sorted(REFUSED)]
        assert [item["ordinal"] for item in plain.provenance("left_out")] == refused

    @pytest.mark.parametrize("fault", REFUSED)
    def test_refusal_names_series_tag_values_and_way_out(self, plain: Run, fault: str) -> None:
        assert re.match(rf"error: .*/{fault}[/ ].*: {REFUSED[fault]}", plain.error(fault)), plain.error(fault)

    @pytest.mark.parametrize("fault", SOUND)
    def test_what_is_only_unusual_is_right(self, plain: Run, raw: Path, fault: str) -> None:
        truth, affine_lps = nifti_truth(raw / fault)
        assert_same(plain.label(fault), (truth, LPS_TO_RAS @ affine_lps))


class TestByChoice:
    def test_series_with_a_choice_are_prepared_with_it(self, chosen: Run) -> None:
        assert chosen.prepared() == {*SOUND, *CHOICES}

    @pytest.mark.parametrize(
        ("fault", "least"),
        [("tilt", 0.96), ("missing-slice", 0.96), ("irregular-gaps", 0.96), ("duplicate-slice", 1), ("no-rescale", 1)],
    )
    def test_liver_lies_where_the_body_has_it(self, chosen: Run, fault: str, least: float) -> None:
        """All of it, but where slices were shifted or filled in by the nearest."""
        label, affine_mm = chosen.label(fault)
        assert dice(label, liver_of(fault, affine_mm, label.shape)) >= least

    @pytest.mark.parametrize("fault", CHOICES)
    def test_choice_is_recorded_with_the_case_that_it_changed(self, chosen: Run, fault: str) -> None:
        ordinal = int(chosen.cases[fault][-4:])
        (told,) = [item["text"] for item in chosen.provenance("case_decisions") if item["cases"] == [ordinal]]
        assert CHOICES[fault][1] in told

    def test_largest_series_is_taken(self, run: Callable[..., Run]) -> None:
        largest = run("--series", "largest")
        assert largest.prepared() == {*SOUND, *BY_SERIES}
        for fault in BY_SERIES:
            label, affine_mm = largest.label(fault)
            assert dice(label, liver_of(fault, affine_mm, label.shape)) == 1

    @pytest.mark.parametrize("part", [1, 2])
    def test_one_of_two_acquisitions_is_taken(self, run: Callable[..., Run], raw: Path, part: int) -> None:
        series = [pydicom.dcmread(path) for path in (raw / "two-acquisitions" / "ct").iterdir()]
        one = run("--series", f"{series[0].SeriesInstanceUID}:{part}", status=0)
        assert one.prepared() == {"two-acquisitions"}
        wanted = {image.ImagePositionPatient[2]: image for image in series if image.AcquisitionNumber == part}
        voxels, affine_mm = one.image("two-acquisitions")
        for z in range(voxels.shape[2]):
            image = wanted[min(wanted, key=lambda place: abs(place - (affine_mm @ (0, 0, z, 1))[2]))]
            hu = image.pixel_array * float(image.RescaleSlope) + float(image.RescaleIntercept)
            # This patient's columns run to the right and rows to the back.
            np.testing.assert_array_equal(voxels[:, ::-1, z].T, hu)


def as_acquired(fault: str, folder: Path, files: list[str]) -> NDArray[np.bool_]:
    """The liver on each slice of a series where its own position and orientation put it, ``(x, y, slice)``."""
    livers = []
    for file in files:
        image = pydicom.dcmread(folder / file, stop_before_pixels=True)
        columns, rows = np.reshape(np.asarray(image.ImageOrientationPatient, dtype=float), (2, 3))
        affine = np.eye(4)
        affine[:3, 0], affine[:3, 1] = columns * image.PixelSpacing[1], rows * image.PixelSpacing[0]
        affine[:3, 2], affine[:3, 3] = np.cross(columns, rows), image.ImagePositionPatient
        livers.append(liver_of(fault, LPS_TO_RAS @ affine, (image.Columns, image.Rows, 1)))
    return np.concatenate(livers, axis=2)


class TestOthers:
    """What other readers make of the same series without a word, or with no more than a warning on the terminal."""

    @pytest.mark.parametrize(
        ("fault", "most"),
        [("tilt", 0.7), ("missing-slice", 0.97), ("irregular-gaps", 0.85), ("duplicate-slice", 0.75)],
    )
    def test_simpleitk_puts_the_liver_elsewhere(self, chosen: Run, raw: Path, fault: str, most: float) -> None:
        """The same slices, with the same livers drawn on them."""
        folder = raw / fault / "ct"
        liver = as_acquired(fault, folder, [*sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))])
        _, affine_mm = by_simpleitk(folder)
        theirs = dice(liver, liver_of(fault, affine_mm, liver.shape))
        label, own_mm = chosen.label(fault)
        assert theirs < most
        assert dice(label, liver_of(fault, own_mm, label.shape)) > theirs

    @pytest.mark.parametrize("fault", ["missing-slice", "irregular-gaps", "duplicate-slice"])
    def test_monai_and_simpleitk_have_another_spacing(self, chosen: Run, raw: Path, fault: str) -> None:
        folder = raw / fault / "ct"
        heights = {round(float(pydicom.dcmread(path).ImagePositionPatient[2]), 3) for path in folder.iterdir()}
        gap_mm = np.diff(sorted(heights)).min()
        monai = LoadImage(reader=PydicomReader(), image_only=True)(folder).affine.numpy()
        simpleitk, own = by_simpleitk(folder)[1], chosen.label(fault)[1]
        assert own[2, 2] == pytest.approx(gap_mm, abs=0.01 * gap_mm)
        for theirs in (monai, simpleitk):
            assert abs(abs(theirs[2, 2]) - gap_mm) > 0.05 * gap_mm

    @pytest.mark.parametrize("fault", ["two-series-one-folder", "mixed-orientation", "two-acquisitions"])
    def test_monai_makes_one_volume_of_two(self, raw: Path, fault: str) -> None:
        files = [*(raw / fault / "ct").iterdir()]
        volume = LoadImage(reader=PydicomReader(), image_only=True)(raw / fault / "ct")
        assert volume.shape == (40, 40, len(files))

    def test_simpleitk_turns_values_of_monochrome1_round(self, plain: Run, raw: Path) -> None:
        """They are Hounsfield units whichever way they are shown (PS3.3 C.7.6.3.1.2)."""
        theirs, affine_mm = by_simpleitk(raw / "monochrome1" / "ct")
        own, _ = onto_axes(plain.image("monochrome1"), affine_mm)
        assert own[0, 0].max() < -900
        assert theirs[0, 0].min() > 900
