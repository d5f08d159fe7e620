from __future__ import annotations

from itertools import permutations, product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from medseg.errors import MedsegError, SourceError, UsageError
from medseg.io.dicom import (
    Choices,
    DicomSeriesError,
    read_dicom,
)
from tests.medseg.io.dicom.references import by_dcm2niix, by_simpleitk, onto_axes
from tests.medseg.io.dicom.writer import (
    AXIAL,
    CT_CLASS,
    MR_CLASS,
    ROOT,
    save,
    slice_dataset,
    stored_voxels,
    write_series,
)

AXES = [sign * axis for axis, sign in product(np.eye(3), (1.0, -1.0))]
# Columns and rows along any two axes: 24, since the slices' normal follows from them; with the order of files, 48.
ORIENTATIONS = [(*columns, *rows) for columns, rows in permutations(AXES, 2) if not columns @ rows]
OBLIQUE = (0.9659258, 0.2588190, 0.0, -0.2241439, 0.8365163, 0.5)
SCREEN = "1.2.840.10008.5.1.4.1.1.7"


def assert_as_simpleitk(folder: Path) -> None:
    volume = read_dicom(folder)
    voxels, affine = by_simpleitk(folder)
    np.testing.assert_array_equal(volume.voxels, voxels)
    np.testing.assert_allclose(volume.affine_mm, affine, atol=1e-3)


class TestReadDicomAgreesWithSimpleItk:
    @pytest.mark.parametrize("reverse", [False, True], ids=["files along normal", "files against normal"])
    @pytest.mark.parametrize("orientation", ORIENTATIONS, ids=lambda axes: "".join(f"{axis:.0f}" for axis in axes))
    def test_in_every_orientation(self, tmp_path: Path, orientation: tuple[float, ...], reverse: bool) -> None:
        def number(z: int) -> int:
            return 9 - z if reverse else z

        write_series(
            tmp_path,
            stored_voxels(),
            orientation=orientation,
            name=lambda z: str(number(z)),
            each=lambda z: {"instance": number(z)},
        )
        assert_as_simpleitk(tmp_path)

    def test_where_slices_are_oblique(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels((7, 5, 4)), orientation=OBLIQUE, gap_mm=3.1, spacing_mm=(0.61, 0.97))
        assert_as_simpleitk(tmp_path)

    @settings(max_examples=25, deadline=None)
    @given(
        seed=st.integers(0, 10**6),
        spacing_mm=st.tuples(*[st.floats(0.2, 5).map(lambda number: round(number, 4))] * 3),
        low=st.sampled_from([-2000, 0]),
        rescale=st.sampled_from([(1, -1024), (1, 0), (2, -2048)]),
        implicit=st.booleans(),
    )
    def test_for_any_geometry_order_sign_and_rescale(
        self,
        seed: int,
        spacing_mm: tuple[float, float, float],
        low: int,
        rescale: tuple[int, int],
        implicit: bool,
    ) -> None:
        rng = np.random.default_rng(seed)
        turn = Rotation.random(random_state=seed).as_matrix()
        order = rng.permutation(6)
        with TemporaryDirectory() as folder:
            write_series(
                Path(folder),
                stored_voxels((6, 5, 6), low=low, seed=seed),
                orientation=(*turn[0], *turn[1]),
                gap_mm=spacing_mm[2],
                spacing_mm=spacing_mm[:2],
                implicit=implicit,
                name=lambda z: f"{order[z]}",
                RescaleSlope=rescale[0],
                RescaleIntercept=rescale[1],
            )
            assert_as_simpleitk(Path(folder))


class TestReadDicomOfOthers:
    @pytest.mark.parametrize("orientation", [AXIAL, (0, 1, 0, 0, 0, -1), (1, 0, 0, 0, 0, -1), OBLIQUE])
    def test_agrees_with_dcm2niix(self, tmp_path: Path, orientation: tuple[float, ...]) -> None:
        write_series(tmp_path / "in", stored_voxels((6, 5, 4)), orientation=orientation, ManufacturerModelName="a")
        volume = read_dicom(tmp_path / "in")
        voxels, affine = onto_axes(by_dcm2niix(tmp_path / "in", tmp_path / "out"), volume.affine_mm)
        np.testing.assert_array_equal(volume.voxels, voxels)
        np.testing.assert_allclose(volume.affine_mm, affine, atol=1e-3)

    def test_series_written_by_simpleitk_comes_back(self, tmp_path: Path) -> None:
        stored = stored_voxels((6, 5, 4), low=-1000)
        image = sitk.GetImageFromArray(stored.T)
        image.SetSpacing((0.61, 0.97, 3.1))
        turn = Rotation.random(random_state=3).as_matrix()
        image.SetDirection(turn.ravel())
        image.SetOrigin((5.5, -20.25, 300.125))
        write_by_simpleitk(image, tmp_path)
        volume = read_dicom(tmp_path)
        np.testing.assert_array_equal(volume.voxels, stored)
        expected = np.eye(4)
        expected[:3, :3], expected[:3, 3] = turn * (0.61, 0.97, 3.1), (5.5, -20.25, 300.125)
        np.testing.assert_allclose(volume.affine_mm, np.diag([-1, -1, 1, 1]) @ expected, atol=1e-3)
        assert volume.modality == "CT"


