from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.layouts.volume_files import by_folder, data_files, image_key, is_volume, label_key, volume_stem


class TestIsVolume:
    @pytest.mark.parametrize(
        "name", ["a.nii", "a.nii.gz", "A.NII.GZ", "a.nrrd", "a.nhdr", "a.mha", "a.mhd", "a.hdr", "a.hdr.gz"]
    )
    def test_volumes(self, name: str) -> None:
        assert is_volume(Path(name))

    @pytest.mark.parametrize("name", ["a.img", "a.img.gz", "a.raw", "a.gz", "a.png", "nii"])
    def test_second_files_of_pairs_and_others_do_not_count(self, name: str) -> None:
        assert not is_volume(Path(name))


class TestVolumeStem:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("b/a.nii.gz", "b/a"),
            ("a.NII", "a"),
            ("a.1.mhd", "a.1"),
            ("a.hdr.gz", "a"),
            ("a.tar.gz", "a.tar.gz"),
            ("1.5", "1.5"),
        ],
    )
    def test_a_volumes_suffix_is_cut(self, name: str, expected: str) -> None:
        assert volume_stem(name) == expected


class TestDataFiles:
    @pytest.mark.parametrize(
        ("header", "data"),
        [("a.hdr", "a.img"), ("a.hdr.gz", "a.img.gz"), ("a.mhd", "a.raw"), ("a.mhd", "a.zraw"), ("a.nhdr", "a.raw.gz")],
    )
    def test_file_beside_a_header(self, tmp_path: Path, header: str, data: str) -> None:
        (tmp_path / data).touch()
        assert data_files(tmp_path / header) == (tmp_path / data,)

    def test_whole_volumes_have_none(self, tmp_path: Path) -> None:
        (tmp_path / "a.raw").touch()
        assert data_files(tmp_path / "a.nii") == ()


class TestByFolder:
    def test_each_folder_above_a_file_has_it(self) -> None:
        first, second = Path("a/b/1.nii"), Path("a/2.nii")
        found = by_folder([first, second])
        assert found == {Path("a/b"): [first], Path("a"): [first, second], Path(): [first, second]}


class TestKeys:
    @pytest.mark.parametrize(
        ("label", "key"),
        [
            ("a_seg", "a"),
            ("p1/a-label", "p1/a"),
            ("a_LABELS", "a"),
            ("a_segmentation", "a"),
            ("a.mask", "a"),
            ("001_ground_truth", "001"),
            ("label001", "001"),
            ("p/segmentation-7", "p/7"),
            ("p/label", "p/"),
            ("Masks", ""),
        ],
    )
    def test_label(self, label: str, key: str) -> None:
        assert label_key(label) == key

    @pytest.mark.parametrize("name", ["a", "labelling", "mask_a", "a_ground_truth_reoriented", "label/a"])
    def test_name_of_no_label(self, name: str) -> None:
        assert label_key(name) is None

    @pytest.mark.parametrize(
        ("image", "key"),
        [
            ("a_0000", "a"),
            ("a_ct", "a"),
            ("p/img0001", "p/0001"),
            ("volume-3", "3"),
            ("imaging", ""),
            ("a_0001", "a_0001"),
            ("000000", "000000"),
            ("image_a", "image_a"),
        ],
    )
    def test_image(self, image: str, key: str) -> None:
        assert image_key(image) == key
