from __future__ import annotations

import numpy as np
import pytest

from medseg.predict.montage import chosen_slices, montage

GREEN = (0, 230, 160)


def mask_in(slices: list[int], depth: int) -> np.ndarray:
    mask = np.zeros((16, 12, depth), dtype=np.uint8)
    mask[4:8, 3:6, slices] = 1
    return mask


class TestChosenSlices:
    def test_few_are_all_shown_with_one_before_and_after(self) -> None:
        assert chosen_slices(mask_in([4, 5, 6], 20), 12) == [3, 4, 5, 6, 7]

    def test_many_are_evenly_chosen_with_first_and_last(self) -> None:
        assert chosen_slices(mask_in([*range(10, 31)], 40), 5) == [9, 10, 20, 30, 31]

    def test_there_is_nothing_before_the_first_slice(self) -> None:
        assert chosen_slices(mask_in([0, 1], 2), 12) == [0, 1]

    def test_empty_mask_shows_all_of_the_scan_evenly(self) -> None:
        assert chosen_slices(mask_in([], 21), 3) == [0, 10, 20]

    def test_gaps_are_left_out(self) -> None:
        assert chosen_slices(mask_in([2, 9], 12), 12) == [1, 2, 9, 10]

    @pytest.mark.parametrize("count", [1, 2])
    def test_too_few_for_neighbours_show_foreground(self, count: int) -> None:
        assert set(chosen_slices(mask_in([4, 5, 6], 20), count)) <= {4, 5, 6}

    def test_count_below_one_raises(self) -> None:
        with pytest.raises(ValueError, match="count must be >= 1, got 0"):
            chosen_slices(mask_in([], 3), 0)


def greens(picture: np.ndarray) -> np.ndarray:
    """Indices ``(n, 2)`` of columns and rows of the contour."""
    return np.argwhere((picture == GREEN).all(axis=2))


class TestMontage:
    def test_scanner_view_has_the_patients_left_at_the_right_and_front_at_the_top(self) -> None:
        mask = np.zeros((64, 64, 1), dtype=np.uint8)
        mask[4:12, 48:60, 0] = 1  # at the left (x runs to R) and in front (y runs to A)
        columns, rows = greens(montage(np.zeros((64, 64, 1)), mask, window=(0, 1), tile_px=64)).T
        assert (columns.min(), columns.max()) == (63 - 11, 63 - 4)
        assert (rows.min(), rows.max()) == (63 - 59, 63 - 48)

    def test_pictures_of_no_patient_stay_as_they_are(self) -> None:
        mask = np.zeros((64, 64, 1), dtype=np.uint8)
        mask[24:32, 8:20, 0] = 1
        columns, rows = greens(montage(np.zeros((64, 64, 1)), mask, window=(0, 1), plane=None, tile_px=64)).T
        assert (columns.min(), columns.max(), rows.min(), rows.max()) == (24, 31, 8, 19)

    def test_slices_have_the_proportions_of_the_body(self) -> None:
        volume = np.zeros((40, 20, 1))
        picture = montage(volume, np.zeros_like(volume), spacing_mm=(1.0, 3.0, 9.0), window=(0, 1), tile_px=120)
        assert picture.shape == (80, 120, 3)  # 40 x 60 mm

    def test_window_is_black_to_white(self) -> None:
        volume = np.zeros((64, 64, 1))
        volume[:32], volume[32:] = -500.0, 900.0
        picture = montage(volume, np.zeros_like(volume), window=(-160.0, 240.0), plane=None, tile_px=64)
        assert (picture[20, 10].tolist(), picture[50, 10].tolist()) == ([0, 0, 0], [255, 255, 255])

    def test_inside_of_the_mask_is_seen_through_green(self) -> None:
        volume, mask = np.full((64, 64, 1), 100.0), np.zeros((64, 64, 1), dtype=np.uint8)
        mask[20:40, 10:30] = 1
        picture = montage(volume, mask, window=(0.0, 200.0), plane=None, tile_px=64)
        # 0.7 x 128 + 0.3 x (0, 158, 115)
        assert picture[30, 20].tolist() == [90, 137, 124]

    def test_slices_stand_in_rows(self) -> None:
        picture = montage(np.zeros((16, 16, 12)), np.zeros((16, 16, 12)), window=(0, 1), tile_px=32)
        assert picture.shape == (4 * 36 - 4, 3 * 36 - 4, 3)
        assert picture.dtype == np.uint8

    def test_uniform_volume_is_drawn(self) -> None:
        assert montage(np.full((16, 12, 3), 7), mask_in([1], 3)).any()

    def test_spot_of_a_pixel_is_seen_in_a_smaller_sheet(self) -> None:
        mask = np.zeros((256, 256, 1), dtype=np.uint8)
        mask[100:102, 100:102] = 1
        assert len(greens(montage(np.zeros(mask.shape), mask, window=(0, 1), tile_px=128)))

    def test_mask_of_another_shape_raises(self) -> None:
        with pytest.raises(ValueError, match=r"mask must be \(x, y, z\) as its image, got \(4, 4, 2\) for \(4, 4, 3\)"):
            montage(np.zeros((4, 4, 3)), np.zeros((4, 4, 2)))
