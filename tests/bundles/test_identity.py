"""A network that thresholds its input gives back the thresholded scan, voxel for voxel, whatever its grid and engine.

What is expected comes from SimpleITK and nibabel alone.
"""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import torch
from nibabel.affines import from_matvec
from nibabel.eulerangles import euler2mat
from nibabel.orientations import inv_ornt_aff
from numpy.typing import NDArray

from medseg.deploy import export_bundle
from medseg.io.dicom import check_series
from medseg.io.dicom.files import series_of_files
from medseg.io.labels import read_rtstruct, read_seg
from medseg.io.monai_reader import ScanReader
from medseg.predict import Format, find_scans
from medseg.predict.load_bundle import Bundle, load_bundle
from medseg.predict.predict import predict_scans
from tests.bundles.known_networks import Threshold
from tests.commands import ROOT
from tests.factories import edit_json
from tests.medseg.io.dicom.writer import slice_positions, stored_voxels, write_series

ENGINES = ("torch", "torchscript", "onnx", "openvino")
WINDOW_HU = (-1024.0, 3073.0)
MIDDLE_HU = 1024.5
OBLIQUE = euler2mat(0.3, -0.2, 0.1)


class Silent:
    @contextmanager
    def scan(self, name: str) -> Iterator[Callable[[int], Callable[[int], None]]]:
        yield lambda total: lambda done: None


