from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from scipy.spatial.transform import Rotation

from medseg.errors import SourceError
from medseg.io.file_choices import FileChoices, TrustAffine
from medseg.io.nifti_geometry import nifti_geometry
from medseg.io.nifti_volume import read_nifti_volume
from tests.medseg.io.volume_files import AFFINE_MM, SHAPE, affine_of, affines, patch, save_nifti


def forms(
    qform: np.ndarray | None, sform: np.ndarray | None, shape: tuple[int, ...] = (512, 512, 100)
) -> nib.Nifti1Header:
    """A header with these affines; None for none."""
    header = nib.Nifti1Header()
    header.set_data_shape(shape)
    header.set_qform(np.eye(4) if qform is None else qform, int(qform is not None))
    header.set_sform(np.eye(4) if sform is None else sform, 2 * int(sform is not None))
    if qform is None and sform is not None:
        header["pixdim"][1:4] = np.linalg.norm(sform[:3, :3], axis=0)
    header.set_xyzt_units("mm")
    return header


def moved(x: float = 0, y: float = 0, z: float = 0) -> np.ndarray:
    affine = AFFINE_MM.copy()
    affine[:3, 3] += (x, y, z)
    return affine


class TestAgreement:
    @settings(max_examples=150, deadline=None)
    @given(affines())
    def test_both_affines_as_itk_and_nibabel_write_them_agree(self, affine: np.ndarray) -> None:
        geometry = nifti_geometry("a.nii", forms(affine, affine), (512, 512, 100))
        np.testing.assert_allclose(geometry.affine_mm, affine, rtol=1e-6, atol=1e-4)
        assert (geometry.warnings, geometry.decisions) == ((), ())

    def test_quaternions_near_half_a_turn_agree_though_float32_holds_them_badly(self) -> None:
        rng = np.random.default_rng(0)
        for _ in range(300):
            axis = rng.normal(size=3)
            turn = np.pi - 10 ** rng.uniform(-6, -1)
            affine = AFFINE_MM.copy()
            affine[:3, :3] = Rotation.from_rotvec(turn * axis / np.linalg.norm(axis)).as_matrix() * (0.7, 0.7, 2.5)
            geometry = nifti_geometry("a.nii", forms(affine, affine), (512, 512, 100))
            np.testing.assert_allclose(geometry.affine_mm, affine, atol=1e-4)

    @pytest.mark.parametrize("present", ["qform", "sform"])
    def test_one_affine_is_enough(self, present: str) -> None:
        header = forms(AFFINE_MM if present == "qform" else None, AFFINE_MM if present == "sform" else None)
        np.testing.assert_allclose(nifti_geometry("a.nii", header, SHAPE).affine_mm, AFFINE_MM, atol=1e-5)

    @pytest.mark.parametrize("present", ["qform", "sform"])
    def test_trust_in_the_other_changes_nothing_without_a_conflict(self, present: str) -> None:
        header = forms(AFFINE_MM if present == "qform" else None, AFFINE_MM if present == "sform" else None)
        geometry = nifti_geometry("a.nii", header, SHAPE, "sform" if present == "qform" else "qform")
        np.testing.assert_allclose(geometry.affine_mm, AFFINE_MM, atol=1e-5)
        assert geometry.decisions == ()

    def test_no_affine_is_refused(self) -> None:
        with pytest.raises(
            SourceError,
            match=r"a\.nii: must say where its voxels lie, got qform_code 0 and sform_code 0; take the scan",
        ):
            nifti_geometry("a.nii", forms(None, None), SHAPE)

    def test_nibabel_images_without_affine_are_refused(self, tmp_path: Path) -> None:
        nib.save(nib.Nifti1Image(np.zeros(SHAPE, np.int16), None), tmp_path / "a.nii")
        with pytest.raises(SourceError, match=r"got qform_code 0 and sform_code 0"):
            read_nifti_volume(tmp_path / "a.nii")

    @pytest.mark.parametrize(("q", "s"), [(-1, 1), (6, 0), (1, 300)])
    def test_unknown_codes_are_refused(self, q: int, s: int) -> None:
        header = forms(AFFINE_MM, AFFINE_MM)
        header["qform_code"], header["sform_code"] = q, s
        with pytest.raises(SourceError, match=rf"qform_code and sform_code must be 0 to 5, got {q} and {s}"):
            nifti_geometry("a.nii", header, SHAPE)


