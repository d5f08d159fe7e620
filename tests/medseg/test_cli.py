from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from tests.commands import Ended, run_process
from tests.medseg.stores import Training

StoreOf = Callable[..., str]
Medseg = Callable[..., Ended]


@pytest.fixture
def two_networks(store_of: StoreOf) -> str:
    return store_of(
        Training("fcn8s", dice=0.91234),
        Training("unet", "old", dice=0.5),
        Training("unet", "new", dice=0.93456, started=2),
        Training("unet", dataset="cells", fold=1, iou=0.123456789012345, started=3),
    )


class TestCompare:
    def test_shows_a_table_a_data_set(self, medseg: Medseg, two_networks: str) -> None:
        out = medseg("compare").succeeded().stdout
        assert re.findall(r"^\w+ \(data", out, re.MULTILINE) == ["cells (data", "discs (data"]
        assert "0.9346" in out
        assert "0.9123" in out
        assert "0.5000" not in out
        assert "0.5000" in medseg("compare", "--all-runs").succeeded().stdout

    def test_data_set_may_be_chosen(self, medseg: Medseg, two_networks: str) -> None:
        out = medseg("compare", "--dataset", "cells").succeeded().stdout
        assert "discs" not in out
        assert "0.1235" in out

    def test_store_may_be_named_and_be_the_environment_s(
        self, medseg: Medseg, two_networks: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.chdir("/")
        assert "0.9346" in medseg("compare", "--tracking-uri", two_networks).succeeded().stdout
        monkeypatch.setenv("MLFLOW_TRACKING_URI", two_networks)
        assert "0.9346" in medseg("compare").succeeded().stdout

    @pytest.mark.parametrize("columns", [80, 120, 200])
    def test_terminal_s_width_is_kept(
        self, medseg: Medseg, two_networks: str, monkeypatch: pytest.MonkeyPatch, columns: int
    ) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", str(columns))
        out = re.sub(r"\x1b\[[\d;]*m", "", medseg("compare").succeeded().stdout)
        assert max(map(len, out.splitlines())) <= columns
        for figure in ("7,759,521", "134,264,547", "0.9346", "0.9221", "0.9421", "0.9123", "2.500", "33.9 min"):
            assert figure in out


class TestFiles:
    def test_markdown_csv_and_picture(self, medseg: Medseg, two_networks: str, tmp_path: Path) -> None:
        files = ("--markdown", "out/a.md", "--csv", "out/a.csv", "--picture", "out/a.png")
        ended = medseg("compare", *files).succeeded()
        assert [line for line in ended.stdout.splitlines() if line.startswith("written: ")] == [
            f"written: {tmp_path}/out/a.{suffix}" for suffix in ("md", "csv", "png")
        ]
        assert (tmp_path / "out" / "a.md").read_text().count("\n| unet | ") == 2

        table = pd.read_csv(tmp_path / "out" / "a.csv")
        assert list(table.dataset) == ["cells", "discs", "discs"]
        assert list(table.run) == ["unet-a", "unet-new", "fcn8s-a"]
        assert (table.iou[0], table.dice[1]) == (0.123456789012345, 0.93456)

        with Image.open(tmp_path / "out" / "a.png") as image:
            colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 24) or []}
        assert {(255, 0, 0), (255, 255, 0)} <= colours

    def test_picture_shows_the_first_fold_of_each_table(
        self, medseg: Medseg, store_of: StoreOf, tmp_path: Path
    ) -> None:
        store_of(Training("fcn8s", fold=1), Training("unet", fold=0), Training("unet_early_skip", dataset="cells"))
        medseg("compare", "--picture", "a.png").succeeded()
        with Image.open(tmp_path / "a.png") as image:
            colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 24) or []}
        assert {(255, 0, 0), (0, 255, 0)} <= colours
        assert (255, 255, 0) not in colours

    @pytest.mark.parametrize("option", ["--markdown", "--csv", "--picture"])
    def test_file_that_cannot_be_written_is_named(
        self, medseg: Medseg, two_networks: str, tmp_path: Path, option: str
    ) -> None:
        (tmp_path / "folder").mkdir()
        error = medseg("compare", option, "folder").refused()
        assert error == "folder: must be a file that can be written, got Is a directory"
        (tmp_path / "file").touch()
        error = medseg("compare", option, "file/a").refused()
        assert error.startswith("file/a: must be a file that can be written, got ")
        assert not list((tmp_path / "folder").iterdir())


class TestErrors:
    def test_no_store_and_none_is_made(self, medseg: Medseg, tmp_path: Path) -> None:
        assert medseg("compare").refused() == (
            f"{tmp_path}/mlflow.db: must be an MLflow store, but there is none; train a bundle with --tracking first"
        )
        assert not list(tmp_path.iterdir())

    def test_file_that_is_no_store(self, medseg: Medseg, tmp_path: Path) -> None:
        (tmp_path / "mlflow.db").write_text("these are notes, not a database\n" * 100)
        assert (
            medseg("compare")
            .refused()
            .startswith(f"sqlite:///{tmp_path}/mlflow.db: tracking_uri must be an MLflow store that opens, got ")
        )

    def test_no_finished_training(self, medseg: Medseg, store_of: StoreOf) -> None:
        uri = store_of()
        expected = f"{uri}: must hold a finished training, got none; train a bundle with --tracking"
        assert medseg("compare").refused() == expected

    def test_unknown_data_set(self, medseg: Medseg, two_networks: str) -> None:
        assert medseg("compare", "--dataset", "disc").refused() == (
            f"{two_networks}: must hold a finished training of data set 'disc', got trainings of cells, discs only"
        )

    def test_missing_artifact(self, medseg: Medseg, store_of: StoreOf) -> None:
        store_of(Training(without=("summary_last.json",)))
        message = (
            "run unet-a: must have its scores as artifact summary_last.json, got .*; leave it out with: mlflow runs"
        )
        assert re.match(message, medseg("compare").refused())

    def test_missing_pictures(self, medseg: Medseg, store_of: StoreOf, tmp_path: Path) -> None:
        store_of(Training("fcn8s"), Training(pictures=()))
        assert medseg("compare", "--picture", "a.png").refused() == (
            "discs (data dddddddd, group split 55555555, images at their own size): a picture must show slices that"
            " each training drew, but there is none; leave out --picture, or name another data set with --dataset"
        )
        assert not (tmp_path / "a.png").exists()

    def test_unknown_option_is_wrong_usage(self, medseg: Medseg) -> None:
        ended = medseg("compare", "--data", "discs")
        assert ended.status == 2
        assert "No such option: --data" in ended.stderr
        assert "Traceback" not in ended.stderr


class TestWithoutExtras:
    """In a process of its own, where ``pip install medseg`` brought no more than data preparation needs."""

    @staticmethod
    def run(*args: str, cwd: Path) -> Ended:
        hidden = "import sys; sys.modules.update(dict.fromkeys(['torch', 'mlflow', 'monai', 'ignite'])); "
        return run_process([sys.executable, "-c", f"{hidden}from medseg.cli import main; main()", *args], cwd=cwd)

    def test_comparing_names_what_is_missing_and_the_command_that_installs_it(self, tmp_path: Path) -> None:
        error = self.run("compare", cwd=tmp_path).refused()
        assert error == "compare needs mlflow; install it with: pip install 'medseg[train]'"

    def test_help_is_there(self, tmp_path: Path) -> None:
        assert "--all-runs" in self.run("compare", "--help", cwd=tmp_path).succeeded().stdout
