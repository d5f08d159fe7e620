from __future__ import annotations

import numpy as np
import pytest

from medseg.transforms import ERROR_COLOURS, error_overlay, mask_overlay

GREY = np.array([[0.0, 100.0], [50.0, 25.0]])


class TestErrorOverlay:
    def test_each_kind_of_pixel_gets_its_colour(self) -> None:
        pred, label = np.array([[1, 1], [0, 0]]), np.array([[1, 0], [1, 0]])
        rgb = error_overlay(GREY, pred, label, alpha=1.0)
        assert tuple(rgb[0, 0]) == ERROR_COLOURS["true positive"]
        assert tuple(rgb[0, 1]) == ERROR_COLOURS["false positive"]
        assert tuple(rgb[1, 0]) == ERROR_COLOURS["false negative"]

    def test_background_stays_grey_scaled_to_the_images_range(self) -> None:
        rgb = error_overlay(GREY, np.zeros((2, 2)), np.zeros((2, 2)))
        assert rgb[..., 0].tolist() == [[0, 255], [128, 64]]  # 127.5 and 63.75, rounded half to even
        assert (rgb == rgb[..., :1]).all()

    def test_colour_is_blended_by_alpha(self) -> None:
        rgb = error_overlay(GREY, np.array([[0, 1], [0, 0]]), np.array([[0, 1], [0, 0]]), alpha=0.45)
        # 0.55 x 255 + 0.45 x (0, 158, 115)
        assert rgb[0, 1].tolist() == [140, 211, 192]

    def test_constant_image_is_black(self) -> None:
        assert not error_overlay(np.full((2, 2), 7.0), np.zeros((2, 2)), np.zeros((2, 2))).any()

    @pytest.mark.parametrize("size", [(4, 6), (1, 1)])
    def test_image_of_another_size_is_brought_to_the_masks(self, size: tuple[int, int]) -> None:
        rgb = error_overlay(GREY, np.zeros(size), np.zeros(size))
        assert rgb.shape == (*size, 3)
        assert rgb.dtype == np.uint8

    def test_inputs_are_left_as_they_were(self) -> None:
        img, pred = GREY.copy(), np.ones((2, 2))
        error_overlay(img, pred, pred)
        np.testing.assert_array_equal(img, GREY)
        assert (pred == 1).all()


class TestMaskOverlay:
    def test_mask_is_green_and_the_rest_grey(self) -> None:
        rgb = mask_overlay(GREY, np.array([[1, 0], [0, 0]]), alpha=1.0)
        assert tuple(rgb[0, 0]) == ERROR_COLOURS["true positive"]
        assert rgb[0, 1].tolist() == [255, 255, 255]
