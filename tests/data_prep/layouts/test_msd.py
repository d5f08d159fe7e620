from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_prep.choose_layout import choose_layout
from medseg.io.scans import ScanChoices
from tests.data_prep.layouts.trees import cases_of, errors_of, find, touch, warnings_of, write_json, write_nifti

CONTENT: dict[str, Any] = {
    "name": "Liver",
    "modality": {"0": "CT"},
    "labels": {"0": "background", "1": "liver", "2": "cancer"},
    "training": [
        {"image": "./imagesTr/liver_10.nii.gz", "label": "./labelsTr/liver_10.nii.gz"},
        {"image": "./imagesTr/liver_2.nii.gz", "label": "./labelsTr/liver_2.nii.gz"},
    ],
    "test": ["./imagesTs/liver_0.nii.gz"],
}
FILES = [f"{folder}Tr/liver_{number}.nii.gz" for folder in ("images", "labels") for number in (2, 10)]
UNKNOWN = (
    "the files do not say which scans are of one patient, so each counts as a patient of its own; give --groups if a"
    " patient has several"
)


def make(root: Path, **changes: Any) -> Path:
    return touch(write_json(root, {**CONTENT, **changes}), *FILES, "imagesTs/liver_0.nii.gz")


class TestCases:
    def test_listed_pairs_and_test_images_are_cases(self, tmp_path: Path) -> None:
        assert choose_layout(make(tmp_path)).name == "msd"
        assert [*cases_of(tmp_path).items()] == [
            ("liver_0", ("imagesTs/liver_0.nii.gz", "")),
            ("liver_2", ("imagesTr/liver_2.nii.gz", "labelsTr/liver_2.nii.gz")),
            ("liver_10", ("imagesTr/liver_10.nii.gz", "labelsTr/liver_10.nii.gz")),
        ]

    def test_images_of_nnunets_first_format_end_in_the_channel(self, tmp_path: Path) -> None:
        make(tmp_path)
        for path in [*tmp_path.glob("images*/*.nii.gz")]:
            path.rename(path.with_name(path.name.replace(".nii.gz", "_0000.nii.gz")))
        assert cases_of(tmp_path)["liver_2"] == ("imagesTr/liver_2_0000.nii.gz", "labelsTr/liver_2.nii.gz")
        assert cases_of(tmp_path)["liver_0"] == ("imagesTs/liver_0_0000.nii.gz", "")

    @pytest.mark.parametrize(("text", "modality"), [("CT", "CT"), ("MRI", "MR"), ("T2", "MR"), ("Camera 7", None)])
    def test_modality_is_what_dicom_calls_it(self, tmp_path: Path, text: str, modality: str | None) -> None:
        assert find(make(tmp_path, modality={"0": text})).modality == modality

    def test_each_scan_is_a_group_and_the_folder_says_no_more(self, tmp_path: Path) -> None:
        assert [case.group for case in find(make(tmp_path)).cases] == ["liver_0", "liver_2", "liver_10"]
        assert warnings_of(tmp_path) == [UNKNOWN]

    def test_labels_have_names(self, tmp_path: Path) -> None:
        make(tmp_path, training=CONTENT["training"][:1], test=[])
        write_nifti(tmp_path / "imagesTr" / "liver_10.nii.gz", np.zeros((4, 3, 2), dtype=np.int16))
        write_nifti(
            tmp_path / "labelsTr" / "liver_10.nii.gz", np.eye(4, 3, dtype=np.uint8)[..., None] * np.uint8([1, 2])
        )
        (case,) = find(tmp_path).cases
        assert case.label is not None
        label = case.label.read(case.image, case.image.read(ScanChoices(), None), ["cancer"], ScanChoices())
        assert label.mask.sum(axis=(0, 1)).tolist() == [0, 3]

    def test_archive_may_be_unpacked_into_a_folder(self, tmp_path: Path) -> None:
        make(tmp_path / "Task03_Liver")
        assert choose_layout(tmp_path).name == "msd"
        assert cases_of(tmp_path)["liver_2"][1] == "Task03_Liver/labelsTr/liver_2.nii.gz"

    def test_several_tasks_in_one_folder(self, tmp_path: Path) -> None:
        make(tmp_path / "Task03_Liver")
        make(tmp_path / "Task09_Spleen")
        assert errors_of(tmp_path) == [
            f"{tmp_path}: must hold one data set with dataset.json, got Task03_Liver, Task09_Spleen; give the folder of"
            " one of them"
        ]

    def test_apple_doubles_are_nothing(self, tmp_path: Path) -> None:
        touch(make(tmp_path), "imagesTr/._liver_2.nii.gz", "._dataset.json")
        assert warnings_of(tmp_path) == [UNKNOWN]