class TestConflict:
    CONFLICTS = (
        (moved(x=12), "the first voxel's places are 12 apart"),
        (moved(x=0.35), "the first voxel's places are 0.35 apart"),
        (AFFINE_MM @ np.diag([1, 1, 2, 1]), "voxels are 0.7 x 0.7 x 2.5 by qform and 0.7 x 0.7 x 5 by sform"),
        (AFFINE_MM @ np.diag([-1, 1, 1, 1]), "axes differ by up to 180 degrees"),
        (affine_of((1, 0, 2), (1, 1, 1), (0.7, 0.7, 2.5)), "axes differ by up to 90 degrees"),
        (np.diag([np.nan, 1, 1, 1]), "one of the two is not finite"),
    )

    @pytest.mark.parametrize(("sform", "shown"), CONFLICTS)
    def test_names_both_codes_the_difference_and_the_way_out(self, sform: np.ndarray, shown: str) -> None:
        with pytest.raises(SourceError) as caught:
            nifti_geometry("a.nii", forms(AFFINE_MM, sform), (512, 512, 100))
        assert str(caught.value) == (
            f"a.nii: qform (code 1) and sform (code 2) must agree, got: {shown}; look at the scan in a viewer, then"
            " --trust-affine qform or --trust-affine sform takes the one that is right"
        )

    @pytest.mark.parametrize("trust", ["qform", "sform"])
    def test_the_trusted_one_counts_and_is_recorded(self, tmp_path: Path, trust: str) -> None:
        path = patch(save_nifti(tmp_path / "a.nii"), srow_x=moved(x=12)[0])
        volume = read_nifti_volume(path, choices=FileChoices(trust_affine=trust))  # type: ignore[arg-type]
        np.testing.assert_allclose(volume.affine_mm, AFFINE_MM if trust == "qform" else moved(x=12), atol=1e-4)
        assert volume.decisions == (
            f"{trust} trusted where qform and sform differ (the first voxel's places are 12 apart)",
        )

    def test_small_differences_are_rounding(self) -> None:
        header = forms(AFFINE_MM, moved(x=0.03))
        np.testing.assert_allclose(nifti_geometry("a.nii", header, SHAPE).affine_mm, moved(x=0.03), atol=1e-5)

    def test_voxel_sizes_that_the_sform_contradicts_are_refused(self, tmp_path: Path) -> None:
        path = patch(
            save_nifti(tmp_path / "a.nii", edit=lambda header: header.set_qform(None, 0)),
            pixdim=[1, 1, 1, 5, 0, 0, 0, 0],
        )
        match = (
            r"qform \(code 0\) and sform \(code 1\) must agree, got: voxels are 1 x 1 x 5 by pixdim and"
            r" 0\.7 x 0\.7 x 2\.5 by sform; look at the scan in a viewer, then --trust-affine sform takes the one"
        )
        for trust in (None, "qform"):
            with pytest.raises(SourceError, match=match):
                read_nifti_volume(path, choices=FileChoices(trust_affine=trust))  # type: ignore[arg-type]
        volume = read_nifti_volume(path, choices=FileChoices(trust_affine="sform"))
        np.testing.assert_allclose(volume.affine_mm, AFFINE_MM, atol=1e-4)

    def test_a_damaged_quaternion_beside_a_sform_is_a_conflict(self) -> None:
        header = forms(AFFINE_MM, AFFINE_MM)
        header["quatern_b"] = 3
        with pytest.raises(SourceError, match=r"must agree, got: the quaternion is longer than 1; look"):
            nifti_geometry("a.nii", header, SHAPE)
        geometry = nifti_geometry("a.nii", header, SHAPE, "sform")
        np.testing.assert_allclose(geometry.affine_mm, AFFINE_MM, atol=1e-5)
        with pytest.raises(
            SourceError, match=r"qform must be a rotation and voxel sizes, got: the quaternion is longer"
        ):
            nifti_geometry("a.nii", header, SHAPE, "qform")


class TestQform:
    def test_qfac_of_0_counts_as_1(self) -> None:
        affine = np.diag([0.7, 0.7, 2.5, 1.0])
        header = forms(affine, None)
        header["pixdim"][0] = 0
        np.testing.assert_allclose(nifti_geometry("a.nii", header, SHAPE).affine_mm, affine, atol=1e-6)

    @pytest.mark.parametrize(("place", "value"), [(0, 3), (0, np.nan), (1, -0.7)])
    def test_impossible_pixdim_is_refused(self, place: int, value: float) -> None:
        header = forms(AFFINE_MM, None)
        header["pixdim"][place] = value
        with pytest.raises(
            SourceError, match=r"qform must be .* got: pixdim\[0\] \(qfac\) other than 1 or -1, or negative"
        ):
            nifti_geometry("a.nii", header, SHAPE)

    @pytest.mark.parametrize(
        ("field", "value", "match"),
        [
            ("qoffset_x", np.nan, r"qform \(code 1\) must be finite numbers"),
            ("quatern_c", np.nan, r"qform \(code 1\) must be finite numbers"),
            ("pixdim", [1, 0.7, 0, 2.5, 0, 0, 0, 0], r"qform \(code 1\) must span three directions"),
        ],
    )
    def test_what_places_no_voxels_is_refused(self, field: str, value: object, match: str) -> None:
        header = forms(AFFINE_MM, None)
        header[field] = value
        with pytest.raises(SourceError, match=match):
            nifti_geometry("a.nii", header, SHAPE)