def write_by_simpleitk(image: sitk.Image, folder: Path) -> None:
    """Write a CT series with SimpleITK's writer, as its own examples do."""
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    columns, rows = np.array(image.GetDirection()).reshape(3, 3).T[:2]
    for z in range(image.GetDepth()):
        part = image[:, :, z]
        place = image.TransformIndexToPhysicalPoint((0, 0, z))
        tags = {
            "0008|0060": "CT",
            "0020|000e": f"{ROOT}.77",
            "0020|0032": "\\".join(map(str, place)),
            "0020|0037": "\\".join(f"{number:.8f}" for number in (*columns, *rows)),
            "0020|0013": str(z),
            "0028|1052": "0",
            "0028|1053": "1",
        }
        for tag, value in tags.items():
            part.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{z}.dcm"))
        writer.Execute(part)


class TestReadDicomFindsTheSeries:
    def test_slices_are_ordered_by_position_alone(self, tmp_path: Path) -> None:
        stored = stored_voxels((5, 4, 4))
        write_series(tmp_path, stored, name=lambda z: f"{(z * 3) % 4}", each=lambda z: {"instance": (z * 3) % 4})
        np.testing.assert_array_equal(read_dicom(tmp_path).voxels, stored.astype(np.int16) - 1024)

    def test_one_series_in_nested_folders_without_suffixes_among_other_files(self, tmp_path: Path) -> None:
        stored = stored_voxels((5, 4, 4))
        write_series(tmp_path, stored, name=lambda z: f"{'ab'[z % 2]}/deep/IM{z}")
        (tmp_path / "notes.txt").write_text("nothing")
        (tmp_path / "a" / "empty.txt").touch()
        (tmp_path / "b" / "picture.dcm").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(500))
        np.testing.assert_array_equal(read_dicom(tmp_path).voxels, stored.astype(np.int16) - 1024)

    def test_a_file_is_read_alone(self, tmp_path: Path) -> None:
        stored = stored_voxels()
        files = write_series(tmp_path, stored, SpacingBetweenSlices=4)
        volume = read_dicom(files[1])
        voxels, affine = by_simpleitk(files[1])
        np.testing.assert_array_equal(volume.voxels, voxels)
        np.testing.assert_allclose(volume.affine_mm, affine, atol=1e-3)

    def test_a_file_alone_is_as_deep_as_its_slice_thickness(self, tmp_path: Path) -> None:
        """SimpleITK makes it 1 mm without a word."""
        files = write_series(tmp_path, stored_voxels(), SliceThickness=4)
        volume = read_dicom(files[1])
        assert volume.affine_mm[:3, 2].tolist() == [0, 0, 4]
        assert volume.warnings == ("1 slice only, so its depth is its slice thickness (0018,0050), 4 mm",)

    def test_localizers_and_captures_are_set_aside_with_a_warning(self, tmp_path: Path) -> None:
        stored = stored_voxels()
        write_series(tmp_path / "ct", stored)
        scout = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "instance": 50}
        write_series(tmp_path / "scout", stored[..., :2], **scout)
        capture = slice_dataset(stored[..., 0], (0, 0, 0), series=3, SOPClassUID=SCREEN, ImagePositionPatient=None)
        save(capture, tmp_path / "screen")
        volume = read_dicom(tmp_path)
        assert volume.voxels.shape == stored.shape
        assert volume.warnings == (
            "1 secondary capture image set aside (0008,0008)",
            "2 localizer images set aside (0008,0008)",
        )

    def test_empty_files_are_a_warning(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels())
        (tmp_path / "003.dcm").touch()
        assert read_dicom(tmp_path).warnings == ("1 empty file found; an image may be missing",)

    def test_the_largest_is_recorded_as_a_decision(self, tmp_path: Path) -> None:
        write_series(tmp_path / "a", stored_voxels((5, 4, 3)), series=1)
        write_series(tmp_path / "b", stored_voxels((5, 4, 6)), series=2)
        volume = read_dicom(tmp_path, series="largest")
        assert volume.voxels.shape == (5, 4, 6)
        assert volume.decisions == ("largest of 2 series taken",)

    def test_a_uid_is_recorded_without_the_uid(self, tmp_path: Path) -> None:
        write_series(tmp_path / "a", stored_voxels((5, 4, 3)), series=1)
        write_series(tmp_path / "b", stored_voxels((5, 4, 6)), series=2)
        volume = read_dicom(tmp_path, series=f"{ROOT}.1")
        assert volume.voxels.shape == (5, 4, 3)
        assert volume.decisions == ("one named of 2 series taken",)

    def test_two_series_raise(self, tmp_path: Path) -> None:
        write_series(tmp_path / "a", stored_voxels(), series=1)
        write_series(tmp_path / "b", stored_voxels(), series=2)
        message = (
            rf"\[{ROOT}.1 \(3 images\), {ROOT}.2 \(3 images\)\]: must hold one series, got 2; choose with --series"
        )
        with pytest.raises(DicomSeriesError, match=message) as caught:
            read_dicom(tmp_path)
        assert ROOT not in caught.value.fault

    def test_all_raises(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="--series must name one series where one volume is read, got 'all'"):
            read_dicom(tmp_path, series="all")

    def test_missing_path_raises(self, tmp_path: Path) -> None:
        with pytest.raises(MedsegError, match="absent: does not exist"):
            read_dicom(tmp_path / "absent")

    def test_empty_folder_raises(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="must hold DICOM images, got no files"):
            read_dicom(tmp_path)

    def test_folder_of_other_files_raises(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("nothing")
        with pytest.raises(SourceError, match="must hold DICOM images, got 1 file, most of which is no DICOM file"):
            read_dicom(tmp_path)

    def test_another_file_raises(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("nothing")
        with pytest.raises(SourceError, match=r"notes\.txt: must hold DICOM images, got a file that is no DICOM file"):
            read_dicom(tmp_path / "notes.txt")

    def test_damaged_file_raises_since_an_image_may_be_missing(self, tmp_path: Path) -> None:
        files = write_series(tmp_path, stored_voxels())
        content = files[2].read_bytes()
        files[2].write_bytes(content[: content.rindex(b"\xe0\x7f\x10\x00")])
        message = r"002\.dcm: has no pixel data \(7fe0,0010\); the file is cut short; an image may be missing"
        with pytest.raises(SourceError, match=message):
            read_dicom(tmp_path)


class TestDamage:
    def test_changed_bytes_give_an_error_in_one_line_or_all_slices_in_place(self, tmp_path: Path) -> None:
        files = write_series(tmp_path, stored_voxels((6, 5, 4)), SliceThickness=2.5, PatientID="X")
        whole = [file.read_bytes() for file in files]
        affine = read_dicom(tmp_path).affine_mm
        rng = np.random.default_rng(0)
        read = 0
        for number in range(300):
            index = rng.integers(len(files))
            files[index].write_bytes(changed(whole[index], rng, cut=number % 3 == 0))
            try:
                volume = read_dicom(tmp_path)
            except MedsegError as error:
                assert "\n" not in str(error)  # noqa: PT017
            else:
                read += 1
                assert volume.voxels.shape == (6, 5, 4)
                np.testing.assert_allclose(volume.affine_mm, affine, atol=1e-3)
            files[index].write_bytes(whole[index])
        assert read > 20


def changed(content: bytes, rng: np.random.Generator, *, cut: bool) -> bytes:
    """A file cut short, or with one to three bytes of its header changed."""
    if cut:
        return content[: rng.integers(len(content))]
    out = bytearray(content)
    for place in rng.integers(128, len(content) - 60, rng.integers(1, 4)):
        out[place] = rng.integers(256)
    return bytes(out)


class TestReadSeries:
    def test_all_broken_rules_are_named(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), RescaleSlope=None, PixelSpacing=None)
        with pytest.raises(DicomSeriesError) as caught:
            read_dicom(tmp_path)
        assert "rescale slope (0028,1053) and intercept (0028,1052) must be in every image" in str(caught.value)
        assert "; also, pixel spacing (0028,0030) must be in every image" in str(caught.value)

    def test_series_is_named_on_the_terminal_but_not_in_the_fault(self, tmp_path: Path) -> None:
        write_series(tmp_path / "folder", stored_voxels(), RescaleSlope=None, SeriesDescription="Liver")
        with pytest.raises(
            DicomSeriesError, match=rf"^series 1 'Liver' \.\.\..* in {tmp_path}.* \(3 images\): "
        ) as caught:
            read_dicom(tmp_path)
        assert caught.value.fault.startswith("rescale slope (0028,1053)")

    def test_no_text_of_the_source_leaves(self, tmp_path: Path) -> None:
        texts = {
            "PatientID": "CANARY",
            "SeriesDescription": "CANARY",
            "ImageType": ["CANARY", "CANARY"],
            "RescaleType": "CANARY",
            "PhotometricInterpretation": "CANARY",
            "Modality": "CT",
        }
        write_series(tmp_path / "CANARY", stored_voxels(), **texts)
        with pytest.raises(DicomSeriesError) as caught:
            read_dicom(tmp_path)
        assert "got another" in caught.value.fault
        assert "CANARY" not in caught.value.fault

    def test_unknown_modality_text_does_not_leave_either(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), Modality="CANARY")
        with pytest.raises(
            DicomSeriesError, match=r"modality \(0008,0060\) must be a code of DICOM, got an unknown one"
        ) as e:
            read_dicom(tmp_path)
        assert "CANARY" not in e.value.fault

    def test_mr_keeps_stored_values_and_type(self, tmp_path: Path) -> None:
        stored = stored_voxels(high=60000)
        mr = {"Modality": "MR", "SOPClassUID": MR_CLASS, "RescaleSlope": None, "RescaleIntercept": None}
        write_series(tmp_path, stored, **mr)
        volume = read_dicom(tmp_path)
        assert volume.modality == "MR"
        assert volume.voxels.dtype == np.uint16
        np.testing.assert_array_equal(volume.voxels, stored)

    def test_each_slice_has_its_own_rescale_and_a_warning_says_so(self, tmp_path: Path) -> None:
        stored = stored_voxels()
        write_series(tmp_path, stored, each=lambda z: {"RescaleIntercept": -1000 - z})
        volume = read_dicom(tmp_path)
        np.testing.assert_array_equal(volume.voxels, stored.astype(np.int16) - np.array([1000, 1001, 1002]))
        assert any("differ between slices" in warning for warning in volume.warnings)

    def test_padding_stays_and_a_warning_says_so(self, tmp_path: Path) -> None:
        stored = stored_voxels((5, 4, 2), low=-1000)
        stored[:, 0] = -2000
        write_series(tmp_path, stored, RescaleIntercept=0, PixelPaddingValue=-2000, each=None)
        volume = read_dicom(tmp_path)
        np.testing.assert_array_equal(volume.voxels, stored)
        expected = "25.00% of the pixels are padding (0028,0120) below -1024 HU; they stay as they are"
        assert expected in volume.warnings

    def test_copies_of_a_position_are_read_by_choice(self, tmp_path: Path) -> None:
        stored = stored_voxels()
        write_series(tmp_path / "one", stored)
        write_series(tmp_path / "two", stored)
        volume = read_dicom(tmp_path, choices=Choices(duplicates="first"))
        np.testing.assert_array_equal(volume.voxels, stored.astype(np.int16) - 1024)
        assert volume.decisions == ("first image of each position taken: 6 images at 3 positions",)

    def test_the_first_of_a_position_is_that_of_the_lowest_acquisition(self, tmp_path: Path) -> None:
        stored = stored_voxels((5, 4, 4))
        places = [(0, 0, 0), (0, 0, 0), (0, 0, 3), (0, 0, 6)]
        write_series(tmp_path, stored, positions_mm=places, each=lambda z: {"AcquisitionNumber": [12, 7, 7, 7][z]})
        voxels = read_dicom(tmp_path, choices=Choices(duplicates="first")).voxels
        np.testing.assert_array_equal(voxels, stored[..., 1:].astype(np.int16) - 1024)

    def test_values_without_rescale_are_taken_by_choice(self, tmp_path: Path) -> None:
        stored = stored_voxels(low=-1000)
        write_series(tmp_path, stored, RescaleSlope=None, RescaleIntercept=None)
        volume = read_dicom(tmp_path, choices=Choices(assume_hu=True))
        np.testing.assert_array_equal(volume.voxels, stored)
        assert volume.decisions[0].startswith("stored values taken as Hounsfield units")


class TestSecondaryCapture:
    def test_with_geometry_it_is_a_volume(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), SOPClassUID=SCREEN)
        assert_as_simpleitk(tmp_path)

    def test_ct_class_is_no_capture_even_without_geometry(self, tmp_path: Path) -> None:
        files = write_series(tmp_path, stored_voxels(), SOPClassUID=CT_CLASS)
        lost = slice_dataset(stored_voxels()[..., 0], (0, 0, 0), instance=9, ImagePositionPatient=None)
        save(lost, files[0].with_name("lost"))
        with pytest.raises(DicomSeriesError, match=r"position \(0020,0032\) must be in every image, missing in 1 of 4"):
            read_dicom(tmp_path)
