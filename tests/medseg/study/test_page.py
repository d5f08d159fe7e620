"""A study's page in MLflow while the study runs, with trainings that are made up."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import psutil
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from medseg.manifest import Manifest
from medseg.study.folders import StudyFolder, WorkFolder
from medseg.study.page import StudyPage
from medseg.study.parent_run import open_parent
from medseg.study.plan import StudyPlan, keep_plan
from medseg.study.planned import PlannedRun, planned_runs
from medseg.study.training import Outcome

PLAN = StudyPlan("cells", ("unet",), folds=(0,))


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def page(store_of: Callable[..., str], prepared: Manifest, tmp_path: Path, said: list[str]) -> StudyPage:
    """Of a study of one training, which is not begun."""
    work = WorkFolder(tmp_path / "work")
    parent = open_parent(store_of(), PLAN, prepared, work)
    (tmp_path / "cells").mkdir()
    keep_plan(tmp_path / "cells", PLAN)
    runs = planned_runs(PLAN, prepared)
    return StudyPage(parent, PLAN, prepared, runs, StudyFolder(tmp_path / "cells"), work, said.append)


class _Client:
    """A store that fails."""

    def __getattr__(self, name: str) -> Any:
        raise MlflowException("http://me:secret@host: is not there\nat all")


class _Watcher:
    def __init__(self) -> None:
        self.told: list[str] = []

    def began(self, run: PlannedRun) -> None:
        self.told.append(f"began {run.fold}")

    def ended(self, outcome: Outcome) -> None:
        self.told.append(outcome.state)

    def tick(self, epochs: dict[str, int]) -> None:
        self.told.append(f"tick {epochs}")


def _interrupt(*_args: object) -> None:
    raise KeyboardInterrupt


def shown(page: StudyPage) -> Any:
    return page.parent.client.get_run(page.parent.run_id)


class TestStudyPage:
    def test_shows_what_is_done(self, page: StudyPage, said: list[str]) -> None:
        page.update()
        run = shown(page)
        assert run.data.tags["mlflow.note.content"].startswith("**0 of 1 trainings done, 1 left:** nothing to compare")
        assert run.data.metrics == {"trainings_done": 0}
        assert [item.path for item in page.parent.client.list_artifacts(page.parent.run_id)] == ["study.yaml"]
        assert said == []

    def test_names_the_data(self, page: StudyPage, prepared: Manifest) -> None:
        (data,) = shown(page).inputs.dataset_inputs
        assert (data.dataset.name, data.dataset.digest) == ("discs", prepared.fingerprint[:8])
        assert data.tags[0].value == "study"

    def test_without_a_result_there_is_neither_report_nor_model(self, page: StudyPage) -> None:
        page.conclude()
        page.close("FINISHED")
        assert shown(page).info.status == "FINISHED"
        assert page.parent.client.search_registered_models() == []
        assert not (page.work.root / "report").exists()

    def test_the_report_is_made_again_when_there_is_more_to_show(
        self, page: StudyPage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made: list[str] = []

        def log(client: MlflowClient, run_id: str, _report: Path) -> None:
            made.append(run_id)
            if len(made) == 2:
                raise OSError("the connection broke")

        monkeypatch.setattr("medseg.study.page.write_report", lambda place, pictures: None)
        monkeypatch.setattr("medseg.study.page.log_report", log)
        (page.folder.results / "unet-fold0-seed0-cccccccc").mkdir(parents=True)
        page.conclude()
        page.conclude()
        assert len(made) == 1
        (page.folder.results / "unet-fold1-seed0-cccccccc").mkdir()
        page.conclude()  # which breaks
        page.conclude()
        page.conclude()
        assert len(made) == 3
        replace(page, pictures=False).conclude()
        assert made == [page.parent.run_id] * 4

    def test_killed_while_it_is_made_it_is_made_anew(
        self, page: StudyPage, prepared: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        work = WorkFolder(tmp_path / "other")
        with monkeypatch.context() as killed, suppress(KeyboardInterrupt):
            killed.setattr("medseg.study.parent_run.log_dataset", _interrupt)
            open_parent(page.parent.uri, PLAN, prepared, work)
        run = page.parent.client.get_run(open_parent(page.parent.uri, PLAN, prepared, work).run_id)
        assert run.data.params["bundles"] == "['unet']"
        assert len(run.inputs.dataset_inputs) == 1

    def test_a_store_that_fails_is_told_of_and_stops_nothing(self, page: StudyPage, said: list[str]) -> None:
        broken = replace(page, parent=replace(page.parent, client=_Client()))  # type: ignore[arg-type]
        broken.update()
        broken.close("FINISHED")
        assert said == ["the study's page in MLflow lacks something: http://me:***@host: is not there"] * 2

    def test_goes_on_in_its_run(self, page: StudyPage, prepared: Manifest) -> None:
        page.close("KILLED")
        again = open_parent(page.parent.uri, PLAN, prepared, page.work)
        assert again.run_id == page.parent.run_id
        assert shown(page).info.status == "RUNNING"

    def test_stays_another_calls_while_that_is_at_it(self, page: StudyPage, prepared: Manifest) -> None:
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
            started = f"{psutil.Process(other.pid).create_time():.2f}"
            for name, value in (("medseg.pid", str(other.pid)), ("medseg.process_started", started)):
                page.parent.client.set_tag(page.parent.run_id, name, value)
            again = open_parent(page.parent.uri, PLAN, prepared, page.work)
            assert again.run_id == page.parent.run_id
            assert shown(page).data.tags["medseg.pid"] == str(other.pid)
            again.close("FINISHED")
            assert shown(page).info.status == "RUNNING"
        again.close("FINISHED")
        assert shown(page).info.status == "FINISHED"

    def test_is_this_process_s_before_it_is_running_again(
        self, page: StudyPage, prepared: Manifest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        page.close("KILLED")
        page.parent.client.set_tag(page.parent.run_id, "medseg.pid", "999999999")

        def update(client: MlflowClient, run_id: str, status: str) -> None:
            assert client.get_run(run_id).data.tags["medseg.pid"] == str(os.getpid())
            assert status == "RUNNING"

        monkeypatch.setattr(MlflowClient, "update_run", update)
        open_parent(page.parent.uri, PLAN, prepared, page.work)

    def test_begins_another_run_where_its_own_was_deleted(self, page: StudyPage, prepared: Manifest) -> None:
        client: MlflowClient = page.parent.client
        client.delete_run(page.parent.run_id)
        assert open_parent(page.parent.uri, PLAN, prepared, page.work).run_id != page.parent.run_id


class TestWatching:
    @pytest.mark.parametrize(
        ("state", "updates"), [("done", True), ("failed", True), ("stopped", False), ("elsewhere", False)]
    )
    def test_updates_after_a_training_that_came_to_an_end(
        self, page: StudyPage, state: Literal["done", "failed", "stopped", "elsewhere"], updates: bool
    ) -> None:
        watcher = _Watcher()
        watching = page.watching(watcher)
        watching.began(page.runs[0])
        watching.tick({"a": 1})
        watching.ended(Outcome(page.runs[0], state))
        assert watcher.told == ["began 0", "tick {'a': 1}", state]
        assert ("mlflow.note.content" in shown(page).data.tags) == updates
