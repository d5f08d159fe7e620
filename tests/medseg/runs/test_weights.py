from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from medseg.errors import MedsegError, UsageError
from medseg.io.atomic import write_json
from medseg.manifest import Manifest
from medseg.once import warn_once
from medseg.runs import (
    RunFolder,
    check_unseen,
    find_weights,
    install_weights,
    load_weights,
    save_weights,
    trained_ct,
    trained_window,
    trained_window_hu,
    trained_with,
    weights_facts,
)
from tests.factories import make_prepared


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run with last and best weights."""
    folder = RunFolder(tmp_path / "run")
    for which, value in (("last", 1.0), ("best", 2.0)):
        save_weights(folder, which, {"weight": torch.full((2, 2), value)}, {"which": which, "window": [0, 255]})
    return folder


def facts_beside(weights: Path, manifest: Manifest, fold: int) -> Path:
    hashes = [manifest.case(name).sha256 for name in manifest.fold(fold).train]
    write_json(weights.with_suffix(".json"), {"fold": fold, "train_cases_sha256": hashes})
    return weights


class TestSaveWeights:
    def test_writes_a_plain_state_dict_with_facts_beside(self, run: RunFolder) -> None:
        state = torch.load(run.weights("last"), weights_only=True)
        assert torch.equal(state["weight"], torch.ones(2, 2))
        assert json.loads((run.root / "weights/last/model.json").read_text())["which"] == "last"


class TestFindWeights:
    def test_without_run_they_are_the_bundles(self) -> None:
        assert find_weights("bundles/unet") == Path("bundles/unet/models/model.pt")

    @pytest.mark.parametrize("which", ["last", "best"])
    def test_of_a_run(self, run: RunFolder, which: str) -> None:
        assert find_weights("bundle", str(run.root), which) == run.root / "weights" / which / "model.pt"

    def test_folder_without_weights_raises(self, tmp_path: Path) -> None:
        with pytest.raises(
            UsageError, match=r"must be the folder of a finished training, .* no weights/last/model\.pt"
        ):
            find_weights("bundle", str(tmp_path))

    def test_unknown_epoch_raises(self, run: RunFolder) -> None:
        with pytest.raises(UsageError, match="which must be 'last' or 'best', got 'first'"):
            find_weights("bundle", str(run.root), "first")


class TestTrainedWith:
    def test_is_the_setting(self, run: RunFolder) -> None:
        assert trained_with(run.weights("last"), "window", None) == [0, 255]

    def test_is_the_default_where_the_setting_is_not_known(self, run: RunFolder) -> None:
        assert trained_with(run.weights("last"), "threshold", 0.5) == 0.5

    def test_is_the_default_where_nothing_is_known(self, tmp_path: Path) -> None:
        assert trained_with(tmp_path / "model.pt", "threshold", 0.5) == 0.5


class TestWeightsFacts:
    def test_are_all_that_is_known(self, run: RunFolder) -> None:
        weights = run.weights("best")
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        assert weights_facts(str(weights)) == {"which": "best", "window": [0, 255], "weights_sha256": digest}

    def test_are_empty_where_nothing_is_known(self, tmp_path: Path) -> None:
        assert weights_facts(tmp_path / "model.pt") == {}

    @pytest.mark.parametrize("content", ["", "{'window': [0, 255]}", "[0, 255]", "null"])
    def test_damaged_file_is_named(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "model.json").write_text(content)
        with pytest.raises(MedsegError, match=r"model\.json: must be JSON, got .+; train the bundle again"):
            weights_facts(tmp_path / "model.pt")


def known(folder: Path, **facts: Any) -> Path:
    """Weights with facts beside them."""
    write_json(folder / "model.json", facts)
    (folder / "model.pt").touch()
    return folder / "model.pt"


class TestTrainedWindow:
    def test_is_the_trainings(self, tmp_path: Path) -> None:
        assert trained_window(known(tmp_path, window=[-160, 240])) == (-160.0, 240.0)

    def test_is_assumed_with_a_warning_of_weights_of_which_nothing_is_known(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        warn_once.cache_clear()
        (tmp_path / "model.pt").touch()
        assert trained_window(tmp_path / "model.pt") == trained_window(tmp_path / "model.pt") == (0.0, 255.0)
        assert [record.getMessage() for record in caplog.records] == [
            f"{tmp_path}/model.json: does not exist, so a window of 0 to 255 is assumed"
        ]

    def test_is_assumed_silently_before_there_are_weights(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert trained_window(tmp_path / "model.pt") == (0.0, 255.0)
        assert not caplog.records


class TestTrainedCt:
    @pytest.mark.parametrize(("modality", "expected"), [("CT", "CT"), ("MR", None), ("microscopy", None)])
    def test_is_ct_of_training_on_ct_alone(self, tmp_path: Path, modality: str, expected: str | None) -> None:
        assert trained_ct(known(tmp_path, modality=modality)) == expected

    def test_is_none_where_nothing_is_known(self, tmp_path: Path) -> None:
        assert trained_ct(tmp_path / "model.pt") is None
        assert trained_ct(known(tmp_path, window=[0, 255])) is None


class TestTrainedWindowHu:
    def test_of_training_on_hu_is_the_window(self, tmp_path: Path) -> None:
        assert trained_window_hu(known(tmp_path, modality="CT"), [-160, 240]) == (-160.0, 240.0)

    def test_is_the_window_where_nothing_is_known(self, tmp_path: Path) -> None:
        assert trained_window_hu(tmp_path / "model.pt", (0, 255)) == (0.0, 255.0)

    @pytest.mark.parametrize(
        ("window", "expected"),
        [
            # 500 HU over 255 levels from -100 HU: 51 levels are 100 HU.
            ([0, 255], (-100.0, 400.0)),
            ([51, 102], (0.0, 100.0)),
            ([-51, 306], (-200.0, 500.0)),
        ],
    )
    def test_of_pictures_is_what_the_windows_grey_values_were(
        self, tmp_path: Path, window: list[float], expected: tuple[float, float]
    ) -> None:
        weights = known(tmp_path, modality="microscopy", picture_window_hu=[-100, 400])
        assert trained_window_hu(weights, window) == pytest.approx(expected)

    def test_levels_of_pictures_need_not_be_0_to_255(self, tmp_path: Path) -> None:
        # 1000 HU over 200 levels from 10 on: 5 HU a level.
        facts = {"modality": "other", "picture_window_hu": [-500, 500], "picture_levels": [10, 210]}
        assert trained_window_hu(known(tmp_path, **facts), [0, 110]) == pytest.approx((-550.0, 0.0))

    @pytest.mark.parametrize("facts", [{}, {"picture_window_hu": None}])
    def test_of_pictures_of_an_unknown_window_is_unknown(self, tmp_path: Path, facts: dict[str, Any]) -> None:
        assert trained_window_hu(known(tmp_path, modality="microscopy", **facts), [0, 255]) == "unknown"

    def test_what_a_person_says_of_pictures_goes_through_the_window(self, tmp_path: Path) -> None:
        weights = known(tmp_path, modality="microscopy")
        assert trained_window_hu(weights, [51, 102], [-100, 400]) == pytest.approx((0.0, 100.0))

    def test_nobody_may_say_what_pictures_were_that_there_were_not(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="--window-hu must go with weights of windowed pictures, got weights that"):
            trained_window_hu(known(tmp_path, modality="CT"), [-160, 240], [-100, 400])


class TestLoadWeights:
    def test_other_weights_than_the_facts_tell_of_raise(self, run: RunFolder) -> None:
        weights = run.weights("last")
        torch.save({"weight": torch.full((2, 2), 3.0)}, weights)
        with pytest.raises(MedsegError, match=r"model\.pt: must be the weights that model\.json tells of, got others"):
            load_weights(weights, nn.Linear(2, 2, bias=False))

    def test_fills_the_network(self, tmp_path: Path) -> None:
        source, target = nn.Conv2d(1, 2, 3), nn.Conv2d(1, 2, 3)
        torch.save(source.state_dict(), tmp_path / "model.pt")
        load_weights(tmp_path / "model.pt", target)
        assert torch.equal(source.weight, target.weight)

    def test_missing_file_raises(self, tmp_path: Path) -> None:
        with pytest.raises(
            UsageError, match=r"model\.pt: weights must exist; train the bundle first, or name a training"
        ):
            load_weights(tmp_path / "model.pt", nn.Conv2d(1, 1, 1))

    @pytest.mark.parametrize("content", [b"", b"no weights at all", b"PK\x03\x04cut"])
    def test_damaged_file_raises(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "model.pt").write_bytes(content)
        with pytest.raises(MedsegError, match=r"model\.pt: must be this network's state dict, got .+"):
            load_weights(tmp_path / "model.pt", nn.Conv2d(1, 1, 1))

    @pytest.mark.parametrize("other", [nn.Conv2d(1, 2, 1), nn.Conv2d(1, 1, 1, bias=False)])
    def test_weights_of_another_network_raise(self, tmp_path: Path, other: nn.Module) -> None:
        torch.save(other.state_dict(), tmp_path / "model.pt")
        with pytest.raises(MedsegError, match=r"must be this network's state dict, got Error\(s\) in loading"):
            load_weights(tmp_path / "model.pt", nn.Conv2d(1, 1, 1))

    def test_a_pickled_object_is_not_run(self, tmp_path: Path) -> None:
        torch.save(nn.Conv2d(1, 1, 1), tmp_path / "model.pt")
        with pytest.raises(MedsegError, match=r"must be this network's state dict, got Weights only load failed"):
            load_weights(tmp_path / "model.pt", nn.Conv2d(1, 1, 1))


class TestCheckUnseen:
    def test_validation_cases_of_the_same_fold_are_unseen(self, prepared: Manifest, tmp_path: Path) -> None:
        weights = facts_beside(tmp_path / "model.pt", prepared, fold=1)
        assert check_unseen(weights, str(prepared.root), 1, allow_seen=False) is False

    def test_cases_of_another_fold_are_refused(self, prepared: Manifest, tmp_path: Path) -> None:
        weights = facts_beside(tmp_path / "model.pt", prepared, fold=1)
        with pytest.raises(
            UsageError,
            match=r"on 2 of 2 validation cases of fold 0 \(disc_000, \.\.\.\); score fold 1, or --allow_seen",
        ):
            check_unseen(weights, str(prepared.root), 0, allow_seen=False)

    def test_seen_cases_may_be_allowed(self, prepared: Manifest, tmp_path: Path) -> None:
        weights = facts_beside(tmp_path / "model.pt", prepared, fold=1)
        assert check_unseen(weights, str(prepared.root), 0, allow_seen=True) is True

    def test_cases_are_known_by_their_pixels_whatever_they_are_called(self, prepared: Manifest, tmp_path: Path) -> None:
        weights = facts_beside(tmp_path / "model.pt", prepared, fold=1)
        same = make_prepared(tmp_path / "renamed", groups=2, name="renamed")
        assert same.fold(0).val == ("disc_000", "disc_002", "disc_004")
        with pytest.raises(UsageError, match="was trained on 2 of 3 validation cases of fold 0"):
            check_unseen(weights, str(same.root), 0, allow_seen=False)

    def test_other_data_are_unseen(self, prepared: Manifest, tmp_path: Path) -> None:
        weights = facts_beside(tmp_path / "model.pt", prepared, fold=1)
        other = make_prepared(tmp_path / "other", seed=1)
        assert check_unseen(weights, str(other.root), 0, allow_seen=False) is False

    def test_weights_of_which_nothing_is_known_are_refused(self, prepared: Manifest, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"model\.json: must say which cases the weights were trained on"):
            check_unseen(tmp_path / "model.pt", str(prepared.root), 0, allow_seen=False)

    def test_weights_of_which_nothing_is_known_count_as_seen(self, prepared: Manifest, tmp_path: Path) -> None:
        assert check_unseen(tmp_path / "model.pt", str(prepared.root), 0, allow_seen=True) is True


class TestInstallWeights:
    def test_copies_weights_and_facts_into_the_bundle(self, run: RunFolder, tmp_path: Path) -> None:
        target = install_weights(run, str(tmp_path / "bundle"))
        assert target == tmp_path / "bundle" / "models" / "model.pt"
        for suffix in (".pt", ".json"):
            expected = run.weights("last").with_suffix(suffix)
            assert target.with_suffix(suffix).read_bytes() == expected.read_bytes()

    def test_takes_the_best_where_asked(self, run: RunFolder, tmp_path: Path) -> None:
        target = install_weights(run, str(tmp_path / "bundle"), "best")
        assert trained_with(target, "which", None) == "best"

    def test_replaces_what_was_there(self, run: RunFolder, tmp_path: Path) -> None:
        for which in ("best", "last"):
            target = install_weights(run, str(tmp_path / "bundle"), which)
        assert trained_with(target, "which", None) == "last"
        assert sorted(path.name for path in target.parent.iterdir()) == ["model.json", "model.pt"]

    def test_run_without_weights_raises(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="run must be the folder of a finished training"):
            install_weights(RunFolder(tmp_path / "run"), str(tmp_path / "bundle"))
        assert not (tmp_path / "bundle").exists()
