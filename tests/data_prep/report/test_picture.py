from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from data_prep.report.picture import CONTOUR_RGB, case_picture

SIDE, GAP = 256, 8
# 32 mm along each axis, so that each panel is 256 pixels square, 8 to a mm.
SHAPE, SPACING_MM = (32, 16, 8), (1.0, 2.0, 4.0)
BLACK_HU, WHITE_HU = -160, 240


def decoded(jpeg: bytes) -> NDArray[np.int64]:
    with Image.open(BytesIO(jpeg)) as image:
        assert image.format == "JPEG"
        return np.asarray(image.convert("RGB")).astype(np.int64)


def panels(jpeg: bytes) -> list[NDArray[np.int64]]:
    """Axial, coronal and sagittal panel of 256 x 256 each."""
    pixels = decoded(jpeg)
    assert pixels.shape == (SIDE, 3 * SIDE + 2 * GAP, 3)
    return [pixels[:, left : left + SIDE] for left in (0, SIDE + GAP, 2 * (SIDE + GAP))]


def contour(pixels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Pixels of about the contour's colour, which no grey is."""
    found: NDArray[np.bool_] = np.abs(pixels - CONTOUR_RGB).max(axis=-1) < 70
    return found


def extent(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Left, right, top and bottom, inclusive."""
    rows, columns = np.nonzero(mask)
    return int(columns.min()), int(columns.max()), int(rows.min()), int(rows.max())


def brightest_corner(pixels: NDArray[np.int64]) -> str:
    grey = pixels.mean(axis=-1)
    half = [size // 2 for size in grey.shape]
    corners = {
        "top left": grey[: half[0], : half[1]],
        "top right": grey[: half[0], half[1] :],
        "bottom left": grey[half[0] :, : half[1]],
        "bottom right": grey[half[0] :, half[1] :],
    }
    return max(corners, key=lambda name: float(corners[name].mean()))


def volume(fill: int = BLACK_HU) -> NDArray[np.int16]:
    return np.full(SHAPE, fill, dtype=np.int16, order="F")


def empty() -> NDArray[np.uint8]:
    return np.zeros(SHAPE, dtype=np.uint8, order="F")


class TestVolume:
    def test_contour_stands_one_pixel_around_the_mask_in_three_planes(self) -> None:
        label = empty()
        label[20:28, 4:8, 2:5] = 1  # mm: x 20 to 28, y 8 to 16, z 8 to 20
        axial, coronal, sagittal = panels(case_picture(volume(), label, SPACING_MM, modality="CT"))
        # x 28 mm is 4 mm from the patient's right, which is at the left: pixel 32. y 16 mm is 16 mm from the front.
        assert extent(contour(axial)) == (31, 96, 127, 192)
        # z 20 mm is 12 mm below the top: pixel 96.
        assert extent(contour(coronal)) == (31, 96, 95, 192)
        assert extent(contour(sagittal)) == (127, 192, 95, 192)

    def test_inside_of_the_mask_is_not_covered(self) -> None:
        label, image = empty(), volume()
        label[20:28, 4:8, 2:5] = 1
        image[label > 0] = 40  # half way from black to white
        axial, _, _ = panels(case_picture(image, label, SPACING_MM, modality="CT"))
        np.testing.assert_allclose(axial[140:180, 42:86], 127.5, atol=12)

    @pytest.mark.parametrize(
        ("corner", "expected"),
        [
            # Right, front, top of the body.
            ((slice(24, 32), slice(12, 16), slice(6, 8)), ("top left", "top left", "top left")),
            # Left, back, bottom.
            ((slice(0, 8), slice(0, 4), slice(0, 2)), ("bottom right", "bottom right", "bottom right")),
            # Right, back, top.
            ((slice(24, 32), slice(0, 4), slice(6, 8)), ("bottom left", "top left", "top right")),
        ],
    )
    def test_is_seen_as_a_radiologist_does(self, corner: tuple[slice, ...], expected: tuple[str, ...]) -> None:
        label, image = empty(), volume()
        image[corner] = WHITE_HU
        label[corner] = 1
        seen = panels(case_picture(image, label, SPACING_MM, modality="CT"))
        assert tuple(map(brightest_corner, seen)) == expected

    def test_letters_name_the_sides(self) -> None:
        for panel in panels(case_picture(volume(), None, SPACING_MM, modality="CT")):
            bright = panel.min(axis=-1) > 150
            middle = slice(SIDE // 2 - 10, SIDE // 2 + 10)
            sides = (bright[middle, :16], bright[middle, -16:], bright[:16, middle], bright[-16:, middle])
            assert all(side.any() for side in sides)
            assert bright.sum() == sum(side.sum() for side in sides)

    def test_pixels_have_the_right_proportions(self) -> None:
        image = np.zeros((100, 50, 10), dtype=np.int16)
        pixels = decoded(case_picture(image, None, (1.0, 1.0, 5.0), modality="MR"))
        # 100 x 50 mm axial and coronal: 256 x 128; sagittal 50 x 50 mm: 256 x 256.
        assert pixels.shape == (256, 3 * 256 + 2 * GAP, 3)
        white = decoded(case_picture(image + WHITE_HU, None, (1.0, 1.0, 5.0), modality="CT")).mean(axis=-1) > 200
        assert white[:, 20:40].any(axis=1).sum() == pytest.approx(128, abs=4)
        assert white[:, 2 * (256 + GAP) + 20].sum() == 256

    def test_shows_the_slice_with_most_foreground(self) -> None:
        label, image = empty(), volume()
        label[8:16, 8:12, 1:7] = 1
        label[4:24, 4:12, 5] = 1
        image[..., 5] = WHITE_HU
        axial, coronal, _ = panels(case_picture(image, label, SPACING_MM, modality="CT"))
        assert axial.mean() > 240
        # Slice 5 lies 20 to 24 mm high, so 8 to 12 mm below the top.
        assert coronal[74:86, 120].min() > 200
        assert coronal[108:, 20].max() < 60

    def test_planes_never_pass_between_two_organs(self) -> None:
        label = empty()
        label[2:8, 6:10, 3:5] = 1
        label[24:30, 6:10, 3:5] = 1
        assert all(contour(panel).any() for panel in panels(case_picture(volume(), label, SPACING_MM, modality="CT")))

    @pytest.mark.parametrize("label", [None, empty()], ids=["no label", "empty label"])
    def test_without_foreground_shows_the_middle_and_no_contour(self, label: NDArray[np.uint8] | None) -> None:
        image = volume()
        image[..., 4] = WHITE_HU
        seen = panels(case_picture(image, label, SPACING_MM, modality="CT"))
        assert seen[0].mean() > 240
        assert not any(contour(panel).any() for panel in seen)

    def test_order_in_memory_does_not_matter(self) -> None:
        rng = np.random.default_rng(0)
        image, label = rng.integers(-200, 300, SHAPE).astype(np.int16), rng.integers(0, 2, SHAPE).astype(np.uint8)
        in_c = case_picture(image, label, SPACING_MM, modality="CT")
        assert case_picture(np.asfortranarray(image), np.asfortranarray(label), SPACING_MM, modality="CT") == in_c

    def test_volumes_with_other_slice_axes_are_seen_the_same_way(self) -> None:
        rng = np.random.default_rng(0)
        image, label = rng.integers(-200, 300, SHAPE).astype(np.int16), empty()
        label[20, 5, 3] = 1
        expected = case_picture(image, label, SPACING_MM, modality="CT")
        for axes, order in (("RSA", (0, 2, 1)), ("ASR", (1, 2, 0))):
            spacing = tuple(SPACING_MM[axis] for axis in order)
            turned: Any = (image.transpose(order), label.transpose(order), spacing)
            assert case_picture(*turned, modality="CT", axes=axes) == expected

    def test_scan_of_one_slice_is_one_panel_in_mm(self) -> None:
        image = np.zeros((40, 40, 1), dtype=np.int16)
        image[20:, 20:] = 100
        pixels = decoded(case_picture(image, None, (1.0, 0.5, 3.0), modality="MR"))
        assert pixels.shape == (192, 384, 3)
        assert brightest_corner(pixels) == "top left"


class TestPicture:
    def test_columns_are_x_and_rows_y(self) -> None:
        image = np.zeros((40, 20, 1), dtype=np.uint8)
        image[20:, :10] = 200
        pixels = decoded(case_picture(image, None, None))
        assert pixels.shape == (192, 384, 3)
        assert brightest_corner(pixels) == "top right"

    def test_that_shows_a_patient_is_seen_as_a_radiologist_does(self) -> None:
        image = np.zeros((40, 20, 1), dtype=np.uint8)
        image[20:, :10] = 200
        assert brightest_corner(decoded(case_picture(image, None, None, oriented=True))) == "bottom left"

    def test_has_no_letters_unless_it_shows_a_patient(self) -> None:
        image = np.zeros((40, 40, 1), dtype=np.uint8)
        assert decoded(case_picture(image, None, None)).max() < 40
        assert decoded(case_picture(image, None, None, oriented=True)).max() > 200

    def test_one_pixel_of_a_large_image_has_a_ring(self) -> None:
        label = np.zeros((700, 700, 1), dtype=np.uint8)
        label[350, 175] = 1
        found = extent(contour(decoded(case_picture(np.zeros(label.shape, np.uint8), label, None))))
        # 350 and 175 of 700 are 192 and 96 of 384.
        assert found == pytest.approx((191, 193, 95, 97), abs=1)

    def test_very_large_image_is_drawn_small(self) -> None:
        image = np.zeros((3000, 1500, 1), dtype=np.uint16)
        image[:1500] = 60000
        pixels = decoded(case_picture(image, None, None))
        assert pixels.shape == (192, 384, 3)
        assert pixels[:, :185].min() > 240
        assert pixels[:, 200:].max() < 15


class TestNoise:
    @pytest.mark.parametrize(("shape", "spacing_mm"), [((384, 384, 1), None), ((256, 256, 256), (1.0, 1.0, 1.0))])
    def test_picture_that_hardly_compresses_is_drawn(
        self, shape: tuple[int, int, int], spacing_mm: tuple[float, float, float] | None
    ) -> None:
        rng = np.random.default_rng(0)
        image, label = ((rng.random(shape) < share).astype(np.uint8) for share in (0.5, 0.3))
        with Image.open(BytesIO(case_picture(255 * image, label, spacing_mm))) as picture:
            picture.load()
            assert picture.width >= 256


class TestWindow:
    def test_ct_runs_from_minus_160_to_240_hu(self) -> None:
        image = np.empty((40, 40, 1), dtype=np.int16)
        for rows, hu in enumerate((-1000, -160, 40, 240, 2000)):
            image[:, 8 * rows : 8 * rows + 8, 0] = hu
        pixels = decoded(case_picture(image, None, None, modality="CT"))
        middles = [pixels[int((8 * rows + 4) * 9.6), 192].mean() for rows in range(5)]
        np.testing.assert_allclose(middles, [0, 0, 127.5, 255, 255], atol=6)

    def test_others_run_between_percentiles_so_that_few_extremes_do_not_darken_all(self) -> None:
        image = np.full((100, 100, 1), 1000, dtype=np.uint16)
        image[:50] = 500
        image[0, 0] = 65535
        pixels = decoded(case_picture(image, None, None))
        assert pixels[192, 96].mean() == pytest.approx(0, abs=6)
        assert pixels[192, 288].mean() == pytest.approx(255, abs=6)

    @pytest.mark.parametrize("dtype", ["int16", "uint8", "uint16", "float32"])
    def test_image_of_one_value_is_drawn(self, dtype: str) -> None:
        assert decoded(case_picture(np.full((5, 5, 1), 7, dtype=dtype), None, None)).shape == (384, 384, 3)
