from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from medseg.bundle.overrides import booleans, unknown_ids

TRAIN = {"max_epochs": 3, "train": {"trainer": {"_target_": "Trainer", "epochs": "@max_epochs"}}, "run": []}


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    (tmp_path / "train.json").write_text(json.dumps(TRAIN))
    (tmp_path / "overlay.json").write_text(json.dumps({"+imports": [], "extra": 1}))
    (tmp_path / "metadata.json").write_text(json.dumps({"version": "1"}))
    return tmp_path


class TestUnknownIds:
    @pytest.mark.parametrize(
        "more",
        [{}, {"extra": 2}, {"imports": ["$import os"]}, {"_meta_": {"version": "1"}}, {"experiment_name": "mine"}],
    )
    def test_ids_of_any_config_and_of_monai_are_known(self, configs: Path, more: dict[str, Any]) -> None:
        assert unknown_ids({**TRAIN, **more}, configs) == {}

    def test_misspelt_id_comes_with_the_nearest(self, configs: Path) -> None:
        assert unknown_ids({**TRAIN, "max_epoch": 5}, configs) == {"max_epoch": "max_epochs"}

    def test_id_unlike_any_comes_without(self, configs: Path) -> None:
        assert unknown_ids({**TRAIN, "zzz": 5}, configs) == {"zzz": None}

    def test_nested_id_is_found_above_components(self, configs: Path) -> None:
        config = {**TRAIN, "train": {**TRAIN["train"], "trainr": {"a": 1}}}  # type: ignore[dict-item]
        assert unknown_ids(config, configs) == {"train::trainr": "train::trainer", "train::trainr::a": "train::trainer"}

    def test_id_that_something_refers_to_is_known(self, configs: Path) -> None:
        assert unknown_ids({**TRAIN, "lr": 1, "max_epochs": "$@lr * 2"}, configs) == {}

    def test_metadata_gives_no_ids(self, configs: Path) -> None:
        assert unknown_ids({**TRAIN, "version": 2}, configs) == {"version": None}


class TestBooleans:
    def test_texts_that_spell_a_boolean_are_found_at_the_top(self) -> None:
        config = {"install": "false", "allow_seen": "True", "name": "falsehood", "fold": 0, "train": {"amp": "true"}}
        assert booleans(config) == {"install": False, "allow_seen": True}
