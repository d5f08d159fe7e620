from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from medseg.io.volume import Volume
from medseg.predict.domain import domain_warnings

TRAINED: dict[str, Any] = {
    "modality": "CT",
    "plane": "axial",
    "window": [-100.0, 400.0],
    "image_size": None,
    "training_set": {
        "cases": 3,
        "shape_min": [40, 40, 10],
        "shape_max": [64, 64, 20],
        "spacing_mm_min": [0.6, 0.6, 1.0],
        "spacing_mm_max": [0.9, 0.9, 2.5],
        "intensity": {
            "dtype": "int16", "min": -1024.0, "max": 1800.0, "percentile_0_5": -1000.0, "percentile_99_5": 300.0,
        },
        "foreground_ml": {"min": 1.0, "median": 1.0, "max": 1.0},
        "foreground_px2": None,
        "without_foreground": 0,
    },
}  # fmt: skip
PICTURES: dict[str, Any] = {
    "modality": "windowed CT",
    "window": [0.0, 255.0],
    "image_size": None,
    "picture_window_hu": [-100.0, 400.0],
    "picture_levels": [0, 255],
    "training_set": {
        **TRAINED["training_set"],
        "shape_min": [48, 48, 1],
        "shape_max": [48, 48, 1],
        "spacing_mm_min": None,
        "spacing_mm_max": None,
        "intensity": {"dtype": "uint8", "min": 0.0, "max": 255.0, "percentile_0_5": 0.0, "percentile_99_5": 200.0},
    },
}


def scan(
    shape: tuple[int, int, int] = (48, 48, 15),
    spacing: tuple[float, float, float] = (0.8, 0.8, 2.0),
    modality: str | None = "CT",
    *,
    voxels: np.ndarray | None = None,
) -> Volume:
    """Air, fat and soft tissue, columns to the left and rows to the back."""
    values = np.random.default_rng(0).choice([-1000.0, -100.0, 40.0, 120.0], shape) if voxels is None else voxels
    return Volume(values, np.diag([-spacing[0], -spacing[1], spacing[2], 1.0]), modality)


def trained(**changes: Any) -> dict[str, Any]:
    return {**TRAINED, **changes}


class TestLikeTheTrainingSet:
    @pytest.mark.parametrize("facts", [TRAINED, PICTURES, {}, {"modality": "CT"}, trained(training_set=None)])
    def test_gives_no_warning(self, facts: dict[str, Any]) -> None:
        assert domain_warnings(scan(), facts) == ()

    def test_of_pictures_gives_none(self) -> None:
        grey = np.random.default_rng(0).integers(0, 200, (48, 48, 1)).astype(np.uint8)
        assert domain_warnings(Volume(grey, np.eye(4)), PICTURES, placed=False) == ()

    def test_other_axes_are_turned_first(self) -> None:
        turned = scan()
        volume = Volume(turned.voxels.transpose(2, 0, 1), turned.affine_mm[:, [2, 0, 1, 3]], "CT")
        assert domain_warnings(volume, TRAINED) == ()

    def test_after_resampling_counts_where_the_network_sees_resampled_scans(self) -> None:
        coarse = scan((24, 24, 6), (1.6, 1.6, 5.0))
        assert len(domain_warnings(coarse, TRAINED)) == 3  # along each axis
        assert domain_warnings(coarse, trained(spacing_mm=[0.8, 0.8, 2.0])) == ()

    def test_what_a_window_cuts_off_is_alike(self) -> None:
        padded = scan()
        padded.voxels[:24] = -3024  # outside of the scanner's field of view
        assert domain_warnings(padded, TRAINED) == ()


