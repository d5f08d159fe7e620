from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

from medseg.errors import MedsegError
from medseg.io.results.nifti import write_like
from tests.medseg.io.dicom.references import by_simpleitk
from tests.medseg.io.volume_files import ORIENTATIONS, affine_of, save_nifti

OBLIQUE_MM = np.array([[-0.64, 0.48, 0.0, 90.0], [0.48, 0.64, 0.0, -70.0], [0.0, 0.0, 3.0, 12.0], [0.0, 0.0, 0.0, 1.0]])
SHEARED_MM = np.array([[0.8, 0.0, 0.0, 1.0], [0.0, 0.8, 0.9, 2.0], [0.0, 0.0, 3.0, 3.0], [0.0, 0.0, 0.0, 1.0]])


def random_mask(shape: tuple[int, ...] = (4, 3, 2)) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 2, shape, dtype=np.uint8)


def scan(path: Path, shape: tuple[int, ...] = (4, 3, 2), **fields: Any) -> Path:
    """A scan with both forms under different codes."""
    image = nib.Nifti1Image(np.arange(np.prod(shape), dtype=np.int16).reshape(shape) * 10, OBLIQUE_MM)
    image.set_sform(OBLIQUE_MM, code=2)
    image.set_qform(OBLIQUE_MM, code=1)
    image.header.set_xyzt_units("mm", "sec")
    for name, value in fields.items():
        image.header[name] = value
    nib.save(image, path)
    return path


class TestLikeNifti:
    @pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "A.NII.GZ"])
    def test_geometry_is_the_scans_in_both_forms(self, tmp_path: Path, name: str) -> None:
        source, mask = nib.load(scan(tmp_path / name)), random_mask()
        write_like(tmp_path / "out" / "a_mask.nii.gz", mask, OBLIQUE_MM, tmp_path / name)
        saved = nib.load(tmp_path / "out" / "a_mask.nii.gz")
        np.testing.assert_array_equal(np.asarray(saved.dataobj), mask)
        assert saved.get_data_dtype() == np.uint8
        for form in ("get_sform", "get_qform"):
            expected, expected_code = getattr(source, form)(coded=True)
            got, code = getattr(saved, form)(coded=True)
            np.testing.assert_array_equal(got, expected)
            assert code == expected_code
        assert saved.header.get_zooms() == source.header.get_zooms()
        assert saved.header.get_xyzt_units() == ("mm", "sec")

    @pytest.mark.parametrize("order_and_signs", ORIENTATIONS)
    def test_simpleitk_sees_it_where_the_scan_is(self, tmp_path: Path, order_and_signs: tuple[Any, Any]) -> None:
        affine_mm = affine_of(*order_and_signs)
        source = save_nifti(tmp_path / "a.nii", affine_mm=affine_mm)
        write_like(tmp_path / "a_mask.nii.gz", random_mask(), affine_mm, source)
        voxels, placed = by_simpleitk(tmp_path / "a_mask.nii.gz")
        np.testing.assert_array_equal(voxels, random_mask())
        np.testing.assert_allclose(placed, by_simpleitk(source)[1], atol=1e-6)

    def test_scaled_scan_gets_an_unscaled_mask(self, tmp_path: Path) -> None:
        image = nib.Nifti1Image(np.linspace(-1, 1, 24).reshape(4, 3, 2), np.eye(4))
        image.set_data_dtype(np.int16)
        nib.save(image, tmp_path / "a.nii")
        assert nib.load(tmp_path / "a.nii").dataobj.slope != 1.0
        write_like(tmp_path / "a_mask.nii.gz", random_mask(), np.eye(4), tmp_path / "a.nii")
        saved = nib.load(tmp_path / "a_mask.nii.gz")
        assert (saved.dataobj.slope, saved.dataobj.inter) == (1.0, 0.0)
        np.testing.assert_array_equal(np.asarray(saved.dataobj), random_mask())

    def test_probabilities_are_kept_exactly(self, tmp_path: Path) -> None:
        probability = np.random.default_rng(0).random((4, 3, 2), dtype=np.float32)
        write_like(tmp_path / "out.nii.gz", probability, OBLIQUE_MM, scan(tmp_path / "a.nii"))
        saved = nib.load(tmp_path / "out.nii.gz")
        assert saved.get_data_dtype() == np.float32
        np.testing.assert_array_equal(np.asarray(saved.dataobj), probability)

    @pytest.mark.parametrize("shape", [(4, 3), (4, 3, 1), (4, 3, 2, 1)])
    def test_number_of_dimensions_is_the_scans(self, tmp_path: Path, shape: tuple[int, ...]) -> None:
        mask = random_mask((*shape, 1)[:3])
        write_like(tmp_path / "a_mask.nii", mask, OBLIQUE_MM, scan(tmp_path / "a.nii", shape))
        saved = nib.load(tmp_path / "a_mask.nii")
        assert saved.shape == shape
        np.testing.assert_array_equal(np.asarray(saved.dataobj).reshape(mask.shape), mask)

    def test_window_and_description_of_the_scan_are_not_the_masks(self, tmp_path: Path) -> None:
        source = scan(tmp_path / "a.nii", cal_min=-160, cal_max=240, descrip=b"Jane Doe")
        write_like(tmp_path / "a_mask.nii", random_mask(), OBLIQUE_MM, source)
        header = nib.load(tmp_path / "a_mask.nii").header
        assert (float(header["cal_min"]), float(header["cal_max"])) == (0, 1)
        assert bytes(header["descrip"]).strip(b"\0") == b""

    def test_extensions_of_the_scan_are_not_the_masks(self, tmp_path: Path) -> None:
        image = nib.Nifti1Image(np.zeros((4, 3, 2), np.int16), OBLIQUE_MM)
        image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"Jane Doe"))
        nib.save(image, tmp_path / "a.nii")
        write_like(tmp_path / "a_mask.nii", random_mask(), OBLIQUE_MM, tmp_path / "a.nii")
        assert b"Jane Doe" not in (tmp_path / "a_mask.nii").read_bytes()
        np.testing.assert_array_equal(np.asarray(nib.load(tmp_path / "a_mask.nii").dataobj), random_mask())

    def test_nifti_2_scan_gets_a_mask(self, tmp_path: Path) -> None:
        source = save_nifti(tmp_path / "a.nii", affine_mm=OBLIQUE_MM, kind=nib.Nifti2Image)
        write_like(tmp_path / "a_mask.nii.gz", random_mask(), OBLIQUE_MM, source)
        saved = nib.load(tmp_path / "a_mask.nii.gz")
        np.testing.assert_array_equal(np.asarray(saved.dataobj), random_mask())
        np.testing.assert_allclose(saved.affine, OBLIQUE_MM, atol=1e-6)

    def test_compressed_scan_named_as_if_it_were_not_gets_a_mask(self, tmp_path: Path) -> None:
        scan(tmp_path / "a.nii.gz").rename(tmp_path / "a.nii")
        write_like(tmp_path / "a_mask.nii.gz", random_mask(), OBLIQUE_MM, tmp_path / "a.nii")
        saved = nib.load(tmp_path / "a_mask.nii.gz")
        np.testing.assert_array_equal(np.asarray(saved.dataobj), random_mask())
        np.testing.assert_allclose(saved.affine, OBLIQUE_MM, atol=1e-6)

    @pytest.mark.parametrize(("shape", "got"), [((4, 3, 1), r"\(4, 3, 1\)"), ((3, 4, 2), r"\(3, 4, 2\)")])
    def test_mask_of_another_size_is_refused(self, tmp_path: Path, shape: tuple[int, ...], got: str) -> None:
        source = scan(tmp_path / "a.nii")
        with pytest.raises(MedsegError, match=rf"a\.nii: mask must have the scan's size \(4, 3, 2\), got {got}"):
            write_like(tmp_path / "a_mask.nii", random_mask(shape), OBLIQUE_MM, source)
        assert [path.name for path in tmp_path.iterdir()] == ["a.nii"]


