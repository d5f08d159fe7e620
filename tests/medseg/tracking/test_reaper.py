from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from mlflow import MlflowClient

from medseg.tracking import open_store, reap_dead_runs
from medseg.tracking.reaper import process_tags


@pytest.fixture
def client(tmp_path: Path) -> MlflowClient:
    return open_store(f"sqlite:///{tmp_path / 'mlflow.db'}")


def run_of(client: MlflowClient, **tags: str) -> str:
    tags = {f"medseg.{name}": value for name, value in tags.items()}
    run_id: str = client.create_run("0", tags=tags, run_name="old").info.run_id
    return run_id


def status(client: MlflowClient, run_id: str) -> str:
    return str(client.get_run(run_id).info.status)


class TestReapDeadRuns:
    def test_dead_process_s_run_is_killed(self, client: MlflowClient) -> None:
        process = subprocess.Popen([sys.executable, "-c", ""])
        process.wait()
        run_id = run_of(client, host=platform.node(), pid=str(process.pid), process_started="1.00")
        assert reap_dead_runs(client) == ["old"]
        assert status(client, run_id) == "KILLED"

    def test_living_process_s_run_is_left(self, client: MlflowClient) -> None:
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        started = f"{psutil.Process(process.pid).create_time():.2f}"
        run_id = run_of(client, host=platform.node(), pid=str(process.pid), process_started=started)
        assert reap_dead_runs(client) == []
        assert status(client, run_id) == "RUNNING"
        process.communicate(b"\n")
        assert reap_dead_runs(client) == ["old"]

    def test_reused_process_id_is_a_dead_run(self, client: MlflowClient) -> None:
        tags = {name.removeprefix("medseg."): value for name, value in process_tags().items()}
        run_id = run_of(client, **{**tags, "process_started": "1.00"})
        mine = run_of(client, **tags)
        reap_dead_runs(client)
        assert (status(client, run_id), status(client, mine)) == ("KILLED", "RUNNING")

    def test_other_hosts_and_other_tools_runs_are_left(self, client: MlflowClient) -> None:
        elsewhere = run_of(client, host="elsewhere", pid="1", process_started="1.00")
        untagged = run_of(client)
        assert reap_dead_runs(client) == []
        assert (status(client, elsewhere), status(client, untagged)) == ("RUNNING", "RUNNING")

    def test_what_ended_while_others_were_looked_at_keeps_its_status(
        self, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id = run_of(client, host=platform.node(), pid="1", process_started="1.00")
        search = client.search_runs

        def search_and_end(*args: Any, **options: Any) -> Any:
            found = search(*args, **options)
            client.set_terminated(run_id, "FINISHED")
            return found

        monkeypatch.setattr(client, "search_runs", search_and_end)
        assert reap_dead_runs(client) == []
        assert status(client, run_id) == "FINISHED"

    def test_ended_runs_keep_their_status(self, client: MlflowClient) -> None:
        run_id = run_of(client, host=platform.node(), pid="1", process_started="1.00")
        client.set_terminated(run_id, "FINISHED")
        assert reap_dead_runs(client) == []
        assert status(client, run_id) == "FINISHED"
