from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from monai.bundle import ConfigParser, ConfigWorkflow

from medseg.bundle.workflow import current_workflow, executed_config, is_command, root


@pytest.fixture
def workflow(tmp_path: Path) -> ConfigWorkflow:
    config = {
        "imports": ["$import medseg", "$import medseg.bundle"],
        "root": "$medseg.bundle.root()",
        "config": "$medseg.bundle.executed_config()",
        "knob": 1,
        "run": [],
    }
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "train.json").write_text(json.dumps(config))
    (tmp_path / "configs" / "metadata.json").write_text(json.dumps({"version": "1"}))
    made = ConfigWorkflow(str(tmp_path / "configs" / "train.json"), logging_file=False, knob=2)
    made.initialize()
    return made


class TestInAWorkflow:
    def test_root_is_the_folder_above_configs(self, workflow: ConfigWorkflow, tmp_path: Path) -> None:
        workflow.run_id = "root"
        assert workflow.run() == [str(tmp_path)]

    def test_executed_config_has_overrides_and_no_metadata(self, workflow: ConfigWorkflow) -> None:
        workflow.run_id = "config"
        (config,) = workflow.run()
        assert config["knob"] == 2
        assert "_meta_" not in config
        config["knob"] = 3
        assert workflow.parser["knob"] == 2


class TestWithoutAWorkflow:
    @pytest.fixture(autouse=True)
    def no_bundle_on_the_path(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """MONAI puts the folder of each bundle that it loads on the search path, and leaves it there."""
        monkeypatch.setattr(sys, "path", [folder for folder in sys.path if not Path(folder, "configs").is_dir()])

    def test_root_is_the_working_directory(self) -> None:
        assert current_workflow() is None
        assert root() == "."
        assert executed_config() == {}

    def test_root_is_the_bundle_on_python_s_search_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "bundle" / "configs").mkdir(parents=True)
        for folder in (tmp_path, tmp_path / "bundle"):
            monkeypatch.syspath_prepend(folder)
        assert root() == "."
        for name in ("inference.json", "metadata.json"):
            (tmp_path / "bundle" / "configs" / name).write_text("{}")
        assert root() == str(tmp_path / "bundle")

    def test_pytest_is_not_monai_s_command(self) -> None:
        assert not is_command()


class TestByName:
    def test_component_is_the_handler_it_names(self) -> None:
        handler = object()
        parser = ConfigParser(
            {"handlers": [{"_target_": "medseg.bundle.by_name", "handler": "@mine"}], "mine": handler}
        )
        assert parser.get_parsed_content("handlers")[0] is handler
