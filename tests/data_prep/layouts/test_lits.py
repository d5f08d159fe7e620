from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data_prep.choose_layout import choose_layout
from medseg.io.scans import ScanChoices
from tests.data_prep.layouts.trees import cases_of, errors_of, find, touch, write_nifti


class TestCases:
    def test_volumes_and_segmentations_pair_by_number(self, tmp_path: Path) -> None:
        touch(tmp_path, "volume-10.nii", "volume-2.nii.gz", "segmentation-2.nii", "segmentation-10.nii", "notes.txt")
        assert choose_layout(tmp_path).name == "lits"
        assert [*cases_of(tmp_path).items()] == [
            ("volume-2", ("volume-2.nii.gz", "segmentation-2.nii")),
            ("volume-10", ("volume-10.nii", "segmentation-10.nii")),
        ]

    def test_folders_may_differ(self, tmp_path: Path) -> None:
        touch(tmp_path, "Training Batch 1/volume-0.nii", "Training Batch 1/segmentation-0.nii")
        touch(tmp_path, "volumes/volume-1.nii", "segmentations/segmentation-1.nii")
        assert cases_of(tmp_path) == {
            "volume-0": ("Training Batch 1/volume-0.nii", "Training Batch 1/segmentation-0.nii"),
            "volume-1": ("volumes/volume-1.nii", "segmentations/segmentation-1.nii"),
        }

    def test_test_volumes_have_no_label(self, tmp_path: Path) -> None:
        touch(tmp_path, "volume-0.nii", "segmentation-0.nii", "test/test-volume-0.nii")
        assert cases_of(tmp_path)["test-volume-0"] == ("test/test-volume-0.nii", "")

    def test_scans_are_ct_and_a_group_each(self, tmp_path: Path) -> None:
        found = find(touch(tmp_path, "volume-0.nii", "segmentation-0.nii", "volume-1.nii", "segmentation-1.nii"))
        assert found.modality == "CT"
        assert [case.group for case in found.cases] == ["volume-0", "volume-1"]

    @pytest.mark.parametrize(("foreground", "voxels"), [("liver", 2), ("tumor", 1), ("2", 1)])
    def test_labels_have_names(self, tmp_path: Path, foreground: str, voxels: int) -> None:
        write_nifti(tmp_path / "volume-0.nii", np.zeros((4, 3, 2), dtype=np.int16))
        label = np.zeros((4, 3, 2), dtype=np.uint8)
        label[0, 0], label[1, 1, 1] = 1, 2
        write_nifti(tmp_path / "segmentation-0.nii", label)
        (case,) = find(tmp_path).cases
        assert case.label is not None
        image = case.image.read(ScanChoices(modality="CT"), None)
        assert case.label.read(case.image, image, [foreground], ScanChoices()).mask.sum() == voxels


class TestErrors:
    def test_volume_without_segmentation(self, tmp_path: Path) -> None:
        touch(tmp_path, "a/volume-0.nii", "a/segmentation-0.nii", "a/volume-1.nii.gz")
        assert errors_of(tmp_path) == [
            "a/volume-1.nii.gz: volume must have a label segmentation-1.nii, got none; add it, or call the volume"
            " test-volume-1.nii.gz to have it as a case without label"
        ]

    def test_segmentation_without_volume(self, tmp_path: Path) -> None:
        touch(tmp_path, "volume-0.nii", "segmentation-0.nii", "segmentation-1.nii")
        assert errors_of(tmp_path) == [
            "segmentation-1.nii: segmentation must have an image volume-1.nii, got none; add or remove it"
        ]

    def test_one_number_twice(self, tmp_path: Path) -> None:
        touch(tmp_path, "a/volume-0.nii", "a/segmentation-0.nii", "b/volume-0.nii.gz")
        assert errors_of(tmp_path) == [
            "b/volume-0.nii.gz: numbers must differ, got a/volume-0.nii, too; remove one of them"
        ]
