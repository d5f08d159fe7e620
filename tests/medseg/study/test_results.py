"""Finished trainings as a study keeps them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from medseg.errors import MedsegError, UsageError
from medseg.study import Result, check_comparable, missing_cases, read_results
from medseg.study.results import install_result
from tests.factories import edit_json
from tests.medseg.study.run_folders import make_run


def install(
    study: Path, key: str, *, config: str = "c" * 64, dice: tuple[float, ...] = (0.8, 0.9), **facts: Any
) -> Result:
    run = make_run(study / "work" / key, dice=dice, **facts)
    return install_result(study, key, run, {"study": "cell", "config_sha256": config})


def test_a_result_keeps_tables_and_facts_but_no_machine(tmp_path: Path) -> None:
    install(tmp_path, "unet-fold0-seed0-cccccccc")
    (result,) = read_results(tmp_path)
    assert (result.key, result.bundle, result.fold, result.seed) == ("unet-fold0-seed0-cccccccc", "unet", 0, 0)
    assert list(result.volumes().dice) == [0.8, 0.9]
    assert list(result.images("best").case) == ["case_0", "case_1"]
    assert list(result.images().group) == ["001", "001"]  # no number
    assert list(result.history().epoch) == [1, 2]
    assert list(result.calibration().bin_low) == [0.0]
    assert result.facts["study"] == "cell"
    assert not {"pid", "host"} & result.facts.keys()
    assert sorted(path.name for path in result.folder.iterdir()) == [
        "calibration_last.csv", "history.csv", "run.json", "scores_best.csv", "scores_last.csv", "volumes_best.csv",
        "volumes_last.csv",
    ]  # fmt: skip


def test_results_come_by_architecture_fold_and_seed(tmp_path: Path) -> None:
    for name, fold, seed in [("zebra", 0, 0), ("fcn8s", 0, 0), ("unet", 1, 0), ("unet", 0, 1), ("unet", 0, 0)]:
        install(tmp_path, f"{name}-fold{fold}-seed{seed}-cccccccc", bundle_name=name, fold=fold, seed=seed)
    assert [(result.bundle, result.fold, result.seed) for result in read_results(tmp_path)] == [
        ("unet", 0, 0), ("unet", 0, 1), ("unet", 1, 0), ("fcn8s", 0, 0), ("zebra", 0, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({"status": "RUNNING"}, "RUNNING after 2 of 2 epochs"),
        ({"epochs_done": 1}, "FINISHED after 1 of 2 epochs"),
    ],
)
def test_only_a_finished_training_is_a_result(tmp_path: Path, facts: dict[str, Any], state: str) -> None:
    with pytest.raises(MedsegError, match=f"a result must be a finished training's, got {state}$"):
        install(tmp_path, "unet-fold0-seed0-cccccccc", **facts)
    assert read_results(tmp_path) == []


def test_a_training_that_left_too_little_leaves_no_half_a_result(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    run.volumes("best").unlink()
    with pytest.raises(
        MedsegError, match=r"volumes_best.csv: a finished training must have left it, but there is none$"
    ):
        install_result(tmp_path, "key", run, {"config_sha256": "c"})
    assert list((tmp_path / "results").iterdir()) == []


def test_a_half_copied_result_of_a_killed_process_is_no_result(tmp_path: Path) -> None:
    partial = tmp_path / "results/.partial-17-unet-fold0-seed0-cccccccc"
    partial.mkdir(parents=True)
    (partial / "run.json").write_text("{}")
    assert read_results(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "must be a training's facts as JSON, got .*; delete its folder to train it again$"),
        ("{}", "must hold bundle_name, but it does not; delete its folder to train it again$"),
    ],
)
def test_a_damaged_result_is_named(tmp_path: Path, text: str, message: str) -> None:
    result = install(tmp_path, "unet-fold0-seed0-cccccccc")
    (result.folder / "run.json").write_text(text)
    with pytest.raises(MedsegError, match=f"run.json: {message}"):
        read_results(tmp_path)


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    result = install(tmp_path, "unet-fold0-seed0-cccccccc")
    (result.folder / "volumes_last.csv").write_text("")
    with pytest.raises(
        MedsegError, match=r"volumes_last.csv: must be a table of a finished training, got [^\n]+ again$"
    ):
        result.volumes()


def test_a_table_without_scores_is_named(tmp_path: Path) -> None:
    result = install(tmp_path, "unet-fold0-seed0-cccccccc")
    (result.folder / "volumes_last.csv").write_text("group,case\n001,case_0\n")
    with pytest.raises(MedsegError, match=r"volumes_last.csv: must hold [^\n]+, got no column dice; delete its folder"):
        result.volumes()


def test_trainings_on_the_same_ground_are_comparable(tmp_path: Path) -> None:
    install(tmp_path, "a", fold=0)
    install(tmp_path, "b", fold=1)
    install(tmp_path, "c", bundle_name="fcn8s", config="d" * 64, max_epochs=2)
    check_comparable(read_results(tmp_path))


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (
            {"fingerprint": "e" * 64},
            "must be of the same data, got fingerprint ffffffffffffffff (a) and eeeeeeeeeeeeeeee (b)",
        ),
        (
            {"split_sha256": "6" * 64},
            "must be of the same folds, got split_sha256 5555555555555555 (a) and 6666666666666666 (b)",
        ),
        ({"image_size": [64, 64]}, "must be of images of the same size, got image_size None (a) and [64, 64] (b)"),
    ],
)
def test_other_ground_is_refused_by_name(tmp_path: Path, facts: dict[str, Any], message: str) -> None:
    install(tmp_path, "a")
    install(tmp_path, "b", bundle_name="fcn8s", **facts)
    with pytest.raises(UsageError) as caught:
        check_comparable(read_results(tmp_path))
    assert message in str(caught.value)


def test_two_settings_of_one_bundle_are_refused(tmp_path: Path) -> None:
    install(tmp_path, "a", fold=0)
    install(tmp_path, "b", fold=1, config="d" * 64)
    with pytest.raises(
        UsageError, match=r"trainings of unet must have the same settings, got config_sha256 c{16} \(a\) and d{16}"
    ):
        check_comparable(read_results(tmp_path))


def test_cases_that_a_network_lacks_are_named(tmp_path: Path) -> None:
    install(tmp_path, "a", dice=(0.8, 0.9, 0.7))
    install(tmp_path, "b", bundle_name="fcn8s", dice=(0.8,))
    assert missing_cases(read_results(tmp_path)) == {"fcn8s": ["case_1", "case_2"]}


def test_tables_survive_the_way_through_json(tmp_path: Path) -> None:
    result = install(tmp_path, "a")
    edit_json(result.folder / "run.json", lambda facts: facts.update(note="moved to another machine"))
    (again,) = read_results(tmp_path)
    assert json.loads((again.folder / "run.json").read_text())["note"] == "moved to another machine"
    pd.testing.assert_frame_equal(again.volumes(), result.volumes())
