from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from monai.bundle import ConfigParser
from monai.data import DataLoader, Dataset, decollate_batch
from monai.transforms import Compose, LoadImage, LoadImaged
from nibabel.orientations import aff2axcodes
from numpy.typing import NDArray
from PIL import Image

from medseg.errors import MedsegError, UsageError
from medseg.io.dicom import DicomSeriesError
from medseg.io.monai_reader import ScanReader, is_nifti
from tests.data_prep.phantom.reading import write_small
from tests.medseg.io.dicom.references import by_simpleitk
from tests.medseg.io.dicom.writer import slice_positions, stored_voxels, write_series
from tests.medseg.io.volume_files import affine_of, patch, save_nifti

AFFINE_MM = np.diag([-0.7, -0.7, 2.0, 1.0])
BY_NAME = "medseg.io.monai_reader.ScanReader"
TILTED = (1.0, 0.0, 0.0, 0.0, float(np.cos(0.25)), float(-np.sin(0.25)))
OBLIQUE = (0.8, 0.6, 0.0, 0.0, 0.0, -1.0)


def read(*paths: Path, **choices: Any) -> tuple[NDArray[Any], dict[str, Any]]:
    reader = ScanReader(**choices)
    return reader.get_data(reader.read(paths))


def scan(path: Path, shape: tuple[int, ...] = (4, 3, 2)) -> NDArray[Any]:
    """Write a NIfTI file; its voxels."""
    voxels = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    save_nifti(path, voxels, affine_mm=AFFINE_MM)
    return voxels


def at_heights(heights_mm: list[float]) -> list[tuple[float, float, float]]:
    return [(-10.0, 20.0, height) for height in heights_mm]


