"""Prediction: images in, masks on exactly the images' grids out."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from nibabel.affines import from_matvec
from nibabel.eulerangles import euler2mat
from nibabel.orientations import inv_ornt_aff
from numpy.typing import NDArray
from PIL import Image

from tests.bundles.conftest import Trained
from tests.bundles.known_networks import Threshold
from tests.commands import ROOT, Commands, bundle_command, run_process

WINDOW = (0.0, 255.0)
MIDDLE = 127.5
OBLIQUE_MM = from_matvec(euler2mat(0.3, -0.2, 0.1) @ np.diag([0.7, 0.8, 2.5]), (-31.0, 12.5, 40.0))


def pixels(shape: tuple[int, ...], seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write_png(path: Path, shape: tuple[int, int], seed: int = 0) -> NDArray[np.uint8]:
    """Random PNG; its rows and columns ``(H, W)``."""
    rows = pixels((shape[1], shape[0]), seed)
    Image.fromarray(rows).save(path)
    return rows


def write_nifti(path: Path, volume: NDArray[np.uint8], affine: NDArray[np.float64]) -> None:
    image = nib.Nifti1Image(volume, affine)
    image.set_sform(affine, code=2)
    image.set_qform(affine, code=1)
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, path)


def assert_same_geometry(mask: nib.Nifti1Image, image: nib.Nifti1Image) -> None:
    assert mask.shape == image.shape
    assert mask.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(mask.affine, image.affine)
    for form in ("get_sform", "get_qform"):
        expected, expected_code = getattr(image, form)(coded=True)
        got, code = getattr(mask, form)(coded=True)
        np.testing.assert_array_equal(got, expected)
        assert code == expected_code
    assert mask.header.get_zooms() == image.header.get_zooms()
    assert mask.header.get_xyzt_units() == image.header.get_xyzt_units()


@pytest.fixture
def threshold(tmp_path: Path) -> tuple[str, ...]:
    """Options that put :class:`Threshold` in the network's place."""
    weights = tmp_path / "threshold" / "model.pt"
    weights.parent.mkdir()
    torch.save(Threshold().state_dict(), weights)
    network = "{'_target_': 'tests.bundles.known_networks.Threshold'}"
    return "--network_def", network, "--weights", str(weights), "--window", str(list(WINDOW))


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    return folder


def predict(scans: Path | str, out: Path, *options: str, config: Path | None = None) -> list[str]:
    config = config or ROOT / "bundles" / "unet" / "configs" / "inference.json"
    return ["run", "--config_file", str(config), "--dataset_dir", str(scans), "--output_dir", str(out), *options]


class TestInstalledWeights:
    def test_png_and_nifti_give_masks_of_their_own_kind(
        self, trained: Trained, commands: Commands, scans: Path, tmp_path: Path
    ) -> None:
        write_png(scans / "cell.png", (47, 33))
        write_nifti(scans / "slice.nii", pixels((33, 37, 1)), OBLIQUE_MM)
        write_nifti(scans / "scan.nii.gz", pixels((35, 41, 3)), OBLIQUE_MM)
        config = trained.bundle / "configs" / "inference.json"
        commands(*predict("scans", Path("out"), config=config), cwd=tmp_path).succeeded()
        with Image.open(tmp_path / "out" / "cell_mask.png") as mask:
            assert mask.size == (47, 33)
            assert set(np.unique(np.asarray(mask))) <= {0, 255}
        for name, mask_name in (("slice.nii", "slice_mask.nii.gz"), ("scan.nii.gz", "scan_mask.nii.gz")):
            written = nib.load(tmp_path / "out" / mask_name)
            assert set(np.unique(np.asarray(written.dataobj))) <= {0, 1}
            assert_same_geometry(written, nib.load(scans / name))
        assert {path.name for path in (tmp_path / "out" / "overlays").iterdir()} == {
            "cell.png",
            "slice.png",
            "slice_montage.png",
            "scan.png",
            "scan_montage.png",
        }

    def test_run_names_a_training(self, trained_unet: Trained, scans: Path, tmp_path: Path) -> None:
        write_png(scans / "cell.png", (20, 30))
        args = predict(scans, tmp_path / "out", "--run", str(trained_unet.run), "--which", "best")
        run_process(bundle_command(*args), cwd=ROOT).succeeded()
        assert (tmp_path / "out" / "cell_mask.png").is_file()