class TestWarnings:
    def test_files_that_are_not_listed(self, tmp_path: Path) -> None:
        touch(make(tmp_path), "imagesTr/liver_3.nii.gz", "labelsTr/liver_3.nii.gz")
        assert warnings_of(tmp_path) == [
            UNKNOWN,
            "volumes that dataset.json does not list were ignored: imagesTr/liver_3.nii.gz, labelsTr/liver_3.nii.gz",
        ]

    def test_test_images_that_were_not_copied(self, tmp_path: Path) -> None:
        tests = [f"./imagesTs/t{number}.nii.gz" for number in range(5)]
        (make(tmp_path, test=tests) / "imagesTs" / "liver_0.nii.gz").unlink()
        assert warnings_of(tmp_path) == [
            UNKNOWN,
            "test images that dataset.json lists are not there: imagesTs/t0.nii.gz, imagesTs/t1.nii.gz,"
            " imagesTs/t2.nii.gz and 2 more",
        ]


class TestErrors:
    @pytest.mark.parametrize("folder", ["imagesTr", "labelsTr"])
    def test_listed_file_is_missing(self, tmp_path: Path, folder: str) -> None:
        (make(tmp_path) / folder / "liver_2.nii.gz").unlink()
        assert errors_of(tmp_path) == [
            f"{folder}/liver_2.nii.gz: is listed in dataset.json, but there is no such file; copy it again"
        ]

    def test_several_modalities(self, tmp_path: Path) -> None:
        make(tmp_path, modality={"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"})
        assert errors_of(tmp_path) == [
            "dataset.json: images must have one channel, got 4 (FLAIR, T1w, t1gd, T2w); multi-modal images cannot be"
            " prepared, make a data set of one of the channels"
        ]

    def test_no_modality(self, tmp_path: Path) -> None:
        make(tmp_path, modality="CT")
        rule = 'dataset.json: must name the images\' channels as {"0": "CT"}, got \'CT\''
        assert errors_of(tmp_path) == [rule]

    @pytest.mark.parametrize("path", ["/imagesTr/a.nii.gz", "../a.nii.gz", "", 7, None])
    def test_listed_path_leads_elsewhere(self, tmp_path: Path, path: object) -> None:
        make(tmp_path, training=[{"image": path, "label": "./labelsTr/liver_2.nii.gz"}])
        assert errors_of(tmp_path) == [
            f"dataset.json: training must list files below its folder as ./imagesTr/a.nii.gz, got {path!r}"
        ]

    def test_listed_test_image_is_elsewhere(self, tmp_path: Path) -> None:
        assert errors_of(make(tmp_path, test=["/a.nii.gz"])) == [
            "dataset.json: test must list files below its folder as ./imagesTr/a.nii.gz, got '/a.nii.gz'"
        ]

    def test_entry_without_image(self, tmp_path: Path) -> None:
        make(tmp_path, training=["./imagesTr/liver_2.nii.gz"])
        rule = "dataset.json: training must list files below its folder as ./imagesTr/a.nii.gz, got None"
        assert errors_of(tmp_path) == [rule, rule]

    def test_list_is_none(self, tmp_path: Path) -> None:
        assert errors_of(make(tmp_path, training={"a": 1})) == [
            "dataset.json: training must be a list, got {'a': 1}; copy the file again"
        ]

    def test_image_is_listed_twice(self, tmp_path: Path) -> None:
        make(tmp_path, training=[CONTENT["training"][1]] * 2)
        assert errors_of(tmp_path) == [
            "imagesTr/liver_2.nii.gz: must be listed once in dataset.json, got it again; remove an entry"
        ]

    def test_broken_json(self, tmp_path: Path) -> None:
        (make(tmp_path) / "dataset.json").write_text('{"training": [', encoding="utf-8")
        (error,) = errors_of(tmp_path)
        assert error.startswith("dataset.json: must be JSON, got Expecting value: line 1 column 15")
        assert error.endswith("; copy the file again")

    def test_json_of_another_kind(self, tmp_path: Path) -> None:
        assert errors_of(write_json(tmp_path, [1])) == [
            "dataset.json: must hold an object, got list; copy the file again"
        ]
