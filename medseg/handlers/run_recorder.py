"""Everything a training leaves in its folder, whether or not it is tracked elsewhere."""

from __future__ import annotations

import csv
import logging
import os
import platform
import time
from typing import Any

import torch
import torch.distributed as dist
from ignite.engine import Engine, Events

from medseg.handlers.score_table import EpochScores, ScoreTable
from medseg.io.atomic import atomic_path, write_json
from medseg.metrics import CalibrationBins, calibration_table, summarise
from medseg.runs import (
    Lifecycle,
    RunFolder,
    Status,
    check_resume,
    install_weights,
    load_mask,
    save_masks,
    save_weights,
)
from medseg.runs.peak_memory import peak_memory
from medseg.runs.score_files import read_table, write_table

__all__ = ["RunRecorder"]

logger = logging.getLogger(__name__)


class RunRecorder:
    """Write config, log, history, scores, checkpoints and weights of a training, each atomically.

    After each validation the last epoch's scores are replaced, and where Dice rose the best epoch's scores, masks and
    weights; after each epoch the checkpoint. Distances take time, so scores of whole cases are written once, at the
    end. A finished run's last weights are installed as the bundle's own.

    Args:
        folder: The run's folder.
        config: The executed config.
        facts: What the run is; goes into ``run.json`` and beside the weights.
        checkpointed: Objects with ``state_dict``; ``network`` must be one of them.
        evaluator: Engine whose metrics are recorded.
        scores: Scores of the evaluator's last epoch.
        bundle_root: Where weights are installed; None installs nothing.
        resume: Whether ``folder`` holds a checkpoint to go on from.
    """

    def __init__(
        self,
        *,
        folder: RunFolder,
        config: dict[str, Any],
        facts: dict[str, Any],
        checkpointed: dict[str, Any],
        evaluator: Engine,
        scores: ScoreTable,
        bundle_root: str | None,
        resume: bool = False,
    ) -> None:
        self.folder = folder
        self.config = config
        self.facts = facts
        self.checkpointed = checkpointed
        self.evaluator = evaluator
        self.scores = scores
        self.bundle_root = bundle_root
        self.resume = resume
        self.history: list[dict[str, float]] = []
        self.best: dict[str, float] = {}
        self.best_calibration: dict[str, CalibrationBins] = {}
        self._epoch_started = 0.0
        self._validated = False
        self._log_file: logging.Handler | None = None

    def attach(self, engine: Engine) -> None:
        """Wire all of it; attach after the handler that validates."""
        if _is_first_rank():
            Lifecycle.of(engine).on_end(self._end)
        self.evaluator.add_event_handler(Events.COMPLETED, self._note_validation)
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.EPOCH_STARTED, self._start_epoch)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)
        engine.add_event_handler(Events.COMPLETED, self._complete)

    def __call__(self, engine: Engine) -> None:
        """Record the epoch that ended."""
        epoch = engine.state.epoch
        row: dict[str, float] = {"epoch": epoch, **_numbers(engine.state.metrics)}
        row["train_loss_sum"] = row.get("train_loss", 0.0) * (engine.state.epoch_length or 0)
        if self._validated:  # between validations the evaluator keeps an earlier epoch's metrics
            row |= _numbers(self.evaluator.state.metrics)
            self._validated = False
        row["learning_rate"] = float(self.checkpointed["optimizer"].param_groups[0]["lr"])
        row["seconds"] = time.monotonic() - self._epoch_started
        self.history.append(row)
        if _is_first_rank():
            logger.info(_line(row, engine.state.max_epochs or 0))
            self._save_epoch(row)
        if _is_distributed():
            dist.barrier()

    def _start(self, engine: Engine) -> None:
        if self.resume:
            self._load_checkpoint(engine)
        if not _is_first_rank():
            return
        self.folder.root.mkdir(parents=True, exist_ok=True)
        self._log_file = logging.FileHandler(self.folder.log, encoding="utf-8")
        self._log_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logging.getLogger().addHandler(self._log_file)
        write_json(self.folder.config, self.config)
        self._write_facts("RUNNING")
        logger.info("run folder: %s", self.folder.root)

    def _note_validation(self, _evaluator: Engine) -> None:
        self._validated = True

    def _start_epoch(self, _engine: Engine) -> None:
        self._epoch_started = time.monotonic()

    def _save_epoch(self, row: dict[str, float]) -> None:
        with atomic_path(self.folder.history) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(dict.fromkeys(key for line in self.history for key in line)))
            writer.writeheader()
            writer.writerows(self.history)
        if "val_dice" in row:
            self._write_scores("last", row)
            if row["val_dice"] > self.best.get("val_dice", -1.0):
                self._save_best(row)
        state = {name: item.state_dict() for name, item in self.checkpointed.items()}
        with atomic_path(self.folder.checkpoint) as partial:
            torch.save({**state, **self._progress()}, partial)

    def _save_best(self, row: dict[str, float]) -> None:
        self.best = row
        self._write_scores("best", row)
        self._save_masks("best")
        self.best_calibration = dict(self.scores.epoch.calibration)
        self._save_weights("best")

    def _progress(self) -> dict[str, Any]:
        """What a training that goes on must know, in containers that torch loads without unpickling."""
        calibration = {case: bins.as_lists() for case, bins in self.best_calibration.items()}
        return {"history": self.history, "best": self.best, "best_calibration": calibration, "facts": self.facts}

    def _write_scores(self, which: str, row: dict[str, float]) -> None:
        write_table(self.folder.scores(which), self.scores.table)
        self._write_summary(which, row, summarise(self.scores.table))

    def _write_summary(self, which: str, row: dict[str, float], summary: dict[str, Any]) -> None:
        marks = {"epoch": int(row["epoch"]), "chosen_on_these_cases": which == "best"}
        marks["leaky_split"] = bool(self.facts["leaky"])
        write_json(self.folder.summary(which), {**marks, **summary})

    def _save_masks(self, which: str) -> None:
        epoch = self.scores.epoch
        save_masks(self.folder.masks(which), ((case, epoch.prediction(case)) for case in epoch.calibration))

    def _write_cases(self) -> None:
        """Write the scores of whole cases, the best epoch's from what it left in the folder."""
        self._save_masks("last")
        validated = next(row for row in reversed(self.history) if "val_dice" in row)
        self._write_volumes("last", validated, self.scores.epoch)
        if self.best_calibration:  # checkpoints of before these were recorded have none
            table, masks = read_table(self.folder.scores("best")), self.folder.masks("best")
            epoch = EpochScores(table, self.best_calibration, lambda case: load_mask(masks, case))
            self._write_volumes("best", self.best, epoch)

    def _write_volumes(self, which: str, row: dict[str, float], epoch: EpochScores) -> None:
        volumes = self.scores.volumes(epoch)
        write_table(self.folder.volumes(which), volumes)
        write_table(self.folder.calibration(which), calibration_table(epoch.calibration.values()))
        self._write_summary(which, row, summarise(epoch.table, volumes))

    def _load_checkpoint(self, engine: Engine) -> None:
        check_resume(self.folder, self.facts)
        state = torch.load(self.folder.checkpoint, map_location="cpu", weights_only=True)
        for name, item in self.checkpointed.items():
            item.load_state_dict(state[name])
        self.history, self.best = state["history"], state["best"]
        calibration = state.get("best_calibration", {})
        self.best_calibration = {case: CalibrationBins.from_lists(bins) for case, bins in calibration.items()}
        engine.state.epoch = len(self.history)
        engine.state.iteration = len(self.history) * (engine.state.epoch_length or 0)
        logger.info("going on after epoch %d", engine.state.epoch)

    def _complete(self, engine: Engine) -> None:
        if self.resume and self.best and self.scores.table.empty:
            # Killed after its last epoch: what that predicted is gone with the process, but not the weights.
            self.evaluator.run()
        if _is_first_rank():
            self._save_weights("last")
            if self.best:
                self._write_cases()
            if self.bundle_root is not None:
                logger.info("installed weights: %s", install_weights(self.folder, self.bundle_root))
        Lifecycle.of(engine).finish()

    def _save_weights(self, which: str) -> None:
        network: torch.nn.Module = self.checkpointed["network"]
        epoch = int((self.best if which == "best" else self.history[-1])["epoch"])
        save_weights(self.folder, which, network.state_dict(), {**self.facts, "which": which, "epoch": epoch})

    def _end(self, status: Status) -> None:
        if self._log_file is None:  # refused before it began; the folder is an earlier run's
            return
        self._write_facts(status)
        level = logging.INFO if status == "FINISHED" else logging.ERROR
        logger.log(level, "%s after %d epochs: %s", status, len(self.history), self.folder.root)
        if status != "FINISHED" and self.folder.checkpoint.is_file():
            logger.info("go on with: --resume %s", self.folder.root)
        logging.getLogger().removeHandler(self._log_file)
        self._log_file.close()
        self._log_file = None

    def _write_facts(self, status: Status | str) -> None:
        peak_bytes, peak_of = peak_memory(torch.device(self.facts.get("device", "cpu")))
        process = {"pid": os.getpid(), "host": platform.node()}
        memory = {"peak_memory_bytes": peak_bytes, "peak_memory_of": peak_of}
        seconds = sum(row["seconds"] for row in self.history)
        short = {key: value for key, value in self.facts.items() if key != "train_cases_sha256"}
        epochs = {"epochs_done": len(self.history), "seconds": round(seconds, 1), "best_epoch": self.best.get("epoch")}
        write_json(self.folder.facts, {**short, **epochs, **process, **memory, "status": status})


def _line(row: dict[str, float], max_epochs: int) -> str:
    shown = {key: row[key] for key in ("train_loss", "val_loss", "val_dice", "val_iou", "val_iou_both") if key in row}
    scores = "  ".join(f"{key} {value:.4f}" for key, value in shown.items())
    return f"epoch {int(row['epoch'])}/{max_epochs}  {scores}  {row['seconds']:.0f} s"


def _numbers(metrics: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items()}


def _is_distributed() -> bool:
    return dist.is_available() and dist.is_initialized()


def _is_first_rank() -> bool:
    return not _is_distributed() or dist.get_rank() == 0
