from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from data_prep.cli import main
from data_prep.options import Options
from data_prep.prepare import prepare
from tests.commands import ROOT, environment
from tests.data_prep.raw_folders import contents, image_rows, make_pairs, mask_rows, save


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return make_pairs(tmp_path / "raw", 6)


@pytest.fixture
def out(raw: Path, tmp_path: Path) -> Path:
    """A finished data set."""
    prepare(raw, tmp_path / "out", Options(name="set"))
    return tmp_path / "out"


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


class Ran:
    """What a command printed, with runs of spaces as one."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status = status
        self.out = " ".join(out.split())
        self.err = err.strip()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    def run_command(*args: object) -> Ran:
        status = main([str(arg) for arg in args])
        return Ran(status, *capsys.readouterr())

    return run_command


class TestPrepare:
    def test_summary_is_for_a_person(self, raw: Path, tmp_path: Path, run: Callable[..., Ran]) -> None:
        shown = run("prepare", raw, tmp_path / "new", "--modality", "EM", "--foreground-name", "cell")
        assert shown.status == 0
        assert shown.err == ""
        for part in (
            "new: EM, foreground cell",
            "cases │ 6",
            "size (x, y) │ 16 x 16 (6)",
            # 1 + ... + 6 = 21 of 96 rows
            "foreground │ 21.9% of pixels; 0 images without any",
            "layout │ folder-pairs",
            "orientation │ none (x = column, y = row)",
            "split │ contiguous, 5 folds, seed 0",
            "folds (train + val) │ 0: 4 + 2, 1: 5 + 1, 2: 5 + 1, 3: 5 + 1, 4: 5 + 1",
            "warning: no groups known",
            "next: python -m monai.bundle run",
            f"--dataset_dir {tmp_path / 'new'} --tracking mlflow.yaml",
        ):
            assert part in shown.out
        assert "were complete" not in shown.out
        assert "already prepared" not in shown.out

    def test_every_option_arrives(self, raw: Path, tmp_path: Path, run: Callable[..., Ran]) -> None:
        options = {
            "--layout": "folder-pairs",
            "--foreground": "255",
            "--name": "cells",
            "--modality": "EM",
            "--foreground-name": "cell",
            "--groups": r"(\d)",
            "--split": "group",
            "--folds": "3",
            "--seed": "5",
            "--orientation": "rp",
        }
        given = [*(text for option in options.items() for text in option), "--window-hu=-100,400"]
        assert run("prepare", raw, tmp_path / "new", *given).status == 0
        described = Options(
            name="cells",
            layout="folder-pairs",
            foreground=("255",),
            modality="EM",
            foreground_name="cell",
            groups=r"(\d)",
            split="group",
            folds=3,
            seed=5,
            orientation="RP",
            window_hu=(-100.0, 400.0),
        )
        prepare(raw, tmp_path / "expected", described)
        assert contents(tmp_path / "new") == contents(tmp_path / "expected")

    def test_second_run_says_that_there_was_nothing_to_do(self, raw: Path, out: Path, run: Callable[..., Ran]) -> None:
        shown = run("prepare", raw, out, "--name", "set")
        assert shown.status == 0
        assert "already prepared from the same source and options; nothing was written" in shown.out

    def test_rest_of_a_run_is_counted(self, raw: Path, out: Path, run: Callable[..., Ran]) -> None:
        (out / "labelsTr" / "case_0001.nii").unlink()
        shown = run("prepare", raw, out, "--name", "set")
        assert "1 cases written, 5 were complete" in shown.out

    def test_overwrite_replaces(self, raw: Path, out: Path, run: Callable[..., Ran]) -> None:
        assert run("prepare", raw, out, "--name", "other").status == 2
        assert run("prepare", raw, out, "--name", "other", "--overwrite").status == 0
        assert json.loads((out / "dataset.json").read_text(encoding="utf-8"))["name"] == "other"

    def test_folder_name_that_is_no_name_asks_for_one(self, raw: Path, tmp_path: Path, run: Callable[..., Ran]) -> None:
        shown = run("prepare", raw, tmp_path / "my cells")
        assert shown.status == 2
        assert "--name must be letters, digits, '.', '_' or '-', got 'my cells'; give a --name" in shown.err

    def test_unwritable_target_is_one_line(self, raw: Path, run: Callable[..., Ran]) -> None:
        shown = run("prepare", raw, "/proc/data-set")
        assert shown.status == 1
        assert shown.err.startswith("error: ")
        assert len(shown.err.splitlines()) == 1

    def test_commands_to_copy_hold_names_with_spaces(self, raw: Path, tmp_path: Path, run: Callable[..., Ran]) -> None:
        out = tmp_path / "my  cells"
        assert f"--dataset_dir '{tmp_path}/my cells'" in run("prepare", raw, out, "--name", "cells").out
        moved = raw.rename(tmp_path / "raw  cells")
        for index in (1, 3):
            (moved / "label" / f"{index}.png").unlink()
        assert run("prepare", moved, out, "--name", "cells").err.endswith(f"inspect '{tmp_path}/raw  cells'")


class TestInspect:
    def test_good_folder_is_shown_and_nothing_written(self, raw: Path, run: Callable[..., Ran]) -> None:
        before = contents(raw)
        shown = run("inspect", raw, "--folds", "2")
        assert shown.status == 0
        for part in (
            "found │ 6 cases, 6 readable",
            "label values │ 255",
            "groups │ not known",
            "split │ contiguous, 2 folds, seed 0",
            "warning: no groups known",
        ):
            assert part in shown.out
        assert contents(raw) == before

    def test_all_errors_are_shown(self, raw: Path, run: Callable[..., Ran]) -> None:
        (raw / "image" / "1.png").write_bytes(b"")
        save(raw / "label" / "2.png", mask_rows(value=9))
        (raw / "label" / "3.png").unlink()
        shown = run("inspect", raw)
        assert shown.status == 1
        assert "found │ 5 cases, 3 readable" in shown.out
        for part in (
            f"error: {raw}/image/1.png: must be a readable image",
            f"error: {raw}/label/2.png: mask values must be 0 and 1, or 0 and 255, got 0, 9",
            f"error: {raw}/image/3.png: image has no label in label",
        ):
            assert part in shown.out

    def test_folder_of_which_nothing_can_be_read_is_shown(self, raw: Path, run: Callable[..., Ran]) -> None:
        for path in (raw / "image").iterdir():
            path.write_bytes(b"")
        shown = run("inspect", raw)
        assert shown.status == 1
        assert "found │ 6 cases, 0 readable" in shown.out
        assert shown.out.count("error: ") == 6

    def test_leaky_split_is_marked(self, raw: Path, run: Callable[..., Ran]) -> None:
        shown = run("inspect", raw, "--split", "random")
        assert shown.status == 0
        assert "LEAKY: patients may stand on both sides" in shown.out

    def test_many_sizes_and_values_are_cut_short(self, raw: Path, run: Callable[..., Ran]) -> None:
        for index in range(6):
            save(raw / "image" / f"{index}.png", image_rows(index)[: index + 8])
            save(raw / "label" / f"{index}.png", image_rows(index)[: index + 8])
        shown = run("inspect", raw, "--foreground", "255")
        assert "2 other sizes" in shown.out
        assert "label values │ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ..." in shown.out

    def test_names_with_what_a_terminal_obeys_are_written_out(
        self, raw: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (raw / "a\nb\x1b[31m  c.txt").write_text("", encoding="utf-8")
        (raw / "image" / "1.png").rename(raw / "image" / "1\x1b[31m\n.png")
        assert main(["inspect", str(raw)]) == 1
        shown = capsys.readouterr().out
        assert r"(1: a b\x1b[31m  c.txt)" in shown
        assert rf"error: {raw}/image/1\x1b[31m .png: image has no label" in shown

    def test_names_that_look_like_markup_are_shown_as_they_are(self, tmp_path: Path, run: Callable[..., Ran]) -> None:
        raw = make_pairs(tmp_path / "[red]raw[/blue]", 3)
        (raw / "[bold]note[red].txt").write_text("", encoding="utf-8")
        shown = run("inspect", raw)
        assert shown.status == 0
        assert "[red]raw[/blue]" in "".join(shown.out.split())  # a long path is wrapped
        assert "files that are no images were ignored (1: [bold]note[red].txt)" in shown.out


def cut_image(out: Path) -> None:
    path = out / "imagesTr" / "case_0001_0000.nii"
    path.write_bytes(path.read_bytes()[:-5])


def change_label(out: Path) -> None:
    path = out / "labelsTr" / "case_0001.nii"
    path.write_bytes(path.read_bytes()[:-1] + b"\1")


def remove_label(out: Path) -> None:
    (out / "labelsTr" / "case_0001.nii").unlink()


def miscount_slices(out: Path) -> None:
    rows = [*csv.reader((out / "slices.csv").read_text(encoding="utf-8").splitlines())]
    rows[2][2] = "7"
    (out / "slices.csv").write_text("\n".join(map(",".join, rows)) + "\n", encoding="utf-8")


def leak_case(out: Path) -> None:
    folds = json.loads((out / "splits_final.json").read_text(encoding="utf-8"))
    folds[0]["train"].append(folds[0]["val"][0])
    (out / "splits_final.json").write_text(json.dumps(folds), encoding="utf-8")


def other_provenance(out: Path) -> None:
    (out / "provenance.json").write_text('{"fingerprint": "0"}', encoding="utf-8")


def remove_provenance(out: Path) -> None:
    (out / "provenance.json").unlink()


def damage_provenance(out: Path) -> None:
    (out / "provenance.json").write_text("[", encoding="utf-8")


class TestVerify:
    def test_good_data_set_is_shown(self, out: Path, run: Callable[..., Ran]) -> None:
        shown = run("verify", out)
        assert shown.status == 0
        assert "cases │ 6" in shown.out
        assert shown.out.endswith("ok")

    @pytest.mark.parametrize(
        ("damage", "rule"),
        [
            (cut_image, "imagesTr/case_0001_0000.nii: must hold 608 bytes, got 603; the file is cut short"),
            (change_label, "imagesTr/case_0001_0000.nii: voxels must have hash "),
            (remove_label, "labelsTr/case_0001.nii: does not exist; prepare the data set again"),
            (miscount_slices, "slices.csv: case_0001 slice 0 must have 32 foreground pixels"),
            (leak_case, "splits_final.json: fold 0 must not have a case on both sides, got ['case_0000']"),
            (other_provenance, "provenance.json: fingerprint must be "),
            (remove_provenance, "provenance.json: must say where the cases come from, got FileNotFoundError"),
            (damage_provenance, "provenance.json: must say where the cases come from, got JSONDecodeError"),
        ],
    )
    def test_damage_is_found(
        self, out: Path, run: Callable[..., Ran], damage: Callable[[Path], None], rule: str
    ) -> None:
        damage(out)
        shown = run("verify", out)
        assert shown.status == 1
        assert f"{out}/{rule}" in shown.out
        assert not shown.out.endswith("ok")

    def test_raw_folder_is_no_prepared_one(self, raw: Path, run: Callable[..., Ran]) -> None:
        shown = run("verify", raw)
        assert shown.status == 2
        assert shown.err.startswith(
            f"error: {raw}: dataset_dir must be a prepared data set, but it has no dataset.json"
        )


class TestWrongUsage:
    @pytest.mark.parametrize(
        ("args", "message"),
        [
            (["prepare"], "Missing argument 'RAW'"),
            (["prepare", "RAW"], "Missing argument 'OUT'"),
            (["repair", "RAW"], "No such command 'repair'"),
            (["inspect", "RAW", "--fold", "2"], "No such option"),
            (["inspect", "RAW", "--folds", "two"], "Invalid value for '--folds'"),
            (["inspect", "RAW", "--folds", "1"], "--folds must be at least 2, got 1"),
            (["inspect", "RAW", "--seed", "-1"], "--seed must be at least 0, got -1"),
            (["inspect", "RAW", "--split", "patient"], "--split must be one of group, contiguous, random, got patient"),
            (["inspect", "RAW", "--split", "group"], "--split group needs at least 2 groups, got 1"),
            (
                ["inspect", "RAW", "--foreground", "1,"],
                "--foreground must be values or names such as 1,2 or liver,tumor",
            ),
            (["inspect", "RAW", "--layout", "pears"], "--layout must be one of auto, folder-pairs"),
            (["inspect", "RAW", "--orientation", "up"], "--orientation must be two letters of L, R, A, P, got 'up'"),
            (["inspect", "RAW", "--groups", "("], "--groups (: must be a CSV file or a regular expression"),
            (["inspect", "nowhere"], "nowhere: RAW must be a folder, but there is none"),
            (["verify", "nowhere"], "nowhere: dataset_dir must be a prepared data set, but there is no such folder"),
        ],
    )
    def test_ends_with_2_and_says_why(self, raw: Path, run: Callable[..., Ran], args: list[str], message: str) -> None:
        shown = run(*[raw if arg == "RAW" else arg for arg in args])
        assert shown.status == 2
        assert message in shown.err
        assert "Traceback" not in shown.err

    def test_interrupt_is_no_traceback(
        self, raw: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("data_prep.prepare.run_cases", interrupt)
        shown = run("inspect", raw)
        assert (shown.status, shown.err.strip()) == (130, "error: interrupted")

    def test_nothing_at_all_shows_the_help(self, run: Callable[..., Ran]) -> None:
        shown = run()
        assert shown.status == 2
        for command in ("prepare", "inspect", "verify"):
            assert command in shown.out + shown.err


class TestPhantom:
    def test_each_patient_has_images_segmentation_and_label_map(self, run: Callable[..., Ran], tmp_path: Path) -> None:
        shown = run("phantom", tmp_path / "p", "--patients", "1", "--slices", "6", "--size", "48")
        assert shown.status == 0
        patient = tmp_path / "p" / "PHANTOM-01"
        images = len(list((patient / "ct").iterdir()))
        assert f"{images} CT images of 1 made-up patients" in shown.out
        assert (patient / "seg" / "liver.dcm").is_file()
        assert (patient / "liver.nii.gz").is_file()

    def test_unknown_fault_is_wrong_usage(self, run: Callable[..., Ran], tmp_path: Path) -> None:
        shown = run("phantom", tmp_path / "p", "--fault", "nosuch")
        assert shown.status == 2
        assert "error: --fault must be one of tilt, missing-slice" in shown.err
        assert not (tmp_path / "p").exists()


class TestProcess:
    def test_failure_is_one_line_on_standard_error(self, raw: Path, tmp_path: Path) -> None:
        (raw / "label" / "3.png").unlink()
        done = subprocess.run(
            [sys.executable, "-m", "data_prep", "prepare", str(raw), str(tmp_path / "new")],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=120,
        )
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr.splitlines()[-1] == f"error: {raw}/image/3.png: image has no label in label"
        assert "Traceback" not in done.stderr
