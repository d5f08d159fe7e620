"""nnU-Net opens what data_prep writes: nnU-Net itself says so, in an environment of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from monai.data import load_decathlon_datalist

from data_prep.options import Options, Track
from data_prep.phantom import write_phantom
from data_prep.prepare import prepare
from medseg.io.nifti import write_nifti
from medseg.manifest import Manifest
from tests.commands import run_process
from tests.nnunet import nnunet_python

PATIENTS = 6
# nnU-Net checks in a process that it spawns; what it finds wrong it prints there.
VERIFY = """
import json, sys
from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity
from nnunetv2.utilities.utils import get_filenames_of_train_images_and_targets
verify_dataset_integrity(sys.argv[1], num_processes=1)
print(json.dumps(sorted(get_filenames_of_train_images_and_targets(sys.argv[1]))))
"""
# What `nnUNetv2_extract_fingerprint -d 17` and `nnUNetv2_plan_experiment -d 17` do, but for the number of voxels that
# nnU-Net draws for its statistics: a hundred million, which takes ten seconds however small the data set is.
PLAN = """
from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import DatasetFingerprintExtractor
from nnunetv2.experiment_planning.plan_and_preprocess_api import plan_experiments
fingerprint = DatasetFingerprintExtractor(17, num_processes=1)
fingerprint.num_foreground_voxels_for_intensitystats = 10_000
fingerprint.run()
plan_experiments([17])
"""


@dataclass(frozen=True)
class Verified:
    """What nnU-Net says of a folder.

    Attributes:
        passed: Whether ``verify_dataset_integrity`` raised nothing.
        printed: All that it printed.
    """

    passed: bool
    printed: str

    @property
    def cases(self) -> list[str]:
        """Names of the training cases that it found."""
        names: list[str] = json.loads(self.printed.splitlines()[-1])
        return names


Ask = Callable[[Path], Verified]


@pytest.fixture(scope="module")
def nnunet() -> Path:
    return nnunet_python()


@pytest.fixture(scope="module")
def ask(nnunet: Path) -> Ask:
    def verify(folder: Path) -> Verified:
        done = run_process([str(nnunet), "-c", VERIFY, str(folder)], folder)
        return Verified(done.status == 0, done.stderr + done.stdout)

    return verify


@pytest.fixture(scope="module")
def livers(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Six patients' DICOM series with their livers, prepared."""
    folder = tmp_path_factory.mktemp("nnunet")
    write_phantom(folder / "raw", patients=PATIENTS, slices=12, size_px=64, seed=0, faults=[], track=Track())
    return prepare(folder / "raw", folder / "livers", Options(name="livers", labels="seg")).manifest


@pytest.fixture(scope="module")
def verified(ask: Ask, livers: Manifest) -> Verified:
    return ask(livers.root)


@pytest.fixture
def copy(livers: Manifest, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(livers.root, tmp_path / "copy"))


class TestVerifyDatasetIntegrity:
    def test_a_prepared_data_set_passes_without_a_word_of_warning(self, verified: Verified) -> None:
        assert verified.passed, verified.printed
        assert "verify_dataset_integrity Done." in verified.printed
        for word in ("mismatch", "WARNING: File", "Failed to open", "Error: "):
            assert word not in verified.printed

    def test_finds_every_case(self, verified: Verified, livers: Manifest) -> None:
        assert verified.cases == [case.name for case in livers.cases]
        assert len(verified.cases) == PATIENTS

    def test_folds_name_the_cases_as_nnunet_does(self, verified: Verified, livers: Manifest) -> None:
        splits = _load(livers.root / "splits_final.json")
        assert len(splits) == 5
        for fold in splits:
            assert set(fold) == {"train", "val"}
            assert sorted(fold["train"] + fold["val"]) == verified.cases

    def test_a_label_beyond_dataset_json_fails(self, ask: Ask, copy: Path) -> None:
        path = copy / "labelsTr" / "case_0002.nii"
        label = nib.Nifti1Image.from_filename(path)
        values = np.array(label.dataobj)
        values[0, 0, 0] = 7
        write_nifti(path, values, label.affine)
        found = ask(copy)
        assert not found.passed
        assert "Unexpected labels found" in found.printed
        assert "case_0002" in found.printed

    def test_a_label_on_another_grid_fails(self, ask: Ask, copy: Path) -> None:
        path = copy / "labelsTr" / "case_0004.nii"
        label = nib.Nifti1Image.from_filename(path)
        write_nifti(path, np.asarray(label.dataobj)[..., :-1], label.affine)
        found = ask(copy)
        assert not found.passed
        assert "Shape mismatch" in found.printed
        assert "case_0004" in found.printed


def test_nnunet_plans_with_our_folds(nnunet: Path, livers: Manifest, tmp_path: Path) -> None:
    raw, preprocessed = tmp_path / "raw", tmp_path / "preprocessed"
    raw.mkdir()
    (raw / "Dataset017_Livers").symlink_to(livers.root)
    folders = {"nnUNet_raw": str(raw), "nnUNet_preprocessed": str(preprocessed), "nnUNet_results": str(tmp_path)}
    run_process([str(nnunet), "-c", PLAN], tmp_path, **folders).succeeded()
    planned = preprocessed / "Dataset017_Livers"
    assert _load(planned / "splits_final.json") == _load(livers.root / "splits_final.json")
    plans = _load(planned / "nnUNetPlans.json")
    assert plans["configurations"]["3d_fullres"]["normalization_schemes"] == ["CTNormalization"]


def test_monai_opens_it_as_a_decathlon_data_set(livers: Manifest) -> None:
    items = load_decathlon_datalist(livers.root / "dataset.json", is_segmentation=True, data_list_key="training")
    assert [Path(item["image"]) for item in items] == [livers.root / case.image for case in livers.cases]
    for item in items:
        assert nib.load(item["image"]).shape == nib.load(item["label"]).shape


def _load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
