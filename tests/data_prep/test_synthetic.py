"""The synthetic data set: drawn the same each time, hard enough to need a network, prepared as the demo does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from data_prep.cli import main
from data_prep.options import Track
from data_prep.synthetic import phantom_slice, write_synthetic
from medseg.errors import UsageError
from medseg.manifest import read_manifest

PATIENTS, SLICES, SIDE_PX = 4, 8, 64


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small set; read only."""
    return draw(tmp_path_factory.mktemp("synthetic") / "raw")


def draw(
    folder: Path, *, patients: int = PATIENTS, slices: int = SLICES, size_px: int = SIDE_PX, seed: int = 0
) -> Path:
    write_synthetic(folder, patients=patients, slices=slices, size_px=size_px, seed=seed, track=Track())
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def pixels(folder: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """All images and all masks, ``(patients * slices, rows, columns)``, in name order."""
    masks = sorted(folder.glob("*_mask.png"))
    images = [mask.with_name(mask.name.replace("_mask", "")) for mask in masks]
    return np.stack([np.asarray(Image.open(path)) for path in images]), np.stack(
        [np.asarray(Image.open(path)) for path in masks]
    )


def best_dice(images: NDArray[np.uint8], liver: NDArray[np.bool_]) -> tuple[float, float]:
    """Highest Dice, over all pixels, of any lower threshold and of any band of grey values, by exhaustion."""
    below_all = np.concatenate([[0], np.cumsum(np.bincount(images.ravel(), minlength=256))])
    below_liver = np.concatenate([[0], np.cumsum(np.bincount(images[liver], minlength=256))])
    # Entry [a, b] is the band from a to below b.
    chosen = below_all[None, :] - below_all[:, None]
    hit = below_liver[None, :] - below_liver[:, None]
    dice = np.where(chosen > 0, 2 * hit / np.maximum(chosen + liver.sum(), 1), 0)
    return float(dice[:, 256].max()), float(dice.max())


class TestImages:
    def test_are_grey_pngs_with_masks_of_0_and_255_named_by_patient(self, drawn: Path) -> None:
        images, masks = pixels(drawn)
        assert images.shape == masks.shape == (PATIENTS * SLICES, SIDE_PX, SIDE_PX)
        assert images.dtype == masks.dtype == np.uint8
        assert set(np.unique(masks)) == {0, 255}
        patients = {re.fullmatch(r"(p\d\d)_\d{3}(_mask)?\.png", path.name)[1] for path in drawn.iterdir()}  # type: ignore[index]
        assert patients == {"p01", "p02", "p03", "p04"}

    def test_liver_changes_from_slice_to_slice_and_ends_above_the_pelvis(self, drawn: Path) -> None:
        area_px = (pixels(drawn)[1] > 0).sum((1, 2)).reshape(PATIENTS, SLICES)
        assert (area_px[:, 1:6] > 0.02 * SIDE_PX**2).all()
        assert (area_px[:, -1] == 0).all()
        assert (area_px.max(1) > 1.5 * area_px[:, 6]).all()

    def test_patients_differ_in_shape_contrast_and_noise(self, drawn: Path) -> None:
        images, masks = (array.reshape(PATIENTS, SLICES, SIDE_PX, SIDE_PX) for array in pixels(drawn))
        levels = [images[patient][masks[patient] > 0] for patient in range(PATIENTS)]
        assert np.ptp([level.mean() for level in levels]) > 5
        assert np.ptp([level.std() for level in levels]) > 1
        assert len({mask.tobytes() for mask in masks[:, 3]}) == PATIENTS

    def test_liver_is_on_the_images_left_as_a_scanner_shows_it(self, drawn: Path) -> None:
        columns = np.nonzero(pixels(drawn)[1])[2]
        assert columns.mean() < 0.4 * SIDE_PX

    def test_no_grey_value_separates_the_liver(self, drawn: Path) -> None:
        images, masks = pixels(drawn)
        threshold, band = best_dice(images, masks > 0)
        assert 0.3 < threshold < 0.62
        assert 0.3 < band < 0.7

    def test_best_dice_finds_a_separable_set(self) -> None:
        image = np.array([[10, 20], [30, 200]], dtype=np.uint8)
        assert best_dice(image, image == 200) == (1.0, 1.0)
        # Of 20 alone: the band from 20 to 20 is exact; a threshold at 20 also takes 30 and 200, so 2 * 1 / (3 + 1).
        assert best_dice(image, image == 20) == (0.5, 1.0)


class TestSeed:
    def test_same_seed_gives_the_same_bytes(self, drawn: Path, tmp_path: Path) -> None:
        assert content(draw(tmp_path / "again")) == content(drawn)

    def test_another_seed_gives_other_patients(self) -> None:
        first, second = (phantom_slice(0, 3, slices=8, size_px=64, seed=seed) for seed in (0, 1))
        assert (first[0] != second[0]).any()
        assert (first[1] != second[1]).any()

    def test_more_patients_leave_the_first_ones_as_they_were(self, drawn: Path, tmp_path: Path) -> None:
        fewer = content(draw(tmp_path / "fewer", patients=1))
        assert fewer.items() <= content(drawn).items()


class TestFolder:
    def test_drawing_again_finishes_what_a_killed_run_left(self, tmp_path: Path) -> None:
        folder = draw(tmp_path / "raw", patients=1, slices=2)
        whole = content(folder)
        (folder / "p01_001_mask.png").unlink()
        (folder / ".partial-1-p01_001_mask.png").write_bytes(b"half")
        draw(folder, patients=1, slices=2)
        assert content(folder).items() >= whole.items()

    def test_other_files_are_refused(self, tmp_path: Path) -> None:
        folder = draw(tmp_path / "raw", patients=1, slices=2)
        with pytest.raises(UsageError, match=r"raw: OUT must be empty, got p01_001.png; choose another folder$"):
            draw(folder, patients=1, slices=1)
        assert len(content(folder)) == 4

    def test_file_in_place_of_the_folder_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "raw").write_text("mine")
        with pytest.raises(UsageError, match=r"raw: OUT must be a folder, but there is a file$"):
            draw(tmp_path / "raw")

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"patients": 0}, "--patients must be at least 1, got 0"),
            ({"slices": 0}, "--slices must be at least 1, got 0"),
            ({"size_px": 31}, "--size must be at least 32, got 31"),
            ({"seed": -1}, "--seed must be at least 0, got -1"),
        ],
        ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
    )
    def test_numbers_out_of_range_are_refused(self, tmp_path: Path, wrong: dict[str, int], message: str) -> None:
        with pytest.raises(UsageError, match=f"^{message}$"):
            draw(tmp_path / "raw", **wrong)
        assert not (tmp_path / "raw").exists()


