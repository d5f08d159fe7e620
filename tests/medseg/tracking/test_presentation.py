from __future__ import annotations

import json
from typing import Any

import pytest

from medseg.tracking.presentation import dataset_input, model_name, page_tags, run_name, run_note
from tests.commands import BUNDLES

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def facts(**changed: Any) -> dict[str, Any]:
    known = {
        "bundle_name": "unet",
        "parameters": 7759521,
        "dataset": "discs",
        "fingerprint": "ab" * 32,
        "modality": "CT",
        "foreground": "liver",
        "split": "group",
        "split_seed": 3,
        "leaky": False,
        "fold": 1,
        "seed": 7,
        "train_cases": 24,
        "val_cases": 6,
        "git_commit": COMMIT,
    }
    return {**known, **changed}


class TestRunName:
    def test_is_the_bundle_and_the_folder(self) -> None:
        assert run_name(facts(), "20260101-120000-ab12") == "unet-20260101-120000-ab12"

    def test_names_a_leaky_split(self) -> None:
        assert run_name(facts(leaky=True), "first") == "unet-first-leaky"

    def test_in_a_study_fold_and_seed_tell_trainings_apart(self) -> None:
        assert run_name(facts(), None) == "unet-fold1-seed7"


class TestModelName:
    def test_holds_no_character_that_the_registry_refuses(self) -> None:
        assert model_name("liver400", "unet") == "medseg-liver400-unet"
        assert model_name("discs", "my net/2:a%") == "medseg-discs-my_net_2_a_"


class TestPageTags:
    def test_source_and_version(self) -> None:
        tags = page_tags(facts())
        assert (tags["mlflow.source.name"], tags["mlflow.source.git.commit"]) == ("unet", COMMIT)

    def test_without_a_checkout_there_is_no_version(self) -> None:
        assert "mlflow.source.git.commit" not in page_tags(facts(git_commit=None))

    def test_each_bundle_has_a_colour_of_its_own(self) -> None:
        assert len({page_tags(facts(bundle_name=bundle))["mlflow.runColor"] for bundle in BUNDLES}) == 4

    def test_other_bundles_have_mlflow_s_colours(self) -> None:
        assert "mlflow.runColor" not in page_tags(facts(bundle_name="mine"))


class TestDatasetInput:
    def test_tells_data_fold_and_sizes(self) -> None:
        shown = dataset_input(facts())
        assert (shown.dataset.name, shown.dataset.digest) == ("discs", "abababab")
        assert [(tag.key, tag.value) for tag in shown.tags] == [("mlflow.data.context", "fold 1")]
        assert json.loads(shown.dataset.profile) == {
            "train_images": 24,
            "val_images": 6,
            "split": "group",
            "split_seed": 3,
        }

    def test_names_a_leaky_split(self) -> None:
        assert dataset_input(facts(leaky=True)).tags[0].value == "fold 1, leaky split"


class TestRunNote:
    def test_tells_what_was_trained_on_what(self) -> None:
        assert run_note(facts()).startswith(
            "`unet` (7,759,521 parameters) on `discs` (CT, liver): fold 1 of a group split, 24 cases to train and 6 to"
            " validate, seed 7.\n"
        )

    @pytest.mark.parametrize("leaky", [True, False])
    def test_warns_of_a_leaky_split_first(self, leaky: bool) -> None:
        assert run_note(facts(leaky=leaky)).startswith("**Leaky split: ") == leaky

    @pytest.mark.parametrize("weights", [True, False])
    def test_names_weights_only_where_they_are_logged(self, weights: bool) -> None:
        assert ("`best_weights/`" in run_note(facts(), weights=weights)) == weights
