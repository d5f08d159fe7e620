"""Labels of real data sets, against nibabel, SimpleITK and Pillow alone."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from PIL import Image

from medseg.io.dicom import read_dicom
from medseg.io.labels import LabelClass, read_label_file, read_png_slices, read_seg, referenced_series
from tests.medseg.io.dicom.references import by_simpleitk, onto_axes
from tests.medseg.io.labels.series_files import files_by_slice

pytestmark = pytest.mark.realdata


def test_segmentation_object_is_the_mask_that_lies_beside_it(shared_data: Path) -> None:
    """The object is dcmqi's; the mask beside it is read by SimpleITK."""
    folder = shared_data / "ct_seg"
    image = read_dicom(folder)
    read = read_seg(folder / "seg" / "liver.dcm", image)
    mask, affine = onto_axes(by_simpleitk(folder / "seg" / "liver_seg.nrrd"), image.affine_mm)
    np.testing.assert_array_equal(read.mask, mask != 0)
    np.testing.assert_allclose(image.affine_mm, affine, atol=1e-3)
    assert (read.classes, read.warnings) == ((LabelClass(1, "Liver"),), ())
    assert read.mask.any(axis=(0, 1)).all()


def test_segmentation_object_names_its_series(shared_data: Path) -> None:
    folder = shared_data / "ct_seg"
    uid = sitk.ReadImage(str(folder / "01.dcm")).GetMetaData("0020|000e")
    assert referenced_series(folder / "seg" / "liver.dcm") == (uid,)


def test_label_map_of_many_organs_is_turned_to_its_series(shared_data: Path) -> None:
    folder = shared_data / "ct_j2k"
    image = read_dicom(folder)
    read = read_label_file(folder / "labels.nii.gz", image, ["5"])
    label = nib.load(folder / "labels.nii.gz")
    voxels, affine = onto_axes((np.asarray(label.dataobj), label.affine), image.affine_mm)
    _, by_itk = onto_axes(by_simpleitk(folder / "dicom"), image.affine_mm)
    np.testing.assert_array_equal(read.mask, voxels == 5)
    np.testing.assert_allclose(affine, by_itk, atol=1e-3)
    assert read.mask.sum() == 366708
    assert [item.value for item in read.classes] == np.unique(voxels)[1:].tolist()
    assert read.warnings == ("label is mirrored along y as its own affine says; turned to its image's order",)


def test_chaos_masks_lie_on_the_liver(shared_data: Path) -> None:
    """Liver is at about 141 HU; with the masks in the other order it would be far from it."""
    folder = shared_data / "chaos_ct"
    image = read_dicom(folder / "DICOM_anon")
    paths = sorted((folder / "Ground").iterdir())
    read = read_png_slices(paths, files_by_slice(folder / "DICOM_anon"), image)
    voxels, _ = onto_axes(by_simpleitk(folder / "DICOM_anon"), image.affine_mm)
    # Files and masks run down the body, the image's slices up.
    masks = np.stack([np.asarray(Image.open(path)).T for path in paths[::-1]], axis=-1)
    np.testing.assert_array_equal(read.mask, masks)
    assert voxels[read.mask == 1].mean() == pytest.approx(141.0, abs=0.5)
    assert voxels[read.mask[..., ::-1] == 1].mean() < 100
