"""Four trainings at once below their study, in the default store and on a server with PostgreSQL behind it."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import mlflow
import pandas as pd
import psutil
import pytest
import yaml
from mlflow import MlflowClient
from mlflow.entities import Run

from medseg.manifest import Manifest
from medseg.study import read_results
from medseg.study.overview import mean_over_units
from tests.browser.server import mlflow_ui
from tests.commands import Ended, run_process
from tests.medseg.study.commands import start_study, study_command, until
from tests.medseg.tracking.postgres import PASSWORD, another_database, postgres, postgres_programs

NARROW = {"_target_": "medseg.networks.UNet", "in_channels": 1, "out_channels": 1, "widths": [8, 8, 8, 8, 8]}
PLAN = {
    "bundles": ["unet", "fcn8s"],
    "folds": [0, 1],
    "threads": 1,
    # FCN-8s' widths are fixed; what MLflow shows does not depend on the network.
    "settings": {"max_epochs": 2, "network_def": NARROW},
}


@dataclass(frozen=True)
class Tracked:
    """A study that has ended."""

    folder: Path
    uri: str
    dataset: str
    ended: Ended
    words: frozenset[str]
    """All words of the command lines of its processes."""

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(self.uri)

    def runs(self, wish: str = "") -> list[Run]:
        experiment = self.client.get_experiment_by_name(self.dataset)
        assert experiment is not None
        order = ["attributes.run_name ASC"]
        return list(self.client.search_runs([experiment.experiment_id], wish, order_by=order))

    @property
    def parent(self) -> Run:
        (run,) = [run for run in self.runs() if "mlflow.parentRunId" not in run.data.tags]
        return run

    def artifact(self, name: str) -> str:
        address = f"runs:/{self.parent.info.run_id}/{name}"
        return str(mlflow.artifacts.load_text(address))


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """Address of a PostgreSQL database."""
    if postgres_programs() is None:
        assert os.environ.get("CI") != "true", "CI installs PostgreSQL (.ci/run), so it must be there"
        pytest.skip("PostgreSQL not found; on Debian: apt-get install postgresql")
    with postgres() as address:
        yield address


@pytest.fixture(scope="module")
def server(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address, with a password, of an MLflow server with PostgreSQL behind it."""
    folder = tmp_path_factory.mktemp("server")
    with mlflow_ui(folder, folder / "log.txt", store=database) as address:
        yield address.replace("http://", f"http://me:{PASSWORD}@")


@pytest.fixture(scope="module", params=["sqlite", "server"])
def tracked(
    request: pytest.FixtureRequest, prepared: Manifest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tracked]:
    """The four trainings of a study, at once."""
    folder = tmp_path_factory.mktemp("tracked")
    uri = request.getfixturevalue("server") if request.param == "server" else f"sqlite:///{folder / 'mlflow.db'}"
    done = run_tracked(folder, uri, prepared, "--jobs", "4")
    done.ended.succeeded()
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    yield done
    mlflow.set_tracking_uri(before)


def run_tracked(folder: Path, uri: str, prepared: Manifest, *args: str, plan: dict[str, object] = PLAN) -> Tracked:
    (folder / "study").mkdir(exist_ok=True)
    (folder / "study/study.yaml").write_text(yaml.safe_dump(plan))
    command = study_command("run", "study", "--data", prepared.root, "--no-costs", *args)
    with command_lines() as words:
        ended = run_process(command, folder, 600, MLFLOW_TRACKING_URI=uri)
    return Tracked(folder, uri, prepared.name, ended, frozenset(words))


@contextmanager
def command_lines() -> Iterator[set[str]]:
    """Collects the words of the command lines of all processes that this one starts meanwhile."""
    words: set[str] = set()
    over = Event()

    def look() -> None:
        while not over.wait(0.3):
            for process in psutil.Process().children(recursive=True):
                try:
                    words.update(process.cmdline())
                except psutil.Error:  # it has ended
                    continue

    thread = Thread(target=look)
    thread.start()
    yield words
    over.set()
    thread.join()


