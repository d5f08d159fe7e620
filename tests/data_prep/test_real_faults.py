"""Real series that are no plain volume: refused by name by ``inspect`` and ``prepare``, and accepted with the choice.

Each is given a structure set: a square drawn on every slice where that slice itself says that it lies, so that label
and image can be told apart from where a reader puts them.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from data_prep.cli import main
from tests.data_prep.runs import Run, assert_same, prepare
from tests.medseg.io.dicom.references import LPS_TO_RAS, Read, by_dcm2niix, by_simpleitk, onto_axes
from tests.medseg.io.dicom.writer import save
from tests.medseg.io.labels.rtstruct_files import contour, structure_set

pytestmark = pytest.mark.realdata

# Columns and rows, between pixels.
LEFT, RIGHT, TOP, BOTTOM = 99.5, 159.5, 119.5, 169.5

REFUSED = {
    "gantrytilting/001": r"gantry tilted by 14\.0 degrees, \(0018,1120\) is absent; undo it with --tilt resample",
    "notavolume/001": r"got 4 images at 1 position, with different pixels; take the first .* --duplicates first",
    "sliceincrement/001": r"got 5\.00 to 10\.00 mm: 1 slice missing of the usual 5\.00 mm, first after",
    "sliceincrement/002": r"tilted by 15\.5 degrees.* --tilt resample; also, .*1 slice missing of the usual 0\.75 mm",
    "sliceorientation/001": r"must hold one series, got 2, .* parted by orientation \(0020,0037\), .* --series UID",
}


def images(folder: Path) -> list[Dataset]:
    """Images of a folder from the feet up, or along the normal."""
    found = [pydicom.dcmread(path) for path in folder.iterdir()]
    return sorted(found, key=lambda image: float(np.dot(normal(image), image.ImagePositionPatient)))


def normal(image: Dataset) -> NDArray[np.float64]:
    return np.cross(*np.reshape(np.asarray(image.ImageOrientationPatient, dtype=float), (2, 3)))


def places_mm(image: Dataset, *pixels: tuple[float, float]) -> NDArray[np.float64]:
    """LPS places of pixels (column, row), ``(n, 3)`` (PS3.3 C.7.6.2.1.1)."""
    columns, rows = np.reshape(np.asarray(image.ImageOrientationPatient, dtype=float), (2, 3))
    between_rows, between_columns = (float(size) for size in image.PixelSpacing)
    steps = np.array(pixels) * (between_columns, between_rows)
    return np.asarray(image.ImagePositionPatient, dtype=float) + steps @ np.stack([columns, rows])


def middle_mm(image: Dataset) -> NDArray[np.float64]:
    """Middle of the square on an image, RAS."""
    place = places_mm(image, ((LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2))[0]
    return np.diag(LPS_TO_RAS)[:3] * place


def case_of(series: list[Path], raw: Path) -> Path:
    """A case's folder with copies of a series and a structure set, a square on each of its slices."""
    (raw / "case" / "ct").mkdir(parents=True)
    for path in series:
        shutil.copy(path, raw / "case" / "ct")
    corners = (LEFT, TOP), (RIGHT, TOP), (RIGHT, BOTTOM), (LEFT, BOTTOM)
    files = images(raw / "case" / "ct")
    squares = [contour(places_mm(image, *corners)) for image in files]
    save(structure_set({"square": squares}, [files[0].SeriesInstanceUID]), raw / "case" / "squares.dcm")
    return raw / "case" / "ct"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return tmp_path / "raw"


def centres_mm(label: Read) -> list[NDArray[np.float64]]:
    """Centre of each slice's foreground, RAS."""
    mask, affine_mm = label
    found = []
    for z in np.flatnonzero(mask.any(axis=(0, 1))):
        x, y = np.nonzero(mask[..., z])
        found.append((affine_mm @ [x.mean(), y.mean(), z, 1])[:3])
    return found


