from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from medseg.runs import RunFolder
from medseg.tracking import open_store
from medseg.tracking.known_run import known_run


@pytest.fixture
def client(tmp_path: Path) -> MlflowClient:
    return open_store(f"sqlite:///{tmp_path / 'mlflow.db'}")


@pytest.fixture
def folder(client: MlflowClient, tmp_path: Path) -> RunFolder:
    """A training with a run in ``client``."""
    made = RunFolder(tmp_path)
    made.mlflow_run_id.write_text(f"{client.create_run('0').info.run_id}\n")
    return made


def test_it_is_the_run_that_the_folder_names(client: MlflowClient, folder: RunFolder) -> None:
    client.create_run("0")
    run = known_run(client, folder)
    assert run is not None
    assert run.info.run_id == folder.mlflow_run_id.read_text().strip()


def test_a_training_that_was_never_tracked_has_none(client: MlflowClient, tmp_path: Path) -> None:
    assert known_run(client, RunFolder(tmp_path)) is None


def test_another_store_has_none(folder: RunFolder, tmp_path: Path) -> None:
    assert known_run(open_store(f"sqlite:///{tmp_path / 'other.db'}"), folder) is None


def test_one_that_was_deleted_is_none(client: MlflowClient, folder: RunFolder) -> None:
    client.delete_run(folder.mlflow_run_id.read_text().strip())
    assert known_run(client, folder) is None


def test_a_store_that_does_not_answer_is_no_store_without_the_run(
    client: MlflowClient, folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(run_id: str) -> None:
        raise MlflowException("database is locked")

    monkeypatch.setattr(client, "get_run", locked)
    with pytest.raises(MlflowException, match="locked"):
        known_run(client, folder)


def test_an_id_that_was_cut_short_is_none(client: MlflowClient, folder: RunFolder) -> None:
    for text in ("", "abc\n"):
        folder.mlflow_run_id.write_text(text)
        assert known_run(client, folder) is None
