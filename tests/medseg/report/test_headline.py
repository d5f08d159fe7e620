from __future__ import annotations

from dataclasses import replace

from medseg.report.gather import StudyScores
from medseg.report.headline import Headline, gaps, headlines, unit_noun
from medseg.report.measures import measure


class TestHeadlines:
    def test_of_pictures(self, picture_scores: StudyScores) -> None:
        fingerprint = picture_scores.results[0].facts["fingerprint"][:12]
        assert headlines(picture_scores) == (
            Headline("Data set", "discs", f"microscopy, foreground disc; fingerprint {fingerprint}"),
            Headline("Scored", "6 images", "of 3 blocks"),
            Headline(
                "Networks",
                "unet, unet_early_skip, unet_early_skip_concat, fcn8s",
                "in the paper unet is U-Net, unet_early_skip is Ours2, unet_early_skip_concat is Ours1,"
                " fcn8s is FCN-8s",
            ),
            Headline("Split", "group, 3 folds", "folds 0 to 2: groups stay whole"),
            Headline("Seeds", "0, 1", "of weights, order and augmentation"),
            Headline("Image size", "as prepared", "pixels that the networks saw"),
            Headline("Epochs", "6", "batch size 1"),
            Headline("Trainings", "24", "all that the study has"),
        )

    def test_of_scans(self, volume_scores: StudyScores) -> None:
        assert headlines(volume_scores)[1] == Headline("Scored", "8 volumes", "32 slices of 8 patients")

    def test_folds_with_gaps_and_sizes(self, picture_scores: StudyScores) -> None:
        first, last = picture_scores.results[0], picture_scores.results[-1]
        sized = replace(first, facts={**first.facts, "image_size": [256, 192]})
        facts = {fact.title: fact for fact in headlines(replace(picture_scores, results=(sized, last)))}
        assert facts["Split"].note == "folds 0, 2: groups stay whole"
        assert facts["Image size"].value == "256 × 192"

    def test_leaky_and_incomplete_are_marked(self, picture_scores: StudyScores) -> None:
        first = picture_scores.results[0]
        leaky = replace(first, facts={**first.facts, "split": "random", "leaky": True})
        study = replace(picture_scores, results=(leaky,), missing_runs=("unet, fold 1, seed 0",))
        marked = {fact.title: (fact.badge, fact.note) for fact in headlines(study) if fact.badge}
        assert marked == {
            "Split": (
                "LEAKY",
                "fold 0: images of one patient or block may stand on both sides, so all scores are too good",
            ),
            "Trainings": ("INCOMPLETE", "the study has more, named below"),
        }


class TestUnitNoun:
    def test_patients_are_known_by_spacing_or_orientation(
        self, picture_scores: StudyScores, volume_scores: StudyScores
    ) -> None:
        assert unit_noun(volume_scores) == "patient"
        assert unit_noun(picture_scores) == "block"
        first = picture_scores.results[0]
        turned = replace(first, facts={**first.facts, "orientation": "LA"})
        assert unit_noun(replace(picture_scores, results=(turned,))) == "patient"

    def test_slices_that_nobody_said_the_patients_of_are_not_taken_for_one_s(self, volume_scores: StudyScores) -> None:
        first = volume_scores.results[0]
        random = replace(first, facts={**first.facts, "split": "random"})
        study = replace(volume_scores, results=(random,))
        assert unit_noun(study) == "patient"
        assert unit_noun(replace(study, cases=study.cases.assign(group="g00"))) == "group"


class TestGaps:
    def test_names_twelve_and_counts_the_rest(self, picture_scores: StudyScores) -> None:
        runs = tuple(f"unet, fold {fold}, seed 0" for fold in range(15))
        (sentence,) = gaps(replace(picture_scores, missing_runs=runs), measure("dice"))
        assert sentence.startswith("Not finished: unet, fold 0, seed 0; unet, fold 1, seed 0;")
        assert sentence.endswith("unet, fold 11, seed 0; and 3 more.")

    def test_names_cases_without_the_score_that_decides(self, picture_scores: StudyScores) -> None:
        cases = picture_scores.cases.copy()
        unknown = (cases.architecture == "fcn8s") & cases.case.isin(["disc_001", "disc_004"])
        cases.loc[unknown, "hd95_px"] = float("nan")
        study = replace(picture_scores, cases=cases)
        assert list(gaps(study, measure("dice"))) == []
        assert list(gaps(study, measure("hd95_px"))) == [
            "fcn8s has no HD95 on 2 images, where truth or prediction is empty: disc_001; disc_004. Means and"
            " differences leave them out, whatever was missed there."
        ]
