"""Plan and data together."""

from __future__ import annotations

from pathlib import Path

import pytest

from medseg.deploy.find_bundle import copy_bundle
from medseg.errors import UsageError
from medseg.manifest import Manifest
from medseg.study.plan import plan_from
from medseg.study.planned import planned_runs
from tests.commands import ROOT


def test_a_copied_bundle_goes_by_its_folder_s_name(tmp_path: Path, prepared: Manifest) -> None:
    """Its config still says what it was copied from, by which the training would name its folder."""
    mine = copy_bundle(ROOT / "bundles/unet", tmp_path / "mine")
    plan = plan_from({"bundles": ["unet", str(mine)], "folds": [0]}, default_name="cell")
    unet, copied = planned_runs(plan, prepared)
    assert copied.bundle_name == "mine"
    assert copied.config_sha256 == unet.config_sha256
    words = copied.command(prepared.root, tmp_path, resume=None, tracking={})
    assert words[words.index("--bundle_name") + 1] == "mine"


def test_a_relative_folder_starts_at_the_study_s(
    tmp_path: Path, prepared: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a committed study finds its bundles whatever folder the command is run in."""
    mine = copy_bundle(ROOT / "bundles/unet", tmp_path / "bundles" / "mine")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    plan = plan_from({"bundles": ["../bundles/mine"], "folds": [0]}, default_name="cell")
    (run,) = planned_runs(plan, prepared, tmp_path / "study")
    assert run.bundle == mine


@pytest.mark.parametrize(("name", "value"), [("image_size", [32, 32]), ("surface_tolerance", 5)])
def test_bundles_that_no_report_would_compare_are_refused(prepared: Manifest, name: str, value: object) -> None:
    plan = plan_from({"bundles": ["unet", "fcn8s"], "per_bundle": {"fcn8s": {name: value}}}, default_name="cell")
    with pytest.raises(UsageError, match=rf"^{name} must be the same in all bundles of a study, got .* \(unet\) and "):
        planned_runs(plan, prepared)
    alike = plan_from({"bundles": ["unet", "fcn8s"], "settings": {name: value}}, default_name="cell")
    assert {run.settings[name] == value for run in planned_runs(alike, prepared)} == {True}


def test_two_bundles_of_one_name_are_refused(tmp_path: Path, prepared: Manifest) -> None:
    copy_bundle(ROOT / "bundles/unet", tmp_path / "unet")
    (tmp_path / "other").symlink_to(tmp_path / "unet")
    plan = plan_from({"bundles": ["unet", str(tmp_path / "other")]}, default_name="cell")
    with pytest.raises(UsageError, match=r"^bundles must be folders of different names, got unet twice; rename one$"):
        planned_runs(plan, prepared)