class TestCommand:
    def test_says_the_command_that_prepares_it_by_patients_and_upright(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        raw, out = tmp_path / "raw", tmp_path / "out"
        size = ("--patients", "3", "--slices", "4", "--size", "32")
        assert main(["synthetic", str(raw), *size]) == 0
        shown = capsys.readouterr().out
        assert f"12 images with masks of 3 made-up patients: {raw}" in shown
        command = shlex.split(next(line for line in shown.splitlines() if line.startswith("next: ")))
        assert command[1:4] == ["python", "-m", "data_prep"]
        assert main([str(out) if word == "OUT" else word for word in command[4:]]) == 0
        manifest = read_manifest(out)
        assert (manifest.foreground, manifest.split.method, manifest.split.folds) == ("liver", "group", 3)
        assert len({case.group for case in manifest.cases}) == 3
        for fold in manifest.folds:
            assert len({manifest.case(name).group for name in fold.val}) == 1
        # In RAS+ the liver, at the patient's right, is where x is high.
        livers = [np.asarray(nib.load(out / case.label).dataobj) for case in manifest.cases]
        assert np.nonzero(np.stack(livers))[1].mean() > 0.6 * 32

    def test_wrong_folder_ends_in_one_line(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "mine.txt").write_text("mine")
        assert main(["synthetic", str(tmp_path)]) == 2
        assert capsys.readouterr().err == f"error: {tmp_path}: OUT must be empty, got mine.txt; choose another folder\n"