class TestModality:
    @pytest.mark.parametrize(
        ("modality", "facts", "warning"),
        [
            ("MR", TRAINED, "modality MR, but trained on CT: masks are likely to be wrong"),
            ("MR", PICTURES, "modality MR, but trained on windowed CT: masks are likely to be wrong"),
            ("CT", trained(modality="MR"), "modality CT, but trained on MR: masks are likely to be wrong"),
            (None, TRAINED, "the scan does not say what it is, but trained on CT; if it is CT, give --modality CT"),
        ],
    )
    def test_another_is_told(self, modality: str | None, facts: dict[str, Any], warning: str) -> None:
        assert domain_warnings(scan(modality=modality), facts) == (warning,)

    @pytest.mark.parametrize("named", ["T2 of the prostate", "microscopy"])
    def test_names_of_a_persons_own_are_not_judged(self, named: str) -> None:
        assert domain_warnings(scan(modality="MR"), trained(modality=named)) == ()

    def test_picture_after_training_on_scans_is_told(self) -> None:
        grey = Volume(np.arange(48 * 48, dtype=np.uint8).reshape(48, 48, 1), np.eye(4))
        (warning,) = domain_warnings(grey, TRAINED, placed=False)
        assert warning == "a picture, but trained on scans (CT): grey values are on another scale"

    def test_ct_that_is_no_hu_is_told_once(self) -> None:
        grey = scan(voxels=np.random.default_rng(0).integers(0, 256, (48, 48, 15)))
        (warning,) = domain_warnings(grey, TRAINED)
        assert warning.startswith("CT without a value below 0 HU")


class TestSizes:
    def test_slices_far_apart_are_told_with_both_values(self) -> None:
        (warning,) = domain_warnings(scan(spacing=(0.8, 0.8, 5.0)), TRAINED)
        assert warning.startswith("spacing 5 mm along z, trained on 1 to 2.5 mm: slices show another thickness")

    def test_small_pixels_are_told(self) -> None:
        (warning,) = domain_warnings(scan(spacing=(0.3, 0.8, 2.0)), TRAINED)
        assert warning.startswith("spacing 0.3 mm along x, trained on 0.6 to 0.9 mm: structures may have another size")

    @pytest.mark.parametrize("spacing", [(0.41, 0.41, 0.67), (1.34, 1.34, 3.74)])
    def test_half_as_much_beyond_is_taken(self, spacing: tuple[float, float, float]) -> None:
        assert domain_warnings(scan(spacing=spacing), TRAINED) == ()

    def test_large_slices_are_told_unless_the_network_resizes_them(self) -> None:
        (warning,) = domain_warnings(scan((130, 48, 15)), TRAINED)
        assert warning.startswith("130 pixels along x, trained on 40 to 64: structures may have another size in pixels")
        assert domain_warnings(scan((130, 48, 15)), trained(image_size=[64, 64])) == ()

    def test_many_slices_are_told(self) -> None:
        (warning,) = domain_warnings(scan((48, 48, 41)), TRAINED)
        assert warning == "41 slices, trained on 10 to 20: where more of the body is shown, expect false findings"


class TestValues:
    def test_brighter_than_all_of_the_training_set_is_told(self) -> None:
        narrow = {**TRAINED["training_set"], "intensity": {"percentile_0_5": -1000.0, "percentile_99_5": 100.0}}
        (warning,) = domain_warnings(scan(), trained(training_set=narrow))
        assert warning.startswith("25% of the values lie outside those trained on -1000 to 100: check the scale")

    def test_nearly_uniform_values_are_told(self) -> None:
        shares = np.random.default_rng(0).uniform(-1, 1, (48, 48, 15))
        (warning,) = domain_warnings(scan(voxels=shares), TRAINED)
        assert warning.endswith(", trained on -1000 to 300: the scan is nearly uniform or on another scale")

    def test_picture_of_16_bits_after_8_is_told(self) -> None:
        grey = np.random.default_rng(0).integers(0, 60000, (48, 48, 1)).astype(np.uint16)
        facts = {**PICTURES, "modality": "microscopy", "picture_window_hu": None, "picture_levels": None}
        (warning,) = domain_warnings(Volume(grey, np.eye(4)), facts, placed=False)
        assert warning.startswith("100% of the values lie outside those trained on 0 to 200")

    def test_hu_are_not_compared_with_grey_values_of_an_unknown_window(self) -> None:
        assert domain_warnings(scan(), {**PICTURES, "modality": "grey image", "picture_window_hu": None}) == ()
