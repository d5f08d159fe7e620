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
from medseg.study.plan import read_plan
from tests.commands import ROOT
from tests.factories import edit_json

UNET = ROOT / "bundles" / "unet"


def sha(**overrides: Any) -> str:
    return sha_of(UNET, **overrides)


def sha_of(bundle: Path, **overrides: Any) -> str:
    return config_sha256(read_config(bundle, overrides))


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
        {"network": "$@network_def.to(@device).requires_grad_(False)"},
        {"steps_per_epoch": 3},
        {"validate::dataset::data": "$medseg.data.slice_items(@dataset_dir, fold=@fold, section='val')[:2]"},
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


def test_a_value_of_a_bundle_s_own_makes_another_training(tmp_path: Path) -> None:
    """An expression refers to it, and reads the same whatever it is."""

    def with_decay(value: float) -> Callable[[Any], None]:
        def edit(config: Any) -> None:
            config["weight_decay"] = value
            config["optimizer"]["weight_decay"] = "@weight_decay"

        return edit

    assert edited(tmp_path / "a", with_decay(0.1)) != edited(tmp_path / "b", with_decay(0.2))
    assert sha_of(tmp_path / "a/unet", weight_decay=0.2) == sha_of(tmp_path / "b/unet")


def test_results_that_are_committed_are_still_known() -> None:
    for path in sorted((ROOT / "studies").glob("*/study.yaml")):
        plan = read_plan(path)
        for name in plan.bundles:
            bundle = ROOT / "bundles" / plan.variants.get(name, name)
            results = (path.parent / "results").glob(f"{name}-fold*/run.json")
            hashes = {json.loads(result.read_text())["config_sha256"] for result in results}
            assert hashes <= {config_sha256(read_config(bundle, plan.overrides(name)))}


def test_the_list_of_settings_stays_the_bundle_s() -> None:
    with pytest.raises(UsageError, match=r"^settings must leave settings as unet's train.json has them$"):
        read_config(UNET, {"settings": 3})


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


def test_a_damaged_config_is_named(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/train.json").write_text("{")
    with pytest.raises(UsageError, match=r"train.json: must be JSON, got [^\n]+$"):
        read_config(tmp_path, {})


def test_a_bundle_must_have_a_training(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a bundle of a study must have configs/train.json, but it has none"):
        read_config(tmp_path, {})
