from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medseg.report.numerals import between, counted, fixed, memory, p_value, short, time, whole


class TestFixed:
    def test_rounds_to_decimals(self) -> None:
        assert fixed(0.93626) == "0.9363"
        assert fixed(12.345, 2) == "12.35" or fixed(12.345, 2) == "12.34"
        assert fixed(1234.5, 1) == "1,234.5"

    def test_negative_values_have_a_minus_sign(self) -> None:
        assert fixed(-0.5, 1) == "−0.5"

    def test_what_rounds_to_zero_has_no_sign(self) -> None:
        assert fixed(-0.00001, 4) == "0.0000"

    @pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
    def test_unknown_is_a_dash(self, value: float | None) -> None:
        assert fixed(value) == "–"
        assert short(value) == "–"
        assert p_value(value) == "–"
        assert time(value) == "–"
        assert memory(value) == "–"

    @given(st.floats(-1e6, 1e6))
    def test_reads_back_within_half_a_digit(self, value: float) -> None:
        assert abs(float(fixed(value, 3).replace(",", "").replace("−", "-")) - value) <= 0.00051


class TestOthers:
    def test_between(self) -> None:
        assert between(0.1, 0.25, 2) == "0.10 to 0.25"
        assert between(None, 0.25) == "–"

    def test_whole(self) -> None:
        assert whole(7759521) == "7,759,521"

    @pytest.mark.parametrize(
        ("value", "text"), [(13.52e9, "13.5 G"), (4_000_000, "4 M"), (1500, "1.5 k"), (3, "3"), (2.5e12, "2.5 T")]
    )
    def test_short(self, value: float, text: str) -> None:
        assert short(value) == text

    def test_p_value(self) -> None:
        assert p_value(0.0123) == "0.012"
        assert p_value(0.0001) == "< 0.001"
        assert p_value(1.0) == "1.000"

    @pytest.mark.parametrize(
        ("seconds", "text"), [(0.0344, "34.4 ms"), (34, "34.0 s"), (90, "1.5 min"), (9000, "2.5 h")]
    )
    def test_time(self, seconds: float, text: str) -> None:
        assert time(seconds) == text

    def test_memory(self) -> None:
        assert memory(1_250_000_000) == "1.25 GB"
        assert memory(312_400_000) == "312 MB"

    def test_counted(self) -> None:
        assert counted(1, "image") == "1 image"
        assert counted(1200, "image") == "1,200 images"