class TestGeometry:
    def test_masks_fit_voxel_for_voxel_in_all_48_orientations(
        self, commands: Commands, threshold: tuple[str, ...], scans: Path, tmp_path: Path
    ) -> None:
        volume = pixels((7, 9, 5))
        for axes in itertools.permutations(range(3)):
            for flips in itertools.product((1, -1), repeat=3):
                orientation = np.stack([axes, flips], axis=1)
                turned = nib.apply_orientation(volume, orientation)
                affine = OBLIQUE_MM @ inv_ornt_aff(orientation, volume.shape)
                name = "".join(nib.aff2axcodes(affine))
                write_nifti(scans / f"{name}.nii", np.ascontiguousarray(turned), affine)
        write_nifti(scans / "packed.nii.gz", volume, OBLIQUE_MM)
        write_nifti(scans / "flat.nii", pixels((11, 6, 1)), OBLIQUE_MM)
        write_nifti(scans / "plane.nii", pixels((11, 6)), OBLIQUE_MM)
        commands(*predict(scans, tmp_path / "out", *threshold), cwd=tmp_path).succeeded()
        sources = sorted(scans.iterdir())
        assert len(sources) == 51
        for source in sources:
            stem = source.name.partition(".")[0]
            image, mask = nib.load(source), nib.load(tmp_path / "out" / f"{stem}_mask.nii.gz")
            assert_same_geometry(mask, image)
            np.testing.assert_array_equal(np.asarray(mask.dataobj), np.asarray(image.dataobj) > MIDDLE, source.name)

    def test_png_fits_pixel_for_pixel_in_each_orientation_of_the_training(
        self, commands: Commands, threshold: tuple[str, ...], scans: Path, tmp_path: Path
    ) -> None:
        rows = write_png(scans / "ct.png", (13, 8))
        for orientation in (None, "LA", "PI"):
            facts = {"orientation": orientation}
            (tmp_path / "threshold" / "model.json").write_text(json.dumps(facts))
            out = tmp_path / str(orientation)
            commands(*predict(scans, out, *threshold), cwd=tmp_path).succeeded()
            with Image.open(out / "ct_mask.png") as mask:
                np.testing.assert_array_equal(np.asarray(mask), np.where(rows > MIDDLE, 255, 0))

    def test_network_sees_ras(
        self, commands: Commands, threshold: tuple[str, ...], scans: Path, tmp_path: Path
    ) -> None:
        write_png(scans / "ct.png", (12, 8))
        write_nifti(scans / "ras.nii", pixels((12, 8, 2)), np.diag([1.0, 1.0, 3.0, 1.0]))
        write_nifti(scans / "lps.nii", pixels((12, 8, 2)), np.diag([-1.0, -1.0, 3.0, 1.0]))
        (tmp_path / "threshold" / "model.json").write_text(json.dumps({"orientation": "LA"}))
        low_corner = "{'_target_': 'tests.bundles.known_networks.LowCorner'}"
        args = predict(scans, tmp_path / "out", "--network_def", low_corner, *threshold[2:])
        commands(*args, cwd=tmp_path).succeeded()
        with Image.open(tmp_path / "out" / "ct_mask.png") as mask:
            rows = np.asarray(mask) > 0
        # Columns run to the left, so the low x of RAS are the last columns; rows run to anterior, as y does.
        assert rows[:4, 6:].all()
        assert rows.sum() == 24
        ras, lps = (np.asarray(nib.load(tmp_path / "out" / f"{name}_mask.nii.gz").dataobj) for name in ("ras", "lps"))
        assert ras[:6, :4].all()
        np.testing.assert_array_equal(lps, ras[::-1, ::-1])

    def test_image_size_resizes_for_the_network_only(
        self, commands: Commands, threshold: tuple[str, ...], scans: Path, tmp_path: Path
    ) -> None:
        x, y, _ = np.ogrid[:60, :44, :3]
        volume = np.broadcast_to(np.where((x - 20) ** 2 + (y - 25) ** 2 < 144, 200, 20), (60, 44, 3)).astype(np.uint8)
        write_nifti(scans / "disc.nii", volume, OBLIQUE_MM)
        commands(*predict(scans, tmp_path / "out", *threshold, "--image_size", "[48,48]"), cwd=tmp_path).succeeded()
        mask = nib.load(tmp_path / "out" / "disc_mask.nii.gz")
        assert_same_geometry(mask, nib.load(scans / "disc.nii"))
        overlap = (np.asarray(mask.dataobj) > 0) & (volume > MIDDLE)
        union = (np.asarray(mask.dataobj) > 0) | (volume > MIDDLE)
        assert overlap.sum() / union.sum() > 0.9