@pytest.fixture(scope="module")
def bundle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that marks what is above the middle of its window, with all exports."""
    folder = tmp_path_factory.mktemp("identity") / "unet"
    shutil.copytree(ROOT / "bundles" / "unet", folder, ignore=shutil.ignore_patterns("model*", "exports.json"))
    (folder / "models").mkdir(exist_ok=True)
    network = {"_target_": "tests.bundles.known_networks.Threshold"}
    edit_json(folder / "configs" / "inference.json", lambda config: config.update(network_def=network))
    torch.save(Threshold().state_dict(), folder / "models" / "model.pt")
    facts = {"window": WINDOW_HU, "modality": "CT", "foreground": "liver"}
    (folder / "models" / "model.json").write_text(json.dumps(facts))
    export_bundle(folder, ENGINES[1:])
    return folder


@pytest.fixture(scope="module", params=ENGINES)
def bundle(request: pytest.FixtureRequest, bundle_folder: Path) -> Bundle:
    return load_bundle(bundle_folder, {"engine": request.param, "batch_size": 2})


def predict(bundle: Bundle, scans: Path, out: Path, formats: Sequence[Format] = ("nifti",)) -> None:
    """Predict everything below ``scans`` into ``out``."""
    writer = bundle.to_results.transforms[-1]
    writer.results = type(writer.results)(out)
    found = find_scans([scans]).scans
    outcomes = list(predict_scans(found, [bundle], out, progress=Silent(), formats=tuple(formats), overwrite=True))
    assert [outcome.fault for outcome in outcomes] == [None] * len(found)


def orientations() -> Iterator[NDArray[np.float64]]:
    """The 24 pairs of directions, at right angles, in which columns and rows may run: 6 numbers each."""
    axes = [sign * np.eye(3)[index] for index in range(3) for sign in (1, -1)]
    for columns, rows in itertools.product(axes, axes):
        if columns @ rows == 0:
            yield np.concatenate([columns, rows])


def read_itk(path: Path | Sequence[str]) -> sitk.Image:
    return sitk.ReadImage(str(path) if isinstance(path, Path) else list(path))


def assert_on_series(mask: sitk.Image, folder: Path) -> None:
    """A mask is the series' voxels above the middle, on the series' grid, both read by SimpleITK."""
    series = read_itk(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    assert mask.GetSize() == series.GetSize()
    np.testing.assert_allclose(mask.GetSpacing(), series.GetSpacing(), rtol=1e-6)
    np.testing.assert_allclose(mask.GetOrigin(), series.GetOrigin(), atol=1e-4)
    np.testing.assert_allclose(mask.GetDirection(), series.GetDirection(), atol=1e-6)
    expected = sitk.GetArrayFromImage(series) > MIDDLE_HU
    assert expected.any()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(mask) > 0, expected)


class TestDicom:
    def test_every_orientation_oblique_or_not_and_unsorted_files(self, bundle: Bundle, tmp_path: Path) -> None:
        order = np.random.default_rng(0).permutation(5)
        for number, orientation in enumerate(orientations()):
            turned = orientation if number % 2 else (OBLIQUE @ orientation.reshape(2, 3).T).T.ravel()
            write_series(
                tmp_path / "scans" / f"p{number:02d}",
                stored_voxels((7, 9, 5), seed=number),
                orientation=turned.tolist(),
                positions_mm=slice_positions(5, orientation=turned, gap_mm=3.25),
                name=lambda index: f"{order[index]}.dcm",
                series=number + 1,
            )
        predict(bundle, tmp_path / "scans", tmp_path / "out")
        folders = sorted((tmp_path / "scans").iterdir())
        assert len(folders) == 24
        for folder in folders:
            assert_on_series(read_itk(tmp_path / "out" / f"{folder.name}_mask.nii.gz"), folder)

    def test_seg_and_rtstruct_are_the_same_mask(self, bundle_folder: Path, tmp_path: Path) -> None:
        bundle = load_bundle(bundle_folder, {})
        for number, orientation in enumerate(([1, 0, 0, 0, 1, 0], [0, -1, 0, 0, 0, -1], OBLIQUE.T[:2].ravel())):
            directions = np.asarray(orientation, dtype=np.float64)
            write_series(
                tmp_path / "scans" / f"p{number}",
                stored_voxels((17, 13, 4), seed=number),
                orientation=directions.tolist(),
                positions_mm=slice_positions(4, orientation=directions, gap_mm=3.25),
                series=number + 1,
            )
        predict(bundle, tmp_path / "scans", tmp_path / "out", ("nifti", "dicomseg", "rtstruct"))
        for folder in sorted((tmp_path / "scans").iterdir()):
            files = sorted(folder.iterdir())
            image = ScanReader().read_volume(files)
            expected = image.voxels > MIDDLE_HU
            for end, read in (("_seg.dcm", read_seg), ("_rtstruct.dcm", read_rtstruct)):
                mask = read(tmp_path / "out" / f"{folder.name}{end}", image).mask
                np.testing.assert_array_equal(mask, expected, f"{folder.name}{end}")
            assert len(check_series(series_of_files(files), ScanReader().choices.dicom).headers) == 4


class TestNifti:
    def test_every_orientation(self, bundle: Bundle, tmp_path: Path) -> None:
        volume = (stored_voxels((7, 9, 5)).astype(np.int16) - 1024).astype(np.int16)
        oblique_mm = from_matvec(OBLIQUE @ np.diag([0.7, 0.8, 2.5]), (-31.0, 12.5, 40.0))
        (tmp_path / "scans").mkdir()
        for axes in itertools.permutations(range(3)):
            for flips in itertools.product((1, -1), repeat=3):
                orientation = np.stack([axes, flips], axis=1)
                affine = oblique_mm @ inv_ornt_aff(orientation, volume.shape)
                name = f"{''.join(map(str, axes))}{''.join('+-'[flip < 0] for flip in flips)}.nii.gz"
                turned = np.ascontiguousarray(nib.apply_orientation(volume, orientation))
                nib.save(nib.Nifti1Image(turned, affine), tmp_path / "scans" / name)
        predict(bundle, tmp_path / "scans", tmp_path / "out")
        sources = sorted((tmp_path / "scans").iterdir())
        assert len(sources) == 48
        for source in sources:
            image = nib.load(source)
            mask = nib.load(tmp_path / "out" / source.name.replace(".nii.gz", "_mask.nii.gz"))
            np.testing.assert_array_equal(mask.affine, image.affine)
            np.testing.assert_array_equal(np.asarray(mask.dataobj) > 0, np.asarray(image.dataobj) > MIDDLE_HU)


class TestResampling:
    def test_weights_of_another_spacing_give_masks_on_the_scans_grid(self, bundle_folder: Path, tmp_path: Path) -> None:
        bundle = load_bundle(bundle_folder, {"spacing_mm": [1.0, 1.0, 2.0], "image_size": [48, 48]})
        x, y, z = np.ogrid[:60, :44, :20]
        ball = ((x - 30) * 0.7) ** 2 + ((y - 22) * 0.9) ** 2 + ((z - 10) * 2.5) ** 2 < 15**2
        image = nib.Nifti1Image(np.where(ball, 2000, -500).astype(np.int16), np.diag([-0.7, 0.9, -2.5, 1.0]))
        (tmp_path / "scans").mkdir()
        nib.save(image, tmp_path / "scans" / "ball.nii.gz")
        predict(bundle, tmp_path / "scans", tmp_path / "out")
        mask = nib.load(tmp_path / "out" / "ball_mask.nii.gz")
        np.testing.assert_array_equal(mask.affine, nib.load(tmp_path / "scans" / "ball.nii.gz").affine)
        found = np.asarray(mask.dataobj) > 0
        assert 2 * (found & ball).sum() / (found.sum() + ball.sum()) > 0.95


class TestOtherFormats:
    @pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
    def test_itk_files(self, bundle: Bundle, tmp_path: Path, suffix: str) -> None:
        voxels = stored_voxels((6, 11, 4)).astype(np.int16) - 1024
        image = sitk.GetImageFromArray(voxels.T)
        image.SetSpacing((0.6, 0.9, 4.0))
        image.SetOrigin((5.0, -7.0, 11.0))
        image.SetDirection(OBLIQUE.ravel().tolist())
        (tmp_path / "scans").mkdir()
        sitk.WriteImage(image, str(tmp_path / "scans" / f"a{suffix}"))
        predict(bundle, tmp_path / "scans", tmp_path / "out")
        mask = read_itk(tmp_path / "out" / "a_mask.nii.gz")
        np.testing.assert_allclose(mask.GetDirection(), image.GetDirection(), atol=1e-6)
        np.testing.assert_allclose(mask.GetOrigin(), image.GetOrigin(), atol=1e-4)
        np.testing.assert_array_equal(sitk.GetArrayFromImage(mask) > 0, voxels.T > MIDDLE_HU)


@pytest.mark.realdata
class TestRealSeries:
    def test_nifti_seg_and_rtstruct_of_a_ct_agree(self, bundle_folder: Path, shared_data: Path, tmp_path: Path) -> None:
        bundle = load_bundle(bundle_folder, {"window_hu": [-860.0, 1141.0]})  # the middle, 140.5 HU, is this liver's
        source = tmp_path / "scans" / "ct"
        shutil.copytree(shared_data / "chaos_ct" / "DICOM_anon", source)
        for path in sorted(source.iterdir())[20:]:
            path.unlink()
        predict(bundle, tmp_path / "scans", tmp_path / "out", ("nifti", "dicomseg", "rtstruct", "png"))
        series = read_itk(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(source)))
        mask = read_itk(tmp_path / "out" / "ct_mask.nii.gz")
        expected = sitk.GetArrayFromImage(series) > 140.5
        np.testing.assert_array_equal(sitk.GetArrayFromImage(mask) > 0, expected)
        image = ScanReader().read_volume(sorted(source.iterdir()))
        for end, read in (("_seg.dcm", read_seg), ("_rtstruct.dcm", read_rtstruct)):
            np.testing.assert_array_equal(read(tmp_path / "out" / f"ct{end}", image).mask.T, expected, end)