@pytest.mark.slow
class TestStudyRun:
    def test_trainings_stand_below_the_study(self, tracked: Tracked) -> None:
        children = tracked.runs(f"tags.`mlflow.parentRunId` = '{tracked.parent.info.run_id}'")
        names = ["fcn8s-fold0-seed0", "fcn8s-fold1-seed0", "unet-fold0-seed0", "unet-fold1-seed0"]
        assert [run.info.run_name for run in children] == names
        assert {run.info.status for run in (tracked.parent, *children)} == {"FINISHED"}
        assert len(tracked.runs()) == 5

    def test_tags_filter(self, tracked: Tracked, prepared: Manifest) -> None:
        wishes = {
            "tags.study = 'study'": 5,
            "tags.study = 'study' AND tags.architecture != ''": 4,
            "tags.architecture = 'fcn8s'": 2,
            "tags.bundle_name = 'unet' AND tags.fold = '1' AND tags.seed = '0'": 1,
            "tags.dataset = 'discs' AND tags.leaky = 'False'": 5,
            f"tags.fingerprint = '{prepared.fingerprint}'": 5,
            "tags.study = 'another'": 0,
        }
        assert {wish: len(tracked.runs(wish)) for wish in wishes} == wishes

    def test_each_training_wrote_its_own_metrics(self, tracked: Tracked) -> None:
        for result in read_results(tracked.folder / "study"):
            (run,) = tracked.runs(f"tags.run_folder = '{result.key}'")
            history = tracked.client.get_metric_history(run.info.run_id, "val_dice")
            assert [point.value for point in history] == pytest.approx(result.history().val_dice.tolist())
            assert run.data.metrics["val_precision"] == pytest.approx(result.images().precision.mean())

    def test_study_has_a_mean_a_network(self, tracked: Tracked) -> None:
        results = read_results(tracked.folder / "study")
        metrics = tracked.parent.data.metrics
        assert metrics["trainings_done"] == 4
        for network in ("unet", "fcn8s"):
            cases = pd.concat([result.volumes() for result in results if result.bundle == network])
            # The groups have two cases each, and a case one training.
            assert metrics[f"dice.{network}"] == pytest.approx(cases.dice.mean())
            assert metrics[f"iou.{network}"] == pytest.approx(mean_over_units(cases, "iou"))
            seconds = [result.facts["seconds"] for result in results if result.bundle == network]
            assert metrics[f"train_seconds.{network}"] == pytest.approx(sum(seconds) / 2)
        steps = tracked.client.get_metric_history(tracked.parent.info.run_id, "trainings_done")
        # Each of two that ended at one moment may be counted with the other.
        assert {point.step for point in steps} >= {0, 4}

    def test_description_says_what_was_found(self, tracked: Tracked) -> None:
        note = tracked.parent.data.tags["mlflow.note.content"]
        assert note.startswith("**4 of 4 trainings done:** ")
        verdict = note.splitlines()[0]
        assert "unet" in verdict
        assert "fcn8s" in verdict
        assert (
            "Study `study` of `unet`, `fcn8s` on `discs` (microscopy, disc): 2 folds of a group split, 1 seed" in note
        )

    def test_tables_and_report_are_artifacts(self, tracked: Tracked) -> None:
        names = {item.path for item in tracked.client.list_artifacts(tracked.parent.info.run_id)}
        assert names == {"cases.csv", "report", "study.yaml", "trainings.csv"}
        cases = pd.read_csv(io.StringIO(tracked.artifact("cases.csv")))
        assert len(cases) == 2 * 2 * 2
        assert list(cases.columns[:5]) == ["architecture", "fold", "seed", "group", "case"]
        trainings = pd.read_csv(io.StringIO(tracked.artifact("trainings.csv")))
        assert list(trainings.key) == [result.key for result in read_results(tracked.folder / "study")]
        assert yaml.safe_load(tracked.artifact("study.yaml")) == PLAN
        assert "<title>" in tracked.artifact("report/index.html")

    def test_best_models_are_registered(self, tracked: Tracked) -> None:
        for network in ("unet", "fcn8s"):
            own = [result for result in read_results(tracked.folder / "study") if result.bundle == network]
            best = max(own, key=lambda result: result.volumes().dice.mean())
            version = tracked.client.get_model_version_by_alias(f"medseg-discs-{network}", "best")
            assert version.tags["key"] == best.key
            (training,) = tracked.runs(f"tags.run_folder = '{best.key}'")
            assert version.run_id == training.info.run_id
            model = mlflow.pyfunc.load_model(f"models:/medseg-discs-{network}@best")
            assert sum(part.numel() for part in model.get_raw_model().parameters()) == best.facts["parameters"]

    def test_a_second_call_changes_nothing(self, tracked: Tracked, prepared: Manifest) -> None:
        before = {run.info.run_id for run in tracked.runs()}
        report = tracked.artifact("report/index.html")
        again = run_tracked(tracked.folder, tracked.uri, prepared).ended.succeeded()
        assert "registered" not in again.stdout
        assert {run.info.run_id for run in tracked.runs()} == before
        assert {run.info.status for run in tracked.runs()} == {"FINISHED"}
        assert tracked.artifact("report/index.html") == report
        versions = tracked.client.search_model_versions("name = 'medseg-discs-unet'")
        assert [int(version.version) for version in versions] == [1]

    def test_password_is_nowhere(self, tracked: Tracked) -> None:
        assert PASSWORD not in tracked.ended.stdout + tracked.ended.stderr
        assert any("monai.bundle" in word for word in tracked.words)
        assert not [word for word in tracked.words if PASSWORD in word]
        assert files_with(PASSWORD, tracked.folder) == []