class TestRefusals:
    def test_two_images_of_one_name_are_refused_before_any_work(
        self, commands: Commands, threshold: tuple[str, ...], scans: Path, tmp_path: Path
    ) -> None:
        for name in ("a.png", "a.tif"):
            write_png(scans / name, (20, 20))
        error = commands(*predict("scans", Path("out"), *threshold), cwd=tmp_path).refused()
        assert error == (
            "scans: scans must have different names, as their results are called after them, got scans/a.png and"
            " scans/a.tif; rename one, or give each an --output of its own"
        )
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("source", ["scans", "scans/a.png"])
    def test_folder_of_the_images_is_refused_for_the_masks(
        self, commands: Commands, threshold: tuple[str, ...], scans: Path, tmp_path: Path, source: str
    ) -> None:
        for name in ("a.png", "a_mask.png"):  # as liver400 has its ground truth
            write_png(scans / name, (20, 20))
        error = commands(*predict(source, Path("scans"), *threshold), cwd=tmp_path).refused()
        assert error == "scans: output must be another folder than the images', or a mask may replace one"
        assert len(list(scans.iterdir())) == 2

    def test_truncated_png_is_named(
        self, commands: Commands, threshold: tuple[str, ...], scans: Path, tmp_path: Path
    ) -> None:
        write_png(scans / "cut.png", (40, 40))
        cut = (scans / "cut.png").read_bytes()
        (scans / "cut.png").write_bytes(cut[: len(cut) // 2])
        error = commands(*predict("scans", Path("out"), *threshold), cwd=tmp_path).refused(1)
        assert error.startswith("scans/cut.png: must be a readable image, got ")
        assert error.endswith("; the file is damaged or cut short")

    def test_cut_nifti_is_named(
        self, commands: Commands, threshold: tuple[str, ...], scans: Path, tmp_path: Path
    ) -> None:
        write_nifti(scans / "cut.nii.gz", pixels((20, 20, 9)), OBLIQUE_MM)
        cut = (scans / "cut.nii.gz").read_bytes()
        (scans / "cut.nii.gz").write_bytes(cut[: len(cut) // 2])
        error = commands(*predict("scans", Path("out"), *threshold), cwd=tmp_path).refused(1)
        assert error.startswith("scans/cut.nii.gz: must ")

    def test_folder_without_images(
        self, commands: Commands, threshold: tuple[str, ...], scans: Path, tmp_path: Path
    ) -> None:
        error = commands(*predict("scans", Path("out"), *threshold), cwd=tmp_path).refused()
        assert error == (
            "scans: must hold scans or images (DICOM in any folders; NIfTI, NRRD, MetaImage, PNG, TIFF, JPEG or BMP"
            " directly in it), but none was found"
        )

    def test_missing_folder(self, commands: Commands, threshold: tuple[str, ...], tmp_path: Path) -> None:
        error = commands(*predict("nowhere", Path("out"), *threshold), cwd=tmp_path).refused()
        assert error == "nowhere: must be a scan, an image or a folder of them, but there is no such path"

    def test_bundle_without_weights(self, commands: Commands, scans: Path, tmp_path: Path) -> None:
        write_png(scans / "cell.png", (20, 30))
        missing = tmp_path / "models" / "model.pt"
        error = commands(*predict(scans, Path("out"), "--weights", str(missing)), cwd=tmp_path).refused()
        assert error == f"{missing}: weights must exist; train the bundle first, or name a training with --run"

    def test_weights_of_another_network(
        self, commands: Commands, threshold: tuple[str, ...], scans: Path, tmp_path: Path
    ) -> None:
        write_png(scans / "cell.png", (20, 30))
        error = commands(*predict(scans, Path("out"), *threshold[2:]), cwd=tmp_path).refused(1)
        assert error.startswith(f"{threshold[3]}: must be this network's state dict, got ")
