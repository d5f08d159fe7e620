from __future__ import annotations

import pytest

from data_prep.report.outliers import outliers


def named(*values: float) -> dict[str, float]:
    return {f"case_{index}": value for index, value in enumerate(values)}


class TestOutliers:
    def test_score_is_the_distance_in_scaled_median_distances(self) -> None:
        # Median 3; distances 2, 1, 0, 1, 17; their median 1.
        assert outliers(named(1, 2, 3, 4, 20)) == {"case_4": pytest.approx(17 / 1.4826)}

    def test_low_values_have_negative_scores(self) -> None:
        assert outliers(named(-20, 2, 3, 4, 5)) == {"case_0": pytest.approx(-23 / 1.4826)}

    def test_threshold_itself_is_no_outlier(self) -> None:
        # Distances 1, 1, 0, 1 and d: the median distance stays 1.
        assert outliers(named(9, 9, 10, 11, 10 + 3.5 * 1.4826)) == {}
        assert list(outliers(named(9, 9, 10, 11, 10 + 3.51 * 1.4826))) == ["case_4"]

    def test_one_of_many_equal_values_is_found_by_the_mean_distance(self) -> None:
        # Median distance 0, mean distance 256 / 8.
        assert outliers(named(512, 512, 512, 512, 512, 512, 512, 256)) == {
            "case_7": pytest.approx(-256 / (1.2533 * 256 / 8))
        }

    def test_a_value_that_a_quarter_of_the_cases_have_is_no_outlier(self) -> None:
        assert outliers(named(512, 512, 512, 256)) == {}
        assert outliers(named(512, 512, 512, 512, 512, 512, 256, 256)) == {}

    def test_equal_values_have_none(self) -> None:
        assert outliers(named(5, 5, 5, 5, 5)) == {}

    def test_four_cases_are_too_few(self) -> None:
        assert outliers(named(1, 2, 3, 1000)) == {}

    def test_keeps_the_order_of_cases(self) -> None:
        found = outliers(named(900, 1, 2, 3, 4, 5, 6, -900))
        assert list(found) == ["case_0", "case_7"]
