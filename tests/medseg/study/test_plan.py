"""A study's plan as people write it."""

from __future__ import annotations

import datetime
import math
from pathlib import Path
from typing import Any

import pytest

from medseg.errors import UsageError
from medseg.study.plan import StudyPlan, keep_plan, plan_file, plan_from, read_plan

PLAN = {"bundles": ["unet", "fcn8s"]}


def test_a_plan_says_bundles_and_leaves_the_rest_to_defaults() -> None:
    plan = plan_from(PLAN, default_name="cell")
    assert plan == StudyPlan(name="cell", bundles=("unet", "fcn8s"), folds=None, seeds=(0,))


def test_settings_of_one_bundle_win_over_those_of_all() -> None:
    plan = plan_from(
        {**PLAN, "settings": {"max_epochs": 4, "batch_size": 1}, "per_bundle": {"fcn8s": {"batch_size": 4}}},
        default_name="cell",
    )
    assert plan.overrides("unet") == {"max_epochs": 4, "batch_size": 1}
    assert plan.overrides("fcn8s") == {"max_epochs": 4, "batch_size": 4}


def test_numbers_that_yaml_takes_for_texts_are_numbers(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(
        "{name: a, bundles: [unet],"
        " settings: {learning_rate: 1e-3, window: [-1E2, 2.5e+2], optimizer: {lr: 1.e1}, loss: e1}}"
    )
    assert read_plan(tmp_path).settings == {
        "learning_rate": 0.001,
        "window": [-100.0, 250.0],
        "optimizer": {"lr": 10.0},
        "loss": "e1",
    }


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    plan = plan_from(
        {**PLAN, "folds": [0, 2], "seeds": [1, 2], "settings": {"image_size": [64, 64]}, "threads": 1}, default_name="a"
    )
    keep_plan(tmp_path / "a", plan)
    assert read_plan(tmp_path / "a") == plan
    assert read_plan(tmp_path / "a" / "study.yaml") == plan


def test_a_plan_that_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text("bundles: [unet]  # mine\n")
    keep_plan(tmp_path, read_plan(path))
    with pytest.raises(UsageError, match=r"study.yaml: a plan must stay as it is while a call begins"):
        keep_plan(tmp_path, plan_from(PLAN, default_name="a"))  # as a call that was begun at the same moment has it
    assert path.read_text() == "bundles: [unet]  # mine\n"


def test_a_study_is_called_after_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "cells"
    folder.mkdir()
    (folder / "study.yaml").write_text("bundles: [unet]\n")
    assert read_plan(folder).name == "cells"
    assert plan_file(folder / "study.yaml") == folder / "study.yaml"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bundles": []}, "bundles must be a list of at least one bundle's name or folder, got []"),
        ({"bundles": "unet"}, "bundles must be a list of at least one bundle's name or folder, got 'unet'"),
        ({"bundles": ["unet", "unet"]}, "bundles must differ, got unet twice"),
        ({"bundles": ["unet", "mine/unet"]}, "bundles' names must differ, got unet twice"),
        ({"folds": [-1]}, "folds must be a list of whole numbers from 0, such as [0, 1], got [-1]"),
        ({"folds": 3}, "folds must be a list of whole numbers from 0, such as [0, 1], got 3"),
        ({"seeds": []}, "seeds must be a list of whole numbers from 0, such as [0, 1], got []"),
        ({"seeds": [True]}, "seeds must be a list of whole numbers from 0, such as [0, 1], got [True]"),
        ({"seeds": [1, 1]}, "seeds must differ, got 1 twice"),
        ({"settings": [4]}, "settings must map ids of train.json to values, got [4]"),
        ({"settings": {"fold": 1}}, "settings must leave fold to the study, got 1"),
        (
            {"settings": {"learning_rate": datetime.date(2020, 1, 1)}},
            "settings must have values that JSON can hold, got {'learning_rate': datetime.date(2020, 1, 1)}",
        ),
        (
            {"settings": {"loss": {1: 2, "a": 3}}},
            "settings must have values that JSON can hold, got {'loss': {1: 2, 'a': 3}}",
        ),
        ({"settings": {"dropout": math.nan}}, "settings must have values that JSON can hold, got {'dropout': nan}"),
        ({"per_bundle": 3}, "per_bundle must map bundles to settings, got 3"),
        ({"per_bundle": {"fcn8s": {"seed": 1}}}, "per_bundle: fcn8s must leave seed to the study, got 1"),
        ({"per_bundle": {"vnet": {}}}, "per_bundle must name bundles of the study (unet, fcn8s), got vnet"),
        ({"variants": {"wide": "unet"}}, "variants must name bundles of the study (unet, fcn8s), got wide"),
        ({"variants": ["wide"]}, "variants must map names to bundles' names or folders, got ['wide']"),
        ({"settings": {"bundle_name": "a"}}, "settings must leave bundle_name to the study, got 'a'"),
        ({"threads": 0}, "threads must be a whole number from 1, got 0"),
        ({"fingerprint": "xyz"}, "fingerprint must be 4 to 64 hexadecimal digits, got 'xyz'"),
        ({"name": "a b"}, "name must consist of letters, digits, '.', '_' and '-', got 'a b'"),
        (
            {"epochs": 3},
            "keys must be of name, bundles, folds, seeds, settings, per_bundle, variants, threads, fingerprint, data,"
            " got epochs",
        ),
    ],
)
def test_what_breaks_a_rule_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan_from({**PLAN, **change}, default_name="cell")
    assert str(caught.value) == message


@pytest.mark.parametrize("name", ["cell.yaml", "study.yml"])
def test_a_plan_by_another_name_is_refused(name: str) -> None:
    with pytest.raises(
        UsageError, match=rf"^{name}: a study's plan must be called study.yaml, in a folder of its own$"
    ):
        plan_file(Path(name))


def test_a_folder_may_be_called_like_a_plan(tmp_path: Path) -> None:
    (tmp_path / "cell.yaml").mkdir()
    assert plan_file(tmp_path / "cell.yaml") == tmp_path / "cell.yaml/study.yaml"


def test_a_missing_plan_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"study.yaml: must be a study's plan, but there is none; write it, or give --bundle"
    ):
        read_plan(tmp_path)


@pytest.mark.parametrize("text", ["bundles: [unet", "\x00"])
def test_what_is_no_yaml_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "study.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"study.yaml: must be YAML, got [^\n]+$"):
        read_plan(tmp_path)


def test_a_plan_must_be_a_mapping(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("- unet\n")
    with pytest.raises(UsageError, match=r"study.yaml: a study must be a mapping with the key bundles, got list$"):
        read_plan(tmp_path)
