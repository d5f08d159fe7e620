from __future__ import annotations

import numpy as np
import pytest

from medseg.errors import SourceError
from medseg.io.values import exact_values


def column(*numbers: float, dtype: str = "float64") -> np.ndarray:
    return np.array(numbers, dtype=dtype).reshape(1, 1, -1)


class TestTypes:
    @pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16"])
    def test_unscaled_integers_are_kept_as_they_are(self, dtype: str) -> None:
        stored = column(0, 100, 7, dtype=dtype)
        assert exact_values("a", stored).voxels is stored

    @pytest.mark.parametrize(
        ("numbers", "expected"),
        [
            ((0, 255), "uint8"),
            ((0, 256), "uint16"),
            ((-1, 32767), "int16"),
            ((0, 65535), "uint16"),
            ((-1, 32768), "float32"),
            ((0, 65536), "float32"),
            ((-(2**24), 2**24), "float32"),
            ((0, 0.5), "float32"),
            ((-0.0, 1.0), "uint8"),
        ],
    )
    def test_whole_values_get_the_smallest_type_that_holds_them(
        self, numbers: tuple[float, ...], expected: str
    ) -> None:
        values = exact_values("a", column(*numbers)).voxels
        assert values.dtype == expected
        np.testing.assert_array_equal(values.ravel(), numbers)

    @pytest.mark.parametrize("dtype", ["int8", "uint8", "uint16", "int32", "int64", "uint64", "float32", "float64"])
    def test_ct_is_int16_whatever_it_is_stored_as(self, dtype: str) -> None:
        values = exact_values("a", column(0, 100, 7, dtype=dtype), modality="CT")
        assert values.voxels.dtype == np.int16
        assert values.warnings == ()
        np.testing.assert_array_equal(values.voxels.ravel(), (0, 100, 7))

    def test_ct_with_fractions_is_kept_with_a_warning(self) -> None:
        values = exact_values("a", column(-1000.25, 40), modality="CT")
        assert values.voxels.dtype == np.float32
        np.testing.assert_array_equal(values.voxels.ravel(), (-1000.25, 40))
        assert values.warnings == (
            "CT values are not whole, as Hounsfield units are: were they resampled or windowed?",
        )

    def test_ct_beyond_16_bits_is_kept_with_a_warning(self) -> None:
        values = exact_values("a", column(-1024, 40000), modality="CT")
        assert values.voxels.dtype == np.float32
        assert values.warnings == ("CT values from -1024 to 40000 do not fit 16 bits as Hounsfield units should",)

    @pytest.mark.parametrize("numbers", [(0, 2**24 + 1), (0.5, 1e39), (0, -(2**30))])
    def test_what_float32_does_not_hold_is_refused(self, numbers: tuple[float, ...]) -> None:
        with pytest.raises(
            SourceError, match=r"a: values must be of moderate size \(whole ones at most 16777216\), got"
        ):
            exact_values("a", column(*numbers))

    def test_large_64_bit_integers_are_refused(self) -> None:
        with pytest.raises(SourceError, match=r"got 0 to 9\.22337e\+18; rescale them"):
            exact_values("a", column(0, 2**63 - 1, dtype="int64"))


class TestRescale:
    def test_intercept_makes_hounsfield_units(self) -> None:
        values = exact_values("a", column(0, 1064, 4095, dtype="uint16"), inter=-1024, modality="CT").voxels
        assert values.dtype == np.int16
        np.testing.assert_array_equal(values.ravel(), (-1024, 40, 3071))

    def test_fractions_are_exact_to_float32(self) -> None:
        values = exact_values("a", column(1, 2, 30001, dtype="int16"), slope=0.1, inter=-3).voxels
        assert values.dtype == np.float32
        np.testing.assert_array_equal(values.ravel(), np.float32([0.1 - 3, 0.2 - 3, 30001 * 0.1 - 3]))

    def test_half_steps_that_make_whole_values_are_whole(self) -> None:
        values = exact_values("a", column(-4, 6, dtype="int16"), slope=0.5).voxels
        assert values.dtype == np.int16
        np.testing.assert_array_equal(values.ravel(), (-2, 3))

    def test_full_range_does_not_wrap_around(self) -> None:
        values = exact_values("a", column(-32768, 32767, dtype="int16"), slope=2).voxels
        np.testing.assert_array_equal(values.ravel(), (-65536, 65534))

    def test_overflow_is_refused(self) -> None:
        with pytest.raises(SourceError, match=r"got 0 to inf"):
            exact_values("a", column(0, 1e300), slope=1e30)

    def test_volumes_of_many_slabs_are_read_whole(self) -> None:
        stored = np.arange(600 * 600 * 3, dtype=np.float32).reshape(600, 600, 3) % 3001
        np.testing.assert_array_equal(exact_values("a", stored, inter=-1000).voxels, stored - 1000)


class TestNonfinite:
    NUMBERS = (np.nan, 40, np.inf, -np.inf, np.nan)

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_is_refused_with_its_count(self, dtype: str) -> None:
        with pytest.raises(
            SourceError,
            match=r"values must be finite, got 2 NaN and 2 infinite voxels; --nonfinite -1024 makes them air",
        ):
            exact_values("a", column(*self.NUMBERS, dtype=dtype))

    def test_takes_the_chosen_value_and_says_so(self) -> None:
        values = exact_values("a", column(*self.NUMBERS), nonfinite=-1024.0, modality="CT")
        np.testing.assert_array_equal(values.voxels.ravel(), (-1024, 40, -1024, -1024, -1024))
        assert values.voxels.dtype == np.int16
        assert values.decisions == ("2 NaN and 2 infinite voxels set to -1024",)

    def test_chosen_value_is_not_rescaled(self) -> None:
        values = exact_values("a", column(np.nan, 40), slope=2, inter=5, nonfinite=-1024.0)
        np.testing.assert_array_equal(values.voxels.ravel(), (-1024, 85))

    def test_choice_changes_nothing_where_all_is_finite(self) -> None:
        values = exact_values("a", column(1, 40, dtype="int16"), slope=2, nonfinite=-1024.0)
        np.testing.assert_array_equal(values.voxels.ravel(), (2, 80))
        assert values.decisions == ()
