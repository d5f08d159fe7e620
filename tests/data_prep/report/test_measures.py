from __future__ import annotations

import pytest

from data_prep.report.facts import ReportFacts
from data_prep.report.measures import Measure, measure
from tests.data_prep.report.reports import make_picture_report, make_report, with_facts


def measures(report: ReportFacts) -> dict[str, Measure]:
    return {found.title: found for found in measure(report)}


class TestMeasure:
    def test_volumes_are_measured_in_ml_hu_and_mm(self) -> None:
        found = measures(make_report(3))
        # 6 x 5 x 4 voxels of 1 x 2 x 5 mm are 1.2 mL.
        assert (found["Foreground volume"].unit, found["Foreground volume"].values["case_000"]) == ("mL", 1.2)
        assert (found["Mean of the foreground"].unit, found["Mean of the foreground"].values["case_002"]) == ("HU", 102)
        assert (found["Slice spacing"].unit, found["Slice spacing"].values["case_001"]) == ("mm", 5)
        assert found["Slices"].values["case_001"] == 6
        assert "Foreground share" not in found

    def test_pictures_are_measured_in_pixels(self) -> None:
        found = measures(make_picture_report(3))
        # 30 of 480 pixels.
        assert (found["Foreground share"].unit, found["Foreground share"].values["case_000"]) == ("%", 6.25)
        assert (found["Size along x"].unit, found["Size along x"].values["case_000"]) == ("px", 24)
        assert found["Mean of the foreground"].unit == ""
        assert not {"Foreground volume", "Slice spacing", "Spacing along x", "Slices"} & found.keys()

    def test_x_and_y_are_one_measure_where_they_never_differ(self) -> None:
        found = measures(with_facts(make_report(1), 0, spacing_mm=(0.5, 0.5, 2.0)))
        assert found["Spacing along x and y"].values == {"case_000": 0.5}
        assert found["Size along x"].values == {"case_000": 24}
        assert found["Size along y"].values == {"case_000": 20}

    def test_cases_without_foreground_have_no_mean_and_without_label_no_volume(self) -> None:
        report = with_facts(make_report(3, unlabelled=[2]), 1, foreground_px=(0,) * 6, mean_foreground=None)
        found = measures(report)
        assert found["Foreground volume"].values == {"case_000": 1.2, "case_001": 0}
        assert list(found["Mean of the foreground"].values) == ["case_000"]
        assert list(found["Mean of the image"].values) == ["case_000", "case_001", "case_002"]

    def test_mean_of_the_image_comes_from_its_sum(self) -> None:
        report = with_facts(make_report(1), 0, total=(24 * 20 * 6 * -7.25, 0.0))
        assert measures(report)["Mean of the image"].values == {"case_000": -7.25}

    def test_differences_that_are_not_shown_make_no_outlier(self) -> None:
        report = make_report(6)
        for index, size in enumerate((0.70001, 0.70002, 0.70003, 0.70004, 0.70005, 0.7001)):
            report = with_facts(report, index, spacing_mm=(size, size, 5.0))
        found = measures(report)["Spacing along x and y"]
        assert set(found.values.values()) == {0.7}
        assert found.scores == {}

    def test_outliers_have_scores(self) -> None:
        report = with_facts(make_report(8), 3, spacing_mm=(1.0, 2.0, 1.0))
        # Seven times 5 and one 1: the mean distance is a half.
        assert measures(report)["Slice spacing"].scores == {"case_003": pytest.approx(-4 / (1.2533 * 0.5))}

    def test_median_and_text_are_shown_with_the_unit(self) -> None:
        found = measures(with_facts(make_report(3), 1, spacing_mm=(1.0, 2.0, 0.625)))["Slice spacing"]
        assert (found.median, found.text("case_001")) == (5, "0.625 mm")
