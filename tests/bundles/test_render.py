"""The four bundles come from one template and differ in nothing but what is meant to differ."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from bundles.render import BUNDLES as KNOBS
from tests.commands import BUNDLES, ROOT, run_process

CONFIGS = ("train", "evaluate", "inference", "multi_gpu_train", "multi_gpu_evaluate")


def read(bundle: str, config: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / "bundles" / bundle / "configs" / f"{config}.json").read_text())
    return content


class TestRender:
    def test_rendered_bundles_are_the_template(self) -> None:
        checked = run_process([sys.executable, "bundles/render.py", "--check"], cwd=ROOT)
        assert (checked.status, checked.stdout) == (0, "")

    def test_changed_and_missing_files_are_named(self, tmp_path: Path) -> None:
        shutil.copytree(
            ROOT / "bundles", tmp_path / "bundles", ignore=shutil.ignore_patterns("*.pt", "model.json", "__pycache__")
        )
        shutil.copyfile(ROOT / "LICENSE", tmp_path / "LICENSE")
        changed = tmp_path / "bundles" / "fcn8s" / "configs" / "train.json"
        changed.write_text(changed.read_text().replace('"max_epochs": 32', '"max_epochs": 33'))
        (tmp_path / "bundles" / "unet" / "configs" / "logging.conf").unlink()
        command = [sys.executable, "bundles/render.py"]
        checked = run_process([*command, "--check"], cwd=tmp_path)
        assert checked.status == 1
        assert checked.stdout.splitlines() == [
            "differs: bundles/unet/configs/logging.conf",
            "differs: bundles/fcn8s/configs/train.json",
        ]
        assert run_process(command, cwd=tmp_path).status == 0
        assert run_process([*command, "--check"], cwd=tmp_path).status == 0


class TestDrift:
    @pytest.mark.parametrize("config", CONFIGS)
    def test_bundles_differ_in_network_name_and_knobs_only(self, config: str) -> None:
        def common(bundle: str) -> str:
            content = read(bundle, config)
            for key in ("network_def", "bundle_name", "learning_rate", "dropout"):
                content.pop(key, None)
            if config == "inference":
                content.pop("batch_size")  # FCN-8s is faster on several slices (docs/performance.md)
            return json.dumps(content).replace(f'"desc": "{bundle}"', '"desc": ""').replace(f"/{bundle}", "/")

        assert {common(bundle) for bundle in BUNDLES} == {common("unet")}

    @pytest.mark.parametrize("bundle", BUNDLES)
    def test_knobs_are_the_table_s(self, bundle: str) -> None:
        content = read(bundle, "train")
        for knob in ("network_def", "learning_rate", "dropout"):
            assert content[knob] == KNOBS[bundle][knob]
        assert content["bundle_name"] == bundle

    @pytest.mark.parametrize("bundle", BUNDLES)
    def test_network_is_the_same_throughout_a_bundle(self, bundle: str) -> None:
        networks = [read(bundle, config)["network_def"] for config in ("train", "inference")]
        dropouts = [read(bundle, config)["dropout"] for config in ("train", "inference")]
        assert networks[0] == networks[1]
        assert dropouts[0] == dropouts[1]
        for overlay in ("evaluate", "multi_gpu_train", "multi_gpu_evaluate"):
            assert "network_def" not in read(bundle, overlay)

    def test_there_are_four(self) -> None:
        assert tuple(KNOBS) == BUNDLES
