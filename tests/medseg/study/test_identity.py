"""Which trainings count as the same."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medseg.errors import UsageError
from medseg.study.identity import config_sha256, read_config
from tests.commands import ROOT
from tests.factories import edit_json

UNET = ROOT / "bundles" / "unet"


def sha(**overrides: Any) -> str:
    return config_sha256(read_config(UNET, overrides))


def edited(folder: Path, edit: Callable[[Any], None]) -> str:
    """Hash of a copy of the bundle whose train.json was changed."""
    shutil.copytree(UNET, folder / "unet", ignore=shutil.ignore_patterns("model*"))
    edit_json(folder / "unet/configs/train.json", edit)
    return config_sha256(read_config(folder / "unet", {}))


@pytest.mark.parametrize(
    "setting",
    [
        {"max_epochs": 3},
        {"learning_rate": 0.01},
        {"image_size": [64, 64]},
        {"loss": {"_target_": "DiceCELoss", "sigmoid": True}},
        {"dropout": 0.2},
        {"threshold": 0.4},
        {"window": [0, 100]},
        {"val_interval": 3},
        {"train::inferer": {"_target_": "SimpleInferer", "x": 1}},
    ],
)
def test_what_decides_what_is_learnt_or_scored_makes_another_training(setting: dict[str, Any]) -> None:
    assert sha(**setting) != sha()


@pytest.mark.parametrize(
    "setting",
    [{"device": "cuda:1"}, {"amp": True}, {"num_workers": 4}, {"runs_dir": "elsewhere"}, {"seed": 3}, {"fold": 1},
     {"dataset_dir": "other"}, {"max_epochs": 32}],
)  # fmt: skip
def test_machine_paths_seed_fold_and_repeated_defaults_do_not(setting: dict[str, Any]) -> None:
    assert sha(**setting) == sha()


def test_a_changed_network_or_augmentation_makes_another_training(tmp_path: Path) -> None:
    plain = edited(tmp_path / "a", lambda _config: None)
    assert plain == sha()
    assert edited(tmp_path / "b", lambda config: config["network_def"].update(skip_from=1)) != plain
    assert edited(tmp_path / "c", lambda config: config["train"]["preprocessing"]["transforms"].pop()) != plain
    clip = "medseg.handlers.ClipGradients"
    assert (
        edited(
            tmp_path / "d",
            lambda config: config["train"].update(
                handlers=[item for item in config["train"]["handlers"] if item["_target_"] != clip]
            ),
        )
        != plain
    )


def test_what_only_looks_on_does_not(tmp_path: Path) -> None:
    def quiet(config: Any) -> None:
        config["train"]["handlers"] = [
            item for item in config["train"]["handlers"] if item["_target_"] != "ignite.handlers.ProgressBar"
        ]

    assert edited(tmp_path, quiet) == sha()


def test_the_order_of_keys_does_not(tmp_path: Path) -> None:
    shutil.copytree(UNET, tmp_path / "unet", ignore=shutil.ignore_patterns("model*"))
    path = tmp_path / "unet/configs/train.json"
    content = json.loads(path.read_text())
    content["network_def"] = dict(reversed(content["network_def"].items()))
    path.write_text(json.dumps(content))
    assert config_sha256(read_config(tmp_path / "unet", {})) == sha()


def test_a_part_of_a_component_may_be_overridden() -> None:
    assert sha(**{"network_def::skip_from": 1}) != sha()
    assert sha(**{"network_def::skip_from": 2}) == sha()


def test_unknown_ids_are_named() -> None:
    with pytest.raises(UsageError, match=r"^settings must be ids of unet's train.json, got max_epoch$"):
        read_config(UNET, {"max_epoch": 3})


def test_a_bundle_must_have_a_training(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a bundle of a study must have configs/train.json, but it has none"):
        read_config(tmp_path, {})
