from __future__ import annotations

import re
from pathlib import Path

import pytest

from medseg.errors import UsageError
from medseg.manifest import Manifest
from medseg.runs import RunFolder, new_run_name, run_folder


class TestRunFolder:
    def test_paths_lie_below_the_root(self) -> None:
        folder = RunFolder(Path("r"))
        assert folder.checkpoint == Path("r/checkpoints/last.pt")
        assert folder.weights("best") == Path("r/weights/best/model.pt")
        assert (folder.scores("last"), folder.summary("last")) == (
            Path("r/scores_last.csv"),
            Path("r/summary_last.json"),
        )
        assert folder.volumes("best") == Path("r/volumes_best.csv")
        assert folder.calibration("last") == Path("r/calibration_last.csv")
        assert folder.masks("best") == Path("r/masks_best.npz")

    def test_facts_are_read(self, tmp_path: Path) -> None:
        (tmp_path / "run.json").write_text('{"status": "FINISHED"}')
        assert RunFolder(tmp_path).read_facts() == {"status": "FINISHED"}

    def test_folder_without_facts_raises(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"run must be the folder of a training, but it has no run\.json"):
            RunFolder(tmp_path).read_facts()


class TestNewRunName:
    def test_is_time_and_four_letters(self) -> None:
        assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{4}", new_run_name())

    def test_runs_of_one_second_stay_apart(self) -> None:
        assert len({new_run_name() for _ in range(20)}) > 15


class TestNewRun:
    def test_lies_below_bundle_and_data_set(self, prepared: Manifest, tmp_path: Path) -> None:
        folder = run_folder(str(tmp_path), "unet", str(prepared.root), "first", None)
        assert folder.root == tmp_path.resolve() / "unet" / "discs" / "first"

    def test_nothing_is_created(self, prepared: Manifest, tmp_path: Path) -> None:
        run_folder(str(tmp_path), "unet", str(prepared.root), "first", None)
        assert list(tmp_path.iterdir()) == []

    def test_name_is_made_where_none_is_given(self, prepared: Manifest, tmp_path: Path) -> None:
        names = {run_folder(str(tmp_path), "unet", str(prepared.root), None, None).root.name for _ in range(2)}
        assert len(names) == 2

    def test_number_is_a_name(self, prepared: Manifest, tmp_path: Path) -> None:
        # The command line turns `--run_name 7` into a number.
        assert run_folder(str(tmp_path), "unet", str(prepared.root), 7, None).root.name == "7"  # type: ignore[arg-type]

    def test_path_does_not_follow_the_working_directory(
        self, prepared: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        folder = run_folder("runs", "unet", str(prepared.root), "first", None)
        assert folder.root == tmp_path.resolve() / "runs" / "unet" / "discs" / "first"

    @pytest.mark.parametrize("name", ["", "a/b", "../up", ".hidden", "-x", "two words", "ü", "a\n"])
    def test_name_with_other_characters_raises(self, prepared: Manifest, tmp_path: Path, name: str) -> None:
        with pytest.raises(UsageError, match=r"run_name must consist of letters, digits, '\.', '_' and '-', got "):
            run_folder(str(tmp_path), "unet", str(prepared.root), name, None)

    def test_existing_folder_raises(self, prepared: Manifest, tmp_path: Path) -> None:
        (tmp_path / "unet" / "discs" / "first").mkdir(parents=True)
        with pytest.raises(UsageError, match="run_name must be new, but the folder exists; go on with it by --resume"):
            run_folder(str(tmp_path), "unet", str(prepared.root), "first", None)

    def test_folder_that_is_no_data_set_raises(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"it has no dataset\.json"):
            run_folder(str(tmp_path), "unet", str(tmp_path), "first", None)


class TestResumedRun:
    def test_is_the_folder_itself(self, tmp_path: Path) -> None:
        RunFolder(tmp_path).checkpoint.parent.mkdir()
        RunFolder(tmp_path).checkpoint.touch()
        folder = run_folder("elsewhere", "unet", "no data set is read", None, str(tmp_path))
        assert folder.root == tmp_path.resolve()

    def test_folder_without_checkpoint_raises(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"resume must be a run's folder, but it has no checkpoints/last\.pt"):
            run_folder("runs", "unet", "data", None, str(tmp_path))