class TestPictures:
    def test_png_is_a_volume_of_one_slice_with_x_along_columns(self, tmp_path: Path) -> None:
        rows = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.uint8)
        Image.fromarray(rows).save(tmp_path / "a.png")
        voxels, meta = read(tmp_path / "a.png")
        np.testing.assert_array_equal(voxels[..., 0], rows.T)
        assert voxels.shape == (3, 2, 1)
        assert meta["filename_or_obj"] == str(tmp_path / "a.png")

    @pytest.mark.parametrize("name", ["a.TIF", "a.bmp", "a.jpg"])
    def test_other_formats(self, tmp_path: Path, name: str) -> None:
        Image.new("L", (3, 2), 7).save(tmp_path / name)
        voxels, _ = read(tmp_path / name)
        assert voxels[..., 0].tolist() == [[7, 7]] * 3

    def test_image_gets_the_orientations_affine(self, tmp_path: Path) -> None:
        Image.new("L", (3, 2)).save(tmp_path / "a.png")
        _, meta = read(tmp_path / "a.png", orientation="LP")
        assert aff2axcodes(meta["affine"]) == ("L", "P", "S")

    @pytest.mark.parametrize("orientation", ["LX", "L", "LPS", "LR", "lp", ""])
    def test_orientation_must_be_two_directions(self, orientation: str) -> None:
        with pytest.raises(UsageError, match=rf"orientation must be two letters of R, L, .* view, got '{orientation}'"):
            ScanReader(orientation)

    def test_changing_a_volumes_affine_does_not_change_the_next(self, tmp_path: Path) -> None:
        Image.new("L", (3, 2)).save(tmp_path / "a.png")
        load = LoadImage(reader=ScanReader("LP"))
        load(tmp_path / "a.png").affine.zero_()
        assert aff2axcodes(load(tmp_path / "a.png").affine.numpy()) == ("L", "P", "S")

    def test_damaged_png_raises(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
        with pytest.raises(MedsegError, match=r"a\.png: must be a readable image"):
            LoadImage(reader=ScanReader())(tmp_path / "a.png")


class TestVolumeFiles:
    @pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
    def test_nifti_keeps_voxels_and_geometry(self, tmp_path: Path, suffix: str) -> None:
        expected = scan(tmp_path / f"a{suffix}")
        voxels, meta = read(tmp_path / f"a{suffix}", orientation="LA")
        np.testing.assert_array_equal(voxels, expected)
        np.testing.assert_allclose(meta["affine"], AFFINE_MM)

    @pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.mhd"])
    def test_itk_formats_as_simpleitk_reads_them(self, tmp_path: Path, name: str) -> None:
        image = sitk.GetImageFromArray(np.arange(24, dtype=np.int16).reshape(2, 3, 4))
        image.SetSpacing((0.7, 0.8, 2.5))
        image.SetOrigin((-31.0, 12.0, 7.0))
        image.SetDirection((0.6, -0.8, 0.0, 0.8, 0.6, 0.0, 0.0, 0.0, 1.0))
        sitk.WriteImage(image, tmp_path / name)
        expected, affine = by_simpleitk(tmp_path / name)
        voxels, meta = read(tmp_path / name)
        np.testing.assert_array_equal(voxels, expected)
        np.testing.assert_allclose(meta["affine"], affine, atol=1e-9)

    def test_2d_nifti_gets_a_third_axis(self, tmp_path: Path) -> None:
        expected = scan(tmp_path / "a.nii", (4, 3))
        voxels, _ = read(tmp_path / "a.nii")
        np.testing.assert_array_equal(voxels, expected[..., None])

    def test_four_axes_raise(self, tmp_path: Path) -> None:
        scan(tmp_path / "a.nii", (4, 3, 2, 2))
        with pytest.raises(
            MedsegError, match=r"a\.nii: must hold one volume, got 2 \(4 x 3 x 2 x 2\); save the wanted"
        ):
            read(tmp_path / "a.nii")

    def test_cut_gzip_raises(self, tmp_path: Path) -> None:
        path = tmp_path / "a.nii.gz"
        noise = np.random.default_rng(0).integers(0, 999, (32, 32, 9), dtype=np.int16)
        save_nifti(path, noise, affine_mm=AFFINE_MM)
        path.write_bytes(path.read_bytes()[:-2000])
        with pytest.raises(MedsegError, match=r"a\.nii\.gz: "):
            read(path)

    def test_modality_is_kept(self, tmp_path: Path) -> None:
        scan(tmp_path / "a.nii")
        assert read(tmp_path / "a.nii")[1]["modality"] == ""
        assert read(tmp_path / "a.nii", modality="CT")[1]["modality"] == "CT"

    def test_which_affine_counts_can_be_chosen(self, tmp_path: Path) -> None:
        patch(save_nifti(tmp_path / "a.nii"), srow_x=(-0.7, 0, 0, 7))
        with pytest.raises(MedsegError, match="--trust-affine"):
            read(tmp_path / "a.nii")
        assert read(tmp_path / "a.nii", trust_affine="sform")[1]["affine"][0, 3] == 7

    def test_nan_can_be_given_a_value(self, tmp_path: Path) -> None:
        save_nifti(tmp_path / "a.nii", np.array([[[np.nan, 1.0]]], dtype=np.float32))
        with pytest.raises(MedsegError, match="--nonfinite"):
            read(tmp_path / "a.nii")
        voxels, meta = read(tmp_path / "a.nii", nonfinite=-1024)
        assert voxels.tolist() == [[[-1024, 1]]]
        assert meta["decisions"] == "1 NaN and 0 infinite voxels set to -1024"


class TestDicom:
    @pytest.mark.parametrize("orientation", [(1.0, 0.0, 0.0, 0.0, 1.0, 0.0), OBLIQUE])
    def test_series_as_simpleitk_reads_it(self, tmp_path: Path, orientation: tuple[float, ...]) -> None:
        write_series(tmp_path, stored_voxels(), orientation=orientation, each=lambda z: {"instance": 9 - z})
        expected, affine = by_simpleitk(tmp_path)
        voxels, meta = read(tmp_path, plane="source")
        np.testing.assert_array_equal(voxels, expected)
        np.testing.assert_allclose(meta["affine"], affine, atol=1e-6)
        np.testing.assert_array_equal(meta["original_affine"], meta["affine"])
        assert meta["spatial_shape"].tolist() == [5, 4, 3]
        assert (meta["space"], meta["original_channel_dim"]) == ("RAS", "no_channel")
        assert (meta["modality"], meta["warnings"], meta["decisions"]) == ("CT", "", "")

    def test_file_alone_is_its_slice(self, tmp_path: Path) -> None:
        files = write_series(tmp_path, stored_voxels(), SliceThickness=2.5)
        voxels, meta = read(files[1])
        np.testing.assert_array_equal(voxels[..., 0], stored_voxels()[..., 1].astype(int) - 1024)
        assert np.linalg.norm(meta["affine"][:3, 2]) == pytest.approx(2.5)
        assert meta["warnings"].startswith("1 slice only, so its depth is its slice thickness (0018,0050), 2.5 mm")

    def test_multi_frame_file_as_simpleitk_reads_it(self, tmp_path: Path) -> None:
        (patient,) = write_small(tmp_path / "phantom", "enhanced-multiframe").folders
        (file,) = (patient / "ct").iterdir()
        expected, affine = by_simpleitk(file)
        voxels, meta = read(file)
        assert voxels.shape == (48, 48, 8)
        np.testing.assert_array_equal(voxels, expected)
        np.testing.assert_allclose(meta["affine"], affine, atol=1e-6)

    def test_unevenness_can_be_resampled(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels((5, 4, 4)), positions_mm=at_heights([0, 5, 10, 20]))
        voxels, meta = read(tmp_path, irregular="resample")
        assert voxels.shape == (5, 4, 5)
        assert meta["affine"][2, 2] == pytest.approx(5)
        assert meta["decisions"].startswith("slice gaps of 5.00 to 10.00 mm put on a regular grid")

    def test_tilt_can_be_undone(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), orientation=TILTED, positions_mm=at_heights([0, 3, 6]))
        _, meta = read(tmp_path, tilt="resample")
        directions = meta["affine"][:3, :3] / np.linalg.norm(meta["affine"][:3, :3], axis=0)
        np.testing.assert_allclose(directions.T @ directions, np.eye(3), atol=1e-6)

    def test_first_of_duplicates_can_be_taken(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels((5, 4, 4)), positions_mm=at_heights([0, 3, 3, 6]))
        assert read(tmp_path, duplicates="first")[0].shape == (5, 4, 3)

    def test_values_can_be_taken_as_hu(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), RescaleSlope=None, RescaleIntercept=None)
        voxels, _ = read(tmp_path, assume_hu=True)
        np.testing.assert_array_equal(voxels, stored_voxels())

    @pytest.mark.parametrize("series", ["largest", "1.2.826.0.1.3680043.10.999.2"])
    def test_series_can_be_chosen(self, tmp_path: Path, series: str) -> None:
        write_series(tmp_path / "one", stored_voxels(), series=1)
        write_series(tmp_path / "two", stored_voxels((5, 4, 6)), series=2)
        assert read(tmp_path, series=series)[0].shape == (5, 4, 6)


