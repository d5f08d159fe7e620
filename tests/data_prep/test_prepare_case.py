from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from data_prep.image_sources import Picture, Refused, ScanFile
from data_prep.label_sources import LabelFile, PictureMasks
from data_prep.prepare_case import CaseResult, CaseTask, Reading, attempt_case, prepare_case
from data_prep.sources import SourceCase
from medseg.errors import MedsegError, SourceError
from medseg.io.dicom import Choices
from medseg.io.nifti import open_nifti
from medseg.io.scans import ScanChoices
from medseg.manifest import case_hash
from tests.data_prep.raw_folders import image_rows, mask_rows, save, save_pages

PLAIN = Reading(ScanChoices())
CT = ScanChoices(modality="CT")


def task(source: SourceCase, reading: Reading = PLAIN) -> CaseTask:
    return CaseTask(3, "case_0003", source, reading)


def picture(folder: Path, *masks: np.ndarray, image: np.ndarray | None = None) -> SourceCase:
    """An image with its masks in files."""
    paths = tuple(save(folder / f"mask{index}.png", mask) for index, mask in enumerate(masks))
    return SourceCase("a", Picture(save(folder / "a.png", image_rows(0) if image is None else image)), masks_of(*paths))


def masks_of(*paths: Path, page: int | None = None) -> PictureMasks:
    return PictureMasks(paths, page)


def prepared(source: SourceCase, folder: Path, reading: Reading = PLAIN) -> tuple[CaseResult, np.ndarray, np.ndarray]:
    """What is told of a case, and what stands in its files."""
    result = prepare_case(task(source, reading), folder / "out")
    image, label = (
        np.asarray(open_nifti(folder / "out" / file).dataobj)
        for file in ("imagesTr/case_0003_0000.nii", "labelsTr/case_0003.nii")
    )
    return result, image, label


