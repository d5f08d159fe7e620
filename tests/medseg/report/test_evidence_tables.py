"""Differences against figures worked out again by pandas and SciPy."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import wilcoxon

from medseg.report.content import Report
from tests.medseg.studies import NETWORKS, MadeStudy, make_content, make_study


def by_case(study: MadeStudy, network: str, column: str = "dice") -> pd.Series:
    tables = pd.concat([pd.read_csv(folder / "volumes_last.csv") for folder in study.results(network)])
    return tables.groupby("case")[column].mean()


class TestPairsTable:
    def test_every_two_networks_in_order(self, report: Report) -> None:
        data = report.tables["pairs"].data
        assert list(zip(data["first"], data.second, strict=True)) == list(combinations(NETWORKS, 2))
        assert report.tables["pairs"].rows[0][0] == "unet − unet_early_skip"

    def test_differences_are_those_of_the_files(self, report: Report, pictures: MadeStudy) -> None:
        for line in report.tables["pairs"].data.itertuples():
            difference = by_case(pictures, line.first) - by_case(pictures, line.second)
            # Two images a block, so that blocks' means weigh as images do.
            assert line.difference == pytest.approx(difference.mean())
            assert line.ci95_low <= line.difference <= line.ci95_high
            assert (line.cases, line.units, line.seeds, line.folds, line.left_out) == (6, 3, 2, 3, 0)
            assert line.case_sd == pytest.approx(difference.std(ddof=1))
            assert line.p_wilcoxon == pytest.approx(wilcoxon(difference).pvalue)
            assert line.p_holm >= line.p_wilcoxon

    def test_few_blocks_bear_no_claim_beyond_them(self, report: Report) -> None:
        assert set(report.tables["pairs"].data.scope) == {"within-block"}
        assert all(row[3].startswith("within-block") for row in report.tables["pairs"].rows)

    def test_verdicts_are_the_statistics_sentences(self, report: Report) -> None:
        assert list(report.tables["pairs"].data.verdict) == list(report.pair_verdicts)

    def test_missing_cases_leave_the_common_ones(self, tmp_path: Path) -> None:
        study = make_study(tmp_path, networks=("unet", "fcn8s"), seeds=(0,))
        for file in study.result("fcn8s", fold=1).iterdir():
            file.unlink()
        study.result("fcn8s", fold=1).rmdir()
        report = make_content(study)
        line = report.tables["pairs"].data.iloc[0]
        common = (by_case(study, "unet") - by_case(study, "fcn8s")).dropna()
        assert (line.cases, line.left_out, len(common)) == (4, 2, 4)
        assert line.difference == pytest.approx(common.mean())
        assert "scores left out: unet − fcn8s: 2" in report.tables["pairs"].note
        assert report.gaps == (
            "Not finished: fcn8s, fold 1, seed 0.",
            "fcn8s has not been scored on 2 images that others have: disc_001; disc_004."
            " Differences are over the common ones only.",
        )

    def test_one_seed_is_said(self, volume_report_dir: Path) -> None:
        table = pd.read_csv(volume_report_dir / "tables" / "pairs.csv")
        assert table.seed_sd.isna().all()
        assert set(table.scope) == {"new units"}
        assert "With one seed the spread over seeds is not known" in (volume_report_dir / "report.md").read_text()


class TestDifferencesTable:
    def test_every_score_with_a_direction(self, report: Report, pictures: MadeStudy) -> None:
        table = report.tables["differences"]
        assert [row[:2] for row in table.rows] == [
            ("Dice", "higher"),
            ("IoU, foreground", "higher"),
            ("IoU, both classes", "higher"),
            ("Precision", "higher"),
            ("Recall", "higher"),
            ("Surface Dice", "higher"),
            ("HD95, px", "lower"),
            ("ASSD, px", "lower"),
            ("Cross-entropy, nats", "lower"),
            ("Calibration error", "lower"),
        ]
        found = table.data.set_index(["measure", "first", "second"]).loc[("hd95_px", "unet", "fcn8s")]
        expected = by_case(pictures, "unet", "hd95_px") - by_case(pictures, "fcn8s", "hd95_px")
        assert found.difference == pytest.approx(expected.mean())
