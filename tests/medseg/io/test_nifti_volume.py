from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from medseg.errors import SourceError
from medseg.io.file_choices import FileChoices
from medseg.io.nifti_volume import read_nifti_volume
from tests.medseg.io.volume_files import AFFINE_MM, SHAPE, patch, save_nifti, voxels


class TestReading:
    @pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.hdr", "a.img", "A.HDR", "a.img.gz"])
    @pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
    def test_every_kind_of_file_gives_voxels_and_affine(self, tmp_path: Path, name: str, kind: type) -> None:
        pair = ".nii" not in name
        kinds = {nib.Nifti1Image: nib.Nifti1Pair, nib.Nifti2Image: nib.Nifti2Pair}
        path = save_nifti(tmp_path / name, kind=kinds[kind] if pair else kind)
        volume = read_nifti_volume(path)
        np.testing.assert_array_equal(volume.voxels, voxels())
        np.testing.assert_allclose(volume.affine_mm, AFFINE_MM, atol=1e-4)
        assert volume.affine_mm.dtype == np.float64
        assert (volume.modality, volume.warnings, volume.decisions) == (None, (), ())

    def test_simpleitk_writes_what_is_read(self, tmp_path: Path) -> None:
        image = sitk.GetImageFromArray(voxels().T)
        image.SetSpacing((0.7, 0.7, 2.5))
        image.SetOrigin((1.0, 2.0, 3.0))
        sitk.WriteImage(image, tmp_path / "a.nii.gz")
        volume = read_nifti_volume(tmp_path / "a.nii.gz")
        np.testing.assert_array_equal(volume.voxels, voxels())
        expected = np.diag([-0.7, -0.7, 2.5, 1.0])  # ITK's LPS
        expected[:3, 3] = (-1, -2, 3)
        np.testing.assert_allclose(volume.affine_mm, expected, atol=1e-6)

    @pytest.mark.parametrize(
        "dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"]
    )
    @pytest.mark.parametrize("order", ["<", ">"])
    def test_every_type_and_byte_order(self, tmp_path: Path, dtype: str, order: str) -> None:
        expected = voxels(dtype=dtype)
        expected[0, 0, 0] = 100
        header = nib.Nifti1Header(endianness=order)
        header.set_data_dtype(dtype)
        header.set_xyzt_units("mm")
        nib.save(nib.Nifti1Image(expected, AFFINE_MM, header), tmp_path / "a.nii")
        volume = read_nifti_volume(tmp_path / "a.nii", modality="CT")
        assert volume.voxels.dtype == np.int16
        np.testing.assert_array_equal(volume.voxels, expected)
        assert volume.modality == "CT"

    @pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
    def test_content_tells_whether_it_is_compressed(self, tmp_path: Path, name: str) -> None:
        content = save_nifti(tmp_path / "b.nii").read_bytes()
        (tmp_path / name).write_bytes(content if name.endswith("gz") else gzip.compress(content))
        np.testing.assert_array_equal(read_nifti_volume(tmp_path / name).voxels, voxels())

    def test_extensions_before_the_voxels_are_passed_over(self, tmp_path: Path) -> None:
        image = nib.Nifti1Image(voxels(), AFFINE_MM)
        image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"anything" * 40))
        image.header.set_xyzt_units("mm")
        nib.save(image, tmp_path / "a.nii")
        np.testing.assert_array_equal(read_nifti_volume(tmp_path / "a.nii").voxels, voxels())

    def test_a_single_image_is_a_volume_of_one_slice(self, tmp_path: Path) -> None:
        path = save_nifti(tmp_path / "a.nii", voxels((4, 3)))
        np.testing.assert_array_equal(read_nifti_volume(path).voxels, voxels((4, 3, 1)))

    def test_axes_of_one_voxel_at_the_end_are_dropped(self, tmp_path: Path) -> None:
        path = save_nifti(tmp_path / "a.nii", voxels((4, 3, 2, 1, 1)))
        np.testing.assert_array_equal(read_nifti_volume(path).voxels, voxels())

    def test_the_file_may_change_afterwards(self, tmp_path: Path) -> None:
        path = save_nifti(tmp_path / "a.nii")
        volume = read_nifti_volume(path)
        path.write_bytes(b"")
        np.testing.assert_array_equal(volume.voxels, voxels())
        volume.voxels[0, 0, 0] = 7  # and the voxels may be written


