from __future__ import annotations

import json
import re
from typing import Any

import pytest
from monai.bundle import ConfigParser

from medseg.bundle.settings import check_settings
from medseg.errors import UsageError
from tests.commands import ROOT


def settings(**changed: Any) -> ConfigParser:
    content = json.loads((ROOT / "bundles/unet/configs/train.json").read_text())
    flat = {name: value for name, value in content.items() if not isinstance(value, (dict, list))}
    return ConfigParser({**flat, "window": [0, 255], **changed})


class TestCheckSettings:
    def test_bundle_s_own_are_right(self) -> None:
        check_settings(settings())

    @pytest.mark.parametrize(
        "changed",
        [
            {"max_epochs": 1, "seed": 0, "warmup_epochs": 0, "dropout": 0},
            {"image_size": [256, 240], "window": (-160.0, 240.0), "epoch_length": 5},
            {"learning_rate": 1, "flip_probability": 0, "empty_slices": 1},
        ],
    )
    def test_bounds_are_inside(self, changed: dict[str, Any]) -> None:
        check_settings(settings(**changed))

    @pytest.mark.parametrize(
        ("name", "value", "rule"),
        [
            ("max_epochs", 0, "a whole number from 1"),
            ("max_epochs", 2.5, "a whole number from 1"),
            ("max_epochs", True, "a whole number from 1"),
            ("batch_size", "2", "a whole number from 1"),
            ("val_interval", 0, "a whole number from 1"),
            ("seed", -1, "a whole number from 0"),
            ("fold", "x", "a whole number from 0"),
            ("num_workers", -1, "a whole number from 0"),
            ("learning_rate", 0, "a finite number above 0"),
            ("learning_rate", "abc", "a finite number above 0"),
            ("gradient_clip", -1.0, "a finite number above 0"),
            ("gradient_clip", float("inf"), "a finite number above 0"),
            ("learning_rate", float("nan"), "a finite number above 0"),
            ("window", [-float("inf"), 240], 'two finite, rising numbers, such as "[-160,240]"'),
            ("flip_probability", 1.1, "a number in [0, 1]"),
            ("rotate90_probability", -0.1, "a number in [0, 1]"),
            ("empty_slices", None, "a number in [0, 1]"),
            ("threshold", 2, "a number in [0, 1]"),
            ("dropout", 1, "a number in [0, 1)"),
            ("warmup_epochs", -1, "a finite number from 0"),
            ("epoch_length", 0, "None or a whole number from 1"),
            ("image_size", 256, 'None or two whole numbers from 1, such as "[256,256]"'),
            ("image_size", [256, 0], 'None or two whole numbers from 1, such as "[256,256]"'),
            ("window", [0], 'two finite, rising numbers, such as "[-160,240]"'),
            ("window", [240, -160], 'two finite, rising numbers, such as "[-160,240]"'),
        ],
    )
    def test_wrong_ones_are_named(self, name: str, value: Any, rule: str) -> None:
        with pytest.raises(UsageError, match=f"^{re.escape(f'{name} must be {rule}, got {value!r}')}$"):
            check_settings(settings(**{name: value}))
