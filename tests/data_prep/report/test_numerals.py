from __future__ import annotations

import pytest

from data_prep.report.numerals import between, counted, quantity, rounded, share, times


class TestQuantity:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (0, "0"),
            (1482.4, "1,482"),
            (1234567, "1,234,567"),
            (299.34, "299"),
            (37.94, "37.9"),
            (0.72727, "0.727"),
            (2.0, "2"),
            (2.50, "2.5"),
            (0.000123456, "0.000123"),
            (-1024, "−1,024"),
            (-0.5, "−0.5"),
            (99.96, "100"),
            (100, "100"),
        ],
    )
    def test_has_three_digits_or_all_before_the_point(self, value: float, text: str) -> None:
        assert quantity(value) == text

    def test_has_its_unit(self) -> None:
        assert quantity(5, "mm") == "5 mm"


class TestRounded:
    @pytest.mark.parametrize(("value", "expected"), [(0, 0), (1482.4, 1482), (0.72727, 0.727), (-37.94, -37.9)])
    def test_is_the_number_that_is_shown(self, value: float, expected: float) -> None:
        assert rounded(value) == expected


class TestPhrases:
    def test_share_is_per_cent(self) -> None:
        assert share(1, 3) == "33.3 %"
        assert share(1, 11) == "9.09 %"
        assert share(0, 7) == "0 %"
        assert share(7, 7) == "100 %"
        assert share(0, 0) == "0 %"

    def test_between_names_both_ends_or_the_only_value(self) -> None:
        assert between([3, 1, 2], "mm") == "1 to 3 mm"
        assert between([2, 2.0001], "mm") == "2 mm"

    def test_times_joins_sizes(self) -> None:
        assert times((0.5, 0.5, 2), "mm") == "0.5 × 0.5 × 2 mm"

    def test_counted_knows_the_plural(self) -> None:
        assert counted(1, "case") == "1 case"
        assert counted(1200, "case") == "1,200 cases"
