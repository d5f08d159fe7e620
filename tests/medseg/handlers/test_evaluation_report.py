from __future__ import annotations

import json
import logging
from pathlib import Path

import pandas as pd
import pytest
from torch import nn

from medseg.errors import UsageError
from medseg.handlers import EvaluationReport, ScoreTable
from medseg.io.atomic import write_json
from medseg.manifest import Manifest
from tests.factories import make_prepared
from tests.medseg.handlers.outputs import COLUMN, CORNER, make_item, passing_engine


def report(
    manifest: Manifest, folder: Path, *, trained_on_fold: int, fold: int = 0, allow_seen: bool = False, images: int = 2
) -> dict[str, object]:
    """Evaluate one or two made-up slices and read the summary."""
    weights = folder / "model.pt"
    seen = [manifest.case(name).sha256 for name in manifest.fold(trained_on_fold).train]
    write_json(weights.with_suffix(".json"), {"train_cases_sha256": seen, "fold": trained_on_fold})
    scores, engine = ScoreTable(nn.BCEWithLogitsLoss()), passing_engine()
    scores.attach(engine)
    EvaluationReport(
        scores=scores,
        folder=str(folder / "out"),
        dataset_dir=str(manifest.root),
        weights=weights,
        fold=fold,
        allow_seen=allow_seen,
    ).attach(engine)
    items = [[make_item("disc_000", 0, CORNER, COLUMN)], [make_item("disc_003", 0, COLUMN, COLUMN)]]
    engine.run(items[:images])
    summary: dict[str, object] = json.loads((folder / "out" / "summary.json").read_text())
    return summary


class TestEvaluationReport:
    def test_writes_scores_and_summary(self, prepared: Manifest, tmp_path: Path) -> None:
        summary = report(prepared, tmp_path, trained_on_fold=0)
        assert list(pd.read_csv(tmp_path / "out" / "scores.csv").dice) == pytest.approx([2 / 3, 1.0])
        assert summary["image_level"]["dice"]["mean"] == pytest.approx(5 / 6)  # type: ignore[index]
        assert summary["image_level"]["dice"]["n"] == 2  # type: ignore[index]

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
        assert "MARKED" not in caplog.text

    def test_one_image_has_no_interval(
        self, prepared: Manifest, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="medseg.handlers.evaluation_report")
        summary = report(prepared, tmp_path, trained_on_fold=0, images=1)
        assert "dice per image 0.6667 (no interval, n = 1)" in caplog.text
        assert summary["image_level"]["dice"]["ci95_low"] is None  # type: ignore[index]

    def test_summary_is_strict_json(self, prepared: Manifest, tmp_path: Path) -> None:
        report(prepared, tmp_path, trained_on_fold=0, images=1)
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
