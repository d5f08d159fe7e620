"""Everything that a config names exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from monai.bundle import ComponentLocator, ConfigComponent, ConfigParser
from monai.bundle.reference_resolver import ReferenceResolver
from monai.utils import optional_import

from tests.commands import BUNDLES, ROOT

WORKFLOWS = {
    "train": ("train",),
    "evaluate": ("train", "evaluate"),
    "inference": ("inference",),
    "multi_gpu_train": ("train", "multi_gpu_train"),
    "multi_gpu_evaluate": ("train", "evaluate", "multi_gpu_evaluate"),
}
EACH = pytest.mark.parametrize(("bundle", "workflow"), [(b, w) for b in BUNDLES for w in WORKFLOWS])


def parser_of(bundle: str, workflow: str) -> ConfigParser:
    parser = ConfigParser()
    parser.read_config([str(ROOT / f"bundles/{bundle}/configs/{name}.json") for name in WORKFLOWS[workflow]])
    parser.parse()
    return parser


def walk(config: Any) -> Iterator[Any]:
    yield config
    for value in config.values() if isinstance(config, dict) else config if isinstance(config, list) else ():
        yield from walk(value)


class TestReferences:
    @EACH
    def test_every_reference_is_defined(self, bundle: str, workflow: str) -> None:
        parser = parser_of(bundle, workflow)
        texts = [value for value in walk(parser.get()) if isinstance(value, str)]
        references = {name for text in texts for name in ReferenceResolver.match_refs_pattern(text)}
        assert len(references) > 10
        assert [name for name in sorted(references) if name not in parser] == []

    @EACH
    def test_every_target_exists(self, bundle: str, workflow: str) -> None:
        components = [
            value for value in walk(parser_of(bundle, workflow).get()) if ConfigComponent.is_instantiable(value)
        ]
        assert len(components) > 5
        locator = ComponentLocator()
        for component in components:
            module, _, name = ConfigComponent(component, locator=locator).resolve_module_name().rpartition(".")
            assert optional_import(module, name=name)[1], component["_target_"]

    @EACH
    def test_no_reference_goes_by_list_position(self, bundle: str, workflow: str) -> None:
        texts = [value for value in walk(parser_of(bundle, workflow).get()) if isinstance(value, str)]
        assert [text for text in texts if re.search(r"@[\w:]*(handlers|transforms)::\d", text)] == []


class TestMetricNames:
    def test_code_names_only_metrics_that_train_json_defines(self) -> None:
        parser = parser_of("unet", "train")
        defined = {
            *parser["train::key_metric"],
            *parser["validate::key_metric"],
            *parser["validate::additional_metrics"],
        }
        assert defined == {"train_loss", "val_dice", "val_iou", "val_iou_both", "val_loss"}
        sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "medseg").rglob("*.py"))
        named = set(re.findall(r"""["'](?:best_)?((?:val|train)_(?:dice|iou|loss|acc|hd|mean)\w*)["']""", sources))
        assert {"val_dice", "train_loss"} <= named <= defined | {"train_loss_sum"}
