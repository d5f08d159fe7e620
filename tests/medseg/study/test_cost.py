"""Costs as they are read again, and what follows from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from medseg.errors import MedsegError
from medseg.study.child import Claim
from medseg.study.cost import estimate_seconds, measure_costs, read_costs
from medseg.study.planned import PlannedRun
from tests.medseg.study.attempts import RUN, setting


def test_nothing_is_measured_beside_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medseg.study.cost.measure_cost", lambda run, setting: {"bundle": run.bundle_name})
    said: list[str] = []
    claim = Claim.take(setting(tmp_path).work.lock(RUN.key))
    assert claim is not None
    measure_costs([RUN], [RUN], setting(tmp_path), said.append)
    claim.release()
    assert said == ["costs are not measured now, beside a training of another call; a later one does it"]
    assert not (tmp_path / "study/costs").exists()
    measure_costs([RUN], [RUN], setting(tmp_path), said.append)
    assert said[1:] == ["measuring what unet costs"]
    assert [path.name for path in (tmp_path / "study/costs").iterdir()] == ["unet-cccccccc.json"]


def test_networks_are_measured_on_the_same_images_whatever_part_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[PlannedRun] = []
    monkeypatch.setattr("medseg.study.cost.measure_cost", lambda run, setting: measured.append(run) or {})
    other = replace(RUN, bundle_name="fcn8s", config_sha256="d" * 64)
    runs = [replace(run, fold=fold) for fold in (0, 1) for run in (RUN, other)]
    measure_costs(runs, [runs[3]], setting(tmp_path), lambda text: None)
    assert measured == [other]


def test_an_estimate_validates_as_often_as_the_training() -> None:
    run = PlannedRun("unet", Path("unet"), 0, 0, {}, 8, "c", "f", "5", "discs")
    cost = {"train_steps": 10, "train_step_seconds": 2.0, "validate_slices": 4, "validate_seconds": 0.5}
    # 15 s to start, 8 epochs of 10 steps, and validations of 2 s after each epoch, or after 3, 6 and 8.
    assert estimate_seconds(run, {**cost, "val_interval": 1}) == 15 + 8 * 20 + 8 * 2
    assert estimate_seconds(run, {**cost, "val_interval": 3}) == 15 + 8 * 20 + 3 * 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"must be JSON, got .*"),
        ("3", "must hold bundle, but it does not"),
        ("{}", "must hold bundle, but it does not"),
    ],
)
def test_a_damaged_cost_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "costs").mkdir()
    (tmp_path / "costs/unet-cccccccc.json").write_text(text)
    with pytest.raises(MedsegError, match=rf"unet-cccccccc.json: {message}; delete it to measure again$"):
        read_costs(tmp_path)