class TestPictures:
    def test_image_is_kept_and_mask_becomes_0_and_1(self, tmp_path: Path) -> None:
        result, image, label = prepared(picture(tmp_path, mask_rows(3)), tmp_path)
        assert (image.dtype, label.dtype) == (np.uint8, np.uint8)
        np.testing.assert_array_equal(image[..., 0], image_rows(0).T)
        np.testing.assert_array_equal(label[..., 0], mask_rows(3, value=1).T)
        assert (result.facts.label_values, result.facts.warnings) == ((255,), ())
        assert result.facts.foreground_px == (3 * 16,)
        assert (result.facts.spacing_mm, result.facts.source_axes) == (None, "")
        assert result.facts.sha256 == case_hash(image, label)

    def test_affine_is_the_identity_however_it_is_turned(self, tmp_path: Path) -> None:
        prepared(picture(tmp_path, mask_rows()), tmp_path, Reading(ScanChoices(), orientation="LP"))
        np.testing.assert_array_equal(open_nifti(tmp_path / "out/imagesTr/case_0003_0000.nii").affine, np.eye(4))

    def test_sixteen_bits_are_kept(self, tmp_path: Path) -> None:
        _, image, _ = prepared(picture(tmp_path, mask_rows(), image=image_rows(0, "uint16") * 250), tmp_path)
        assert image.dtype == np.uint16
        np.testing.assert_array_equal(image[..., 0], image_rows(0, "uint16").T * 250)

    def test_masks_are_united_and_their_overlap_told(self, tmp_path: Path) -> None:
        # Rows 0-3, 0-1 and 0-1: two rows belong to more than one mask.
        result, _, label = prepared(picture(tmp_path, mask_rows(4), mask_rows(2, value=1), mask_rows(2)), tmp_path)
        assert label.sum() == 4 * 16
        assert result.facts.warnings == ("images whose masks overlap each other",)
        assert result.facts.label_values == (1, 255)

    def test_more_masks_than_a_byte_counts_are_united(self, tmp_path: Path) -> None:
        path = save(tmp_path / "mask.png", mask_rows(1))
        many = SourceCase("a", Picture(save(tmp_path / "a.png", image_rows(0))), masks_of(*[path] * 256))
        assert prepared(many, tmp_path)[2].sum() == 16

    def test_foreground_is_chosen(self, tmp_path: Path) -> None:
        mask = mask_rows(6, value=2)
        mask[:2] = 1
        result, _, label = prepared(picture(tmp_path, mask), tmp_path, Reading(ScanChoices(), foreground=("7", "2")))
        assert label.sum() == 4 * 16
        assert result.facts.label_values == (1, 2)
        assert (result.facts.absent, result.facts.unknown) == ((0,), (0,))

    def test_names_of_classes_are_refused(self, tmp_path: Path) -> None:
        rule = r"mask0\.png: masks in pictures have values and no names; give --foreground values"
        with pytest.raises(MedsegError, match=rule):
            prepared(picture(tmp_path, mask_rows()), tmp_path, Reading(ScanChoices(), foreground=("liver",)))

    @pytest.mark.parametrize("orientation", ["LA", "LP", "RA", "RP", "AL", "AR", "PL", "PR"])
    def test_image_and_label_are_turned_as_nibabel_turns_them(self, tmp_path: Path, orientation: str) -> None:
        image = np.arange(6, dtype=np.uint8).reshape(2, 3)
        source = picture(tmp_path, (image > 3).astype(np.uint8), image=image)
        _, turned, label = prepared(source, tmp_path, Reading(ScanChoices(), orientation=orientation))
        transform = nib.orientations.ornt_transform(
            nib.orientations.axcodes2ornt((*orientation, "S")), nib.orientations.axcodes2ornt("RAS")
        )
        np.testing.assert_array_equal(turned, nib.orientations.apply_orientation(image.T[..., None], transform))
        np.testing.assert_array_equal(label, turned > 3)

    def test_a_scanners_view_by_hand(self, tmp_path: Path) -> None:
        image = np.arange(6, dtype=np.uint8).reshape(2, 3)
        source = picture(tmp_path, (image > 3).astype(np.uint8), image=image)
        # Rows [[0, 1, 2], [3, 4, 5]] seen from below, first axis to R, second to A.
        _, turned, _ = prepared(source, tmp_path, Reading(ScanChoices(), orientation="LP"))
        assert turned[..., 0].tolist() == [[5, 2], [4, 1], [3, 0]]

    def test_size_that_differs_raises(self, tmp_path: Path) -> None:
        rule = r"mask0\.png: mask must have the size of its image, 16 x 16, got 10 x 20$"
        with pytest.raises(MedsegError, match=rule):
            prepared(picture(tmp_path, np.zeros((20, 10), dtype=np.uint8)), tmp_path)

    def test_other_mask_values_raise(self, tmp_path: Path) -> None:
        rule = r"mask1\.png: mask values must be 0 and 1, or 0 and 255, got 0, 7; choose"
        with pytest.raises(MedsegError, match=rule):
            prepared(picture(tmp_path, mask_rows(), mask_rows(value=7)), tmp_path)

    def test_mask_in_jpeg_is_recognised(self, tmp_path: Path) -> None:
        image = save(tmp_path / "a.png", image_rows(0))
        disc = (np.hypot(*np.ogrid[-8:8, -8:8]) < 5).astype(np.uint8) * 255
        Image.fromarray(disc).save(tmp_path / "mask.jpg", quality=95)
        rule = r"mask\.jpg: mask values must be .*; it looks like 0 and 255 blurred by JPEG, so save masks as PNG"
        with pytest.raises(MedsegError, match=rule):
            prepared(SourceCase("a", Picture(image), masks_of(tmp_path / "mask.jpg")), tmp_path)

    def test_page_is_named(self, tmp_path: Path) -> None:
        images = save_pages(tmp_path / "volume.tif", [image_rows(0), image_rows(1)])
        masks = save_pages(tmp_path / "labels.tif", [mask_rows(), mask_rows(value=7)])
        first = SourceCase("v/0", Picture(images, 0), masks_of(masks, page=0))
        assert prepared(first, tmp_path)[2].sum() == 4 * 16
        with pytest.raises(MedsegError, match=r"labels\.tif page 1 \(counted from 0\): mask values must be"):
            prepared(SourceCase("v/1", Picture(images, 1), masks_of(masks, page=1)), tmp_path)

    @pytest.mark.parametrize("name", ["a.png", "mask0.png"])
    def test_damaged_file_is_named(self, tmp_path: Path, name: str) -> None:
        source = picture(tmp_path, mask_rows())
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(MedsegError, match=rf"{name}: must be a readable image"):
            prepared(source, tmp_path)


AFFINE_MM = np.array([[0.0, -0.8, 0.0, 10.0], [0.9, 0.0, 0.0, -20.0], [0.0, 0.0, -2.5, 30.0], [0.0, 0.0, 0.0, 1.0]])


def save_nifti(path: Path, voxels: np.ndarray, affine_mm: np.ndarray) -> None:
    image = nib.Nifti1Image(voxels, affine_mm)
    image.header.set_xyzt_units("mm")
    nib.save(image, path)


