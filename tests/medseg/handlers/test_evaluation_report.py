from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from torch import nn

from medseg.errors import UsageError
from medseg.handlers import EvaluationReport, ScoreTable
from medseg.io.atomic import write_json
from medseg.manifest import Manifest
from tests.factories import make_prepared
from tests.medseg.handlers.outputs import COLUMN, CORNER, EMPTY, make_item, passing_engine

TWO = [[make_item("disc_000", 0, CORNER, COLUMN)], [make_item("disc_003", 0, COLUMN, COLUMN)]]


def report(
    manifest: Manifest,
    folder: Path,
    *,
    trained_on_fold: int,
    fold: int = 0,
    allow_seen: bool = False,
    items: Any = None,
) -> dict[str, object]:
    """Evaluate made-up slices, two where none are given, and read the summary."""
    weights = folder / "model.pt"
    seen = [manifest.case(name).sha256 for name in manifest.fold(trained_on_fold).train]
    write_json(weights.with_suffix(".json"), {"train_cases_sha256": seen, "fold": trained_on_fold})
    scores, engine = ScoreTable(nn.BCEWithLogitsLoss(), str(manifest.root)), passing_engine()
    scores.attach(engine)
    EvaluationReport(
        scores=scores,
        folder=str(folder / "out"),
        dataset_dir=str(manifest.root),
        weights=weights,
        fold=fold,
        allow_seen=allow_seen,
    ).attach(engine)
    engine.run(TWO if items is None else items)
    summary: dict[str, object] = json.loads((folder / "out" / "summary.json").read_text())
    return summary


class TestEvaluationReport:
    def test_writes_tables_and_summary(self, prepared: Manifest, tmp_path: Path) -> None:
        summary = report(prepared, tmp_path, trained_on_fold=0)
        assert list(pd.read_csv(tmp_path / "out" / "scores.csv").dice) == pytest.approx([2 / 3, 1.0])
        assert summary["image_level"]["dice"]["mean"] == pytest.approx(5 / 6)  # type: ignore[index]
        assert summary["image_level"]["dice"]["n"] == 2  # type: ignore[index]
        volumes = pd.read_csv(tmp_path / "out" / "volumes.csv")
        # Voxels of 0.5 x 0.75 mm; the first image's missed pixel lies 0.5 mm from the predicted one.
        assert list(volumes.assd_mm) == pytest.approx([0.5 / 3, 0.0])
        assert list(volumes.truth_ml) == pytest.approx([0.0015, 0.0015])
        assert summary["image_level"]["assd_mm"]["mean"] == pytest.approx(0.5 / 6)  # type: ignore[index]
        assert summary["surface_tolerance_mm"] == 2.0
        assert pd.read_csv(tmp_path / "out" / "calibration.csv").pixels.sum() == 8

    def test_says_what_was_scored(self, prepared: Manifest, tmp_path: Path) -> None:
        summary = report(prepared, tmp_path, trained_on_fold=0)
        expected = {
            "dataset": "discs",
            "fingerprint": prepared.fingerprint,
            "fold": 0,
            "leaky_split": False,
            "seen_in_training": False,
        }
        assert {name: summary[name] for name in expected} == expected

    def test_logs_means_with_interval_and_n(
        self, prepared: Manifest, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="medseg.handlers.evaluation_report")
        report(prepared, tmp_path, trained_on_fold=0)
        # Dice 2/3 and 1: a quarter of all resamples is the lower one twice, another the higher one.
        assert "dice per image 0.8333 (95% interval 0.6667 to 1.0000, n = 2)" in caplog.text
        assert "iou_both per image" in caplog.text
        assert "assd_mm per image 0.0833 (95% interval 0.0000 to 0.1667, n = 2)" in caplog.text
        assert "surface_dice per image 1.0000 " in caplog.text
        assert "per volume" not in caplog.text
        assert "MARKED" not in caplog.text

    def test_volumes_have_lines_of_their_own(
        self, prepared_volumes: Manifest, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="medseg.handlers.evaluation_report")
        items = [[make_item("disc_000", index, pred, COLUMN)] for index, pred in enumerate((COLUMN, CORNER))]
        report(prepared_volumes, tmp_path, trained_on_fold=0, items=items)
        # 3 of 4 pixels found; of the four voxels of the truth the missed one is 0.5 mm away, and it alone.
        assert "dice per volume 0.8571 (no interval, n = 1)" in caplog.text
        assert "assd_mm per volume 0.0714 (no interval, n = 1)" in caplog.text
        assert "assd_mm per image" not in caplog.text

    def test_distance_to_an_empty_mask_is_not_known(
        self, prepared: Manifest, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="medseg.handlers.evaluation_report")
        report(prepared, tmp_path, trained_on_fold=0, items=[[make_item("disc_000", 0, EMPTY, COLUMN)]])
        assert "hd95_mm per image not known (n = 0)" in caplog.text
        assert pd.read_csv(tmp_path / "out" / "volumes.csv").hd95_mm.isna().all()

    def test_one_image_has_no_interval(
        self, prepared: Manifest, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="medseg.handlers.evaluation_report")
        summary = report(prepared, tmp_path, trained_on_fold=0, items=TWO[:1])
        assert "dice per image 0.6667 (no interval, n = 1)" in caplog.text
        assert summary["image_level"]["dice"]["ci95_low"] is None  # type: ignore[index]

    def test_summary_is_strict_json(self, prepared: Manifest, tmp_path: Path) -> None:
        report(prepared, tmp_path, trained_on_fold=0, items=TWO[:1])
        text = (tmp_path / "out" / "summary.json").read_text()
        json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))

    def test_seen_cases_are_refused(self, prepared: Manifest, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="was trained on 2 of 2 validation cases of fold 0"):
            report(prepared, tmp_path, trained_on_fold=1)
        assert not (tmp_path / "out").exists()

    def test_seen_cases_are_marked_where_allowed(
        self, prepared: Manifest, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="medseg.handlers.evaluation_report")
        assert report(prepared, tmp_path, trained_on_fold=1, allow_seen=True)["seen_in_training"] is True
        assert "MARKED: seen_in_training" in caplog.text

    def test_random_split_is_marked(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, logger="medseg.handlers.evaluation_report")
        manifest = make_prepared(tmp_path / "data", size=(8, 8), method="random")
        assert report(manifest, tmp_path, trained_on_fold=0)["leaky_split"] is True
        assert "MARKED: leaky_split" in caplog.text
