from __future__ import annotations

import numpy as np
import pytest

from data_prep.masks import binarise, distinct

PLAIN = "; choose those that are foreground with --foreground"
JPEG = "; it looks like 0 and 255 blurred by JPEG, so save masks as PNG, or" + PLAIN.removeprefix(";")


class TestBinarise:
    @pytest.mark.parametrize("dtype", ["uint8", "uint16", "int64"])
    @pytest.mark.parametrize("foreground", [1, 255])
    def test_two_usual_values_need_no_choice(self, dtype: str, foreground: int) -> None:
        label = binarise(np.array([[0, foreground], [foreground, 0]], dtype=dtype))
        assert label.dtype == np.uint8
        assert label.tolist() == [[0, 1], [1, 0]]

    @pytest.mark.parametrize(("value", "expected"), [(0, 0), (1, 1), (255, 1)])
    def test_one_usual_value_needs_no_choice(self, value: int, expected: int) -> None:
        assert binarise(np.full((2, 2), value, dtype=np.uint8)).tolist() == [[expected] * 2] * 2

    @pytest.mark.parametrize(
        ("foreground", "expected"), [({1, 2}, [0, 1, 1, 0]), ({7}, [0, 0, 0, 1]), ({0}, [1, 0, 0, 0]), ({9}, [0] * 4)]
    )
    def test_chosen_values_are_foreground(self, foreground: set[int], expected: list[int]) -> None:
        assert binarise(np.array([0, 1, 2, 7], dtype=np.uint8), foreground).tolist() == expected

    @pytest.mark.parametrize(
        ("values", "got"),
        [
            ([0, 1, 2], "0, 1, 2" + PLAIN),
            ([0, 1, 255], "0, 1, 255" + JPEG),
            ([2, 1], "1, 2" + PLAIN),
            ([7], "7" + PLAIN),
            ([0, 128], "0, 128" + PLAIN),
            ([-1, 0], "-1, 0" + PLAIN),
            ([0, 1, 254, 255], "0, 1, 254, 255" + JPEG),
            ([0, 24, 231, 255], "0, 24, 231, 255" + JPEG),
            ([0, 25, 230, 255], "0, 25, 230, 255" + PLAIN),
            ([*range(20), 240], "0, 1, 2, 3, 4, 5, ... 240 (21 values)" + JPEG),
            ([*range(8)], "0, 1, 2, 3, 4, 5, ... 7 (8 values)" + PLAIN),
        ],
    )
    def test_other_values_need_a_choice(self, values: list[int], got: str) -> None:
        with pytest.raises(ValueError) as error:
            binarise(np.array(values))
        assert str(error.value) == f"mask values must be 0 and 1, or 0 and 255, got {got}"


class TestDistinct:
    @pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "uint32"])
    def test_values_rise_and_appear_once(self, dtype: str) -> None:
        assert distinct(np.array([[3, 0], [255, 3]], dtype=dtype)) == [0, 3, 255]
