"""What the charts show, against the study's own files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection

from medseg.report.content import Report
from medseg.report.curves import learning_curves
from medseg.report.drawing import PAPER, drawing
from medseg.report.evidence import StudyEvidence
from medseg.report.forest import forest
from medseg.report.gather import StudyScores, gather
from medseg.report.measures import measure
from medseg.report.reliability import pooled_calibration
from tests.medseg.studies import NETWORKS, MadeStudy, make_study


class TestLearningCurves:
    def test_thick_lines_are_means_over_trainings(self, report: Report, pictures: MadeStudy) -> None:
        axes = report.curves[2].figure.axes[0]
        drawn = {line.get_label(): line.get_ydata() for line in axes.lines if not str(line.get_label()).startswith("_")}
        assert list(drawn) == list(NETWORKS)
        for network, heights in drawn.items():
            tables = [pd.read_csv(folder / "history.csv").val_dice for folder in pictures.results(str(network))]
            np.testing.assert_allclose(heights, np.mean(tables, axis=0))
        # Beside them a thin line each of the 24 trainings.
        assert len(axes.lines) == 4 + 24

    def test_epochs_without_validation_are_left_out(self, tmp_path: Path) -> None:
        study = make_study(tmp_path, networks=("unet",), seeds=(0,))
        for folder in study.results("unet"):
            history = pd.read_csv(folder / "history.csv")
            history.loc[history.epoch % 3 != 0, ["val_loss", "val_dice"]] = np.nan
            history.to_csv(folder / "history.csv", index=False)
        with drawing():
            curves = {plot.name: plot for plot in learning_curves(gather(study.folder).results)}
        assert list(curves["curve_val_dice"].figure.axes[0].lines[-1].get_xdata()) == [3, 6]
        assert list(curves["curve_train_loss"].figure.axes[0].lines[-1].get_xdata()) == [1, 2, 3, 4, 5, 6]

    def test_what_was_not_recorded_has_no_chart(self, tmp_path: Path) -> None:
        study = make_study(tmp_path, networks=("unet",), seeds=(0,))
        for folder in study.results("unet"):
            pd.read_csv(folder / "history.csv").drop(columns="val_loss").to_csv(folder / "history.csv", index=False)
        with drawing():
            names = [plot.name for plot in learning_curves(gather(study.folder).results)]
        assert names == ["curve_train_loss", "curve_val_dice"]


class TestCaseSpread:
    def test_a_point_a_case_at_its_mean_over_seeds(self, report: Report, pictures: MadeStudy) -> None:
        strips = [item for item in report.spread.figure.axes[0].collections if isinstance(item, PathCollection)]
        assert len(strips) == 4
        for network, strip in zip(NETWORKS, strips, strict=True):
            tables = pd.concat([pd.read_csv(folder / "volumes_last.csv") for folder in pictures.results(network)])
            expected = tables.groupby("case").dice.mean()
            np.testing.assert_allclose(np.sort(np.asarray(strip.get_offsets())[:, 0]), np.sort(expected))

    def test_says_the_same_in_words(self, report: Report, pictures: MadeStudy) -> None:
        tables = pd.concat([pd.read_csv(folder / "volumes_last.csv") for folder in pictures.results("fcn8s")])
        middle = tables.groupby("case").dice.mean().median()
        assert f"fcn8s: median {middle:.4f}, middle half" in report.spread.description
        assert report.spread.description.count("6 images") == 4


class TestForest:
    def test_filled_where_there_is_a_claim(self, picture_scores: StudyScores) -> None:
        evidence = StudyEvidence(picture_scores, "block").pairs(measure("dice"))
        assert evidence is not None
        pairs = (replace(evidence.pairs[0], better="unet"), replace(evidence.pairs[1], better=None))
        with drawing():
            plot = forest(replace(evidence, pairs=pairs), measure("dice"))
        points = [line for line in plot.figure.axes[0].lines if line.get_marker() == "o"]
        assert [point.get_markerfacecolor() == PAPER for point in points] == [False, True]
        assert [point.get_xdata()[0] for point in points] == [pair.difference for pair in pairs]  # type: ignore[index]

    def test_without_a_margin_there_is_no_band(self, picture_scores: StudyScores) -> None:
        evidence = StudyEvidence(picture_scores, "block").pairs(measure("hd95_px"))
        assert evidence is not None
        with drawing():
            plot = forest(evidence, measure("hd95_px"))
        assert "Grey band" not in plot.caption
        assert "lower is better" in plot.figure.axes[0].get_xlabel()


class TestReliability:
    def test_bins_are_pooled_over_a_networks_pixels(self, picture_scores: StudyScores, pictures: MadeStudy) -> None:
        path = pictures.result("unet", fold=1) / "calibration_last.csv"
        kept = path.read_text()
        try:
            table = pd.read_csv(path)
            table.loc[0, ["pixels", "foreground_share"]] = [1000, 0.5]
            table.loc[14, "pixels"] = 0
            table.to_csv(path, index=False)
            pooled = pooled_calibration(picture_scores.of("unet")).set_index("bin_low")
        finally:
            path.write_text(kept)
        others = pd.read_csv(pictures.result("unet") / "calibration_last.csv")
        first, last = others.iloc[0], others.iloc[14]
        assert pooled.pixels[0.0] == 5 * first.pixels + 1000
        expected = (5 * first.pixels * first.foreground_share + 500) / (5 * first.pixels + 1000)
        assert pooled.foreground_share[0.0] == pytest.approx(expected)
        assert pooled.pixels.iloc[-1] == 5 * last.pixels

    def test_says_the_error_in_words(self, report: Report, pictures: MadeStudy) -> None:
        table = pd.read_csv(pictures.result("fcn8s") / "calibration_last.csv")  # the same for all its trainings
        gaps = (table.mean_probability - table.foreground_share).abs()
        error = float((gaps * table.pixels).sum() / table.pixels.sum())
        assert f"fcn8s {error:.4f}" in report.reliability.caption