def scan(folder: Path, *, label_affine: np.ndarray = AFFINE_MM, classes: int = 1) -> SourceCase:
    """A scan whose first axis runs to A, its second to L, its third to I; a box of it is foreground, at 60 HU."""
    rng = np.random.default_rng(0)
    image = rng.integers(-1000, 0, (6, 5, 4)).astype(np.int16)
    label = np.zeros(image.shape, dtype=np.uint8)
    label[1:4, 2:4, 1:3] = 1
    image[label == 1] = 60
    if classes == 2:
        label[5, 0, 0] = 2
    save_nifti(folder / "ct.nii.gz", image, AFFINE_MM)
    save_nifti(folder / "label.nii.gz", label, label_affine)
    names = ((1, "liver"), (2, "tumor"))
    return SourceCase("ct", ScanFile(folder / "ct.nii.gz"), LabelFile(folder / "label.nii.gz", names[:classes]))


class TestScans:
    def test_is_what_nibabel_makes_of_it_in_ras(self, tmp_path: Path) -> None:
        result, image, label = prepared(scan(tmp_path), tmp_path, Reading(CT))
        for name, got in (("ct", image), ("label", label)):
            expected = nib.as_closest_canonical(nib.load(tmp_path / f"{name}.nii.gz"))
            np.testing.assert_array_equal(got, np.asarray(expected.dataobj))
            stored = open_nifti(tmp_path / "out/imagesTr/case_0003_0000.nii").affine
            np.testing.assert_allclose(stored, expected.affine, atol=1e-6)
        assert (result.facts.shape, result.facts.source_shape, result.facts.source_axes) == (
            (5, 6, 4),
            (6, 5, 4),
            "ALI",
        )

    def test_facts_by_hand(self, tmp_path: Path) -> None:
        facts = prepared(scan(tmp_path), tmp_path, Reading(CT))[0].facts
        assert (facts.ordinal, facts.dtype, facts.modality, facts.spacing_mm) == (3, "int16", "CT", (0.8, 0.9, 2.5))
        # The third axis runs to I, so the box's slices 1 and 2 of 4 become 2 and 1.
        assert facts.foreground_px == (0, 6, 6, 0)
        assert facts.foreground_ml == pytest.approx(12 * 0.8 * 0.9 * 2.5 / 1000)
        assert (facts.mean_foreground, facts.values[-1], facts.counts[-1]) == (60, 60, 12)
        assert facts.warnings == ()

    def test_nothing_is_written_without_a_place(self, tmp_path: Path) -> None:
        source = scan(tmp_path)
        looked = prepare_case(task(source, Reading(CT)), None)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["ct.nii.gz", "label.nii.gz"]
        assert looked.facts == prepared(source, tmp_path, Reading(CT))[0].facts

    def test_picture_is_a_jpeg(self, tmp_path: Path) -> None:
        result, _, _ = prepared(scan(tmp_path), tmp_path, Reading(CT))
        assert result.picture.startswith(b"\xff\xd8")

    def test_spacing_changes_image_and_label_alike(self, tmp_path: Path) -> None:
        result, image, label = prepared(scan(tmp_path), tmp_path, Reading(CT, spacing_mm=(0.4, 0.45, 1.25)))
        assert image.shape == label.shape == (10, 12, 8)
        assert result.facts.spacing_mm == (0.4, 0.45, 1.25)
        assert result.facts.decisions == ("resampled to 0.4 x 0.45 x 1.25 mm with order 1",)
        # Half the size along each axis; nearest neighbours keep the volume of a box.
        assert label.sum() == 8 * 12

    def test_plane_puts_other_slices_last(self, tmp_path: Path) -> None:
        reading = Reading(ScanChoices(modality="CT", dicom=Choices(plane="coronal")))
        result, image, _ = prepared(scan(tmp_path), tmp_path, reading)
        expected = np.asarray(nib.as_closest_canonical(nib.load(tmp_path / "ct.nii.gz")).dataobj).transpose(0, 2, 1)
        np.testing.assert_array_equal(image, expected)
        assert result.facts.decisions == ("slices by --plane coronal",)

    def test_foreground_by_name_is_told_from_what_is_not_there(self, tmp_path: Path) -> None:
        source = scan(tmp_path, classes=2)
        facts = prepared(source, tmp_path, Reading(CT, foreground=("Liver", "spleen", "2")))[0].facts
        assert (facts.absent, facts.unknown, sum(facts.foreground_px or ())) == ((1,), (1,), 13)

    def test_case_without_label_goes_to_the_test_images(self, tmp_path: Path) -> None:
        source = SourceCase("ct", scan(tmp_path).image, None)
        result = prepare_case(task(source, Reading(CT)), tmp_path / "out")
        assert [path.name for path in (tmp_path / "out").rglob("*.nii")] == ["case_0003_0000.nii"]
        assert (tmp_path / "out/imagesTs/case_0003_0000.nii").is_file()
        assert (result.facts.foreground_px, result.facts.mean_foreground) == (None, None)

    def test_absurd_hounsfield_units_are_a_warning(self, tmp_path: Path) -> None:
        source = scan(tmp_path)
        label = np.asarray(nib.load(tmp_path / "label.nii.gz").dataobj)
        save_nifti(tmp_path / "label.nii.gz", label[::-1, ::-1, ::-1], AFFINE_MM)
        (warning,) = prepared(source, tmp_path, Reading(CT, foreground=("liver",)))[0].facts.warnings
        assert warning.startswith("mean of the foreground is absurd for liver, which lies between -20 and 260 HU")

    @pytest.mark.parametrize(
        ("names", "foreground", "foreground_name"), [(((1, "liver"),), ("1",), None), ((), None, "liver")]
    )
    def test_they_are_judged_by_every_name_that_is_known(
        self,
        tmp_path: Path,
        names: tuple[tuple[int, str], ...],
        foreground: tuple[str, ...] | None,
        foreground_name: str,
    ) -> None:
        source = scan(tmp_path)
        label = np.asarray(nib.load(tmp_path / "label.nii.gz").dataobj)
        save_nifti(tmp_path / "label.nii.gz", label[::-1, ::-1, ::-1], AFFINE_MM)
        source = SourceCase("a", source.image, LabelFile(tmp_path / "label.nii.gz", names))
        reading = Reading(CT, foreground=foreground, foreground_name=foreground_name)
        (warning,) = prepared(source, tmp_path, reading)[0].facts.warnings
        assert warning.startswith("mean of the foreground is absurd for liver, which lies between -20 and 260 HU")

    def test_choice_that_does_not_do_for_a_case_names_it(self, tmp_path: Path) -> None:
        source = scan(tmp_path)
        error = attempt_case(task(source, Reading(CT, spacing_mm=(1e-4, 1e-4, 1e-4))), None)
        assert str(error).startswith(f"{source.image.paths[0]}: --spacing must give at most 2147483648 voxels a volume")

    def test_ct_without_air_is_a_warning(self, tmp_path: Path) -> None:
        source = scan(tmp_path)
        image = np.asarray(nib.load(tmp_path / "ct.nii.gz").dataobj)
        save_nifti(tmp_path / "ct.nii.gz", np.maximum(image, 0), AFFINE_MM)
        facts = prepared(source, tmp_path, Reading(CT))[0].facts
        assert (
            "CT without a value below 0 HU, as air and fat have: are the values shifted or windowed?" in facts.warnings
        )

    def test_label_on_another_grid_raises(self, tmp_path: Path) -> None:
        moved = AFFINE_MM.copy()
        moved[0, 3] += 1
        with pytest.raises(SourceError, match=r"label\.nii\.gz: label must stand on its image's grid, got one that is"):
            prepared(scan(tmp_path, label_affine=moved), tmp_path)


class TestAttemptCase:
    def test_error_is_returned(self, tmp_path: Path) -> None:
        source = SourceCase("a", Refused("ward 3", "must hold one series, got 2"), None)
        error = attempt_case(task(source), tmp_path / "out")
        assert isinstance(error, SourceError)
        assert (str(error), error.fault) == ("ward 3: must hold one series, got 2", "must hold one series, got 2")
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize(
        ("raised", "rule"),
        [
            (MemoryError(), "is too large for this machine's memory; use fewer --workers"),
            (OSError(28, "No space left on device"), "must be readable, got No space left on device"),
            (RuntimeError("Meyer, Annelise"), "could not be prepared, got RuntimeError; the file may be damaged"),
        ],
    )
    def test_what_nobody_foresaw_is_one_line_without_words_of_the_source(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: Exception, rule: str
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise raised

        monkeypatch.setattr("data_prep.image_sources.read_grey", fail)
        error = attempt_case(task(picture(tmp_path, mask_rows())), None)
        assert isinstance(error, SourceError)
        assert str(error).startswith(f"{tmp_path / 'a.png'}: ")
        assert rule in error.fault
