"""Tables against figures worked out again from the study's own files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medseg.report.content import Report
from medseg.report.evidence import StudyEvidence
from medseg.report.gather import StudyScores, gather
from medseg.report.score_tables import paper_table, runs_table, scores_table
from tests.factories import edit_json
from tests.medseg.studies import NETWORKS, MadeStudy, make_study

LIVER = "805c533d48bc6abfef9cfd509eb328a3dc6b1ec0e7c38f157840274dcb86574f"


def mean_over_images(study: MadeStudy, network: str, file: str, column: str) -> float:
    """Mean over images, each first averaged over its trainings."""
    tables = pd.concat([pd.read_csv(folder / file) for folder in study.results(network)])
    return float(tables.groupby("case")[column].mean().mean())


class TestPaperTable:
    def test_means_are_those_of_the_files(self, report: Report, pictures: MadeStudy) -> None:
        table = report.tables["paper_form"]
        assert [row[:2] for row in table.rows[:2]] == [
            ("unet", "ours, last epoch"),
            ("unet", "ours, best epoch (chosen on the scored images)"),
        ]
        assert len(table.rows) == 2 * len(NETWORKS)
        for network in NETWORKS:
            last, best = (table.data[table.data.network == network].iloc[i] for i in (0, 1))
            assert last.miou == pytest.approx(mean_over_images(pictures, network, "scores_last.csv", "iou"))
            assert last.aver_dice == pytest.approx(mean_over_images(pictures, network, "scores_last.csv", "dice"))
            assert best.aver_dice == pytest.approx(mean_over_images(pictures, network, "scores_best.csv", "dice"))
            assert last.aver_dice_ci95_low <= last.aver_dice <= last.aver_dice_ci95_high
            assert (last.n, last.trainings) == (6, 6)

    def test_loss_is_summed_over_the_batches_of_the_epoch(self, report: Report, pictures: MadeStudy) -> None:
        data = report.tables["paper_form"].data
        histories = [pd.read_csv(folder / "history.csv") for folder in pictures.results("unet")]
        assert data.loss[0] == pytest.approx(np.mean([history.train_loss_sum.iloc[-1] for history in histories]))
        # The best epoch is the fourth of six.
        assert data.loss[1] == pytest.approx(np.mean([history.train_loss_sum.iloc[3] for history in histories]))

    def test_shows_what_the_data_say(self, report: Report) -> None:
        table = report.tables["paper_form"]
        assert table.rows[0][3] == f"{table.data.miou[0]:.4f}"
        assert table.rows[0][2] == "7,759,521"

    def test_scans_are_scored_by_slices_with_foreground_and_by_all(
        self, volume_scores: StudyScores, volumes: MadeStudy
    ) -> None:
        table = paper_table(volume_scores, StudyEvidence(volume_scores, "patient"))
        assert [row[1] for row in table.rows[:2]] == [
            "ours, last epoch, slices with foreground",
            "ours, last epoch, all slices",
        ]
        slices = pd.concat([pd.read_csv(folder / "scores_last.csv") for folder in volumes.results("unet")])
        foreground = slices[slices.true_positive_px + slices.false_negative_px > 0]
        assert table.data.aver_dice[0] == pytest.approx(foreground.dice.mean())
        assert table.data.aver_dice[1] == pytest.approx(slices.dice.mean())
        # Of the four slices of each of eight volumes the last is empty.
        assert (table.data.n[0], table.data.n[1]) == (24, 32)

    def test_no_interval_of_another_mean(self, volume_scores: StudyScores) -> None:
        # Without the slices of one volume but two, the mean over slices is no mean over patients.
        images = volume_scores.images
        study = replace(volume_scores, images=images[(images.case != "disc_000") | (images.slice < 2)])
        table = paper_table(study, StudyEvidence(study, "patient"))
        own = study.images[(study.images.architecture == "unet")]
        assert table.data.aver_dice[1] == pytest.approx(own.dice.mean())
        assert table.data.aver_dice_ci95_low[:2].isna().all()
        assert table.rows[1][6] == "–"
        assert "where patients have different numbers of slices there is none" in table.note

    def test_losses_of_other_numbers_of_batches_are_told_apart(self, picture_scores: StudyScores) -> None:
        assert (
            "losses cannot be compared" not in paper_table(picture_scores, StudyEvidence(picture_scores, "block")).note
        )
        first, *others = picture_scores.results
        study = replace(picture_scores, results=(replace(first, facts={**first.facts, "batch_size": 4}), *others))
        assert "losses cannot be compared" in paper_table(study, StudyEvidence(study, "block")).note

    def test_the_papers_rows_stand_below_ours(self, tmp_path: Path) -> None:
        study = make_study(tmp_path, networks=("unet", "fcn8s"), seeds=(0,))
        for network in ("unet", "fcn8s"):
            for folder in study.results(network):
                edit_json(folder / "run.json", lambda facts: facts.update(fingerprint=LIVER))
        scores = gather(study.folder)
        table = paper_table(scores, StudyEvidence(scores, "block"))
        assert [row for row in table.rows if row[1].startswith("paper")] == [
            ("unet", "paper, U-Net", "7,759,521", "0.8590", "–", "0.9233", "–", "2.302", "–", "–"),
            ("fcn8s", "paper, FCN-8s", "143,667,240", "0.8026", "–", "0.8896", "–", "2.755", "–", "–"),
        ]
        assert "VGG-19" in table.note

    def test_other_data_have_no_row_of_the_paper(self, report: Report) -> None:
        assert not [row for row in report.tables["paper_form"].rows if "paper" in row[1]]


class TestScoresTable:
    def test_means_are_over_units_then_cases(self, volume_scores: StudyScores, volumes: MadeStudy) -> None:
        table = scores_table(volume_scores, StudyEvidence(volume_scores, "patient"), "last")
        data = table.data.set_index(["measure", "network"])
        for column in ("dice", "precision", "hd95_mm", "volume_error_ml", "cross_entropy"):
            files = pd.concat([pd.read_csv(folder / "volumes_last.csv") for folder in volumes.results("fcn8s")])
            found = data.loc[(column, "fcn8s")]
            # A volume a patient, so that patients' means are volumes' means.
            assert found["mean"] == pytest.approx(files[column].mean())
            assert found.ci95_low <= found["mean"] <= found.ci95_high
            assert found.n == 8
        assert table.columns == ("Score", "Better", "unet", "fcn8s")
        assert "Surface Dice at a tolerance of 2 mm" in table.note

    def test_empty_cells_are_left_out_and_counted(self, tmp_path: Path) -> None:
        study = make_study(tmp_path, networks=("unet", "fcn8s"), seeds=(0,))
        path = study.result("unet") / "volumes_last.csv"
        table = pd.read_csv(path)
        table.loc[0, "hd95_px"] = np.nan
        table.to_csv(path, index=False)
        scores = gather(study.folder)
        made = scores_table(scores, StudyEvidence(scores, "block"), "last")
        data = made.data.set_index(["measure", "network"])
        assert (data.loc[("hd95_px", "unet")].n, data.loc[("hd95_px", "fcn8s")].n) == (5, 6)

    def test_best_epochs_are_labelled(self, report: Report) -> None:
        assert report.tables["scores_best"].caption.endswith("best epochs, chosen on the scored images")


class TestRunsTable:
    def test_has_every_training(self, picture_scores: StudyScores, pictures: MadeStudy) -> None:
        table = runs_table(picture_scores)
        assert len(table.rows) == 24
        first = table.data.iloc[0]
        assert (first.network, first.fold, first.seed, first.cases) == ("unet", 0, 0, 2)
        expected = pd.read_csv(pictures.result("unet") / "volumes_last.csv").dice.mean()
        assert first.dice_last == pytest.approx(expected)
        counts = pd.read_csv(pictures.result("unet") / "scores_last.csv").sum(numeric_only=True)
        right, wrong = counts.true_positive_px, counts.false_positive_px + counts.false_negative_px
        assert first.dice_last_pooled == pytest.approx(2 * right / (2 * right + wrong))
        assert first.iou_last_pooled == pytest.approx(right / (right + wrong))
        assert table.rows[0][4:] == (
            f"{expected:.4f}", f"{first.dice_last_pooled:.4f}", f"{first.dice_best:.4f}", "4", "6", "1.0 min",
            "1.25 GB", "cpu",
        )  # fmt: skip
