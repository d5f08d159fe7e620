from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.intake.inputs import Inputs
from benchmarks.intake.machine import Machine
from benchmarks.intake.material import Material
from benchmarks.intake.report import Report
from benchmarks.intake.sample import Sample, Samples
from benchmarks.intake.summary import BOUNDS, Spread, judge, memory_in_volumes, ratio

NOWHERE = Path("nowhere")
MATERIAL = Material(Inputs(*[NOWHERE] * 6), shape=(512, 512, 200), cases=2, several_slices=400)
MACHINE = Machine("a processor", 2, "Linux", "3.11.7")


def samples(key: str, *seconds: float, extra_bytes: int | None = None, total: float = 1.0) -> Samples:
    return Samples(key, tuple(Sample(second, extra_bytes, 8, total) for second in seconds))


class TestSummary:
    def test_spread_is_median_and_range(self) -> None:
        assert Spread.of([3.0, 1.0, 8.0, 4.0]) == Spread(3.5, 1.0, 8.0)
        assert Spread.of([]) is None

    def test_ratio_is_taken_within_each_round(self) -> None:
        # Every round is 4 times slower than the one before, for both alike.
        assert ratio(samples("a", 1, 4, 16), samples("b", 2, 8, 32)) == Spread(0.5, 0.5, 0.5)

    def test_memory_is_in_volumes(self) -> None:
        assert memory_in_volumes(samples("a", 1, 1, extra_bytes=300), 200) == Spread(1.5, 1.5, 1.5)
        assert memory_in_volumes(samples("a", 1, 1), 200) is None

    def test_bounds_hold_are_missed_or_not_measured(self) -> None:
        measured = [
            samples("read-medseg", 1.0, 2.0, extra_bytes=250),
            samples("read-simpleitk", 1.0, 2.0),
            samples("read-monai", 4.0, 8.0),
            samples("prepare-medseg", 3.0, 3.0, extra_bytes=301),
            samples("convert-dcm2niix", 2.0, 2.0),
            Samples("case-nnunet", missing="failed"),
        ]
        verdicts = judge(measured, volume_bytes=100)
        assert [verdict.bound for verdict in verdicts] == list(BOUNDS)
        found = [(verdict.outcome, verdict.measured and verdict.measured.median) for verdict in verdicts]
        assert found == [
            ("holds", 1.0),
            ("MISSED", 0.25),
            ("MISSED", 1.5),
            ("not measured", None),
            ("holds", 2.5),
            ("MISSED", 3.01),
        ]


class TestReport:
    @pytest.fixture
    def report(self) -> Report:
        measured = (
            samples("read-medseg", 0.5, 0.4, 0.6, extra_bytes=2 * MATERIAL.volume_bytes),
            samples("read-simpleitk", 1.0, 0.8, 1.2),
            samples("read-monai", 2.0, 2.0, 2.0),
            Samples("case-nnunet", missing="failed"),
        )
        return Report(MACHINE, MATERIAL, 3, measured)

    def test_says_plainly_where_a_bound_is_missed(self, report: Report) -> None:
        lines = report.to_markdown().splitlines()
        assert lines[0].startswith("a processor, 2 cores, Linux, Python 3.11.7.")
        assert "200 slices of 512 x 512, 16 bits; 3 rounds." in lines[0]
        table = [line for line in lines if line.startswith("| ")]
        assert "| scan, check and read takes no longer than SimpleITK | 1 | 0.5 | 0.5 to 0.5 | holds |" in table
        assert (
            "| scan, check and read takes at most 1/8 of MONAI's PydicomReader | 0.125 | 0.25 | 0.2 to 0.3"
            " | **MISSED by 100%** |"
        ) in table
        assert "| peak memory of reading is at most 3 volumes | 3 | 2 | 2 to 2 | holds |" in table
        assert "| series to prepared case takes no longer than dcm2niix | 1 | | | not measured |" in table

    def test_gives_medians_ranges_and_ratios(self, report: Report) -> None:
        table = report.to_markdown()
        assert "| medseg `read_dicom` | 0.500 | 0.4 to 0.6 | 400 | 1 | 2 |" in table
        assert "| SimpleITK `ImageSeriesReader` | 1.000 | 0.8 to 1.2 | 200 | 2 |  |" in table
        assert "| nnU-Net `run_case` | failed | | | | |" in table

    def test_every_row_has_as_many_cells_as_its_heading(self, report: Report) -> None:
        widths = [line.count("|") for line in report.to_markdown().splitlines() if line.startswith("|")]
        assert set(widths[:8]) == {6}
        assert set(widths[8:]) == {7}

    def test_json_holds_every_run(self, report: Report) -> None:
        content = json.loads(json.dumps(report.to_json()))
        assert content["machine"]["cpu"] == "a processor"
        assert content["runs"]["read-simpleitk"]["seconds"] == [1.0, 0.8, 1.2]
        assert "nowhere" not in json.dumps(content)
        assert content["runs"]["case-nnunet"]["missing"] == "failed"
        assert content["bounds"][1]["outcome"] == "MISSED"
        assert content["bounds"][1]["measured"] == {"median": 0.25, "least": 0.2, "most": 0.3}

    def test_tools_that_read_something_else_are_named(self, report: Report) -> None:
        other = replace(report, measured=(*report.measured[:2], samples("read-monai", 1.0, total=2.0)))
        assert report.disagreements == []
        assert other.disagreements == ["read-monai"]
        assert "Not the same voxels as the first tool: read-monai" in other.to_markdown()
