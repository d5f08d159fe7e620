from __future__ import annotations

import json
import logging
import math
import platform
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow import MlflowClient
from PIL import Image

from medseg.bundle import run_facts
from medseg.compare import Comparison, ComparisonRow, compare, download_overlays
from medseg.errors import UsageError
from medseg.manifest import Manifest
from medseg.tracking import RunTracker
from tests.medseg.handlers.tiny import make_training
from tests.medseg.stores import Training, add

StoreOf = Callable[..., str]

# As they would come one by one: the newest of a kind is the one that was started last.
TRAININGS = (
    Training("fcn8s", started=1, dice=0.5),
    Training("unet_early_skip", fold=1, started=2),
    Training("unet", "old", started=3, dice=0.6),
    Training("unet", "new", started=9, dice=0.7),
    Training("unet", "mid", started=5, dice=0.65),
    Training("unet", seed=1, started=4, iou=0.123456789012345, dice=0.2),
    Training("my_net", started=6),
    Training("unet_early_skip_concat", started=7),
    Training("unet_early_skip", started=8),
    Training("unet", "failed", seed=5, status="FAILED"),
    Training("unet", "killed", seed=6, status="KILLED"),
    Training("other_tool", without=("bundle_name", "summary_last.json")),
    Training("unet", "pixels", fingerprint="e" * 64, started=20),
    Training("unet", "small", image_size="[32, 48]", started=21),
    Training("unet", "folds", split_sha256="6" * 64, started=22),
    Training("unet", "unknown_folds", split_sha256=None, started=23),
    Training("unet", "random", split="random", leaky=True, started=24),
    Training("unet", "cells", dataset="cells", images=1, started=25),
)


