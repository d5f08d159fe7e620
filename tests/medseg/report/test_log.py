from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from medseg.errors import UsageError
from medseg.io.atomic import write_json
from medseg.report import log_report, log_to_study
from medseg.report.content import Report
from medseg.study.folders import WorkFolder


@pytest.fixture
def store(empty_store: Path, tmp_path: Path) -> str:
    path = tmp_path / "mlflow.db"
    path.write_bytes(empty_store.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture
def run_id(store: str, tmp_path: Path) -> str:
    client = MlflowClient(store)
    experiment = client.create_experiment("discs", artifact_location=(tmp_path / "artifacts").as_uri())
    return str(client.create_run(experiment).info.run_id)


class TestLogReport:
    def test_all_files_are_artifacts(self, report: Report, report_dir: Path, store: str, run_id: str) -> None:
        client = MlflowClient(store)
        log_report(client, run_id, report_dir)
        assert {item.path for item in client.list_artifacts(run_id, "report")} == {
            "report/index.html", "report/report.md", "report/figures", "report/tables",
        }  # fmt: skip
        assert "report/figures/cases.png" in {item.path for item in client.list_artifacts(run_id, "report/figures")}

    def test_pictures_of_a_former_report_are_deleted(
        self, report: Report, report_dir: Path, store: str, run_id: str, tmp_path: Path
    ) -> None:
        client = MlflowClient(store)
        log_report(client, run_id, report_dir)
        copy = shutil.copytree(report_dir, tmp_path / "without")
        for picture in copy.glob("figures/case_*.png"):
            picture.unlink()
        log_report(client, run_id, copy)
        for folder in ("figures", "tables"):
            logged = {Path(item.path).name for item in client.list_artifacts(run_id, f"report/{folder}")}
            assert logged == {path.name for path in (copy / folder).iterdir()}


class TestLogToStudy:
    def test_finds_the_studys_run(
        self, report: Report, report_dir: Path, store: str, run_id: str, tmp_path: Path
    ) -> None:
        work = WorkFolder(tmp_path / "work")
        write_json(work.mlflow_parent, {"store": store, "run_id": run_id})
        assert log_to_study(store, work, report_dir) == run_id
        assert MlflowClient(store).list_artifacts(run_id, "report")

    def test_no_run_is_remembered(self, store: str, report_dir: Path, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="work must be the folder of a study that was tracked"):
            log_to_study(store, WorkFolder(tmp_path), report_dir)

    def test_another_store(self, store: str, report_dir: Path, tmp_path: Path) -> None:
        work = WorkFolder(tmp_path / "work")
        write_json(work.mlflow_parent, {"store": store, "run_id": "0" * 32})
        with pytest.raises(UsageError, match=f"tracking-uri must be the store of the study's run {'0' * 32}"):
            log_to_study(store, work, report_dir)
