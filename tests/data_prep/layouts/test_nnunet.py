from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_prep.choose_layout import choose_layout
from medseg.io.scans import ScanChoices
from tests.data_prep.layouts.trees import cases_of, errors_of, find, touch, warnings_of, write_json, write_nifti
from tests.data_prep.raw_folders import image_rows, mask_rows, save

CONTENT: dict[str, Any] = {
    "channel_names": {"0": "CT"},
    "labels": {"background": 0, "liver": 1},
    "numTraining": 2,
    "file_ending": ".nii.gz",
}


def make(root: Path, **changes: Any) -> Path:
    content = {**CONTENT, **changes}
    ending = content["file_ending"]
    files = [f"imagesTr/case_{number}_0000{ending}" for number in (2, 10)]
    files += [f"labelsTr/case_{number}{ending}" for number in (2, 10)]
    return touch(write_json(root, content), *files)


class TestCases:
    def test_images_and_labels_pair_by_case(self, tmp_path: Path) -> None:
        assert choose_layout(make(tmp_path)).name == "nnunet"
        assert [*cases_of(tmp_path).items()] == [
            ("case_2", ("imagesTr/case_2_0000.nii.gz", "labelsTr/case_2.nii.gz")),
            ("case_10", ("imagesTr/case_10_0000.nii.gz", "labelsTr/case_10.nii.gz")),
        ]

    def test_archive_may_be_unpacked_into_a_folder(self, tmp_path: Path) -> None:
        make(tmp_path / "Dataset001_Liver")
        assert choose_layout(tmp_path).name == "nnunet"
        assert cases_of(tmp_path)["case_2"][1] == "Dataset001_Liver/labelsTr/case_2.nii.gz"

    def test_test_images_have_no_label(self, tmp_path: Path) -> None:
        touch(make(tmp_path), "imagesTs/t_0000.nii.gz", "labelsTs/t.nii.gz")
        assert cases_of(tmp_path)["t"] == ("imagesTs/t_0000.nii.gz", "")
        assert "labels in labelsTs are not used: 1 files, since test images are not trained on" in warnings_of(tmp_path)

    @pytest.mark.parametrize("ending", [".nrrd", ".mha", ".nii"])
    def test_other_endings(self, tmp_path: Path, ending: str) -> None:
        make(tmp_path, file_ending=ending)
        assert cases_of(tmp_path)["case_2"] == (f"imagesTr/case_2_0000{ending}", f"labelsTr/case_2{ending}")

    def test_scans_of_a_channel_and_a_group_each(self, tmp_path: Path) -> None:
        found = find(make(tmp_path))
        assert found.modality == "CT"
        assert [case.group for case in found.cases] == ["case_2", "case_10"]
        assert warnings_of(tmp_path)[0].startswith("the files do not say which scans are of one patient")

    def test_name_of_a_normalisation_is_no_modality(self, tmp_path: Path) -> None:
        assert find(make(tmp_path, channel_names={"0": "noNorm"})).modality is None

    def test_labels_have_names(self, tmp_path: Path) -> None:
        write_json(tmp_path, {**CONTENT, "labels": {"background": 0, "liver": 1, "tumor": 2}})
        write_nifti(tmp_path / "imagesTr" / "a_0000.nii.gz", np.zeros((4, 3, 2), dtype=np.int16))
        write_nifti(tmp_path / "labelsTr" / "a.nii.gz", np.eye(4, 3, dtype=np.uint8)[..., None] * np.uint8([1, 2]))
        (case,) = find(tmp_path).cases
        assert case.label is not None
        label = case.label.read(case.image, case.image.read(ScanChoices(), None), ["tumor"], ScanChoices())
        assert label.mask.sum(axis=(0, 1)).tolist() == [0, 3]

    def test_pictures(self, tmp_path: Path) -> None:
        write_json(tmp_path, {**CONTENT, "file_ending": ".png"})
        save(tmp_path / "imagesTr" / "a_0000.png", image_rows(3))
        save(tmp_path / "labelsTr" / "a.png", mask_rows(2, value=1))
        (case,) = find(tmp_path).cases
        image = case.image.read(ScanChoices(), None)
        assert case.label is not None
        np.testing.assert_array_equal(image.volume.voxels[..., 0], image_rows(3).T)
        np.testing.assert_array_equal(
            case.label.read(case.image, image, None, ScanChoices()).mask[..., 0], mask_rows(2, value=1).T
        )


class TestErrors:
    def test_image_without_label(self, tmp_path: Path) -> None:
        (make(tmp_path) / "labelsTr" / "case_2.nii.gz").unlink()
        assert errors_of(tmp_path) == [
            "imagesTr/case_2_0000.nii.gz: image has no label case_2.nii.gz in labelsTr; add it, or move the image to"
            " imagesTs"
        ]

    def test_label_without_image(self, tmp_path: Path) -> None:
        (make(tmp_path) / "imagesTr" / "case_2_0000.nii.gz").unlink()
        assert errors_of(tmp_path) == ["labelsTr/case_2.nii.gz: label has no image case_2_0000.nii.gz"]

    @pytest.mark.parametrize("name", ["case_2_0001.nii.gz", "case_3.nii.gz"])
    def test_image_of_another_name(self, tmp_path: Path, name: str) -> None:
        touch(make(tmp_path), f"imagesTr/{name}")
        assert errors_of(tmp_path) == [
            f"imagesTr/{name}: image must be called as its case and the channel, <case>_0000.nii.gz, got another name;"
            " rename or remove it"
        ]

    def test_test_image_shares_a_name(self, tmp_path: Path) -> None:
        touch(make(tmp_path), "imagesTs/case_2_0000.nii.gz")
        assert errors_of(tmp_path) == [
            "imagesTs/case_2_0000.nii.gz: names of cases must differ, got case_2 in imagesTr, too; remove one"
        ]

    def test_several_channels(self, tmp_path: Path) -> None:
        assert errors_of(make(tmp_path, channel_names={"0": "T1", "1": "T2"})) == [
            "dataset.json: images must have one channel, got 2 (T1, T2); multi-modal images cannot be prepared, make a"
            " data set of one of the channels"
        ]

    def test_regions(self, tmp_path: Path) -> None:
        (error,) = errors_of(make(tmp_path, labels={"background": 0, "whole": [1, 2]}))
        assert error.startswith("dataset.json: labels must have one value each, got the region whole of [1, 2]")

    @pytest.mark.parametrize("ending", [".npy", None])
    def test_ending_of_another_kind(self, tmp_path: Path, ending: str | None) -> None:
        assert errors_of(make(tmp_path, file_ending=ending)) == [
            f"dataset.json: file_ending must be that of volumes or pictures, got {ending!r}; convert them"
        ]

    def test_images_elsewhere(self, tmp_path: Path) -> None:
        assert errors_of(make(tmp_path, dataset={"a": {"images": ["/a"], "label": "/b"}})) == [
            "dataset.json: images must stand in imagesTr, got a list dataset of files elsewhere; copy them there"
        ]

    @pytest.mark.parametrize("layout", ["auto", "nnunet", "msd"])
    def test_prepared_data_set(self, tmp_path: Path, layout: str) -> None:
        make(tmp_path, medseg={"format_version": 1}, training=[])
        assert errors_of(tmp_path, layout) == [
            "dataset.json: RAW must hold sources, but is already prepared; use the folder as it is"
        ]