class TestNew:
    @pytest.mark.parametrize("affine_mm", [np.diag([0.7, 0.8, 2.5, 1.0]), OBLIQUE_MM])
    def test_both_forms_are_the_affine(self, tmp_path: Path, affine_mm: NDArray[np.float64]) -> None:
        write_like(tmp_path / "a_mask.nii.gz", random_mask(), affine_mm, None)
        saved = nib.load(tmp_path / "a_mask.nii.gz")
        for form in ("get_sform", "get_qform"):
            got, code = getattr(saved, form)(coded=True)
            np.testing.assert_allclose(got, affine_mm, atol=1e-5)
            assert code == 1
        assert saved.header.get_xyzt_units()[0] == "mm"
        assert saved.get_data_dtype() == np.uint8
        np.testing.assert_array_equal(np.asarray(saved.dataobj), random_mask())

    def test_sheared_grid_has_the_sform_alone(self, tmp_path: Path) -> None:
        write_like(tmp_path / "a_mask.nii.gz", random_mask(), SHEARED_MM, None)
        saved = nib.load(tmp_path / "a_mask.nii.gz")
        np.testing.assert_allclose(saved.get_sform(coded=True)[0], SHEARED_MM, atol=1e-6)
        assert (int(saved.header["sform_code"]), int(saved.header["qform_code"])) == (1, 0)

    def test_lies_where_simpleitk_has_its_scan(self, tmp_path: Path) -> None:
        image = sitk.GetImageFromArray(np.zeros((2, 3, 4), np.int16))
        image.SetSpacing((0.7, 0.8, 2.5))
        image.SetOrigin((-31.0, 12.0, 7.0))
        image.SetDirection((0.6, -0.8, 0.0, 0.8, 0.6, 0.0, 0.0, 0.0, 1.0))
        sitk.WriteImage(image, tmp_path / "a.nrrd")
        write_like(tmp_path / "a_mask.nii.gz", random_mask(), by_simpleitk(tmp_path / "a.nrrd")[1], None)
        saved = sitk.ReadImage(tmp_path / "a_mask.nii.gz")
        np.testing.assert_allclose(saved.GetOrigin(), image.GetOrigin(), atol=1e-5)
        np.testing.assert_allclose(saved.GetSpacing(), image.GetSpacing(), atol=1e-6)
        np.testing.assert_allclose(saved.GetDirection(), image.GetDirection(), atol=1e-6)


class TestAtomic:
    def test_failed_writing_leaves_what_was_there(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        target = tmp_path / "a_mask.nii.gz"
        write_like(target, random_mask(), OBLIQUE_MM, None)
        before = target.read_bytes()

        def half(_image: object, path: Path) -> None:
            path.write_bytes(before[:20])
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(nib, "save", half)
        with pytest.raises(OSError, match="No space left on device"):
            write_like(target, 1 - random_mask(), OBLIQUE_MM, None)
        assert target.read_bytes() == before
        assert [path.name for path in tmp_path.iterdir()] == [target.name]
