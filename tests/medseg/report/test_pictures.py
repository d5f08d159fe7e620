from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from medseg.errors import MedsegError, UsageError
from medseg.report.content import Report
from medseg.report.gather import StudyScores, gather
from medseg.report.pictures import ChosenCase, choose_cases, draw_cases, open_data
from medseg.runs.masks import load_masks, save_masks
from medseg.study.folders import WorkFolder
from medseg.transforms.overlay import ERROR_COLOURS, error_overlay
from tests.factories import make_prepared
from tests.medseg.studies import NETWORKS, MadeStudy, make_study


def scored(**dice: tuple[float, float]) -> pd.DataFrame:
    """Dice of each case by networks a and b."""
    rows = [(network, case, dice[case][index]) for case in dice for index, network in enumerate("ab")]
    return pd.DataFrame(rows, columns=["architecture", "case", "dice"])


class TestChooseCases:
    def test_highest_middle_and_lowest_mean_over_networks(self) -> None:
        cases = scored(p=(0.9, 0.7), q=(0.6, 0.6), r=(1.0, 0.9), s=(0.2, 0.9), t=(0.7, 0.8))
        assert choose_cases(cases) == [
            ChosenCase("best", "r", pytest.approx(0.95)),
            ChosenCase("middle", "t", pytest.approx(0.75)),
            ChosenCase("worst", "s", pytest.approx(0.55)),
        ]

    def test_trainings_of_a_network_weigh_as_one(self) -> None:
        cases = pd.concat([scored(p=(0.9, 0.5), q=(0.8, 0.7)), scored(p=(0.9, 0.5)).query("architecture == 'a'")])
        # With a's two trainings counted twice, p would be at 0.7667 and before q.
        assert choose_cases(cases)[0].case == "q"

    def test_only_cases_that_all_networks_have(self) -> None:
        cases = scored(p=(0.9, 0.9), q=(0.5, 0.5)).iloc[1:]  # network a has not scored p
        assert [chosen.case for chosen in choose_cases(cases)] == ["q"]

    def test_equal_ones_go_by_name(self) -> None:
        chosen = choose_cases(scored(c=(0.5, 0.5), a=(0.5, 0.5), b=(0.5, 0.5)))
        assert [(found.rank, found.case) for found in chosen] == [("best", "a"), ("middle", "b"), ("worst", "c")]

    def test_two_cases_have_no_middle(self) -> None:
        assert [found.rank for found in choose_cases(scored(p=(0.9, 0.9), q=(0.5, 0.5)))] == ["best", "worst"]

    def test_none(self) -> None:
        # Of two networks each has scored another case.
        assert choose_cases(scored(p=(0.5, 0.5), q=(0.5, 0.5)).iloc[[0, 3]]) == []


class TestDrawCases:
    def test_a_row_a_case_with_all_networks(self, report: Report, pictures: MadeStudy) -> None:
        assert [row.chosen.rank for row in report.pictures] == ["best", "middle", "worst"]
        for row in report.pictures:
            assert [panel.title for panel in row.panels] == ["Image", "Truth", *NETWORKS]
            assert {panel.rgb.shape for panel in row.panels} == {(48, 40, 3)}

    def test_colours_are_the_errors_of_the_first_seeds_mask(self, report: Report, pictures: MadeStudy) -> None:
        row = report.pictures[0]
        case = pictures.manifest.case(row.chosen.case)
        fold = next(index for index, fold in enumerate(pictures.manifest.folds) if case.name in fold.val)
        mask = load_masks(pictures.work / "masks" / f"{pictures.result('fcn8s', fold).name}.npz")[case.name][..., 0]
        image, truth = (np.asarray(load(pictures.manifest.root / path))[..., 0] for path in (case.image, case.label))
        np.testing.assert_array_equal(row.panels[-1].rgb, error_overlay(image, mask, truth))
        scores = pd.read_csv(pictures.result("fcn8s", fold) / "volumes_last.csv").set_index("case")
        assert row.panels[-1].note == f"Dice {scores.dice[case.name]:.4f}"
        wrong, missed = int((mask & (truth == 0)).sum()), int((~mask & (truth == 1)).sum())
        assert row.panels[-1].alt.endswith(f"{wrong} pixels too many, {missed} missed")

    def test_scans_are_turned_to_a_scanners_view_at_their_fullest_slice(
        self, volume_scores: StudyScores, volumes: MadeStudy
    ) -> None:
        rows, missing = draw_cases(volume_scores, volumes.manifest, WorkFolder(volumes.work))
        assert missing == []
        case = volumes.manifest.case(rows[0].chosen.case)
        truth = np.asarray(load(volumes.manifest.root / case.label))
        index = int(truth.sum(axis=(0, 1)).argmax())
        assert f"slice {index}, the one with most foreground" in rows[0].title
        green = np.array(ERROR_COLOURS["true positive"])
        # The middle of the disc is green in the truth's panel, which is turned by 180 degrees.
        x, y = (int(axis.mean()) for axis in np.nonzero(truth[..., index]))
        turned = rows[0].panels[1].rgb[truth.shape[0] - 1 - x, truth.shape[1] - 1 - y].astype(int)
        assert turned[1] - turned[0] > 0.3 * (green[1] - green[0])

    def test_masks_that_are_not_there_are_named(self, tmp_path: Path) -> None:
        study = make_study(tmp_path, networks=("unet", "fcn8s"), seeds=(0,))
        for file in (study.work / "masks").glob("fcn8s-*"):
            file.unlink()
        rows, missing = draw_cases(gather(study.folder), study.manifest, WorkFolder(study.work))
        assert [panel.title for panel in rows[0].panels] == ["Image", "Truth", "unet"]
        assert set(missing) <= {folder.name for folder in study.results("fcn8s")}
        assert missing

    def test_without_any_mask_there_is_no_row(self, picture_scores: StudyScores, pictures: MadeStudy) -> None:
        rows, missing = draw_cases(picture_scores, pictures.manifest, WorkFolder(Path("nowhere")))
        assert rows == []
        assert missing

    def test_mask_of_another_shape(self, tmp_path: Path) -> None:
        study = make_study(tmp_path, networks=("unet",), seeds=(0,))
        for path in (study.work / "masks").iterdir():
            save_masks(path, {case: mask[:-1] for case, mask in load_masks(path).items()})
        with pytest.raises(MedsegError, match=r"must be of its label's shape \(48, 40, 1\), got \(47, 40, 1\)"):
            draw_cases(gather(study.folder), study.manifest, WorkFolder(study.work))


class TestOpenData:
    def test_other_data_are_refused(self, picture_scores: StudyScores, tmp_path: Path) -> None:
        other = make_prepared(tmp_path, seed=1)
        with pytest.raises(UsageError, match=f"must be what the study was trained on.* got {other.fingerprint[:12]}"):
            open_data(tmp_path, picture_scores)

    def test_no_data_set(self, picture_scores: StudyScores, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="must be a prepared data set"):
            open_data(tmp_path / "none", picture_scores)


def load(path: Path) -> object:
    return nib.load(path).dataobj