class TestRefused:
    @pytest.mark.parametrize("name", REFUSED)
    def test_by_name_and_nothing_is_written(
        self, shared_data: Path, raw: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        case_of([*(shared_data / "dicom_faults" / name).iterdir()], raw)
        (line,) = prepare(raw, tmp_path, status=1).errors
        assert re.match(rf"error: .*{raw}.*: .*{REFUSED[name]}", line), line
        assert not (tmp_path / "out").exists()
        assert main(["inspect", str(raw), "--workers", "1"]) == 1
        assert line in capsys.readouterr().out

    def test_one_position_is_no_volume_even_with_its_choice(self, shared_data: Path, raw: Path, tmp_path: Path) -> None:
        """One image is left, and nothing says how deep it is."""
        case_of([*(shared_data / "dicom_faults" / "notavolume" / "001").iterdir()], raw)
        (line,) = prepare(raw, tmp_path, "--duplicates", "first", status=1).errors
        assert re.search(r"slice thickness \(0018,0050\) or spacing between .*, got none", line)


class TestTilt:
    @pytest.fixture
    def folder(self, shared_data: Path, raw: Path) -> Path:
        return case_of([*(shared_data / "dicom_faults" / "gantrytilting" / "001").iterdir()], raw)

    @pytest.fixture
    def run(self, folder: Path, raw: Path, tmp_path: Path) -> Run:
        return prepare(raw, tmp_path, "--tilt", "resample")

    def test_image_is_what_dcm2niix_makes_of_it(self, run: Run, folder: Path, tmp_path: Path) -> None:
        voxels, affine_mm = by_dcm2niix(folder, tmp_path / "dcm2niix", suffix="_Tilt_1")
        own, own_mm = onto_axes(run.image(), affine_mm)
        assert own.shape == voxels.shape == (512, 521, 4)
        np.testing.assert_allclose(own_mm, affine_mm, atol=1e-3)
        # It has other values where a slice ends between two rows, which is within 10 rows of the volume's ends.
        np.testing.assert_array_equal(own[:, 10:-10], voxels[:, 10:-10])

    def test_squares_stay_where_they_were_drawn(self, run: Run, folder: Path) -> None:
        """To half a pixel of 0.42 mm, by which the nearest may be off; the straight grid alone would be 3.6 mm off."""
        drawn = [middle_mm(image) for image in images(folder)]
        np.testing.assert_allclose(centres_mm(run.label()), drawn, atol=0.21)
        assert run.label()[0].sum() == 4 * 60 * 50

    def test_simpleitk_leaves_the_slices_beside_their_places(self, folder: Path) -> None:
        _, affine_mm = by_simpleitk(folder)
        last = images(folder)[-1]
        beside = LPS_TO_RAS @ [*last.ImagePositionPatient, 1] - affine_mm @ [0, 0, 3, 1]
        assert np.linalg.norm(beside) > 3.6


class TestMissingSlice:
    @pytest.fixture
    def folder(self, shared_data: Path, raw: Path) -> Path:
        return case_of([*(shared_data / "dicom_faults" / "sliceincrement" / "001").iterdir()], raw)

    def test_is_filled_in_and_all_others_stay(self, folder: Path, raw: Path, tmp_path: Path) -> None:
        run = prepare(raw, tmp_path, "--irregular", "resample")
        voxels, affine_mm = by_simpleitk(folder)
        own, own_mm = onto_axes(run.image(), affine_mm)
        np.testing.assert_array_equal(own[..., [0, 1, 2, 4]], voxels)
        np.testing.assert_allclose(own[..., 3], voxels[..., 2:].mean(axis=-1, dtype=float), rtol=0, atol=0.501)
        # SimpleITK and dcm2niix make 6.667 mm of gaps of 5, 5 and 10.
        assert own_mm[2, 2] == pytest.approx(5, abs=1e-5)
        assert affine_mm[2, 2] == pytest.approx(6.667, abs=1e-3)

    def test_squares_stay_where_they_were_drawn(self, folder: Path, raw: Path, tmp_path: Path) -> None:
        label = prepare(raw, tmp_path, "--irregular", "resample").label()
        first, second, third, last = (middle_mm(image) for image in images(folder))
        expected = [first, second, third, (third + last) / 2, last]
        np.testing.assert_allclose(centres_mm(label), expected, atol=1e-3)
        assert label[0].sum() == 5 * 60 * 50


class TestTiltAndMissingSlice:
    def test_are_undone_together(self, shared_data: Path, raw: Path, tmp_path: Path) -> None:
        folder = case_of([*(shared_data / "dicom_faults" / "sliceincrement" / "002").iterdir()], raw)
        run = prepare(raw, tmp_path, "--tilt", "resample", "--irregular", "resample")
        (mask, affine_mm), drawn = run.label(), [middle_mm(image) for image in images(folder)]
        assert mask.shape[2] == 5
        axes = affine_mm[:3, :3]
        # 0.778 mm along the table, times the cosine of 15.5 degrees.
        np.testing.assert_allclose(np.linalg.norm(axes, axis=0), (0.51171875, 0.51171875, 0.7497), atol=1e-4)
        np.testing.assert_allclose(axes.T @ axes, np.diag(np.diag(axes.T @ axes)), atol=1e-6)
        centres = np.array(centres_mm(run.label()))
        for place in drawn:
            assert np.linalg.norm(centres - place, axis=1).min() < 0.26
        assert len(run.provenance("case_decisions")) == 2


class TestTwoOrientations:
    @pytest.mark.parametrize("part", [1, 2])
    def test_each_is_a_volume_by_choice(self, shared_data: Path, raw: Path, tmp_path: Path, part: int) -> None:
        files = sorted((shared_data / "dicom_faults" / "sliceorientation" / "001").iterdir())
        uid = pydicom.dcmread(files[0]).SeriesInstanceUID
        directions = {path: tuple(pydicom.dcmread(path).ImageOrientationPatient) for path in files}
        wanted = [*dict.fromkeys(directions.values())][part - 1]
        own = [path for path in files if directions[path] == wanted]
        case_of(own, raw)
        for path in set(files) - set(own):
            shutil.copy(path, raw / "case" / "ct")
        run = prepare(raw, tmp_path, "--series", f"{uid}:{part}", "--plane", "source")
        (tmp_path / "own").mkdir()
        for path in own:
            shutil.copy(path, tmp_path / "own")
        assert_same(run.image(), by_simpleitk(tmp_path / "own"))
        drawn = [middle_mm(image) for image in images(tmp_path / "own")]
        centres = centres_mm(run.label())
        # Slices run to R or S, whichever is nearest, and so perhaps against their normal.
        backwards = np.linalg.norm(centres[0] - drawn[0]) > np.linalg.norm(centres[0] - drawn[-1])
        np.testing.assert_allclose(centres[:: -1 if backwards else 1], drawn, atol=1e-3)
        assert run.label()[0].sum() == 2 * 60 * 50