@pytest.fixture(scope="module")
def uri(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Store of :data:`TRAININGS`; read only."""
    database = tmp_path_factory.mktemp("trainings") / "mlflow.db"
    database.write_bytes(empty_store.read_bytes())
    add(f"sqlite:///{database}", *TRAININGS)
    return f"sqlite:///{database}"


@pytest.fixture(scope="module")
def compared(uri: str) -> list[Comparison]:
    return compare(uri)


def names(comparison: Comparison) -> list[str]:
    return [row.run for row in comparison.rows]


def main_rows(compared: list[Comparison]) -> tuple[ComparisonRow, ...]:
    """Rows of the one comparison that holds more than one."""
    (main,) = (comparison for comparison in compared if len(comparison.rows) > 1)
    return main.rows


class TestGroups:
    def test_are_data_set_pixels_split_folds_and_image_size(self, compared: list[Comparison]) -> None:
        assert [(comparison.title, len(comparison.rows)) for comparison in compared] == [
            ("cells (data dddddddd, group split 55555555, images at their own size)", 1),
            ("discs (data dddddddd, group split, images at their own size)", 1),
            ("discs (data dddddddd, group split 55555555, images at their own size)", 7),
            ("discs (data dddddddd, group split 55555555, images resized to [32, 48])", 1),
            ("discs (data dddddddd, group split 66666666, images at their own size)", 1),
            (
                "discs (data dddddddd, random split 55555555, images at their own size)"
                " LEAKY: images of one patient may be on both sides, so scores are too good",
                1,
            ),
            ("discs (data eeeeeeee, group split 55555555, images at their own size)", 1),
        ]

    def test_trainings_on_other_pixels_are_never_in_one_table(self, compared: list[Comparison]) -> None:
        others = [comparison for comparison in compared if comparison.fingerprint == "e" * 64]
        assert [names(comparison) for comparison in others] == [["unet-pixels"]]
        assert "unet-pixels" not in [row.run for row in main_rows(compared)]

    def test_one_data_set_may_be_chosen(self, uri: str) -> None:
        (comparison,) = compare(uri, dataset="cells")
        assert names(comparison) == ["unet-cells"]

    def test_only_a_leaky_split_is_marked(self, compared: list[Comparison]) -> None:
        assert [comparison.split for comparison in compared if comparison.leaky] == ["random"]
        assert ["LEAKY" in comparison.title for comparison in compared].count(True) == 1


class TestRows:
    def test_are_in_order_of_architecture_fold_and_seed(self, compared: list[Comparison]) -> None:
        assert [(row.architecture, row.fold, row.seed) for row in main_rows(compared)] == [
            ("unet", 0, 0),
            ("unet", 0, 1),
            ("unet_early_skip", 0, 0),
            ("unet_early_skip", 1, 0),
            ("unet_early_skip_concat", 0, 0),
            ("fcn8s", 0, 0),
            ("my_net", 0, 0),
        ]

    def test_newest_of_a_kind_stands_for_it(self, compared: list[Comparison]) -> None:
        assert (main_rows(compared)[0].run, main_rows(compared)[0].dice) == ("unet-new", 0.7)

    def test_all_runs_shows_the_older_ones_too(self, uri: str, compared: list[Comparison]) -> None:
        rows = main_rows(compare(uri, all_runs=True))
        assert [row.run for row in rows[:3]] == ["unet-mid", "unet-new", "unet-old"]
        assert len(rows) == len(main_rows(compared)) + 2

    def test_unfinished_and_other_tools_runs_are_left_out(self, uri: str) -> None:
        runs = {name for comparison in compare(uri, all_runs=True) for name in names(comparison)}
        assert not {"unet-failed", "unet-killed", "other_tool-a"} & runs

    def test_figures_are_the_run_s(self, compared: list[Comparison]) -> None:
        row = main_rows(compared)[1]
        iou = 0.123456789012345
        assert (row.iou, row.iou_ci95, row.iou_both) == (iou, (iou - 0.0125, iou + 0.0075), (iou + 1) / 2)
        assert (row.dice, row.dice_ci95, row.best_dice) == (0.2, (0.2 - 0.0125, 0.2 + 0.0075), 0.2 + 0.01)
        assert (row.parameters, row.loss_sum, row.images, row.epochs) == (7_759_521, 2.5, 6, 32)
        assert (row.seconds, row.device) == (2031.0, "cpu")

    def test_one_image_has_no_interval(self, compared: list[Comparison]) -> None:
        (row,) = compared[0].rows
        assert (row.images, row.iou_ci95, row.dice_ci95) == (1, None, None)

    def test_nan_of_an_earlier_version_is_no_interval(self, store_of: StoreOf) -> None:
        level = Training(images=1).level()
        level["iou"] |= {"ci95_low": math.nan, "ci95_high": math.nan}
        (comparison,) = compare(store_of(Training(summary=json.dumps({"image_level": level}))))
        assert comparison.rows[0].iou_ci95 is None


class TestCsvTable:
    def test_has_every_figure_and_what_the_table_is_of(self, compared: list[Comparison]) -> None:
        table = compared[2].csv_table()
        assert len(table) == 7
        first = table.iloc[1]
        assert (first["dataset"], first["fingerprint"], first["split"]) == ("discs", "d" * 64, "group")
        assert (first["split_sha256"], first["image_size"], bool(first["leaky"])) == ("5" * 64, "None", False)
        assert first["iou"] == 0.123456789012345
        assert (first["iou_ci95_low"], first["dice_ci95_high"]) == (0.123456789012345 - 0.0125, 0.2 + 0.0075)
        assert {"run_id", "fold", "seed", "loss_sum", "seconds", "device", "iou_both", "best_dice"} <= set(table)

    def test_missing_interval_is_missing(self, compared: list[Comparison]) -> None:
        table = compared[0].csv_table()
        assert table[["iou_ci95_low", "iou_ci95_high", "dice_ci95_low", "dice_ci95_high"]].isna().all(axis=None)


class TestDownloadOverlays:
    def test_copies_pictures_in_name_order(self, store_of: StoreOf, tmp_path: Path) -> None:
        uri = store_of(Training("fcn8s", pictures=("b.png", "a.png")))
        (row,) = compare(uri)[0].rows
        (tmp_path / "own").mkdir()
        pictures = download_overlays(uri, row.run_id, tmp_path / "own")
        assert [picture.name for picture in pictures] == ["a.png", "b.png"]
        with Image.open(pictures[0]) as image:
            assert image.getpixel((0, 0)) == (255, 255, 0)


class TestErrors:
    def test_store_without_finished_training(self, store_of: StoreOf) -> None:
        uri = store_of(Training(status="FAILED"))
        message = f"{uri}: must hold a finished training, got none; train a bundle with --tracking"
        with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
            compare(uri)

    def test_unknown_data_set_comes_with_the_known_ones(self, uri: str) -> None:
        message = f"{uri}: must hold a finished training of data set 'disc', got trainings of cells, discs only"
        with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
            compare(uri, dataset="disc")

    @pytest.mark.parametrize(
        ("broken", "what"),
        [
            ({"without": ("summary_last.json",)}, "have its scores as artifact summary_last.json, got .*"),
            ({"summary": '{"image_level": '}, "have its scores as artifact summary_last.json, got Expecting value.*"),
            ({"summary": "{}"}, "have recorded 'image_level', but it did not"),
            ({"without": ("best_val_dice",)}, "have recorded 'best_val_dice', but it did not"),
            ({"without": ("image_size",)}, "have recorded 'image_size', but it did not"),
            ({"without": ("fingerprint",)}, "have recorded 'fingerprint', but it did not"),
        ],
        ids=lambda value: str(value) if isinstance(value, dict) else "",
    )
    def test_run_that_lacks_something_is_named_with_the_way_out(
        self, store_of: StoreOf, broken: dict[str, Any], what: str
    ) -> None:
        uri = store_of(Training("fcn8s"), Training(**broken))
        with pytest.raises(UsageError, match=f"^run unet-a: must {what}; leave it out with: mlflow runs delete") as got:
            compare(uri)
        assert "\n" not in str(got.value)
        run_id = str(got.value).rpartition(" ")[2]
        MlflowClient(uri).delete_run(run_id)  # what `mlflow runs delete --run-id` does
        assert [names(comparison) for comparison in compare(uri)] == [["fcn8s-a"]]

    def test_older_run_that_is_not_shown_may_lack_something(self, store_of: StoreOf) -> None:
        uri = store_of(Training(name="old", without=("summary_last.json",)), Training(name="new", started=2))
        assert [names(comparison) for comparison in compare(uri)] == [["unet-new"]]


class TestReaping:
    def test_dead_training_is_ended_and_named(self, store_of: StoreOf, caplog: pytest.LogCaptureFixture) -> None:
        # A process with this id is alive, but was started at another time.
        process = {"medseg.host": platform.node(), "medseg.pid": "1", "medseg.process_started": "1.00"}
        uri = store_of(Training("fcn8s"), Training(name="dead", status="RUNNING", tags=process))
        with caplog.at_level(logging.WARNING, logger="medseg.compare"):
            (comparison,) = compare(uri)
        assert names(comparison) == ["fcn8s-a"]
        assert caplog.messages == ["run unet-dead: its process is gone, so it was ended as KILLED"]
        runs = MlflowClient(uri).search_runs(["1"])
        assert sorted(run.info.status for run in runs) == ["FINISHED", "KILLED"]


class TestTrackedTraining:
    def test_what_a_training_tracks_is_compared(self, prepared: Manifest, tmp_path: Path, store_of: StoreOf) -> None:
        training = make_training(prepared, tmp_path / "run", max_epochs=2)
        settings = {"bundle_name": "tiny", "fold": 0, "seed": 0, "max_epochs": 2, "image_size": None}
        facts = run_facts(settings, str(prepared.root), training.network, training.trainer.state.device)
        training.recorder.facts = facts
        uri = store_of()
        RunTracker(training.recorder, uri, "discs").attach(training.trainer)
        training.trainer.run()

        (comparison,) = compare(uri)
        assert (comparison.dataset, comparison.fingerprint) == ("discs", prepared.fingerprint)
        assert (comparison.split, comparison.image_size, comparison.leaky) == ("group", "None", False)
        assert comparison.split_sha256 == facts["split_sha256"]
        (row,) = comparison.rows
        scores = pd.read_csv(tmp_path / "run" / "scores_last.csv")
        history = pd.read_csv(tmp_path / "run" / "history.csv")
        assert (row.dice, row.iou) == pytest.approx((scores.dice.mean(), scores.iou.mean()))
        assert row.dice_ci95 == pytest.approx((scores.dice.min(), scores.dice.max()))  # two images
        assert row.best_dice == pytest.approx(history.val_dice.max())
        assert row.loss_sum == pytest.approx(history.train_loss.iloc[-1] * 4)
        assert (row.architecture, row.epochs, row.images, row.parameters) == ("tiny", 2, 2, 77)