class TestSform:
    @pytest.mark.parametrize("trust", [None, "sform"])
    def test_singular_sform_is_refused(self, trust: TrustAffine | None) -> None:
        header = forms(None, AFFINE_MM)
        header["srow_x"] = 0
        match = (
            r"sform \(code 2\) must span three directions" if trust else r"must agree, got: voxels are 0\.7 .* 0 x 0\.7"
        )
        with pytest.raises(SourceError, match=match):
            nifti_geometry("a.nii", header, SHAPE, trust)

    def test_tilted_sform_is_refused(self) -> None:
        affine = AFFINE_MM.copy()
        affine[1, 2] = 0.6
        with pytest.raises(SourceError, match=r"sform \(code 2\) must have axes at right angles, got 76\.50 degrees"):
            nifti_geometry("a.nii", forms(None, affine), (512, 512, 100))

    def test_tilt_beside_a_qform_is_refused_as_tilt(self) -> None:
        """As dcm2niix writes a tilted gantry: the qform would give a volume that looks right."""
        affine = AFFINE_MM.copy()
        affine[1, 2] = 0.6
        with pytest.raises(SourceError, match=r"sform \(code 2\) must have axes at right angles, .* --tilt resample"):
            nifti_geometry("a.nii", forms(AFFINE_MM, affine), (512, 512, 100))
        trusted = nifti_geometry("a.nii", forms(AFFINE_MM, affine), (512, 512, 100), "qform")
        np.testing.assert_allclose(trusted.affine_mm, AFFINE_MM, atol=1e-5)
        with pytest.raises(SourceError, match=r"sform \(code 2\) must have axes at right angles"):
            nifti_geometry("a.nii", forms(AFFINE_MM, affine), (512, 512, 100), "sform")


class TestUnits:
    @pytest.mark.parametrize(
        ("code", "factor", "warnings"),
        [
            (1, 1000.0, ("lengths are in metres by xyzt_units; turned into mm",)),
            (2, 1.0, ()),
            (3, 0.001, ("lengths are in micrometres by xyzt_units; turned into mm",)),
            (0, 1.0, ("xyzt_units names no unit of length; taken as mm",)),
            (2 | 8, 1.0, ()),  # mm and seconds
        ],
    )
    def test_lengths_become_mm(self, code: int, factor: float, warnings: tuple[str, ...]) -> None:
        header = forms(AFFINE_MM, AFFINE_MM)
        header["xyzt_units"] = code
        geometry = nifti_geometry("a.nii", header, SHAPE)
        expected = AFFINE_MM.copy()
        expected[:3] *= factor
        np.testing.assert_allclose(geometry.affine_mm, expected, rtol=1e-6, atol=1e-5 * factor)
        assert geometry.warnings == warnings

    def test_voxels_in_the_wrong_unit_show_in_a_warning(self, tmp_path: Path) -> None:
        path = save_nifti(tmp_path / "a.nii", edit=lambda header: header.set_xyzt_units("micron"))
        assert any("voxels of 0.0007 x 0.0007 x 0.0025 mm are odd" in text for text in read_nifti_volume(path).warnings)

    def test_unknown_unit_is_refused(self) -> None:
        header = forms(AFFINE_MM, AFFINE_MM)
        header["xyzt_units"] = 5
        with pytest.raises(SourceError, match=r"xyzt_units must be 1, 2 or 3 \(metres, mm, micrometres\), got 5"):
            nifti_geometry("a.nii", header, SHAPE)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(affine=affines())
def test_files_of_any_orientation_are_read_as_nibabel_reads_them(tmp_path: Path, affine: np.ndarray) -> None:
    data = np.arange(24, dtype=np.int16).reshape(SHAPE)
    path = save_nifti(tmp_path / "a.nii", data, affine_mm=affine)
    volume, image = read_nifti_volume(path), nib.load(path)
    np.testing.assert_array_equal(volume.voxels, data)
    np.testing.assert_allclose(volume.affine_mm, image.affine, atol=1e-9)
