from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from medseg.errors import UsageError
from medseg.study.part import Part
from medseg.study.planned import PlannedRun

RUNS = [
    PlannedRun(name, Path(name), fold, seed, {}, 2, "c" * 64, "f" * 64, "5" * 64, "discs")
    for seed in (0, 4)
    for fold in (0, 1)
    for name in ("unet", "mine")
]


def titles(part: Part) -> list[str]:
    return [run.title for run in part.of(RUNS)]


def test_what_is_not_named_is_all_of_it() -> None:
    assert Part().of(RUNS) == tuple(RUNS)


def test_what_is_named_is_taken_in_the_order_of_the_study() -> None:
    assert titles(Part(bundles=("mine",), seeds=(4, 0))) == [
        "mine, fold 0, seed 0",
        "mine, fold 1, seed 0",
        "mine, fold 0, seed 4",
        "mine, fold 1, seed 4",
    ]
    assert titles(Part(folds=(1,), seeds=(4,))) == ["unet, fold 1, seed 4", "mine, fold 1, seed 4"]
    assert titles(Part(bundles=("unet",), folds=(0,), seeds=(0,))) == ["unet, fold 0, seed 0"]


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (Part(bundles=("unet", "fcn8s")), "--bundle must be of the study's unet, mine, got fcn8s"),
        (Part(folds=(2,)), "--fold must be of the study's 0, 1, got 2"),
        (Part(seeds=(0, 1)), "--seed must be of the study's 0, 4, got 1"),
    ],
)
def test_what_is_no_part_of_the_study_is_refused(part: Part, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        part.of(RUNS)
    assert str(refused.value) == f"{said}; change study.yaml, or give another folder"


def test_a_bundle_is_known_by_its_folder_wherever_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "link").symlink_to("mine")
    base = RUNS[1]
    runs = [replace(base, bundle=tmp_path / "mine"), replace(base, bundle_name="variant", bundle=tmp_path / "mine")]
    monkeypatch.chdir(tmp_path)
    for named in ("mine", "mine/", "./mine", "link", str(tmp_path / "mine")):
        assert Part(bundles=(named,)).of(runs) == (runs[0],)
    monkeypatch.chdir(tmp_path / "mine")
    assert Part(bundles=(".",)).of(runs) == (runs[0],)
    assert Part(bundles=("variant",)).of(runs) == (runs[1],)
