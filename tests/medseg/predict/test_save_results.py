from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import SaveImaged
from numpy.typing import NDArray
from PIL import Image

import medseg.predict.save_results
from medseg.errors import MedsegError, UsageError
from medseg.io.atomic import write_json
from medseg.io.monai_reader import ScanReader
from medseg.once import warn_once
from medseg.predict import SaveImageResultsd
from medseg.predict.montage import montage
from medseg.predict.results import ResultFolder
from medseg.transforms import ERROR_COLOURS
from tests.medseg.io.dicom.writer import stored_voxels, write_series
from tests.medseg.io.volume_files import save_nifti
from tests.medseg.predict.tiny_bundles import CT, GREY, write_png

GREEN = ERROR_COLOURS["true positive"]
OBLIQUE_MM = np.array([[-0.64, 0.48, 0.0, 90.0], [0.48, 0.64, 0.0, -70.0], [0.0, 0.0, 3.0, 12.0], [0.0, 0.0, 0.0, 1.0]])


@pytest.fixture(autouse=True)
def _warn_again() -> None:
    warn_once.cache_clear()


def writer(folder: Path, facts: dict[str, Any] = GREY, reader: ScanReader | None = None, **options: Any) -> Any:
    write_json(folder / "models" / "model.json", facts)
    return SaveImageResultsd(
        "pred",
        folder / "out",
        foreground=str(facts["foreground"]),
        weights=folder / "models" / "model.pt",
        bundle_name="tiny",
        reader=reader or ScanReader(),
        **options,
    )


def predicted(
    *sources: Path, mask: NDArray[Any], name: str | None = None, probability: NDArray[Any] | None = None
) -> dict[str, Any]:
    """What ``Invertd`` leaves for a ``mask`` ``(x, y, z)``."""

    def img(voxels: NDArray[Any]) -> MetaTensor:
        meta = {"filename_or_obj": str(sources[0]), "source_files": "\n".join(map(str, sources))}
        return MetaTensor(torch.from_numpy(voxels.astype(np.float32))[None], meta=meta)

    named = {} if name is None else {"name": name}
    more = {} if probability is None else {"probability": img(probability)}
    return {"pred": img(mask), **named, **more}