class TestScaling:
    def test_slope_and_intercept_are_applied(self, tmp_path: Path) -> None:
        path = patch(save_nifti(tmp_path / "a.nii"), scl_slope=2, scl_inter=-1024)
        volume = read_nifti_volume(path)
        np.testing.assert_array_equal(volume.voxels, np.asarray(nib.load(path).dataobj))
        np.testing.assert_array_equal(volume.voxels, voxels() * 2 - 1024)
        assert volume.voxels.dtype == np.int16

    def test_fractions_are_those_of_nibabel(self, tmp_path: Path) -> None:
        path = patch(save_nifti(tmp_path / "a.nii"), scl_slope=0.1, scl_inter=0.3)
        expected = np.asarray(nib.load(path).dataobj, dtype=np.float32)
        np.testing.assert_array_equal(read_nifti_volume(path).voxels, expected)

    @pytest.mark.parametrize("slope", [0, np.nan])
    def test_no_slope_means_no_scaling(self, tmp_path: Path, slope: float) -> None:
        path = patch(save_nifti(tmp_path / "a.nii"), scl_slope=slope, scl_inter=77)
        np.testing.assert_array_equal(read_nifti_volume(path).voxels, voxels())

    @pytest.mark.parametrize(("slope", "inter"), [(np.inf, 0), (1, np.nan), (2, -np.inf)])
    def test_what_is_not_finite_is_refused(self, tmp_path: Path, slope: float, inter: float) -> None:
        path = patch(save_nifti(tmp_path / "a.nii"), scl_slope=slope, scl_inter=inter)
        with pytest.raises(SourceError, match=r"a\.nii: scl_slope and scl_inter must be finite, got"):
            read_nifti_volume(path)

    def test_float_volumes_of_whole_hounsfield_units_become_int16(self, tmp_path: Path) -> None:
        hounsfield = voxels(dtype="float64") - 1000
        volume = read_nifti_volume(save_nifti(tmp_path / "a.nii", hounsfield))
        assert volume.voxels.dtype == np.int16
        np.testing.assert_array_equal(volume.voxels, hounsfield)

    def test_nan_is_refused_unless_a_value_is_chosen(self, tmp_path: Path) -> None:
        holed = voxels(dtype="float32")
        holed[1, 2, 0] = np.nan
        path = save_nifti(tmp_path / "a.nii.gz", holed)
        with pytest.raises(SourceError, match=r"values must be finite, got 1 NaN and 0 infinite voxels; --nonfinite"):
            read_nifti_volume(path)
        volume = read_nifti_volume(path, choices=FileChoices(nonfinite=-1024))
        assert volume.voxels[1, 2, 0] == -1024
        assert volume.decisions == ("1 NaN and 0 infinite voxels set to -1024",)