def two_series(folder: Path) -> None:
    for number in (1, 2):
        write_series(folder, stored_voxels(), series=number, name=lambda z, number=number: f"{number}-{z}.dcm")


def missing_slice(folder: Path) -> None:
    write_series(folder, stored_voxels((5, 4, 6)))[2].unlink()


def tilted(folder: Path) -> None:
    write_series(folder, stored_voxels(), orientation=TILTED, positions_mm=at_heights([0, 3, 6]))


def duplicated(folder: Path) -> None:
    write_series(folder, stored_voxels((5, 4, 4)), positions_mm=at_heights([0, 3, 3, 6]))


def no_rescale(folder: Path) -> None:
    write_series(folder, stored_voxels(), RescaleSlope=None, RescaleIntercept=None)


class TestInLoadImage:
    def test_volume_with_a_channel(self, tmp_path: Path) -> None:
        expected = scan(tmp_path / "a.nii")
        img = LoadImage(reader=ScanReader(), image_only=True, ensure_channel_first=True)(tmp_path / "a.nii")
        np.testing.assert_array_equal(img.numpy()[0], expected)
        np.testing.assert_allclose(img.affine.numpy(), AFFINE_MM)

    @pytest.mark.parametrize(
        ("write", "fault"),
        [
            (two_series, "must hold one series, got 2"),
            (missing_slice, "1 slice missing of the usual 2.50 mm"),
            (tilted, "undo it with --tilt resample"),
            (duplicated, "take the first of each with --duplicates first"),
            (no_rescale, "--assume-hu"),
        ],
    )
    def test_faulty_series_ends_in_its_error_and_in_no_other_reader(
        self, tmp_path: Path, write: Callable[[Path], None], fault: str
    ) -> None:
        """MONAI's own reader makes a volume of each."""
        write(tmp_path)
        assert LoadImage(reader="PydicomReader")(tmp_path).ndim == 3
        with pytest.raises(DicomSeriesError, match=re.escape(fault)):
            LoadImage(reader=ScanReader())(tmp_path)

    def test_error_is_the_cause_of_a_pipelines(self, tmp_path: Path) -> None:
        two_series(tmp_path)
        with pytest.raises(RuntimeError, match="applying transform") as raised:
            Compose([LoadImaged("image", reader=ScanReader())])({"image": tmp_path})
        assert isinstance(raised.value.__cause__, DicomSeriesError)

    def test_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(MedsegError, match=r"nowhere: must be a file or folder, got none"):
            LoadImage(reader=ScanReader())(tmp_path / "nowhere")

    def test_by_name_with_choices(self, tmp_path: Path) -> None:
        duplicated(tmp_path)
        item = LoadImaged("image", reader=BY_NAME, duplicates="first")({"image": tmp_path})
        assert item["image"].shape == (5, 4, 3)

    @pytest.mark.parametrize("reader", [BY_NAME, ScanReader])
    @pytest.mark.parametrize(
        ("choices", "message"),
        [
            ({"orientaton": "LP"}, "ScanReader must get choices that it has, got orientaton"),
            ({"tilt": "yes"}, "--tilt must be refuse or resample, got 'yes'"),
            ({"assume_hu": "false"}, "--assume-hu must be true or false, got 'false'"),
            ({"nonfinite": "air"}, "--nonfinite must be a number, got 'air'"),
            ({"trust_affine": "both"}, "--trust-affine must be qform or sform, got 'both'"),
            ({"plane": "oblique"}, "--plane must be axial or coronal or sagittal or source, got 'oblique'"),
        ],
    )
    def test_wrong_choice_is_no_reader_without_choices(
        self, reader: str | type[ScanReader], choices: dict[str, Any], message: str
    ) -> None:
        """LoadImage would only warn, and leave all choices out."""
        with pytest.raises(UsageError, match=re.escape(message)):
            LoadImaged("image", reader=reader, **choices)

    def test_in_a_bundles_config(self, tmp_path: Path) -> None:
        tilted(tmp_path / "scan")
        config = {
            "load": {"_target_": "LoadImaged", "keys": "image", "reader": {"_target_": BY_NAME, "tilt": "resample"}}
        }
        (tmp_path / "config.json").write_text(json.dumps(config))
        parser = ConfigParser()
        parser.read_config(tmp_path / "config.json")
        assert parser.get_parsed_content("load")({"image": str(tmp_path / "scan")})["image"].ndim == 3