def black(path: Path) -> Path:
    """PNG of 3 columns and 2 rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((2, 3), np.uint8)).save(path)
    return path


def one_pixel() -> NDArray[np.uint8]:
    """Mask of that in the last column of the first row."""
    mask = np.zeros((3, 2, 1), np.uint8)
    mask[2, 0] = 1
    return mask


def random_mask(shape: tuple[int, ...], seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 2, shape, dtype=np.uint8)


def written(folder: Path) -> set[str]:
    """All files, hidden ones included."""
    out = folder / "out"
    return {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}


def row(folder: Path) -> dict[str, str]:
    with (folder / "out" / "measurements.csv").open(newline="", encoding="utf-8") as file:
        (only,) = csv.DictReader(file)
    return only


class TestPictures:
    def test_mask_of_0_and_255_lies_on_the_pictures_grid(self, tmp_path: Path) -> None:
        writer(tmp_path)(predicted(black(tmp_path / "a.png"), mask=one_pixel()))
        with Image.open(tmp_path / "out" / "a_mask.png") as image:
            assert np.asarray(image).tolist() == [[0, 0, 255], [0, 0, 0]]
        assert written(tmp_path) == {"a_mask.png", "overlays/a.png", "measurements.csv", ".finished/a.json"}

    def test_overlay_shows_the_mask_in_green(self, tmp_path: Path) -> None:
        writer(tmp_path)(predicted(black(tmp_path / "a.png"), mask=one_pixel()))
        with Image.open(tmp_path / "out" / "overlays" / "a.png") as image:
            assert image.getpixel((2, 0)) == tuple(round(0.4 * value) for value in GREEN)
            assert image.getpixel((0, 0)) == (0, 0, 0)

    def test_name_of_a_tiff_may_have_dots(self, tmp_path: Path) -> None:
        writer(tmp_path)(predicted(black(tmp_path / "a.b.tif"), mask=one_pixel()))
        assert "a.b_mask.png" in written(tmp_path)

    def test_size_is_in_pixels(self, tmp_path: Path) -> None:
        writer(tmp_path)(predicted(black(tmp_path / "a.png"), mask=one_pixel()))
        assert (row(tmp_path)["area_px2"], row(tmp_path)["volume_ml"], row(tmp_path)["area_mm2"]) == ("1", "", "")
        assert row(tmp_path)["intensity_unit"] == "grey value"

    def test_nifti_of_a_picture_has_the_orientation_of_the_training(self, tmp_path: Path) -> None:
        save = writer(tmp_path, reader=ScanReader("LP"), formats="nifti")
        save(predicted(black(tmp_path / "a.png"), mask=one_pixel()))
        saved = nib.load(tmp_path / "out" / "a_mask.nii.gz")
        assert nib.aff2axcodes(saved.affine) == ("L", "P", "S")
        np.testing.assert_array_equal(np.asarray(saved.dataobj), one_pixel())


class TestVolumes:
    @pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.b.nii.gz", "A.NII.GZ"])
    def test_mask_lies_on_the_scans_grid(self, tmp_path: Path, name: str) -> None:
        source = save_nifti(tmp_path / name, affine_mm=OBLIQUE_MM)
        mask = random_mask((4, 3, 2))
        writer(tmp_path)(predicted(source, mask=mask))
        stem = re.sub(r"(?i)\.nii(\.gz)?$", "", name)
        saved = nib.load(tmp_path / "out" / f"{stem}_mask.nii.gz")
        np.testing.assert_array_equal(np.asarray(saved.dataobj), mask)
        assert saved.get_data_dtype() == np.uint8
        np.testing.assert_array_equal(saved.affine, nib.load(source).affine)
        pictures = {f"overlays/{stem}.png", f"overlays/{stem}_montage.png"}
        assert written(tmp_path) == {
            f"{stem}_mask.nii.gz", *pictures, "measurements.csv", f".finished/{stem}.json"
        }  # fmt: skip

    def test_volume_and_intensity_are_measured_on_the_scan(self, tmp_path: Path) -> None:
        source = save_nifti(tmp_path / "a.nii", np.arange(24, dtype=np.int16).reshape(4, 3, 2), affine_mm=OBLIQUE_MM)
        mask = np.zeros((4, 3, 2), np.uint8)
        mask[0, 0] = 1  # values 0 and 1
        writer(tmp_path)(predicted(source, mask=mask))
        measured = row(tmp_path)
        # Two voxels of 0.8 x 0.8 x 3 mm are 3.84 mm3.
        assert float(measured["volume_ml"]) == pytest.approx(0.00384)
        assert (measured["foreground_voxels"], measured["components"], measured["slices_with_foreground"]) == (
            "2", "1", "2",
        )  # fmt: skip
        assert (float(measured["mean_intensity"]), float(measured["sd_intensity"])) == (0.5, 0.5)

    def test_overlay_is_the_slice_with_most_foreground_as_a_scanner_shows_it(self, tmp_path: Path) -> None:
        source = save_nifti(tmp_path / "a.nii", np.zeros((4, 3, 2), np.int16), affine_mm=np.diag([1.0, 1, 3, 1]))
        mask = np.zeros((4, 3, 2), np.uint8)
        mask[3, 0, 1] = mask[2, 0, 1] = 1  # to the right, posterior, in the upper slice
        mask[0, 2, 0] = 1
        writer(tmp_path)(predicted(source, mask=mask))
        with Image.open(tmp_path / "out" / "overlays" / "a.png") as image:
            coloured = (np.asarray(image) > 0).any(axis=2)
        # Right is at the left, posterior at the bottom.
        assert coloured.tolist() == [[False] * 4, [False] * 4, [True, True, False, False]]

    def test_overlay_of_ct_is_drawn_in_the_window(self, tmp_path: Path) -> None:
        voxels = np.array([-1000, -160, 40, 240, 3000], np.int16).reshape(5, 1, 1)
        source = save_nifti(tmp_path / "a.nii", np.repeat(voxels, 2, axis=1), affine_mm=np.diag([-1.0, -1, 3, 1]))
        reader = ScanReader(modality="CT")
        save = writer(tmp_path, CT, reader, window_hu=(-160, 240))
        save(predicted(source, mask=np.zeros((5, 2, 1))))
        with Image.open(tmp_path / "out" / "overlays" / "a.png") as image:
            assert np.asarray(image)[0, :, 0].tolist() == [0, 0, 128, 255, 255]

    def test_montage_is_that_of_the_scan_in_ras(self, tmp_path: Path) -> None:
        voxels = np.random.default_rng(0).integers(0, 200, (6, 5, 3)).astype(np.int16)
        source = save_nifti(tmp_path / "a.nii", voxels, affine_mm=np.diag([-0.5, -1.0, 3, 1]))
        mask = random_mask((6, 5, 3))
        writer(tmp_path)(predicted(source, mask=mask))
        expected = montage(voxels[::-1, ::-1], mask[::-1, ::-1], spacing_mm=(0.5, 1.0, 3.0))
        with Image.open(tmp_path / "out" / "overlays" / "a_montage.png") as image:
            np.testing.assert_array_equal(np.asarray(image).transpose(1, 0, 2), expected)

    def test_2d_scan_gets_a_2d_mask(self, tmp_path: Path) -> None:
        source = save_nifti(tmp_path / "a.nii", np.zeros((4, 3), np.int16), affine_mm=OBLIQUE_MM)
        writer(tmp_path)(predicted(source, mask=np.ones((4, 3, 1))))
        assert nib.load(tmp_path / "out" / "a_mask.nii.gz").shape == (4, 3)
        assert float(row(tmp_path)["area_mm2"]) == pytest.approx(12 * 0.64)

    def test_probability_is_written_beside_the_mask(self, tmp_path: Path) -> None:
        source = save_nifti(tmp_path / "a.nii", affine_mm=OBLIQUE_MM)
        probability = np.random.default_rng(0).random((4, 3, 2)).astype(np.float32)
        data = predicted(source, mask=probability > 0.5, probability=probability)
        writer(tmp_path, formats=["nifti"])(data)
        saved = nib.load(tmp_path / "out" / "a_probability.nii.gz")
        assert saved.get_data_dtype() == np.float32
        np.testing.assert_array_equal(np.asarray(saved.dataobj), probability)
        np.testing.assert_array_equal(saved.affine, nib.load(source).affine)
        assert ResultFolder(tmp_path / "out").finished("a")["files"] == ["a_mask.nii.gz", "a_probability.nii.gz"]

    def test_probability_is_nifti_whatever_the_formats(self, tmp_path: Path) -> None:
        data = predicted(black(tmp_path / "a.png"), mask=one_pixel(), probability=one_pixel() * 0.75)
        writer(tmp_path)(data)
        assert written(tmp_path) >= {"a_mask.png", "a_probability.nii.gz"}
        assert "a_mask.nii.gz" not in written(tmp_path)
        saved = nib.load(tmp_path / "out" / "a_probability.nii.gz")
        np.testing.assert_array_equal(np.asarray(saved.dataobj), one_pixel() * 0.75)


class TestDicom:
    def test_series_gets_a_nifti_mask_under_its_name(self, tmp_path: Path) -> None:
        files = write_series(tmp_path / "scan", stored_voxels(), SliceThickness=2.5)
        mask = random_mask((5, 4, 3))
        writer(tmp_path, CT)(predicted(*files[::-1], mask=mask, name="p1/ct"))
        saved = nib.load(tmp_path / "out" / "p1" / "ct_mask.nii.gz")
        np.testing.assert_array_equal(np.asarray(saved.dataobj), mask)
        np.testing.assert_allclose(saved.affine, ScanReader().read_volume(files).affine_mm, atol=1e-5)
        assert written(tmp_path) >= {"overlays/p1_ct.png", "overlays/p1_ct_montage.png", ".finished/p1/ct.json"}
        assert row(tmp_path)["scan"] == "p1/ct"
        assert row(tmp_path)["intensity_unit"] == "HU"

    def test_dicom_of_other_sources_is_refused_before_anything_is_written(self, tmp_path: Path) -> None:
        source = save_nifti(tmp_path / "a.nii")
        with pytest.raises(MedsegError, match=r"a\.nii: dicomseg must refer to the images of a DICOM series"):
            writer(tmp_path, formats="nifti,dicomseg")(predicted(source, mask=np.ones((4, 3, 2))))
        assert not (tmp_path / "out").exists()


class TestWarnings:
    def test_tell_what_sets_the_scan_apart_and_what_is_implausible(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        source = save_nifti(tmp_path / "a.nii", affine_mm=OBLIQUE_MM)
        known = {"spacing_mm_min": [0.8, 0.8, 1.0], "spacing_mm_max": [0.8, 0.8, 1.5]}
        writer(tmp_path, {**GREY, "modality": "MR", "training_set": known})(predicted(source, mask=np.zeros((4, 3, 2))))
        texts = [record.getMessage() for record in caplog.records]
        assert texts == [
            "a: spacing 3 mm along z, trained on 1 to 1.5 mm: slices show another thickness of the body",
            "a: empty",
        ]
        assert row(tmp_path)["flags"] == "empty"
        assert row(tmp_path)["warnings"] == texts[0].removeprefix("a: ")

    def test_of_several_bundles_are_those_of_each(self, tmp_path: Path) -> None:
        source = save_nifti(tmp_path / "a.nii", affine_mm=OBLIQUE_MM)
        save = writer(tmp_path)
        limits = [{"spacing_mm_min": [0.8, 0.8, z], "spacing_mm_max": [0.8, 0.8, z]} for z in (1.0, 9.0, 9.0)]
        save.facts = [{"training_set": known} for known in limits]
        save(predicted(source, mask=np.ones((4, 3, 2))))
        effect = "slices show another thickness of the body"
        assert row(tmp_path)["warnings"] == (
            f"spacing 3 mm along z, trained on 1 mm: {effect}; spacing 3 mm along z, trained on 9 mm: {effect}"
        )

    def test_values_of_ct_are_compared_in_the_window_that_was_given_for_pictures(self, tmp_path: Path) -> None:
        """Random HU that were grey values 1 to 250 in the training, had it been on them."""
        stored = np.random.default_rng(0).integers(1024 - 98, 1024 + 390, (20, 20, 3)).astype(np.uint16)
        files = write_series(tmp_path / "scan", stored, SliceThickness=2.5)
        known = {"intensity": {"percentile_0_5": 1.0, "percentile_99_5": 250.0}}
        data = predicted(*files, mask=np.ones((20, 20, 3)), name="scan")
        writer(tmp_path, {**GREY, "training_set": known}, window_hu=(-100, 400))(data)
        assert row(tmp_path)["warnings"] == ""
        writer(tmp_path, {**GREY, "training_set": known}, window_hu=(-1000, 3000))(data)
        # The same HU are then grey values 57 to 89.
        assert row(tmp_path)["warnings"] == ""
        writer(tmp_path, {**GREY, "training_set": known}, window_hu=(1000, 3000))(data)
        assert row(tmp_path)["warnings"].startswith("100% of the ")


class TestRecord:
    def test_says_what_the_files_were_made_by(self, tmp_path: Path) -> None:
        save = writer(tmp_path, formats="png")
        save.made_by = {"weights": "abc"}
        save(predicted(black(tmp_path / "a.png"), mask=one_pixel()))
        record = ResultFolder(tmp_path / "out").finished("a")
        assert record is not None
        assert record["made_by"] == {"weights": "abc", "formats": ["png"]}
        assert record["files"] == ["a_mask.png", "overlays/a.png"]

    @pytest.mark.parametrize("step", ["write_grey", "write_rgb", "write_json"])
    def test_full_disk_is_an_error_that_leaves_no_half_written_file_and_no_record(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        data = predicted(black(tmp_path / "a.png"), mask=one_pixel())
        save = writer(tmp_path)
        save(data)

        def full(*_args: Any) -> None:
            raise OSError(28, "No space left on device")

        place = medseg.predict.results if step == "write_json" else medseg.predict.save_results
        monkeypatch.setattr(place, step, full)
        message = (
            f"^{tmp_path}/out: results of a must be writable, got No space left on device; make room or choose another"
            " folder, and run it again$"
        )
        with pytest.raises(MedsegError, match=message):
            save(data)
        assert ResultFolder(tmp_path / "out").finished("a") is None
        assert not [name for name in written(tmp_path) if "partial" in name]
        assert (tmp_path / "out" / "measurements.csv").read_text().count("\n") == 1  # the header alone

    def test_place_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "overlays").touch()
        with pytest.raises(MedsegError, match=f"^{tmp_path}/out: results of a must be writable, got "):
            writer(tmp_path)(predicted(black(tmp_path / "a.png"), mask=one_pixel()))

    def test_records_that_cannot_be_replaced_are_named(self, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / ".finished").touch()
        with pytest.raises(MedsegError, match=f"^{tmp_path}/out: results of a must be writable, got "):
            writer(tmp_path)(predicted(black(tmp_path / "a.png"), mask=one_pixel()))


class TestSaveImageResultsd:
    def test_data_pass_unchanged(self, tmp_path: Path) -> None:
        data = predicted(black(tmp_path / "a.png"), mask=one_pixel())
        out = writer(tmp_path)(data)
        assert out == data
        assert out["pred"] is data["pred"]

    def test_missing_key_raises(self, tmp_path: Path) -> None:
        with pytest.raises(KeyError, match="pred"):
            writer(tmp_path)({})

    def test_clients_that_save_by_themselves_know_it(self, tmp_path: Path) -> None:
        """MONAI Deploy goes by the class, MONAI Label by the name."""
        assert isinstance(writer(tmp_path), SaveImaged)
        assert SaveImageResultsd.__name__.startswith("SaveImage")

    def test_unknown_format_raises(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="--to must be of nifti, png, dicomseg, rtstruct, joined by commas, got"):
            writer(tmp_path, formats="jpeg")

    @pytest.mark.parametrize(("name", "shape"), [("a.png", (2, 3, 1)), ("a.png", (3, 2, 2))])
    def test_mask_of_another_size_raises(self, tmp_path: Path, name: str, shape: tuple[int, ...]) -> None:
        message = rf"a\.png: mask must have the scan's size \(3, 2, 1\), got {re.escape(str(shape))}"
        with pytest.raises(MedsegError, match=message):
            writer(tmp_path)(predicted(black(tmp_path / name), mask=np.ones(shape)))
        assert not (tmp_path / "out").exists()

    def test_source_is_known_without_the_list_of_files(self, tmp_path: Path) -> None:
        """As a client's own loader leaves it."""
        data = predicted(black(tmp_path / "a.png"), mask=one_pixel())
        del data["pred"].meta["source_files"]
        writer(tmp_path)(data)
        assert "a_mask.png" in written(tmp_path)

    def test_scan_that_changed_meanwhile_is_refused(self, tmp_path: Path) -> None:
        data = predicted(black(tmp_path / "a.png"), mask=one_pixel())
        write_png(tmp_path / "a.png", (4, 2))
        with pytest.raises(MedsegError, match=r"mask must have the scan's size \(4, 2, 1\), got \(3, 2, 1\)"):
            writer(tmp_path)(data)
