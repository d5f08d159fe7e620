from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medseg.predict.measurements import COLUMNS, measure, write_measurements

# x to the patient's left, y to the back, z to the head, as of DICOM: (column, row, slice); 0.5 x 0.8 x 2.5 mm = 1 mm3.
AFFINE_MM = np.diag([-0.5, -0.8, 2.5, 1.0])
SHAPE = (10, 8, 6)


def mask_of(*boxes: tuple[slice, slice, slice], shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    mask = np.zeros(shape, dtype=np.uint8)
    for box in boxes:
        mask[box] = 1
    return mask


INNER = (slice(2, 6), slice(2, 5), slice(1, 4))  # 4 x 3 x 3 = 36 voxels


def measured(mask: np.ndarray, affine_mm: np.ndarray | None = AFFINE_MM, facts: Any = None, **options: Any) -> Any:
    voxels = options.pop("voxels", np.full(mask.shape, 60, dtype=np.int16))
    return measure(mask, voxels, affine_mm, facts or {}, **options)


class TestSizes:
    def test_scan_has_a_volume(self) -> None:
        got = measured(mask_of(INNER))
        assert got.volume_ml == pytest.approx(0.036)
        assert (got.foreground_voxels, got.slices_with_foreground, got.flags) == (36, 3, ())
        assert (got.area_mm2, got.area_px2) == (None, None)

    def test_oblique_voxels_have_the_same_volume(self) -> None:
        turn = np.eye(4)
        turn[:2, :2] = [[0.8, -0.6], [0.6, 0.8]]
        assert measured(mask_of(INNER), turn @ AFFINE_MM).volume_ml == pytest.approx(0.036)

    def test_scan_of_one_slice_has_an_area(self) -> None:
        mask = mask_of((slice(2, 6), slice(2, 5), slice(0, 1)), shape=(10, 8, 1))
        got = measured(mask)
        assert (got.volume_ml, got.area_px2) == (None, None)
        assert got.area_mm2 == pytest.approx(12 * 0.4)

    def test_coronal_slice_has_the_area_of_its_own_sides(self) -> None:
        got = measured(mask_of((slice(2, 6), slice(0, 1), slice(1, 3)), shape=(10, 1, 6)))
        assert got.area_mm2 == pytest.approx(8 * 0.5 * 2.5)

    def test_picture_has_pixels_only(self) -> None:
        got = measured(mask_of((slice(0, 6), slice(2, 5), slice(0, 1)), shape=(10, 8, 1)), None)
        assert (got.volume_ml, got.area_mm2, got.area_px2) == (None, None, 18)
        assert got.flags == ()

    def test_slices_are_those_that_the_network_saw(self) -> None:
        assert measured(mask_of(INNER), facts={"plane": "sagittal"}).slices_with_foreground == 4

    def test_pieces_that_share_a_corner_are_one(self) -> None:
        corner = mask_of((slice(1, 2),) * 3, (slice(2, 3),) * 3, (slice(4, 5),) * 3)
        assert measured(corner).components == 2


class TestIntensity:
    def test_mean_and_deviation_are_of_the_mask_alone(self) -> None:
        mask = mask_of((slice(1, 3), slice(1, 2), slice(1, 2)))
        voxels = np.full(SHAPE, 1000, dtype=np.int16)
        voxels[1:3, 1, 1] = (40, 60)
        got = measured(mask, voxels=voxels, modality="CT")
        assert (got.mean_intensity, got.sd_intensity, got.intensity_unit) == (50.0, 10.0, "HU")

    @pytest.mark.parametrize("modality", [None, "MR"])
    def test_other_values_than_cts_are_no_hu(self, modality: str | None) -> None:
        assert measured(mask_of(INNER), modality=modality).intensity_unit == "grey value"

    def test_bytes_do_not_overflow(self) -> None:
        assert measured(mask_of(INNER), voxels=np.full(SHAPE, 250, dtype=np.uint8)).mean_intensity == 250.0


class TestFlags:
    def test_empty_mask(self) -> None:
        got = measured(mask_of(), facts={"training_set": {"foreground_ml": {"min": 1, "median": 2, "max": 3}}})
        assert got.flags == ("empty",)
        assert (got.foreground_voxels, got.volume_ml, got.components, got.slices_with_foreground) == (0, 0.0, 0, 0)
        assert (got.mean_intensity, got.sd_intensity) == (None, None)

    @pytest.mark.parametrize(
        ("voxel", "end"),
        [
            ((0, 3, 3), "right"),
            ((9, 3, 3), "left"),
            ((3, 0, 3), "anterior"),
            ((3, 7, 3), "posterior"),
            ((3, 3, 0), "inferior"),
            ((3, 3, 5), "superior"),
        ],
    )
    def test_mask_at_the_border_names_the_patients_side(self, voxel: tuple[int, ...], end: str) -> None:
        mask = mask_of()
        mask[voxel] = 1
        assert measured(mask).flags == (f"cut off at {end} end",)

    def test_several_sides_are_told_apart(self) -> None:
        mask = mask_of((slice(0, 10), slice(3, 4), slice(0, 6)))
        assert measured(mask).flags == tuple(
            f"cut off at {end} end" for end in ("superior", "inferior", "right", "left")
        )

    def test_picture_of_a_patient_has_sides_too(self) -> None:
        mask = mask_of((slice(0, 3), slice(7, 8), slice(0, 1)), shape=(10, 8, 1))
        assert measured(mask, None, orientation="LA").flags == ("cut off at right end", "cut off at anterior end")

    @pytest.mark.parametrize(
        ("least", "largest", "flag"),
        [
            (0.072, 1.0, ()),
            (0.01, 0.018, ()),
            (0.08, 1.0, ("volume 0.036 mL is below half the least of the training set (0.08 mL)",)),
            (0.01, 0.017, ("volume 0.036 mL is above twice the largest of the training set (0.017 mL)",)),
        ],
    )
    def test_volume_far_from_the_training_sets(self, least: float, largest: float, flag: tuple[str, ...]) -> None:
        known = {"foreground_ml": {"min": least, "median": least, "max": largest}, "foreground_px2": None}
        assert measured(mask_of(INNER), facts={"training_set": known}).flags == flag

    def test_area_of_a_pictures_largest_slice_counts(self) -> None:
        mask = mask_of(
            (slice(2, 6), slice(2, 5), slice(0, 1)), (slice(2, 4), slice(2, 3), slice(1, 2)), shape=(10, 8, 2)
        )
        facts = {"training_set": {"foreground_px2": {"min": 1, "median": 2, "max": 5}}}
        flag = "area 12 px2 is above twice the largest of the training set (5 px2)"
        assert measured(mask, None, facts).flags == (flag,)

    def test_volumes_are_not_compared_with_areas(self) -> None:
        facts = {"training_set": {"foreground_px2": {"min": 1, "median": 2, "max": 5}, "foreground_ml": None}}
        assert measured(mask_of(INNER), facts=facts).flags == ()

    def test_mean_hu_that_no_liver_has(self) -> None:
        voxels = np.full(SHAPE, -700, dtype=np.int16)
        got = measured(mask_of(INNER), facts={"foreground": "liver"}, voxels=voxels, modality="CT")
        assert got.flags == ("mean -700 HU is absurd for liver, which lies between -20 and 260 HU",)
        assert measured(mask_of(INNER), facts={"foreground": "liver"}, voxels=voxels).flags == ()

    def test_mask_of_another_shape_raises(self) -> None:
        with pytest.raises(
            ValueError, match=r"mask must be \(x, y, z\) as its image, got \(2, 2, 2\) for \(10, 8, 6\)"
        ):
            measured(np.zeros((2, 2, 2), np.uint8), voxels=np.zeros(SHAPE))


class TestWriteMeasurements:
    def test_scans_and_pictures_share_a_table(self, tmp_path: Path) -> None:
        scan = dataclasses.asdict(measured(mask_of(INNER), modality="CT"))
        picture = dataclasses.asdict(measured(mask_of(shape=(10, 8, 1)), None))
        rows = [{"scan": "a", **scan, "warnings": ["x", "y"]}, {"scan": "b, c", **picture, "warnings": []}]
        write_measurements(tmp_path / "m.csv", [json.loads(json.dumps(row)) for row in rows])
        with (tmp_path / "m.csv").open(newline="", encoding="utf-8") as file:
            first, second = csv.DictReader(file)
        assert tuple(first) == COLUMNS
        assert (first["scan"], first["volume_ml"], first["area_px2"], first["warnings"]) == ("a", "0.036", "", "x; y")
        assert (first["mean_intensity"], first["intensity_unit"], first["components"]) == ("60", "HU", "1")
        assert (second["scan"], second["volume_ml"], second["area_px2"], second["flags"]) == ("b, c", "", "0", "empty")

    def test_name_that_is_no_text_is_escaped(self, tmp_path: Path) -> None:
        write_measurements(tmp_path / "m.csv", [{"scan": "a\udcff", **dataclasses.asdict(measured(mask_of(INNER)))}])
        assert "a\\udcff,36," in (tmp_path / "m.csv").read_text(encoding="utf-8")
