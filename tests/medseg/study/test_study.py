"""``medseg study run`` from its flags to its results, each training a process of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml
from distributed import LocalCluster

from medseg.deploy.find_bundle import copy_bundle
from medseg.manifest import Manifest
from medseg.study import check_comparable, read_results
from medseg.study.cost import read_costs
from tests.commands import ROOT, Ended
from tests.medseg.conftest import Medseg
from tests.medseg.study.commands import SHORT, keys, run_study, scores, tracked_runs

TWO = ("--bundle", "unet", "--bundle", "unet_early_skip", "--fold", "0")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, prepared: Manifest) -> tuple[Path, Ended]:
    """A study of two networks, run to its end; its folder's parent, and what was printed."""
    folder = tmp_path_factory.mktemp("done")
    ended = run_study(folder, "--data", prepared.root, *TWO, *SHORT, "--costs").succeeded()
    return folder, ended


def test_flags_become_a_plan(done: tuple[Path, Ended]) -> None:
    folder, _ = done
    assert yaml.safe_load((folder / "study/study.yaml").read_text()) == {
        "name": "study",
        "bundles": ["unet", "unet_early_skip"],
        "folds": [0],
        "seeds": [0],
        "settings": {"max_epochs": 2, "epoch_length": 2},
        "threads": 1,
    }


def test_each_training_leaves_a_result_of_its_fold(done: tuple[Path, Ended], prepared: Manifest) -> None:
    results = read_results(done[0] / "study")
    check_comparable(results)
    assert [result.bundle for result in results] == ["unet", "unet_early_skip"]
    for result in results:
        assert list(result.volumes().case) == list(prepared.fold(0).val)
        assert set(result.volumes().group) == {"g0"}
        assert len(result.history()) == 2
        assert result.facts["fingerprint"] == prepared.fingerprint
        assert result.facts["threads"] == 1


def test_what_is_printed(done: tuple[Path, Ended]) -> None:
    lines = done[1].stdout.splitlines()
    assert lines[:3] == [
        "study study: 2 trainings, 2 left",
        "measuring what unet costs",
        "measuring what unet_early_skip costs",
    ]
    assert "begun: unet, fold 0, seed 0" in lines
    assert any(
        line.startswith("unet_early_skip, fold 0, seed 0: done in ") and line.endswith("; 0 left") for line in lines
    )
    assert lines[-1].startswith("study study: 2 done; look at them with: medseg report study")


def test_only_the_best_weights_of_a_network_stay(done: tuple[Path, Ended]) -> None:
    work = done[0] / "runs/studies/study"
    assert sorted(str(path.relative_to(work)) for path in work.rglob("*.pt")) == [
        "best/unet/model.pt",
        "best/unet_early_skip/model.pt",
    ]
    best = json.loads((work / "best/unet/best.json").read_text())
    (result,) = (result for result in read_results(done[0] / "study") if result.bundle == "unet")
    assert best == {"key": result.key, "dice": pytest.approx(result.volumes().dice.mean())}
    assert sorted(path.name for path in (work / "masks").iterdir()) == sorted(
        f"{result.key}.npz" for result in read_results(done[0] / "study")
    )


def test_nothing_is_installed_into_bundles(done: tuple[Path, Ended]) -> None:
    for result in read_results(done[0] / "study"):
        (run,) = (done[0] / "runs/studies/study/runs").glob(f"{result.bundle}/*/{result.key}/log.txt")
        assert "installed weights" not in run.read_text()


def test_costs_are_measured(done: tuple[Path, Ended]) -> None:
    costs = {cost["bundle"]: cost for cost in read_costs(done[0] / "study")}
    assert costs.keys() == {"unet", "unet_early_skip"}
    assert costs["unet"]["parameters"] == 7_759_521
    assert costs["unet"]["slice_px"] == [48, 40]
    # 48 x 40 is padded to 48 x 48. First block's convolutions: 48 * 48 pixels, 9 * 1 * 32 and 9 * 32 * 32 products.
    assert costs["unet"]["multiply_adds"] > 48 * 48 * (9 * 32 + 9 * 32 * 32)
    for cost in costs.values():
        assert 0 < cost["infer_seconds"] < cost["train_step_seconds"]
        assert cost["infer_peak_bytes"] <= cost["train_peak_bytes"]
        assert cost["threads"] == 1


