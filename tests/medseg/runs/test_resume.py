from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from medseg.errors import UsageError
from medseg.io.atomic import write_json
from medseg.runs import RunFolder, check_resume

FACTS: dict[str, Any] = {"seed": 0, "window": [0, 255], "learning_rate": 0.01, "device": "cpu", "git_commit": "a"}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path)
    write_json(folder.facts, {**FACTS, "medseg_version": "0.1.0", "status": "KILLED"})
    return folder


class TestCheckResume:
    def test_same_settings_pass(self, run: RunFolder) -> None:
        check_resume(run, FACTS)

    @pytest.mark.parametrize(
        "changed",
        [
            {"device": "cuda:0"},
            {"threads": 4},
            {"git_commit": None},
            {"medseg_version": "0.2.0"},
            {"surface_tolerance": 3.0},
        ],
    )
    def test_code_device_and_what_only_scores_may_change(self, run: RunFolder, changed: dict[str, Any]) -> None:
        check_resume(run, {**FACTS, **changed})

    @pytest.mark.parametrize("name", ["plane", "spacing_mm", "picture_window_hu", "picture_levels", "training_set"])
    def test_runs_of_before_the_data_were_described_go_on(self, run: RunFolder, name: str) -> None:
        check_resume(run, {**FACTS, name: "known by now"})

    @pytest.mark.parametrize("changed", [{"seed": 1}, {"window": [0, 200]}, {"learning_rate": 0.1}, {"dropout": 0.5}])
    def test_another_setting_raises(self, run: RunFolder, changed: dict[str, Any]) -> None:
        (name,) = changed
        with pytest.raises(UsageError, match=f"resume must keep {name}, which was .*, got .*; start a new run"):
            check_resume(run, {**FACTS, **changed})

    def test_folder_that_is_no_run_raises(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"it has no run\.json"):
            check_resume(RunFolder(tmp_path / "absent"), FACTS)
