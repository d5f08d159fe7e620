from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs

import pytest

from medseg.tracking.look import how_to_look, trainings_page

PAGE = "#/experiments/3/runs?compareRunsMode=CHART&workflowType=machine_learning"


class TestHowToLook:
    def test_store_that_mlflow_ui_finds_by_itself(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        expected = f"mlflow ui, then http://127.0.0.1:5000/{PAGE}"
        assert how_to_look(f"sqlite:///{tmp_path / 'mlflow.db'}", "3") == expected
        assert how_to_look("sqlite:///mlflow.db", "3") == expected

    def test_store_elsewhere_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        uri = f"sqlite:///{tmp_path / 'other' / 'mlflow.db'}"
        assert how_to_look(uri, "3") == f"mlflow ui --backend-store-uri {uri}, then http://127.0.0.1:5000/{PAGE}"

    def test_server_has_its_own_address(self) -> None:
        assert how_to_look("https://server:8443/", "3") == f"https://server:8443/{PAGE}"

    def test_no_password_is_shown(self) -> None:
        shown = how_to_look("postgresql://me:secret@db/mlflow", "3")
        assert shown.startswith("mlflow ui --backend-store-uri postgresql://me:***@db/mlflow, then ")


class TestTrainingsPage:
    def test_searches_for_trainings_of_the_study_and_is_not_sorted_by_time(self) -> None:
        page, _, query = trainings_page("3", "cell-1.2_b", "CHART").partition("?")
        assert page == "#/experiments/3/runs"
        assert parse_qs(query) == {
            "workflowType": ["machine_learning"],
            "compareRunsMode": ["CHART"],
            "searchFilter": ["tags.study = 'cell-1.2_b' AND tags.architecture != ''"],
            "orderByKey": ["metrics.`val_dice`"],
            "orderByAsc": ["false"],
            "startTime": ["ALL"],
        }