def test_trainings_stand_below_the_study_in_mlflow(done: tuple[Path, Ended]) -> None:
    parent, *children = tracked_runs(done[0])
    assert parent.info.run_name == "study"
    assert parent.data.tags["study"] == "study"
    assert [run.data.tags["mlflow.parentRunId"] for run in children] == [parent.info.run_id] * 2
    assert [run.data.tags["bundle_name"] for run in children] == ["unet", "unet_early_skip"]
    assert {run.data.tags["study"] for run in children} == {"study"}
    assert {run.info.status for run in (parent, *children)} == {"FINISHED"}
    assert not list(done[0].glob("mlruns/**/model.pt")) or all(
        "best_weights" not in str(path) for path in done[0].glob("mlruns/**/model.pt")
    )


def test_a_second_run_trains_nothing(done: tuple[Path, Ended], prepared: Manifest) -> None:
    before = {path: path.stat().st_mtime_ns for path in (done[0] / "study").rglob("*.csv")}
    ended = run_study(done[0], "--data", prepared.root, *TWO, *SHORT).succeeded()
    assert ended.stdout.splitlines()[0] == "study study: 2 trainings, 0 left"
    assert "measuring" not in ended.stdout
    assert {path: path.stat().st_mtime_ns for path in (done[0] / "study").rglob("*.csv")} == before
    assert len(tracked_runs(done[0])) == 3


def test_another_machine_goes_on_from_the_results(
    done: tuple[Path, Ended], tmp_path: Path, prepared: Manifest, medseg: Medseg
) -> None:
    """The study's folder alone comes along; of more seeds only the new ones are left."""
    (done[0] / "study").rename(tmp_path / "study")
    try:
        shown = medseg("study", "status", "study", "--data", prepared.root).succeeded().stdout
        assert shown.splitlines()[-1].startswith("study study: 2 done")
        plan = yaml.safe_load((tmp_path / "study/study.yaml").read_text())
        (tmp_path / "study/study.yaml").write_text(yaml.safe_dump({**plan, "seeds": [0, 1]}))
        shown = medseg("study", "status", "study", "--data", prepared.root).succeeded().stdout
        assert shown.splitlines()[-1].startswith("study study: 2 done, 2 left")
        (tmp_path / "study/study.yaml").write_text(yaml.safe_dump(plan))
    finally:
        (tmp_path / "study").rename(done[0] / "study")


def test_results_of_other_data_are_not_mixed_in(
    done: tuple[Path, Ended], prepared_volumes: Manifest, medseg: Medseg
) -> None:
    error = medseg("study", "status", done[0] / "study", "--data", prepared_volumes.root).refused(1)
    assert f"a result of this study must have fingerprint {prepared_volumes.fingerprint[:12]}, got" in error
    assert error.endswith("keep other data and settings in a study of their own")


def test_flags_do_not_change_a_plan(done: tuple[Path, Ended], prepared: Manifest, medseg: Medseg) -> None:
    folder = done[0] / "study"
    error = medseg("study", "run", folder, "--data", prepared.root, "--threads", "7", "--no-tracking").refused()
    assert error.endswith("study.yaml: a study keeps its threads, 1, got 7; change the file, or give another folder")
    error = medseg("study", "run", folder, "--data", prepared.root, "--seed", "4", "--no-tracking").refused()
    assert error == "--seed must be of the study's 0, got 4; change study.yaml, or give another folder"


def test_flags_ask_for_a_part_of_a_plan(tmp_path: Path, prepared: Manifest) -> None:
    settings = {"max_epochs": 1, "epoch_length": 1}
    (tmp_path / "study").mkdir()
    plan = {"bundles": ["unet", "unet_early_skip"], "folds": [0, 1], "settings": settings, "threads": 1}
    (tmp_path / "study/study.yaml").write_text(yaml.safe_dump(plan))
    part = ("--bundle", "unet_early_skip", "--fold", "1")
    ended = run_study(tmp_path, "--data", prepared.root, *part, "--no-tracking", "--no-costs").succeeded()
    assert ended.stdout.startswith("study study: 4 trainings, 4 left, 1 of them now\n")
    assert "study study: 1 done, 3 left" in ended.stdout
    assert keys(tmp_path) == ["unet_early_skip-fold1-seed0"]


def test_a_bundle_s_folder_is_told_from_here_and_kept_from_the_study(
    tmp_path: Path, prepared: Manifest, medseg: Medseg
) -> None:
    copy_bundle(ROOT / "bundles/unet", tmp_path / "mine")
    (tmp_path / "study").mkdir()
    (tmp_path / "study/study.yaml").write_text("{bundles: [../mine], threads: 1}")
    wish = ("--data", prepared.root, "--bundle", "mine", "--no-tracking")
    error = medseg("study", "run", "study", *wish, "--threads", "2").refused()
    assert "a study keeps its threads, 1, got 2" in error  # and its bundles are as they were