class TestFilesOfASeries:
    @pytest.mark.parametrize("orientation", [(1.0, 0.0, 0.0, 0.0, 1.0, 0.0), OBLIQUE])
    def test_are_its_volume_in_any_order(self, tmp_path: Path, orientation: tuple[float, ...]) -> None:
        files = write_series(tmp_path, stored_voxels(), orientation=orientation, name="{}".format)
        expected, of_folder = read(tmp_path, plane="source")
        for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2)):
            voxels, meta = read(*(files[index] for index in order), plane="source")
            np.testing.assert_array_equal(voxels, expected)
            np.testing.assert_array_equal(meta["affine"], of_folder["affine"])
            assert meta["original_channel_dim"] == "no_channel"
            assert meta["modality"] == "CT"
            assert meta["source_files"].split("\n") == [str(files[index]) for index in order]

    def test_volume_gets_a_channel_in_load_image(self, tmp_path: Path) -> None:
        files = write_series(tmp_path, stored_voxels())
        img = LoadImage(reader=ScanReader(), ensure_channel_first=True)(list(map(str, files)))
        assert img.shape == (1, 5, 4, 3)

    def test_choices_count(self, tmp_path: Path) -> None:
        files = write_series(tmp_path, stored_voxels((5, 4, 4)), positions_mm=at_heights([0, 3, 3, 6]))
        with pytest.raises(DicomSeriesError, match="take the first of each with --duplicates first"):
            read(*files)
        assert read(*files, duplicates="first")[0].shape == (5, 4, 3)

    def test_warnings_are_told_of_under_their_folder(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        files = write_series(tmp_path, stored_voxels(), orientation=OBLIQUE)
        read(*files)
        (record,) = caplog.records
        assert record.getMessage().startswith(f"{tmp_path}: slices (0020,0037) are ")

    def test_files_of_two_series_are_refused(self, tmp_path: Path) -> None:
        two_series(tmp_path)
        message = "files must be of one DICOM series, got 2; give each series its own files"
        with pytest.raises(DicomSeriesError, match=message):
            read(*sorted(tmp_path.iterdir()))

    def test_file_that_is_no_image_is_named(self, tmp_path: Path) -> None:
        files = write_series(tmp_path, stored_voxels())
        (tmp_path / "notes.txt").write_text("these are notes, not an image\n" * 20)
        with pytest.raises(MedsegError, match=r"notes\.txt: must be an image of a DICOM series, but it is no DICOM"):
            read(*files, tmp_path / "notes.txt")


class TestChannels:
    def test_scans_on_one_grid_become_channels(self, tmp_path: Path) -> None:
        first, second = scan(tmp_path / "a.nii"), scan(tmp_path / "b.nii") + 100
        save_nifti(tmp_path / "b.nii", second, affine_mm=AFFINE_MM + np.eye(4, k=3) * 3e-4)
        load = LoadImage(reader=ScanReader(), ensure_channel_first=True)
        img = load([tmp_path / "a.nii", tmp_path / "b.nii"])
        np.testing.assert_array_equal(img.numpy(), [first, second])
        np.testing.assert_allclose(img.affine.numpy(), AFFINE_MM)
        assert img.meta["filename_or_obj"] == str(tmp_path / "a.nii")

    def test_shifted_scan_is_refused(self, tmp_path: Path) -> None:
        scan(tmp_path / "a.nii")
        save_nifti(tmp_path / "b.nii", affine_mm=AFFINE_MM + np.eye(4, k=3))
        with pytest.raises(
            MedsegError, match=r"b\.nii: channels of an image must stand on one grid, got one that is sh"
        ):
            read(tmp_path / "a.nii", tmp_path / "b.nii")

    def test_several_pictures_are_channels(self, tmp_path: Path) -> None:
        for name, value in (("a.png", 1), ("b.png", 2)):
            Image.new("L", (3, 2), value).save(tmp_path / name)
        voxels, meta = read(tmp_path / "a.png", tmp_path / "b.png")
        assert voxels[:, 0, 0, 0].tolist() == [1, 2]
        assert voxels.shape == (2, 3, 2, 1)
        assert meta["source_files"] == f"{tmp_path}/a.png\n{tmp_path}/b.png"

    def test_facts_of_all_are_kept(self, tmp_path: Path) -> None:
        folders = {"CT": tmp_path / "ct", "PT": tmp_path / "pt"}
        write_series(
            folders["CT"], stored_voxels(), positions_mm=slice_positions(3, orientation=OBLIQUE), orientation=OBLIQUE
        )
        write_series(folders["PT"], stored_voxels(), orientation=OBLIQUE, Modality="PT", SpacingBetweenSlices=9)
        voxels, meta = read(*folders.values())
        assert voxels.shape == (2, 5, 4, 3)
        assert meta["modality"] == "CT, PT"
        assert meta["warnings"].count("slices (0020,0037) are") == 1
        assert "spacing between slices (0018,0088) says 9 mm" in meta["warnings"]

    def test_no_path_is_refused(self) -> None:
        with pytest.raises(UsageError, match="image must be at least one path, got none"):
            read()


class TestWarnings:
    def warned(self, tmp_path: Path, name: str = "a.nii") -> Path:
        return save_nifti(tmp_path / name, affine_mm=affine_of((1, 2, 0), (1, 1, 1), (1, 1, 6)))

    def test_are_logged_once_with_the_path_in_one_line(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        path, load = self.warned(tmp_path), LoadImage(reader=ScanReader())
        with caplog.at_level(logging.WARNING):
            for _ in range(2):
                load(path)
        text = "acquired in the sagittal plane, so axial slices are coarse; --plane sagittal keeps its own"
        ours = [record.getMessage() for record in caplog.records if record.name == "medseg.io.monai_reader"]
        assert ours == [f"{path}: {text}"]

    def test_are_in_the_metadata_without_the_path(self, tmp_path: Path) -> None:
        meta = read(self.warned(tmp_path))[1]
        assert meta["warnings"].startswith("acquired in the sagittal plane")
        assert str(tmp_path) not in meta["warnings"]

    @pytest.mark.parametrize("plane", ["sagittal", "source"])
    def test_wanted_plane_gets_none(self, tmp_path: Path, caplog: pytest.LogCaptureFixture, plane: str) -> None:
        assert read(self.warned(tmp_path), plane=plane)[1]["warnings"] == ""
        assert not caplog.records

    @pytest.mark.parametrize("workers", [0, 1])
    def test_differing_in_number_batch_and_come_apart_again(self, tmp_path: Path, workers: int) -> None:
        self.warned(tmp_path)
        save_nifti(tmp_path / "b.nii")
        items = [{"image": str(tmp_path / name)} for name in ("a.nii", "b.nii")]
        load = LoadImaged("image", reader=ScanReader(), ensure_channel_first=True)
        (batch,) = DataLoader(Dataset(items, load), batch_size=2, num_workers=workers)
        assert batch["image"].shape == (2, 1, 4, 3, 2)
        apart = [item["image"].meta for item in decollate_batch(batch)]
        assert [meta["warnings"][:8] for meta in apart] == ["acquired", ""]
        assert [meta["filename_or_obj"] for meta in apart] == [item["image"] for item in items]


class TestVerifySuffix:
    @pytest.mark.parametrize(
        ("name", "taken"),
        [
            *((name, True) for name in ("a.PNG", "a.tif", "a.jpeg", "a.nii", "a.nii.gz", "a.nrrd", "a.mha", "a.mhd")),
            *((name, True) for name in ("a.dcm", "a.IMA", "IM0001", "1.2.840.113619.2.55", "a.img")),
            *((name, False) for name in ("a.npy", "a.txt", "a.json", "a.csv", "a.gz")),
        ],
    )
    def test_goes_by_the_name(self, name: str, taken: bool) -> None:
        assert ScanReader().verify_suffix(name) is taken
        assert ScanReader().verify_suffix((name,)) is taken

    def test_folder_is_taken_whatever_its_name(self, tmp_path: Path) -> None:
        (tmp_path / "scan.v2").mkdir()
        assert ScanReader().verify_suffix(tmp_path / "scan.v2")

    def test_all_of_several_must_be_taken(self) -> None:
        assert not ScanReader().verify_suffix(("a.nii", "a.npy"))

    def test_registered_reader_comes_before_monais(self, tmp_path: Path) -> None:
        two_series(tmp_path / "scan")
        np.save(tmp_path / "a.npy", np.ones((2, 2)))
        load = LoadImage()
        load.register(ScanReader())
        assert load(tmp_path / "a.npy").shape == (2, 2)
        with pytest.raises(DicomSeriesError, match="must hold one series, got 2"):
            load(tmp_path / "scan")


class TestIsNifti:
    @pytest.mark.parametrize(
        ("name", "expected"), [("a.nii", True), ("a.NII.GZ", True), ("a.gz", False), ("nii", False)]
    )
    def test_goes_by_the_suffix(self, name: str, expected: bool) -> None:
        assert is_nifti(Path(name)) is expected
