from __future__ import annotations

from data_prep.report.facts import ReportFacts
from data_prep.report.findings import Finding, Place, find, remarks
from data_prep.report.measures import measure
from tests.data_prep.report.reports import make_report, with_facts


def findings(report: ReportFacts) -> tuple[Finding, ...]:
    return find(report, measure(report))


class TestFind:
    def test_nothing_stands_out_of_a_plain_data_set(self) -> None:
        assert findings(make_report(6)) == ()

    def test_gravest_kind_comes_first(self) -> None:
        report = make_report(
            6,
            left_out=((6, "slices must be evenly spaced, got gaps of 5 to 10 mm"),),
            duplicates=(("case_000", "case_003"),),
            warnings=(("no groups known", ()),),
        )
        report = with_facts(report, 2, spacing_mm=(1.0, 2.0, 1.0))
        kinds = [finding.kind for finding in findings(report)]
        assert list(dict.fromkeys(kinds)) == ["Left out", "Duplicates", "Warning", "Outliers"]

    def test_left_out_case_is_named_by_its_number_with_the_fault(self) -> None:
        (finding,) = findings(make_report(3, left_out=((7, "is damaged"),)))
        assert finding == Finding("Left out", "Case 7 of the source (counted from 0): is damaged")

    def test_each_duplicate_names_all_its_partners(self) -> None:
        pairs = (("case_000", "case_003"), ("case_000", "case_001"))
        (finding,) = findings(make_report(6, duplicates=pairs))
        assert finding.places == (
            Place("case_000", "= case_003, case_001", "The same image as case_003, case_001"),
            Place("case_001", "= case_000", "The same image as case_000"),
            Place("case_003", "= case_000", "The same image as case_000"),
        )

    def test_warning_of_data_set_and_cases_stands_once_with_all_its_cases(self) -> None:
        report = make_report(6, warnings=(("masks without foreground", ("case_004",)), ("no groups known", ())))
        report = with_facts(report, 1, warnings=("masks without foreground",))
        report = with_facts(report, 4, warnings=("masks without foreground",))
        first, second = findings(report)
        assert (first.text, [place.case for place in first.places]) == (
            "Masks without foreground",
            ["case_004", "case_001"],
        )
        assert (second.text, second.places) == ("No groups known", ())

    def test_warning_does_not_lead_to_cases_that_were_left_out(self) -> None:
        (finding,) = findings(make_report(3, warnings=(("masks overlap", ("case_001", "case_003")),)))
        assert [place.case for place in finding.places] == ["case_001"]

    def test_outliers_are_listed_by_measure_farthest_first(self) -> None:
        report = make_report(9)
        report = with_facts(report, 2, spacing_mm=(1.0, 2.0, 6.0), foreground_px=(0, 25, 25, 25, 25, 0))
        report = with_facts(report, 5, spacing_mm=(1.0, 2.0, 1.0), foreground_px=(0, 150, 150, 150, 150, 0))
        (finding,) = findings(report)
        # Distances 0 (seven times), 1 and 4: their mean is 5 / 9, so 6 mm is at 1.4 and only 1 mm beyond 3.5.
        assert (finding.kind, finding.text) == ("Outliers", "Slice spacing, median 5 mm")
        assert finding.places == (
            Place("case_005", "1 mm ▼", "Slice spacing is unusually low: 1 mm, median 5 mm (z −5.7)"),
        )


class TestRemarks:
    def test_each_case_has_all_that_is_said_of_it(self) -> None:
        found = (
            Finding("Warning", "odd", (Place("a", "", "Odd"), Place("b", "", "Odd"))),
            Finding("Warning", "of nobody"),
            Finding("Outliers", "far", (Place("b", "9", "Far"),)),
        )
        assert remarks(found) == {"a": ["Odd"], "b": ["Odd", "Far"]}
