from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from medseg.errors import SourceError
from medseg.io.labels import LabelClass, read_label_file
from medseg.io.volume import Volume
from tests.medseg.io.volume_files import AFFINE_MM, affine_of, save_nifti

SHAPE = (6, 5, 4)
IMAGE = Volume(np.zeros(SHAPE, np.int16), AFFINE_MM, "CT")


def label(dtype: str = "uint8") -> np.ndarray:
    voxels = np.random.default_rng(0).choice([0, 1, 5], SHAPE).astype(dtype)
    voxels[0, 1, 2] = 5
    return voxels


class TestReadLabelFile:
    @pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
    @pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
    def test_chosen_values_are_foreground(self, tmp_path: Path, name: str, dtype: str) -> None:
        path = save_nifti(tmp_path / name, label(dtype))
        read = read_label_file(path, IMAGE, ["5"])
        np.testing.assert_array_equal(read.mask, label() == 5)
        assert read.mask.dtype == np.uint8
        assert (read.classes, read.absent, read.warnings) == ((LabelClass(1), LabelClass(5)), (), ())

    @pytest.mark.parametrize("name", ["a.nrrd", "a.mha"])
    def test_formats_of_itk(self, tmp_path: Path, name: str) -> None:
        image = sitk.GetImageFromArray(np.ascontiguousarray(label().T))
        image.SetSpacing((0.7, 0.7, 2.5))
        image.SetDirection(np.diag([1.0, -1.0, 1.0]).ravel().tolist())
        image.SetOrigin((-120.5, 61.25, -804.5))
        sitk.WriteImage(image, tmp_path / name)
        np.testing.assert_array_equal(read_label_file(tmp_path / name, IMAGE, ["1", "5"]).mask, label() > 0)

    def test_only_value_needs_no_choice(self, tmp_path: Path) -> None:
        path = save_nifti(tmp_path / "a.nii", 255 * (label() > 0).astype(np.uint8))
        np.testing.assert_array_equal(read_label_file(path, IMAGE).mask, label() > 0)

    def test_several_values_need_a_choice(self, tmp_path: Path) -> None:
        path = save_nifti(tmp_path / "a.nii", label())
        with pytest.raises(SourceError, match=r"a\.nii \[1, 5\]: label must have one class, got 2"):
            read_label_file(path, IMAGE)

    def test_empty_label_is_empty(self, tmp_path: Path) -> None:
        path = save_nifti(tmp_path / "a.nii", np.zeros(SHAPE, np.uint8))
        assert not read_label_file(path, IMAGE).mask.any()
        assert read_label_file(path, IMAGE, ["1"]).absent == ("1",)

    def test_names_of_the_layout_choose(self, tmp_path: Path) -> None:
        path = save_nifti(tmp_path / "a.nii", label())
        read = read_label_file(path, IMAGE, ["Liver"], names={0: "background", 1: "tumour", 5: "liver"})
        np.testing.assert_array_equal(read.mask, label() == 5)
        assert read.classes == (LabelClass(1, "tumour"), LabelClass(5, "liver"))

    def test_class_of_the_layout_without_a_voxel_is_absent_and_no_error(self, tmp_path: Path) -> None:
        path = save_nifti(tmp_path / "a.nii", label())
        read = read_label_file(path, IMAGE, ["cyst"], names={1: "tumour", 3: "cyst", 5: "liver"})
        assert not read.mask.any()
        assert read.absent == ("cyst",)

    def test_label_is_turned_as_its_affine_says(self, tmp_path: Path) -> None:
        turned = nib.Nifti1Image(label(), AFFINE_MM).as_reoriented([[1, -1], [0, 1], [2, -1]])
        path = save_nifti(tmp_path / "a.nii", np.asarray(turned.dataobj), affine_mm=turned.affine)
        read = read_label_file(path, IMAGE, ["5"])
        np.testing.assert_array_equal(read.mask, label() == 5)
        assert len(read.warnings) == 1
        assert "turned to its image's order" in read.warnings[0]

    def test_another_grid_is_refused(self, tmp_path: Path) -> None:
        path = save_nifti(tmp_path / "a.nii", label(), affine_mm=affine_of((0, 1, 2), (-1, 1, 1)))
        with pytest.raises(SourceError, match="label must stand on its image's grid, got one that has voxels of"):
            read_label_file(path, IMAGE, ["5"])

    def test_fractions_are_refused(self, tmp_path: Path) -> None:
        path = save_nifti(tmp_path / "a.nii", label("float32") / 2)
        with pytest.raises(SourceError, match="label values must be whole, got fractions"):
            read_label_file(path, IMAGE, ["5"])

    def test_scan_is_no_label(self, tmp_path: Path) -> None:
        path = save_nifti(tmp_path / "a.nii", np.arange(np.prod((10, 10, 10)), dtype=np.int16).reshape(10, 10, 10))
        image = Volume(np.zeros((10, 10, 10), np.int16), AFFINE_MM)
        with pytest.raises(SourceError, match="at most 256 values, got 1000; is it a scan, not a label"):
            read_label_file(path, image, ["5"])