class TestRefused:
    def refuse(self, path: Path, match: str) -> None:
        with pytest.raises(SourceError, match=match) as caught:
            read_nifti_volume(path)
        assert str(path.parent) not in caught.value.fault

    def test_missing_file(self, tmp_path: Path) -> None:
        self.refuse(tmp_path / "a.nii", r"a\.nii: must be a file, got none")

    @pytest.mark.parametrize("content", [b"", b"short", b"\x89PNG\r\n" + bytes(900), bytes(range(256)) * 3])
    def test_other_files(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a.nii").write_bytes(content)
        self.refuse(tmp_path / "a.nii", r"must be a NIfTI file, got no header of 348 or 540 bytes")

    def test_analyze_which_knows_no_left_and_right(self, tmp_path: Path) -> None:
        nib.save(nib.AnalyzeImage(voxels(), np.eye(4)), tmp_path / "a.img")
        self.refuse(tmp_path / "a.img", r"a\.hdr: must be NIfTI by its magic, got another kind: Analyze")

    @pytest.mark.parametrize(("gone", "left"), [(".img", ".hdr"), (".hdr", ".img")])
    def test_half_a_pair(self, tmp_path: Path, gone: str, left: str) -> None:
        save_nifti(tmp_path / "a.img", kind=nib.Nifti1Pair)
        (tmp_path / f"a{gone}").unlink()
        self.refuse(tmp_path / f"a{left}", rf"a\{left}: must have one {gone} file beside it, got 0; keep both files")

    def test_a_pair_of_three(self, tmp_path: Path) -> None:
        save_nifti(tmp_path / "a.img", kind=nib.Nifti1Pair)
        (tmp_path / "a.img.gz").write_bytes(gzip.compress((tmp_path / "a.img").read_bytes()))
        self.refuse(tmp_path / "a.hdr", r"must have one \.img file beside it, got 2")

    def test_names_that_hide_the_kind(self, tmp_path: Path) -> None:
        save_nifti(tmp_path / "a.img", kind=nib.Nifti1Pair)
        (tmp_path / "a.hdr").rename(tmp_path / "a.nii")
        self.refuse(tmp_path / "a.nii", r"must be a pair of \.hdr and \.img by its magic; rename it")
        save_nifti(tmp_path / "b.nii").rename(tmp_path / "b.hdr")
        (tmp_path / "b.img").write_bytes(b"")
        self.refuse(tmp_path / "b.hdr", r"must be one \.nii file by its magic; rename it")

    @pytest.mark.parametrize("shape", [(4, 3, 2, 5), (4, 3, 2, 1, 5)])
    def test_several_volumes(self, tmp_path: Path, shape: tuple[int, ...]) -> None:
        path = save_nifti(tmp_path / "a.nii", voxels(shape))
        self.refuse(
            path, rf"must hold one volume, got 5 \({' x '.join(map(str, shape))}\); save the wanted one by itself"
        )

    def test_a_single_row(self, tmp_path: Path) -> None:
        self.refuse(
            patch(save_nifti(tmp_path / "a.nii"), dim=[1, 24, 1, 1, 1, 1, 1, 1]), r"must be a volume, got one axis"
        )

    @pytest.mark.parametrize("count", [0, 8, -1, 768])
    def test_impossible_numbers_of_axes(self, tmp_path: Path, count: int) -> None:
        path = patch(save_nifti(tmp_path / "a.nii"), dim=[count, 4, 3, 2, 1, 1, 1, 1])
        self.refuse(path, rf"dim\[0\] must be 2 or 3, got {count}; the header is damaged")

    @pytest.mark.parametrize("size", [0, -3])
    def test_axes_without_voxels(self, tmp_path: Path, size: int) -> None:
        path = patch(save_nifti(tmp_path / "a.nii"), dim=[3, 4, size, 2, 1, 1, 1, 1])
        self.refuse(path, rf"dim must be at least 1 along each axis, got 4 x {size} x 2; the header is damaged")

    @pytest.mark.parametrize(
        ("code", "bits", "got"),
        [
            (1, 1, "one bit a voxel"),
            (32, 64, "complex numbers"),
            (128, 24, "RGB colour"),
            (1536, 128, "128-bit floats"),
            (1792, 128, "complex numbers"),
            (2048, 256, "complex numbers"),
            (2304, 32, "RGBA colour"),
            (0, 16, "an unknown type"),
            (5, 16, "an unknown type"),
        ],
    )
    def test_voxels_that_are_no_single_real_numbers(self, tmp_path: Path, code: int, bits: int, got: str) -> None:
        path = patch(save_nifti(tmp_path / "a.nii"), datatype=code, bitpix=bits)
        self.refuse(path, rf"voxels must be single real numbers, got {got} \(datatype {code}\); save a grey volume")

    def test_rgb_as_nibabel_writes_it(self, tmp_path: Path) -> None:
        rgb = np.zeros(SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
        nib.save(nib.Nifti1Image(rgb, AFFINE_MM), tmp_path / "a.nii")
        self.refuse(tmp_path / "a.nii", r"got RGB colour \(datatype 128\)")

    def test_type_and_bits_that_contradict_each_other(self, tmp_path: Path) -> None:
        # One flipped bit in datatype: 4 (int16) to 0x200 | 4 or to 2 (uint8), which the file is long enough for.
        path = patch(save_nifti(tmp_path / "a.nii"), datatype=2)
        self.refuse(path, r"bitpix must be 8 for uint8, got 16; the header is damaged")

    @pytest.mark.parametrize("offset", [0, 348, -352, 352.5, np.nan, np.inf])
    def test_voxels_before_the_header_ends_or_nowhere(self, tmp_path: Path, offset: float) -> None:
        path = patch(save_nifti(tmp_path / "a.nii"), vox_offset=offset)
        self.refuse(path, r"vox_offset must be whole and at least 352, got")

    @pytest.mark.parametrize("offset", [354, 1e9, 1e30])
    def test_voxels_that_begin_too_late(self, tmp_path: Path, offset: float) -> None:
        self.refuse(patch(save_nifti(tmp_path / "a.nii"), vox_offset=offset), r"must hold exactly 48 bytes of voxels")

    @pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
    @pytest.mark.parametrize("sizes", [(4, 3, 1), (2, 3, 2), (4, 3, 3)])
    def test_sizes_that_are_not_the_files(self, tmp_path: Path, name: str, sizes: tuple[int, ...]) -> None:
        path = patch(save_nifti(tmp_path / "b.nii"), dim=[3, *sizes, 1, 1, 1, 1])
        content = path.read_bytes()
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
        self.refuse(tmp_path / name, rf"must hold exactly {2 * np.prod(sizes)} bytes of voxels")

    @pytest.mark.parametrize("cut", [1, 9, 30])
    def test_cut_gzip_files(self, tmp_path: Path, cut: int) -> None:
        path = save_nifti(tmp_path / "a.nii.gz")
        path.write_bytes(path.read_bytes()[:-cut])
        self.refuse(path, r"a\.nii\.gz: must be compressed to its end, got a stream that is cut short")

    def test_a_kilobyte_that_claims_a_hundred_gigabytes(self, tmp_path: Path) -> None:
        path = patch(save_nifti(tmp_path / "b.nii"), dim=[3, 1250, 1250, 32000, 1, 1, 1, 1])
        small = tmp_path / "a.nii.gz"
        small.write_bytes(gzip.compress(path.read_bytes()))
        self.refuse(small, r"must hold at most 2147483648 voxels, got 50000000000; crop or split the volume")
        path = patch(path, dim=[3, 1250, 1250, 1250, 1, 1, 1, 1])
        small.write_bytes(gzip.compress(path.read_bytes()))
        self.refuse(
            small, r"must hold the 3906250000 bytes of voxels that its header claims, got a compressed file of \d{3},"
        )


@pytest.mark.realdata
class TestRealFiles:
    @pytest.mark.parametrize(
        ("name", "dtype", "warned"),
        [
            ("ct_j2k/labels.nii.gz", "uint8", False),
            ("dicom_faults/slicecount/001_ground_truth.nii.gz", "uint16", False),
            ("dicom_faults/slicecount/001_ground_truth_reoriented.nii.gz", "uint16", False),
            ("dicom_faults/sliceincrement/002_ground_truth.nii.gz", "int16", True),
            ("dicom_faults/sliceincrement/002_ground_truth_reoriented.nii.gz", "int16", True),
        ],
    )
    def test_are_what_nibabel_and_simpleitk_say(self, shared_data: Path, name: str, dtype: str, warned: bool) -> None:
        volume = read_nifti_volume(shared_data / name)
        image = nib.load(shared_data / name)
        assert volume.voxels.dtype == dtype
        np.testing.assert_array_equal(volume.voxels, np.asarray(image.dataobj))
        np.testing.assert_allclose(volume.affine_mm, image.affine, atol=1e-6)
        np.testing.assert_array_equal(volume.voxels.T, sitk.GetArrayFromImage(sitk.ReadImage(shared_data / name)))
        assert volume.warnings == (("xyzt_units names no unit of length; taken as mm",) if warned else ())


class TestNoNames:
    def test_texts_of_the_header_go_nowhere(self, tmp_path: Path) -> None:
        def name(header: Any) -> None:
            header["descrip"], header["aux_file"], header["db_name"] = b"CANARY", b"CANARY", b"CANARY"
            header.set_xyzt_units(0)

        volume = read_nifti_volume(save_nifti(tmp_path / "CANARY.nii", edit=name))
        assert volume.warnings
        assert "CANARY" not in repr((volume.warnings, volume.decisions, volume.modality))
