"""``make demo`` from raw images to the comparison, and what it says when something is wrong."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from PIL import Image

from data_prep.cli import main as data_prep
from medseg.manifest import read_manifest
from tests.commands import BUNDLES, ROOT, Commands, environment, run_process
from tests.data_prep.raw_folders import image_rows, make_suffixed, mask_rows, save
from tools.child import CommandError
from tools.demo import main

TINY = ("--phantom", "2", "4", "32", "--epochs", "1", "--steps", "1", "--no-install")

ENOUGH = 99


class Runner:
    """Runs the demo's commands as the demo would, the bundles' in forks; keeps them.

    Args:
        cwd: The demo's working directory.
        commands: Runs bundle commands; None leaves them out.
        most: Number of bundle commands after which the next one fails, to be spared the rest.
    """

    def __init__(self, cwd: Path, commands: Commands | None = None, most: int = 8) -> None:
        self.cwd = cwd
        self.commands = commands
        self.most = most
        self.ran: list[list[str]] = []

    def __call__(self, command: Sequence[str]) -> None:
        assert command[:2] == [sys.executable, "-m"]
        self.ran.append(list(command[2:]))
        module, *arguments = command[2:]
        if module == "data_prep":
            assert data_prep(arguments) == 0
        elif module == "monai.bundle" and self.commands is not None:
            self.commands(*arguments, cwd=self.cwd).succeeded()
        elif module == "medseg.cli":
            print(run_process(list(command), self.cwd).succeeded().stdout)
        if len(self.of("monai.bundle")) > self.most:
            raise CommandError(command, ENOUGH)

    def of(self, module: str, word: str = "") -> list[list[str]]:
        return [words for words in self.ran if words[0] == module and word in shlex.join(words)]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Working directory of the demo, with no store but its own; trainings, which take gigabytes, are deleted."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield tmp_path
    for folder in ("runs", "mlruns"):
        shutil.rmtree(tmp_path / folder, ignore_errors=True)


def slices_validated(here: Path) -> int:
    """Slices of the cases that the first fold validates on."""
    prepared = read_manifest(here / ".demo" / "phantom-liver")
    return sum(prepared.case(name).shape[2] for name in prepared.fold(0).val)


def option(words: Sequence[str], name: str) -> str:
    return words[words.index(name) + 1]


@pytest.mark.slow
class TestWholeDemo:
    def test_runs_from_raw_images_to_the_comparison(
        self, here: Path, commands: Commands, capfd: pytest.CaptureFixture[str]
    ) -> None:
        runner = Runner(here, commands)
        assert main(TINY, runner) == 0
        self._trains_evaluates_and_tracks_each_bundle(here)
        shown = capfd.readouterr().out
        self._ends_with_table_picture_and_ui(here, shown.split("Parameters on the MLflow runs")[1])
        assert {path.name for path in here.iterdir()} <= {".demo", "runs", "mlflow.db", "mlflow.db.lock", "mlruns"}
        # Once more, without training: the same images, already prepared, are taken again.
        again = Runner(here)
        assert main(TINY, again) == 1
        assert [words[0] for words in again.ran] == ["data_prep"] + ["monai.bundle"] * 8
        captured = capfd.readouterr()
        assert "already prepared" in captured.out
        # Runs of the earlier demo do not stand in for those that were not made.
        assert re.fullmatch(r"error: sqlite:.*: runs demo-\S+ must have parameters \{'unet': 7759521, .*\}, got \{\}\n",
                            captured.err.lstrip())  # fmt: skip

    def _trains_evaluates_and_tracks_each_bundle(self, here: Path) -> None:
        runs = MlflowClient(f"sqlite:///{here / 'mlflow.db'}").search_runs(["1"])
        assert {run.data.tags["bundle_name"] for run in runs} == set(BUNDLES)
        assert {run.info.status for run in runs} == {"FINISHED"}
        for bundle in BUNDLES:
            (run,) = (here / "runs" / bundle / "phantom-liver").iterdir()
            facts = json.loads((run / "run.json").read_text())
            assert (facts["dataset"], facts["split"], facts["foreground"]) == ("phantom-liver", "group", "liver")
            assert (facts["orientation"], facts["epochs_done"]) == (None, 1)
            evaluated = here / ".demo" / "results" / "phantom-liver" / "evaluation" / bundle
            # The slices of the one patient that was not trained on.
            assert len(pd.read_csv(evaluated / "scores.csv")) == slices_validated(here)
            assert json.loads((evaluated / "summary.json").read_text())["seen_in_training"] is False

    def _ends_with_table_picture_and_ui(self, here: Path, shown: str) -> None:
        results = here / ".demo" / "results" / "phantom-liver"
        lines = [line for line in shown.splitlines() if line.strip()]
        assert lines[0].endswith("unet 7,759,521, unet_early_skip 7,765,409, unet_early_skip_concat 8,289,697, "
                                 "fcn8s 134,264,547")  # fmt: skip
        table = [next(line for line in lines[1:] if line.split()[0] == bundle) for bundle in BUNDLES]
        assert "134,264,547" in table[-1]
        picture, ui = lines[-2:]
        with Image.open(picture.removeprefix("Overview picture:").strip()) as image:
            assert image.width > 4 * 100
        assert Path(picture.removeprefix("Overview picture:").strip()) == results / "overview.png"
        page = r"http://127\.0\.0\.1:5000/#/experiments/1/runs\?compareRunsMode=CHART&workflowType=machine_learning"
        assert re.fullmatch(rf"Runs side by side: \S*mlflow ui, then {page}", ui)
        assert len(pd.read_csv(results / "comparison.csv")) == 4


class TestCommands:
    def test_bundles_are_used_unchanged_with_the_shipped_tracking(self, here: Path) -> None:
        runner = Runner(here, most=7)
        assert main(("--phantom", "2", "26", "32", "--epochs", "3", "--no-install"), runner) == ENOUGH
        trainings = runner.of("monai.bundle", "--tracking")
        assert [Path(option(words, "--config_file")).parts[-3] for words in trainings] == list(BUNDLES)
        for words, bundle in zip(trainings, BUNDLES, strict=True):
            assert option(words, "--config_file") == str(ROOT / "bundles" / bundle / "configs" / "train.json")
            assert option(words, "--tracking") == str(ROOT / "mlflow.yaml")
            assert (option(words, "--max_epochs"), option(words, "--install")) == ("3", "False")
            # About 26 slices to train on; only FCN-8s does not see all of them, 6 times 4.
            assert ("--epoch_length" in words) == ("--batch_size" in words) == (bundle == "fcn8s")
        assert (option(trainings[-1], "--epoch_length"), option(trainings[-1], "--batch_size")) == ("6", "4")
        assert len(runner.of("monai.bundle", "evaluate.json")) == 4

    def test_images_of_one_s_own_are_prepared_and_trained_as_asked(self, here: Path) -> None:
        make_suffixed(here / "my raw", [f"p{patient}_{index}" for patient in range(3) for index in range(6)])
        runner = Runner(here, most=7)
        own = ("--groups", r"^(p\d+)_", "--folds", "2", "--name", "pigs")
        sizes = ("--image-size", "64", "--steps", "1", "--epochs", "1")
        assert main(("--data", "my raw", *sizes, "--no-install", *own), runner) == ENOUGH
        (prepare,) = runner.of("data_prep", "prepare")
        assert prepare == ["data_prep", "prepare", "my raw", ".demo/my-data", *own, "--overwrite"]
        for words in runner.of("monai.bundle", "--tracking"):
            assert option(words, "--image_size") == "[64,64]"
            assert option(words, "--epoch_length") == "1"
            # Nothing is known of how these images lie.
            assert "--flip_probability" not in words
        assert all("/pigs/demo-" in option(words, "--run") for words in runner.of("monai.bundle", "--run "))

    def test_images_of_several_sizes_are_taken_one_by_one(self, here: Path) -> None:
        for folder, times in (("a", 2), ("b", 3)):
            for index in range(8):
                save(here / "raw" / folder / f"{index}.png", np.tile(image_rows(10 * times + index), (times, times)))
                save(here / "raw" / folder / f"{index}_mask.png", np.tile(mask_rows(), (times, times)))
        for options, batched in (((), False), (("--image-size", "32"), True)):
            runner = Runner(here, most=7)
            assert main(("--data", "raw", "--groups", "^([ab])/", "--no-install", *options), runner) == ENOUGH
            assert ["--batch_size" in words for words in runner.of("monai.bundle", "--tracking")] == [
                *[False] * 3, batched
            ]  # fmt: skip

    def test_installed_weights_are_never_replaced(self, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for bundle in BUNDLES:
            (here / "bundles" / bundle / "models").mkdir(parents=True)
        (here / "bundles" / "unet" / "models" / "model.pt").touch()
        monkeypatch.setattr("tools.demo.ROOT", here)
        runner = Runner(here, most=7)
        assert main(("--phantom", "2", "4", "32"), runner) == ENOUGH
        trainings = runner.of("monai.bundle", "--tracking")
        assert [option(words, "--install") for words in trainings] == ["False", "True", "True", "True"]
        assert option(trainings[0], "--config_file") == "bundles/unet/configs/train.json"


class TestErrors:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("--data", "nowhere"), "nowhere: DATA must be a folder of raw scans or images, got nothing there"),
            (("--data", "file"), "file: DATA must be a folder of raw scans or images, got a file"),
            (("--epoch", "3"), "options must be known .*, got --epoch 3; those of prepare need DATA=folder"),
        ],
        ids=["nothing", "file", "misspelt"],
    )
    def test_wrong_arguments_end_in_one_line(
        self, here: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
    ) -> None:
        (here / "file").touch()
        runner = Runner(here)
        assert main(arguments, runner) == 2
        captured = capsys.readouterr()
        assert re.fullmatch(f"error: {message}\n", captured.err.lstrip())
        assert captured.out == ""
        assert runner.ran == []

    def test_failing_step_ends_with_its_command_and_status(
        self, here: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def fail(command: Sequence[str]) -> None:
            raise CommandError(command, 5)

        assert main(TINY, fail) == 5
        expected = "python -m data_prep phantom .demo/raw/phantom-2-4-32 --patients 2 --slices 4 --size 32"
        assert capsys.readouterr().err == f"stopped: this command ended with status 5: {expected}\n"

    def test_named_command_can_be_typed(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        runner = Runner(here, most=1)
        assert main(TINY, runner) == ENOUGH
        line = capsys.readouterr().err.splitlines()[-1]
        configs = ROOT / "bundles" / "unet" / "configs"
        assert f""" --config_file "['{configs}/train.json','{configs}/evaluate.json']" """ in line
        assert shlex.split(line.split("status 99: ")[1]) == ["python", "-m", *runner.ran[-1]]

    def test_folder_that_is_no_data_set_ends_with_status_2(self, here: Path) -> None:
        (here / "raw").mkdir()
        ended = run_process([sys.executable, "-m", "tools.demo", "--data", "raw", "--no-install"], here)
        assert ended.status == 2
        error, stopped = ended.stderr.splitlines()
        assert error == ("error: raw: must have a known layout, got an empty folder; looked for "
                         + error.split("looked for ")[1])  # fmt: skip
        assert stopped == ("stopped: this command ended with status 2: "
                           "python -m data_prep prepare raw .demo/my-data --overwrite")  # fmt: skip

    def test_interrupt_leaves_the_run_killed_and_ends_quietly(self, here: Path) -> None:
        command = [
            sys.executable,
            "-m",
            "tools.demo",
            "--phantom",
            "2",
            "4",
            "32",
            "--no-install",
            "--epochs",
            "9999",
        ]
        with (here / "shown").open("w", encoding="utf-8") as shown:
            demo = subprocess.Popen(command, cwd=here, env=environment(), stdout=shown, stderr=shown)
            deadline = time.monotonic() + 300
            while "epoch 1/9999" not in (here / "shown").read_text(encoding="utf-8") and time.monotonic() < deadline:
                assert demo.poll() is None, (here / "shown").read_text(encoding="utf-8")
                time.sleep(0.2)
            demo.send_signal(signal.SIGINT)
            assert demo.wait(timeout=300) == 128 + signal.SIGINT
        (run,) = MlflowClient(f"sqlite:///{here / 'mlflow.db'}").search_runs(["1"])
        assert run.info.status == "KILLED"
        lines = (here / "shown").read_text(encoding="utf-8").splitlines()
        assert lines[-1] == "interrupted; what was finished stays"
        assert not any("Traceback" in line or "stopped" in line for line in lines)
