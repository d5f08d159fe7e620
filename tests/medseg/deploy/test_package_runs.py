"""A package where medseg is not installed gives the masks that its bundle gives in the checkout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from medseg.deploy.package import package_bundle
from medseg.deploy.unpack import unpack_bundle
from tests.commands import Commands
from tests.medseg.deploy.packages import make_known_bundle
from tests.medseg.deploy.without_medseg import python

CLIENTS = Path(__file__).with_name("clients.py")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle, its package unpacked, a scan whose axes run to L, P and S, and an empty folder to work in."""
    folder = tmp_path_factory.mktemp("package")
    bundle = make_known_bundle(folder / "source")
    unpack_bundle(package_bundle(bundle, folder / "unet.zip"), folder / "unpacked")
    voxels = np.random.default_rng(0).integers(-300, 500, (37, 50, 3)).astype(np.int16)
    (folder / "scans").mkdir()
    nib.save(nib.Nifti1Image(voxels, np.diag([-0.8, -0.7, 2.5, 1])), folder / "scans" / "scan.nii.gz")
    (folder / "empty").mkdir()
    return folder


def predict(folder: Path, bundle: str, out: str) -> tuple[str, ...]:
    config = folder / bundle / "configs" / "inference.json"
    options = ("--dataset_dir", str(folder / "scans"), "--output_dir", str(folder / out))
    return ("run", "--config_file", str(config), *options)


def mask_in(folder: Path) -> NDArray[Any]:
    (path,) = folder.glob("*_mask.nii.gz")
    return np.asarray(nib.load(path).dataobj)


@pytest.fixture(scope="module")
def expected(folder: Path, commands: Commands) -> NDArray[Any]:
    """The mask that the bundle gives in the checkout; some of it is foreground, some is not."""
    commands(*predict(folder, "source/unet", "expected"), cwd=folder).succeeded()
    mask = mask_in(folder / "expected")
    assert 0.01 < mask.mean() < 0.99
    return mask


class TestWithoutMedseg:
    def test_there_is_no_medseg(self, folder: Path) -> None:
        ended = python(folder / "empty", code="import medseg")
        assert ended.error == "ModuleNotFoundError: No module named 'medseg'"

    def test_runs_from_any_folder(self, folder: Path, expected: NDArray[Any]) -> None:
        arguments = predict(folder, "unpacked/unet", "from_elsewhere")
        python(folder / "empty", module="monai.bundle", args=arguments).succeeded()
        np.testing.assert_array_equal(mask_in(folder / "from_elsewhere"), expected)

    def test_runs_from_its_own_folder(self, folder: Path, expected: NDArray[Any]) -> None:
        root = folder / "unpacked" / "unet"
        python(
            root, module="monai.bundle", args=predict(folder, "unpacked/unet", "from_root"), first=(root,)
        ).succeeded()
        np.testing.assert_array_equal(mask_in(folder / "from_root"), expected)

    def test_wrong_input_ends_in_one_line(self, folder: Path) -> None:
        arguments = predict(folder / "empty", "../unpacked/unet", "out")
        ended = python(folder / "empty", module="monai.bundle", args=arguments)
        assert "scans: " in ended.refused()

    def test_clients_give_the_same_masks(self, folder: Path, expected: NDArray[Any], tmp_path: Path) -> None:
        call = (str(folder / "unpacked" / "unet"), str(folder / "scans" / "scan.nii.gz"), str(tmp_path))
        code = f"{CLIENTS.read_text()}\nmain(*{call!r})"
        python(folder / "empty", code=code).succeeded()
        for client in ("label", "deploy"):
            mask = np.load(tmp_path / f"{client}.npy")
            assert mask.shape == expected.shape
            # They compute in another memory layout, which may round a voxel at the threshold to its other side.
            assert (mask != expected).sum() <= 2, client
        assert sorted(path.name for path in tmp_path.iterdir()) == ["deploy.npy", "label.npy"]
        assert list((folder / "empty").iterdir()) == []  # what saves was left out


class TestLabels:
    def test_clients_find_the_foreground_s_name(self, folder: Path) -> None:
        metadata = json.loads((folder / "unpacked" / "unet" / "configs" / "metadata.json").read_text())
        ((key, pred),) = metadata["network_data_format"]["outputs"].items()
        assert (key, pred["channel_def"]["1"]) == ("pred", "disc")
