from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from data_prep.verify import verify
from medseg.errors import UsageError
from medseg.io.nifti import write_nifti
from medseg.manifest import Fold, Manifest, read_slices, write_manifest
from tests.factories import AFFINE_MM, edit_json, make_prepared


@pytest.fixture
def own(tmp_path: Path) -> Manifest:
    """Two volumes of three slices in two groups, and one without label; free to be damaged."""
    return make_prepared(tmp_path / "own", cases=2, size=(12, 10), slices=3, groups=2, unlabelled=1)


def set_voxel(path: Path, index: tuple[int, int, int], value: int) -> None:
    image = nib.load(path)
    volume = np.array(image.dataobj)
    volume[index] = value
    write_nifti(path, volume, image.affine)


class TestVerify:
    def test_untouched_data_set_has_no_problem(self, own: Manifest) -> None:
        assert verify(own.root) == []

    @pytest.mark.parametrize("case", [0, 2])
    def test_changed_voxel_of_an_image_is_found(self, own: Manifest, case: int) -> None:
        path = own.root / own.cases[case].image
        set_voxel(path, (0, 0, 0), 255)
        assert verify(own.root) == [
            f"{path}: voxels must have hash {own.cases[case].sha256[:12]}, but image, label or affine changed"
        ]

    def test_changed_voxel_of_a_label_is_found(self, own: Manifest) -> None:
        set_voxel(own.root / own.cases[0].label, (0, 0, 2), 1)
        problems = verify(own.root)
        assert len(problems) == 2
        assert "image, label or affine changed" in problems[0]
        assert problems[1].endswith("slices.csv: disc_000 slice 2 must have 1 foreground pixels")

    def test_moved_image_is_found(self, own: Manifest) -> None:
        for path in (own.root / own.cases[0].image, own.root / own.cases[0].label):
            image = nib.load(path)
            affine = image.affine.copy()
            affine[0, 3] += 1
            nib.save(nib.Nifti1Image(np.array(image.dataobj), affine), path)
        (problem,) = verify(own.root)
        assert problem.endswith("but image, label or affine changed")

    @pytest.mark.parametrize(
        ("entry", "value", "got"),
        [("shape", [9, 8, 7], "(9, 8, 7)"), ("foreground_px", 1, "1"), ("spacing_mm", [1, 1, 3.25], "(1, 1, 3.25)")],
    )
    def test_fact_that_is_not_the_files_is_found(self, own: Manifest, entry: str, value: object, got: str) -> None:
        path = own.root / "dataset.json"
        edit_json(path, lambda content: content["medseg"]["cases"][0].update({entry: value}))
        told = [problem for problem in verify(own.root) if problem.startswith(f"{path}: {entry} of disc_000 must be ")]
        assert [problem.endswith(f", as in its files, got {got}") for problem in told] == [True]

    @pytest.mark.parametrize("entry", ["numTraining", "training", "test", "file_ending"])
    def test_list_that_other_programs_read_is_checked(self, own: Manifest, entry: str) -> None:
        path = own.root / "dataset.json"
        edit_json(path, lambda content: content.update({entry: content[entry] * 2}))
        assert verify(own.root) == [
            f"{path}: {entry} must be that of the cases under medseg, got another; prepare the data set again"
        ]

    @pytest.mark.parametrize("folder", ["imagesTr", "imagesTs", "labelsTr"])
    def test_stray_file_is_found(self, own: Manifest, folder: str) -> None:
        (own.root / folder).mkdir(exist_ok=True)
        (own.root / folder / "other.nii").touch()
        path = own.root / folder / "other.nii"
        assert verify(own.root) == [
            f"{path}: must be a file of a case in dataset.json, got another; delete it or prepare the data set again"
        ]

    @pytest.mark.parametrize("what", ["image", "label"])
    def test_cut_file_is_found(self, own: Manifest, what: str) -> None:
        path = own.root / getattr(own.cases[0], what)
        path.write_bytes(path.read_bytes()[:-1])
        # 352 bytes of header and 12 x 10 x 3 of voxels.
        assert verify(own.root) == [f"{path}: must hold 712 bytes, got 711; the file is cut short"]

    @pytest.mark.parametrize("what", ["image", "label"])
    def test_missing_file_is_found(self, own: Manifest, what: str) -> None:
        path = own.root / getattr(own.cases[0], what)
        path.unlink()
        assert verify(own.root) == [f"{path}: does not exist; prepare the data set again"]

    def test_wrong_label_values_are_found(self, own: Manifest) -> None:
        path = own.root / own.cases[0].label
        set_voxel(path, (0, 0, 0), 255)
        assert verify(own.root) == [f"{path}: must hold only 0 and 1, got [0, 1, 255]"]

    def test_label_of_another_size_is_found(self, own: Manifest) -> None:
        path = own.root / own.cases[0].label
        write_nifti(path, np.zeros((12, 10, 2), np.uint8), AFFINE_MM)
        assert verify(own.root) == [f"{path}: must lie on its image's grid (12, 10, 3), got (12, 10, 2)"]

    def test_label_elsewhere_is_found(self, own: Manifest) -> None:
        path = own.root / own.cases[0].label
        moved = AFFINE_MM.copy()
        moved[0, 3] += 0.5
        write_nifti(path, np.asarray(nib.load(path).dataobj).copy(), moved)
        (problem,) = verify(own.root)
        assert "must lie on its image's grid" in problem

    def test_every_damaged_case_is_named(self, own: Manifest) -> None:
        for case in own.cases:
            (own.root / case.image).unlink()
        assert len(verify(own.root)) == 3

    def test_case_on_both_sides_of_a_fold_is_found(self, own: Manifest) -> None:
        path = own.root / "splits_final.json"
        edit_json(path, lambda folds: folds[1]["train"].append("disc_001"))
        assert f"{path}: fold 1 must not have a case on both sides, got ['disc_001']" in verify(own.root)

    @pytest.mark.parametrize("names", [[], ["disc_001", "disc_002"], ["disc_001", "unknown"]])
    def test_fold_that_leaves_out_or_adds_cases_is_found(self, own: Manifest, names: list[str]) -> None:
        path = own.root / "splits_final.json"
        edit_json(path, lambda folds: folds[0].update(train=names))
        assert verify(own.root) == [f"{path}: fold 0 must cover every labelled case of dataset.json"]

    def test_group_on_both_sides_is_found(self, tmp_path: Path) -> None:
        manifest = make_prepared(tmp_path, cases=4, size=(8, 8), groups=2)
        edit_json(
            tmp_path / "splits_final.json",
            lambda folds: folds[0].update(train=["disc_001", "disc_002"], val=["disc_000", "disc_003"]),
        )
        assert verify(manifest.root) == [
            f"{tmp_path / 'splits_final.json'}: fold 0 must keep groups together, got both sides of ['g0', 'g1']"
        ]

    def test_a_random_split_need_not_keep_groups_together(self, tmp_path: Path) -> None:
        manifest = make_prepared(tmp_path, cases=4, size=(8, 8), groups=2, method="random")
        mixed = Fold(train=("disc_001", "disc_002"), val=("disc_000", "disc_003"))
        write_manifest(tmp_path, dataclasses.replace(manifest, folds=(mixed,)), read_slices(tmp_path))
        assert verify(tmp_path) == []

    def test_wrong_pixel_count_in_the_table_is_found(self, own: Manifest) -> None:
        path = own.root / "slices.csv"
        path.write_text(path.read_text().replace("disc_001,2,0", "disc_001,2,7"))
        assert verify(own.root) == [f"{path}: disc_001 slice 2 must have 0 foreground pixels"]

    @pytest.mark.parametrize("change", [lambda lines: lines[:-1], lambda lines: [*lines, lines[-1]]])
    def test_missing_or_repeated_line_in_the_table_is_found(
        self, own: Manifest, change: Callable[[list[str]], list[str]]
    ) -> None:
        path = own.root / "slices.csv"
        lines = change(path.read_text().splitlines())
        path.write_text("\n".join(lines) + "\n")
        assert f"{path}: must have 9 lines, one a slice, got {len(lines) - 1}" in verify(own.root)

    @pytest.mark.parametrize("stored", ["0", None])
    def test_wrong_or_missing_fingerprint_is_found(self, own: Manifest, stored: str | None) -> None:
        path = own.root / "dataset.json"
        edit_json(path, lambda c: c["medseg"].update(fingerprint=stored) if stored else c["medseg"].pop("fingerprint"))
        assert verify(own.root) == [f"{path}: fingerprint must be {own.fingerprint}, got {stored}"]

    def test_folder_that_is_no_data_set_raises(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"it has no dataset\.json"):
            verify(tmp_path)
