from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any
from urllib.error import URLError

import pytest
from mlflow.entities import Dataset, DatasetInput

from medseg.errors import UsageError
from medseg.tracking import default_uri, open_store
from medseg.tracking.store import experiment_id, log_dataset, without_password
from tests.commands import environment, run_process


class TestDefaultUri:
    def test_store_is_in_the_working_directory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        monkeypatch.chdir(tmp_path)
        assert default_uri() == f"sqlite:///{tmp_path}/mlflow.db"

    def test_environment_wins(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server:5000")
        assert default_uri() == "http://server:5000"


class TestOpenStore:
    def test_makes_the_store_and_its_folder(self, tmp_path: Path) -> None:
        open_store(f"sqlite:///{tmp_path / 'deep' / 'mlflow.db'}")
        assert (tmp_path / "deep" / "mlflow.db").is_file()

    def test_options_of_the_driver_are_no_part_of_the_name(self, tmp_path: Path) -> None:
        uri = f"sqlite:///{tmp_path / 'mlflow.db'}?timeout=60"
        assert [open_store(uri).search_experiments()[0].name for _ in range(2)] == ["Default"] * 2
        assert {path.name for path in tmp_path.iterdir()} <= {"mlflow.db", "mlflow.db.lock"}

    def test_killed_while_it_makes_the_store_leaves_none(self, tmp_path: Path) -> None:
        # The kill comes in the middle of the tables, some of which are there by then.
        code = (
            "import os, signal, sys, sqlalchemy.event, sqlalchemy.engine\n"
            "made = []\n"
            "@sqlalchemy.event.listens_for(sqlalchemy.engine.Engine, 'after_cursor_execute')\n"
            "def count(connection, cursor, statement, *rest):\n"
            "    made.append('CREATE TABLE' in statement)\n"
            "    if sum(made) == 5: os.kill(os.getpid(), signal.SIGKILL)\n"
            "from medseg.tracking import open_store\n"
            "open_store(sys.argv[1])\n"
        )
        uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
        assert run_process([sys.executable, "-c", code, uri], tmp_path).status == -signal.SIGKILL
        assert not (tmp_path / "mlflow.db").exists()
        assert list(tmp_path.glob(".mlflow.db.*.new"))
        assert open_store(uri).search_experiments()
        assert {path.name for path in tmp_path.iterdir()} <= {"mlflow.db", "mlflow.db.lock"}

    def test_server_that_is_not_there_is_told_soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
        started = time.monotonic()
        with pytest.raises(UsageError, match=r"^http://127.0.0.1:9: tracking_uri must be an MLflow store that opens"):
            open_store("http://127.0.0.1:9")
        assert time.monotonic() - started < 15
        assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ

    def test_file_that_is_no_store(self, tmp_path: Path) -> None:
        (tmp_path / "notes.db").write_text("these are notes, not a database\n" * 100)
        with pytest.raises(UsageError, match=r"notes.db: tracking_uri must be an MLflow store that opens, got "):
            open_store(f"sqlite:///{tmp_path / 'notes.db'}")

    @pytest.mark.parametrize("uri", ["nonsense://x", "runs/mlruns"])
    def test_uri_that_names_no_store(self, uri: str) -> None:
        with pytest.raises(UsageError, match=f"^{uri}: tracking_uri must be an MLflow store that opens, got "):
            open_store(uri)

    def test_password_is_not_shown(self) -> None:
        with pytest.raises(UsageError, match=r"^nonsense://me:\*\*\*@host/db: tracking_uri must be ") as caught:
            open_store("nonsense://me:secret@host/db")
        assert "secret" not in str(caught.value)

    def test_driver_that_is_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "pg8000", None)
        expected = (
            r"^postgresql\+pg8000://me:\*\*\*@host/db: tracking_uri needs pg8000; for PostgreSQL install it with: "
        )
        with pytest.raises(UsageError, match=expected + r"pip install 'medseg\[postgres\]'$"):
            open_store("postgresql+pg8000://me:secret@host/db")


class TestWithoutPassword:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("http://me:secret@host:5000", "http://me:***@host:5000"),
            ("postgresql://me:sec/ret@host/db", "postgresql://me:***@host/db"),
            ("postgresql://host/db?user=me&password=secret&x=1", "postgresql://host/db?user=me&password=***&x=1"),
            ("postgresql://me@host/db", "postgresql://me@host/db"),
            ("http://host:5000/#/experiments/1", "http://host:5000/#/experiments/1"),
            ("two: http://a:b@c and http://d:e@f", "two: http://a:***@c and http://d:***@f"),
            ("sqlite:////tmp/mlflow.db", "sqlite:////tmp/mlflow.db"),
        ],
    )
    def test_hides_passwords_and_nothing_else(self, text: str, shown: str) -> None:
        assert without_password(text) == shown


class TestExperimentId:
    def test_is_made_once_with_artifacts_beside_the_database(self, tmp_path: Path) -> None:
        uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
        client = open_store(uri)
        made = experiment_id(client, "discs", uri)
        assert experiment_id(client, "discs", uri) == made
        experiment = client.get_experiment(made)
        assert experiment.artifact_location == (tmp_path / "mlruns" / "discs").as_uri()
        assert "choose **Model training** at the top left" in experiment.tags["mlflow.note.content"]


class TestMlflowUi:
    def test_serves_the_runs_of_the_folder_it_is_started_in(self, tmp_path: Path) -> None:
        uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
        client = open_store(uri)
        experiment = experiment_id(client, "discs", uri)
        run_id = client.create_run(experiment, run_name="unet-mine").info.run_id
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "mlflow", "ui", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        with (tmp_path / "ui.txt").open("w") as output:
            server = subprocess.Popen(
                command, cwd=tmp_path, env=environment(), stdout=output, stderr=output, start_new_session=True
            )
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(f"{address}/health", server, tmp_path / "ui.txt")
            found = post(f"{address}/api/2.0/mlflow/runs/search", {"experiment_ids": [experiment]})
            assert [run["info"]["run_id"] for run in found["runs"]] == [run_id]
            assert found["runs"][0]["info"]["run_name"] == "unet-mine"
            with urllib.request.urlopen(address, timeout=10) as page:
                assert "<title>MLflow</title>" in page.read().decode()
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(timeout=30)


def wait_for(address: str, server: subprocess.Popen[bytes], output: Path, timeout: float = 90) -> None:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        assert server.poll() is None, output.read_text()
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"{address} did not answer: {output.read_text()}")


def post(address: str, content: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps(content).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    return found


class TestLogDataset:
    def test_runs_that_name_new_data_at_once_all_succeed(self, tmp_path: Path) -> None:
        client = open_store(f"sqlite:///{tmp_path / 'mlflow.db'}")
        runs = [client.create_run("0").info.run_id for _ in range(4)]
        barrier = Barrier(len(runs))
        digests = [f"{index:08x}" for index in range(10)]

        def name_all(run_id: str) -> None:
            for digest in digests:
                data = DatasetInput(Dataset(name="discs", digest=digest, source_type="local", source="{}"))
                barrier.wait(timeout=30)
                log_dataset(client, run_id, data)

        with ThreadPoolExecutor(len(runs)) as pool:
            list(pool.map(name_all, runs))
        for run_id in runs:
            inputs = client.get_run(run_id).inputs.dataset_inputs
            assert sorted(item.dataset.digest for item in inputs) == digests