def files_with(text: str, folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


@pytest.mark.slow
def test_trainings_may_write_to_the_database_itself(database: str, prepared: Manifest, tmp_path: Path) -> None:
    plan = {**PLAN, "folds": [0]}
    # What a server has put somewhere is not found without it, so they share no database.
    done = run_tracked(tmp_path, another_database(database, "direct"), prepared, "--jobs", "2", plan=plan)
    done.ended.succeeded()
    assert [run.info.status for run in done.runs()] == ["FINISHED"] * 3
    assert PASSWORD not in done.ended.stdout + done.ended.stderr
    assert not [word for word in done.words if PASSWORD in word]
    assert files_with(PASSWORD, tmp_path) == []


@pytest.mark.slow
def test_after_a_kill_the_next_command_leaves_no_run_running(server: str, prepared: Manifest, tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    many = {"max_epochs": 4000, "network_def": NARROW}
    (tmp_path / "study/study.yaml").write_text(yaml.safe_dump({**PLAN, "name": "killed", "settings": many}))
    study = start_study(tmp_path, "--data", prepared.root, "--jobs", "2", "--no-costs", MLFLOW_TRACKING_URI=server)
    try:
        until(lambda: len(with_status(server, "RUNNING")) == 3, timeout=300)
        trainings = psutil.Process(study.pid).children(recursive=True)
    finally:
        study.kill()
    study.communicate()
    _, alive = psutil.wait_procs(trainings, timeout=60)
    assert alive == []
    assert "killed" in with_status(server, "RUNNING")
    run_process([sys.executable, "-m", "medseg.cli", "compare"], tmp_path, MLFLOW_TRACKING_URI=server)
    assert with_status(server, "RUNNING") == []
    assert with_status(server, "KILLED") == ["fcn8s-fold0-seed0", "killed", "unet-fold0-seed0"]


def with_status(uri: str, status: str) -> list[str]:
    """Names of all runs of a store that have a status."""
    client = MlflowClient(uri)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, f"attributes.status = '{status}'")
    return sorted(str(run.info.run_name) for run in runs)
