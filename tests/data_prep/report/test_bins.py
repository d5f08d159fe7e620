from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data_prep.report.bins import ValueBins, round_edges, round_step
from data_prep.report.facts import ReportFacts
from tests.data_prep.report.reports import make_report, with_facts


def with_intensity(report: ReportFacts, low: float, p_low: float, p_high: float, high: float) -> ReportFacts:
    intensity = replace(report.manifest.intensity, min=low, percentile_0_5=p_low, percentile_99_5=p_high, max=high)
    return replace(report, manifest=replace(report.manifest, intensity=intensity))


class TestRoundStep:
    @pytest.mark.parametrize(
        ("span", "most", "step"), [(100, 10, 10), (101, 10, 20), (30, 10, 5), (0.7, 5, 0.2), (4095, 128, 50)]
    )
    def test_is_the_smallest_round_number_that_fits(self, span: float, most: int, step: float) -> None:
        assert round_step(span, most) == pytest.approx(step)

    def test_whole_numbers_have_no_step_below_one(self) -> None:
        assert round_step(4, 20, whole=True) == 1


class TestRoundEdges:
    def test_reach_from_below_the_least_to_above_the_largest_value(self) -> None:
        np.testing.assert_allclose(round_edges(3, 17, 8), [2, 4, 6, 8, 10, 12, 14, 16, 18])

    def test_largest_value_on_an_edge_has_a_bin_of_its_own(self) -> None:
        np.testing.assert_allclose(round_edges(0, 4, 4), [0, 1, 2, 3, 4, 5])

    def test_values_at_edges_lie_in_the_bin_above_whatever_floats_do(self) -> None:
        edges = round_edges(33.1, 33.9, 20)
        values = np.arange(331, 340) / 10
        np.testing.assert_allclose(edges[np.digitize(values, edges) - 1], values)
        assert edges[-1] > 33.9

    @pytest.mark.parametrize("value", [0, 512, -3, 0.25])
    def test_equal_values_lie_in_a_bin(self, value: float) -> None:
        edges = round_edges(value, value, 8)
        assert edges[0] <= value < edges[-1]


class TestValueBins:
    def test_reach_a_tenth_beyond_the_percentiles(self) -> None:
        # 0 to 1000 and a tenth: -100 to 1100, in steps of 10.
        edges = ValueBins(with_intensity(make_report(2), -1024, 0, 1000, 3000)).edges
        assert (edges[0], edges[-1], edges[1] - edges[0]) == (-100, 1110, 10)

    def test_reach_no_further_than_the_values(self) -> None:
        edges = ValueBins(with_intensity(make_report(2), 0, 0, 255, 255)).edges
        assert (edges[0], edges[-1], edges[1] - edges[0]) == (0, 256, 2)

    def test_each_bin_of_whole_numbers_holds_equally_many(self) -> None:
        report = with_intensity(make_report(2), 0, 0, 10, 10)
        assert ValueBins(report).edges.tolist() == list(range(12))
        floats = with_facts(report, 1, dtype="float32")
        assert ValueBins(floats).edges[1] == pytest.approx(0.1)

    def test_counts_voxels_and_leaves_out_what_lies_beyond(self) -> None:
        bins = ValueBins(with_intensity(make_report(2), 0, 0, 3, 3))
        assert bins.edges.tolist() == [0, 1, 2, 3, 4]
        assert bins.count((-5.0, 0.0, 2.0, 3.0, 9.0), (100, 1, 20, 300, 4000)).tolist() == [1, 0, 20, 300]
