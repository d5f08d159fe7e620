from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from data_prep.report.svg import CURVE_SIZE, bar, case_curve, case_histogram, curve, slice_strip, value_curve

EDGES = np.array([0.0, 10.0, 20.0, 30.0, 40.0])
VALUES = {"a": 1.0, "b": 1.0, "c": 3.0, "d": 21.0}


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def texts(svg: str, kind: str) -> list[str]:
    return [element.text or "" for element in parsed(svg).iter("text") if kind in element.get("class", "").split()]


class TestCaseHistogram:
    def cells(self, svg: str) -> dict[str, ElementTree.Element]:
        return {link.get("href", "")[1:]: link[0] for link in parsed(svg).iter("a")}

    def test_every_case_is_a_cell_that_leads_to_it(self) -> None:
        cells = self.cells(case_histogram(VALUES, (), "mL", "volume"))
        assert {name: cell[0].text for name, cell in cells.items()} == {
            "a": "a: 1 mL",
            "b": "b: 1 mL",
            "c": "c: 3 mL",
            "d": "d: 21 mL",
        }

    def test_equal_values_are_stacked_and_others_stand_on_the_axis(self) -> None:
        cells = self.cells(case_histogram(VALUES, (), "", "volume"))
        x, y = ({name: float(cell.get(key, "")) for name, cell in cells.items()} for key in ("x", "y"))
        assert x["a"] == x["b"] < x["c"] < x["d"]
        height = float(cells["a"].get("height", ""))
        assert y["a"] - height == pytest.approx(y["b"])
        assert y["a"] == y["c"] == y["d"]
        # Bins of 1 from 1 to 22 over 290 pixels, beginning at 14.
        assert x["a"] == pytest.approx(14)
        assert x["d"] == pytest.approx(14 + 20 / 21 * 290, abs=0.1)

    def test_outliers_are_marked(self) -> None:
        cells = self.cells(case_histogram(VALUES, {"d"}, "", "volume"))
        assert [name for name, cell in cells.items() if "odd" in cell.get("class", "").split()] == ["d"]

    def test_thousand_cases_fit(self) -> None:
        values = {f"case_{index}": float(index % 2) for index in range(1000)}
        cells = self.cells(case_histogram(values, (), "", "volume"))
        assert len(cells) == 1000
        assert min(float(cell.get("y", "")) for cell in cells.values()) >= 0

    def test_axis_has_round_ticks(self) -> None:
        assert texts(case_histogram(VALUES, (), "", "volume"), "middle") == ["5", "10", "15", "20"]
        assert texts(case_histogram({"a": -0.2, "b": 0.2}, (), "", "x"), "middle") == [
            "−0.2",
            "−0.1",
            "0",
            "0.1",
            "0.2",
        ]

    def test_says_how_high_it_is(self) -> None:
        assert "most in one bar: 2 cases" in texts(case_histogram(VALUES, (), "", "volume"), "tick")

    def test_is_described_in_words_and_escaped(self) -> None:
        svg = case_histogram({'"<a>': 1.0, "b": 2.0}, (), "<mL>", 'volume "<of>" all & each')
        assert parsed(svg).get("role") == "img"
        assert parsed(svg).get("aria-label") == 'volume "<of>" all & each'
        assert [link.get("href") for link in parsed(svg).iter("a")] == ['#"<a>', "#b"]
        assert next(parsed(svg).iter("title")).text == '"<a>: 1 <mL>'


class TestCurve:
    def test_heights_are_square_roots(self) -> None:
        assert curve(np.array([4.0, 1.0, 4.0, 4.0]), 40, 100) == "M0 100V0H10V50H20V0H30V0H40V100Z"

    def test_two_highest_bars_are_cut_at_the_third(self) -> None:
        assert curve(np.array([900.0, 400.0, 4.0, 1.0]), 40, 100) == "M0 100V0H10V0H20V0H30V50H40V100Z"

    @pytest.mark.parametrize("counts", [[0.0, 0.0], [0.0, 7.0]])
    def test_few_bars_or_none_are_drawn(self, counts: list[float]) -> None:
        tops = "V10H5" + ("V0H10" if any(counts) else "V10H10")
        assert curve(np.array(counts), 10, 10) == f"M0 10{tops}V10Z"


class TestValueCurve:
    def test_means_stand_at_their_place_and_those_beyond_are_left_out(self) -> None:
        svg = parsed(value_curve(EDGES, np.array([1.0, 2.0, 3.0, 4.0]), [20.0, 99.0], "values"))
        (mark,) = (path.get("d", "") for path in svg.iter("path") if path.get("class") == "mean")
        assert mark.startswith(f"M{14 + 290 / 2:g} ")


class TestCaseCurve:
    def test_has_the_case_the_outline_of_all_and_its_mean(self) -> None:
        svg = parsed(case_curve(EDGES, np.array([1.0, 2.0, 3.0, 4.0]), 30.0, "values of a"))
        assert svg.get("viewBox") == "0 0 320 70"
        assert [use.get("href") for use in svg.iter("use")] == ["#all-values"]
        (mark,) = (path.get("d") for path in svg.iter("path") if path.get("class") == "mean")
        assert mark == "M240 0v70"

    @pytest.mark.parametrize("mean", [None, -1.0, 41.0])
    def test_without_a_mean_in_sight_there_is_no_mark(self, mean: float | None) -> None:
        svg = parsed(case_curve(EDGES, np.array([1.0, 2.0, 3.0, 4.0]), mean, "values of a"))
        assert not [path for path in svg.iter("path") if path.get("class") == "mean"]


class TestSliceStrip:
    def test_first_slice_is_at_the_left_and_the_fullest_reaches_the_top(self) -> None:
        (path,) = parsed(slice_strip([0, 5, 10, 0], "foreground")).iter("path")
        assert CURVE_SIZE[0] == 320
        assert path.get("d") == "M0 34V34H80V17H160V0H240V34H320V34Z"

    def test_no_foreground_is_a_line(self) -> None:
        (path,) = parsed(slice_strip([0, 0], "foreground")).iter("path")
        assert path.get("d") == "M0 34V34H160V34H320V34Z"


class TestBar:
    def test_is_as_long_as_its_share(self) -> None:
        assert [rect.get("width") for rect in parsed(bar(0.256)).iter("rect")] == ["100", "25.6"]