def test_folders_that_cannot_be_written_are_refused_first(tmp_path: Path, prepared: Manifest, medseg: Medseg) -> None:
    (tmp_path / "file").write_text("")
    wish = ("--data", prepared.root, "--bundle", "unet", "--no-tracking")
    error = medseg("study", "run", "file/study", *wish).refused()
    assert error.endswith("file/study: must be a folder that can be written, got Not a directory")
    error = medseg("study", "run", "study", "--work", "file/work", *wish).refused()
    assert error.endswith("file/work: must be a folder that can be written, got Not a directory")
    assert not (tmp_path / "study/study.yaml").exists()


def test_no_threads_are_refused(prepared: Manifest, medseg: Medseg) -> None:
    ended = medseg("study", "run", "study", "--data", prepared.root, "--bundle", "unet", "--threads", "0")
    assert ended.status == 2
    assert "'--threads'" in ended.stderr


def test_a_plan_may_be_of_certain_data_alone(tmp_path: Path, prepared: Manifest, medseg: Medseg) -> None:
    (tmp_path / "study.yaml").write_text("{name: cell, bundles: [unet], fingerprint: 'dc555264'}")
    error = medseg("study", "status", "study.yaml", "--data", prepared.root).refused()
    assert f"the data of study cell must have the fingerprint dc555264, got {prepared.fingerprint[:12]}" in error


def test_a_dry_run_estimates_and_writes_nothing(tmp_path: Path, prepared: Manifest) -> None:
    ended = run_study(tmp_path, "--data", prepared.root, "--bundle", "unet", *SHORT, "--dry-run").succeeded()
    lines = ended.stdout.splitlines()
    assert lines[0] == "study study: 3 trainings, 3 left; timing some steps of each network"
    assert lines[-1] == "about 0.0 hours, from 5 timed steps a network"
    assert [line.split()[:4] for line in lines if line.startswith("unet")] == [
        ["unet", str(fold), "0", "2"] for fold in range(3)
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def two_alike(tmp_path_factory: pytest.TempPathFactory, prepared: Manifest) -> Path:
    """A study of one network under two names and of one that differs."""
    folder = tmp_path_factory.mktemp("two_alike")
    plan = {
        "bundles": ["unet_early_skip", "late_skip", "again"],
        "variants": {"late_skip": "unet_early_skip", "again": "unet_early_skip"},
        "per_bundle": {"late_skip": {"network_def::skip_from": 2}},
        "folds": [0],
        "settings": {"max_epochs": 1, "epoch_length": 2},
        "threads": 1,
    }
    (folder / "study").mkdir()
    (folder / "study/study.yaml").write_text(yaml.safe_dump(plan))
    run_study(folder, "--data", prepared.root, "--no-tracking", "--no-costs").succeeded()
    return folder / "study"


def test_a_variant_is_a_bundle_by_another_name(two_alike: Path) -> None:
    results = {result.bundle: result for result in read_results(two_alike)}
    assert results.keys() == {"unet_early_skip", "late_skip", "again"}
    assert {result.facts["parameters"] for result in results.values()} == {7_765_409}
    assert results["again"].images().equals(results["unet_early_skip"].images())
    assert not results["late_skip"].images().equals(results["unet_early_skip"].images())


def test_of_two_that_score_the_same_nothing_is_claimed(two_alike: Path, medseg: Medseg) -> None:
    medseg("report", two_alike, "--output", "report").succeeded()
    pairs = pd.read_csv("report/tables/pairs.csv")
    (same,) = pairs[(pairs["first"] == "unet_early_skip") & (pairs["second"] == "again")].itertuples()
    assert (same.difference, same.p_wilcoxon, same.p_interval, same.first_beats_second) == (0, 1, 1, 0.5)
    assert same.verdict.startswith(
        "no evidence of a difference between unet_early_skip and again (equal scores on all of 2"
    )


@pytest.mark.slow
def test_a_cluster_trains_the_same(done: tuple[Path, Ended], tmp_path: Path, prepared: Manifest) -> None:
    short = SHORT[: SHORT.index("--threads")]
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster:
        address = cluster.scheduler_address
        # A worker has its own number of threads; with as many as the others had, sums are rounded alike.
        run_study(tmp_path, "--data", prepared.root, *TWO, *short, "--dask", address).succeeded()
    expected = scores(done[0])
    found = scores(tmp_path)
    assert found.keys() == expected.keys()
    assert all(found[key].equals(expected[key]) for key in expected)
    assert {result.facts["threads"] for result in read_results(tmp_path / "study")} == {1}
