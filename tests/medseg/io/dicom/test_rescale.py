from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from medseg.io.dicom import DicomSeriesError
from medseg.io.dicom.header import Header
from medseg.io.dicom.rescale import padding_warning, rescale


def header(slope: float | None = None, intercept: float | None = None, padding: int | None = None) -> Header:
    return Header(path=Path("a"), transfer_syntax="1.2", slope=slope, intercept=intercept, padding=padding)


def rescaled(values: list[int], dtype: str, *pair: float, ct: bool = True) -> np.ndarray:
    stored = np.array(values, dtype=dtype).reshape(-1, 1, 1)
    return rescale(stored, [header(*pair)], ct=ct, where="series")[:, 0, 0]


class TestCt:
    @pytest.mark.parametrize(
        ("values", "dtype", "pair", "expected"),
        [
            ([0, 1024, 4095], "uint16", (1, -1024), [-1024, 0, 3071]),
            ([-2000, 0, 3071], "int16", (1, 0), [-2000, 0, 3071]),
            ([0, 33791], "uint16", (1, -1024), [-1024, 32767]),
            ([-32768, -31744], "int16", (1, 1024), [-31744, -30720]),
            ([0, 65535], "uint16", (1, -32768), [-32768, 32767]),
            ([0, 200, 255], "uint8", (8, -1024), [-1024, 576, 1016]),
            ([5, 10], "int32", (-2, 1), [-9, -19]),
            ([2, 4], "uint16", (0.5, -3), [-2, -1]),
            ([0, 100], "uint16", (1, -40000), [-40000, -39900]),
        ],
    )
    def test_whole_values_are_exact(
        self, values: list[int], dtype: str, pair: tuple[float, float], expected: list[int]
    ) -> None:
        assert rescaled(values, dtype, *pair).tolist() == expected

    def test_whole_values_that_fit_are_int16(self) -> None:
        assert rescaled([0, 4095], "uint16", 1, -1024).dtype == np.int16

    def test_whole_values_that_do_not_fit_are_float32(self) -> None:
        values = rescaled([-32768, 0], "int16", 1, -1024)
        assert values.dtype == np.float32
        assert values.tolist() == [-33792, -1024]

    def test_fractions_are_float32(self) -> None:
        values = rescaled([0, 3], "uint16", 0.5, -1024.25)
        assert values.dtype == np.float32
        assert values.tolist() == [-1024.25, -1022.75]


class TestOthers:
    @pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16"])
    def test_values_without_rescale_keep_their_type(self, dtype: str) -> None:
        values = rescaled([0, 7, 100], dtype, ct=False)
        assert values.dtype == dtype
        assert values.tolist() == [0, 7, 100]

    @pytest.mark.parametrize(
        ("values", "dtype", "pair", "expected"),
        [
            ([0, 200], "uint8", (1, 100), "uint16"),
            ([0, 200], "uint8", (1, -100), "int16"),
            ([0, 10], "uint16", (1, -20), "int16"),
            ([-5, 5], "int8", (1, 0), "int16"),
            ([0, 300], "uint32", (1, 0), "uint16"),
            ([0, 70000], "uint32", (1, 0), "float32"),
        ],
    )
    def test_the_first_type_that_holds_all_values(
        self, values: list[int], dtype: str, pair: tuple[float, float], expected: str
    ) -> None:
        result = rescaled(values, dtype, *pair, ct=False)
        assert result.dtype == expected
        assert result.tolist() == [pair[0] * value + pair[1] for value in values]


class TestErrors:
    @pytest.mark.parametrize("slope", [1.0, 1e60])
    def test_values_beyond_float32_raise(self, slope: float) -> None:
        with pytest.raises(DicomSeriesError, match=r"series: rescaled values must be within \+-1.678e\+07, got 0 to"):
            rescaled([0, 2**30], "int32", slope, 0)

    def test_fractions_beyond_float32_raise(self) -> None:
        with pytest.raises(DicomSeriesError, match=r"rescaled values must be within \+-3.403e\+38, got 0.5 to 1e\+40"):
            rescaled([0, 1], "uint16", 1e40, 0.5)


class TestPaddingWarning:
    def test_counts_pixels_at_the_rescaled_value(self) -> None:
        voxels = np.array([-3024, -3024, 0, 40], dtype=np.int16).reshape(2, 2, 1)
        expected = "50.00% of the pixels are padding (0028,0120) below -1024 HU; they stay as they are"
        assert padding_warning(voxels, [header(1, -1024, -2000)]) == expected

    @pytest.mark.parametrize("padding", [None, 0, -1999])
    def test_is_none_where_no_pixel_has_it_or_it_is_air(self, padding: int | None) -> None:
        voxels = np.full((2, 2, 1), -1024, dtype=np.int16)
        assert padding_warning(voxels, [header(1, -1024, padding)]) is None
