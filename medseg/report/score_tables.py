"""Tables of scores: in the paper's form, by measure, and by training."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from medseg.metrics.overlap import overlap
from medseg.metrics.volumes import COUNTS
from medseg.paper import PAPER_NETWORKS, paper_rows
from medseg.report.evidence import Level, StudyEvidence
from medseg.report.gather import StudyScores
from medseg.report.measures import Measure, measure
from medseg.report.numerals import MISSING, between, fixed, memory, time, whole
from medseg.report.tables import Table
from medseg.statistics import Interval, NetworkEvidence
from medseg.study.results import Result

__all__ = ["paper_table", "runs_table", "scores_table"]

CHOSEN = "chosen on the scored images"
"""How scores of the best epoch are labelled."""
_LABELS = {"last": "ours, last epoch", "best": f"ours, best epoch ({CHOSEN})"}
_LEVELS = {"cases": "", "foreground slices": ", slices with foreground", "slices": ", all slices"}


def paper_table(study: StudyScores, evidence: StudyEvidence) -> Table:
    """The paper's Tables 2 to 4 in one, its rows below ours where the data are its own."""
    levels: tuple[Level, ...] = ("foreground slices", "slices") if study.volumes else ("cases",)
    printed = paper_rows(str(study.results[0].facts["fingerprint"]))
    lines: list[dict[str, Any]] = []
    for network in study.networks:
        for which in ("last", "best"):
            for level in levels:
                lines.append(_ours(study, evidence, network, which, level))
        if network in printed:
            row = printed[network]
            lines.append(
                {
                    "network": network,
                    "row": f"paper, {PAPER_NETWORKS[network].name}",
                    "parameters": PAPER_NETWORKS[network].parameters,
                    "miou": row.iou,
                    "aver_dice": row.dice,
                    "loss": row.loss,
                }
            )
    data = pd.DataFrame(lines)
    return Table(
        name="paper_form",
        caption="Scores in the form of the paper's tables",
        columns=(
            "Network", "Row", "Parameters", "mIoU", "95 % interval", "Aver_dice", "95 % interval", "Loss",
            "Slices" if study.volumes else "Images", "Trainings",
        ),
        rows=tuple(_paper_cells(line) for line in lines),
        data=data,
        note=_paper_note(study, evidence, bool(printed)),
        leading=2,
        dim_rows=frozenset(index for index, line in enumerate(lines) if not line["row"].startswith("ours, last")),
    )  # fmt: skip


def _ours(study: StudyScores, evidence: StudyEvidence, network: str, which: str, level: Level) -> dict[str, Any]:
    results = study.of(network)
    iou, dice = (evidence.network(network, measure(name), which, level) for name in ("iou", "dice"))
    return {
        "network": network,
        "row": _LABELS[which] + _LEVELS[level],
        "parameters": results[0].facts.get("parameters"),
        **_figures("miou", iou),
        **_figures("aver_dice", dice),
        "loss": pd.Series([_summed_loss(result, which) for result in results]).mean(),
        "n": None if dice is None else dice.cases,
        "trainings": len(results),
    }


def _figures(name: str, found: NetworkEvidence | None) -> dict[str, float | None]:
    if found is None:
        return dict.fromkeys((name, f"{name}_ci95_low", f"{name}_ci95_high"))
    # The interval is of the mean over units, which is another figure where one has more cases than another.
    low, high = _ends(found.interval) if math.isclose(found.mean, found.mean_of_cases, rel_tol=1e-9) else (None, None)
    return {name: found.mean_of_cases, f"{name}_ci95_low": low, f"{name}_ci95_high": high}


def _ends(interval: Interval | None) -> tuple[float | None, float | None]:
    return (None, None) if interval is None else (interval.low, interval.high)


def _summed_loss(result: Result, which: str) -> float | None:
    """Training loss summed over the batches of an epoch, most likely the paper's "loss"."""
    history = result.history()
    if "train_loss_sum" not in history:
        return None
    epoch = result.facts.get("best_epoch") if which == "best" else history.epoch.max()
    found = history.loc[history.epoch == epoch, "train_loss_sum"]
    return None if found.empty else float(found.iloc[0])


def _paper_cells(line: dict[str, Any]) -> tuple[str, ...]:
    figures: list[str] = []
    for name in ("miou", "aver_dice"):
        figures += [fixed(line[name]), between(line.get(f"{name}_ci95_low"), line.get(f"{name}_ci95_high"))]
    counts = (whole(line.get("n")), whole(line.get("trainings")))
    return line["network"], line["row"], whole(line["parameters"]), *figures, fixed(line["loss"], 3), *counts


def _paper_note(study: StudyScores, evidence: StudyEvidence, printed: bool) -> str:
    what = "slices" if study.volumes else "images"
    note = (
        f"Means over {what}, which weigh the same, of trainings that had not seen them; each is first averaged over its"
        f" trainings. mIoU is the foreground's, as in the paper's tables. Intervals resample {evidence.unit}s, or"
        f" within them where there are few; where {evidence.unit}s have different numbers of {what} there is none, but"
        f" the table of all scores has means over {evidence.unit}s with theirs. Loss is the training loss summed over"
        " the batches of the epoch, mean over trainings."
    )
    if _differ(study, "batch_size") or _differ(study, "epoch_length"):
        note += " Networks had different numbers of batches an epoch, so their losses cannot be compared."
    if printed:
        note += (
            " The paper gives no split, no seeds and no number of runs; its count for FCN-8s is that of a VGG-19"
            " classifier."
        )
    return note


def _differ(study: StudyScores, fact: str) -> bool:
    return len({str(result.facts.get(fact)) for result in study.results}) > 1


def scores_table(study: StudyScores, evidence: StudyEvidence, which: str) -> Table:
    """Every measure by network, with interval and n; ``which`` is ``last`` or ``best``."""
    lines = [line for found in study.measures for line in _measure_lines(study, evidence, found, which)]
    data = pd.DataFrame([line for line, _ in lines])
    rows = []
    for found in study.measures:
        own = {line["network"]: text for line, text in lines if line["measure"] == found.column}
        rows.append((found.heading, found.better, *(own[network] for network in study.networks)))
    epoch = "last epochs" if which == "last" else f"best epochs, {CHOSEN}"
    return Table(
        name=f"scores_{which}",
        caption=f"All scores per {study.case_noun}: {epoch}",
        columns=("Score", "Better", *study.networks),
        rows=tuple(rows),
        data=data,
        note=_scores_note(study, evidence),
        leading=2,
    )


def _measure_lines(
    study: StudyScores, evidence: StudyEvidence, found: Measure, which: str
) -> Iterator[tuple[dict[str, Any], str]]:
    for network in study.networks:
        own = evidence.network(network, found, which)
        low, high = _ends(None if own is None else own.interval)
        line = {"measure": found.column, "network": network, "mean": None if own is None else own.mean}
        line |= {"ci95_low": low, "ci95_high": high, "n": 0 if own is None else own.cases}
        text = MISSING
        if own is not None:
            text = f"{fixed(own.mean, found.decimals)} ({between(low, high, found.decimals)}; n {own.cases})"
        yield line, text


def _scores_note(study: StudyScores, evidence: StudyEvidence) -> str:
    found = evidence.pairs(study.measures[0])
    estimand = "" if found is None else f" What is estimated: {found.estimand}."
    return (
        f"Mean (95 % interval; number n of {study.case_noun}s, fewer where truth or prediction is empty and a distance"
        f" is not known).{estimand}{_tolerance(study)}"
    )


def _tolerance(study: StudyScores) -> str:
    for unit in ("mm", "px"):
        if (column := f"surface_tolerance_{unit}") in study.cases:
            return f" Surface Dice at a tolerance of {study.cases[column].iloc[0]:g} {unit}."
    return ""


def runs_table(study: StudyScores) -> Table:
    """Every training."""
    lines = [_run_line(study, result) for result in study.results]
    return Table(
        name="trainings",
        caption="Every training",
        columns=(
            "Network", "Fold", "Seed", f"{study.case_noun.capitalize()}s", "Dice, last epoch",
            "The same, pooled", "Dice, best epoch", "Best epoch", "Epochs", "Time", "Peak memory", "Device",
        ),
        rows=tuple(_run_cells(line) for line in lines),
        data=pd.DataFrame(lines),
        note=(
            f"Dice: mean over the fold's {study.case_noun}s; pooled: of all their pixels together. The best epoch is"
            f" {CHOSEN}. Time: training with validation."
        ),
    )  # fmt: skip


def _run_line(study: StudyScores, result: Result) -> dict[str, Any]:
    facts = result.facts
    last, best, images = (_of_training(table, result) for table in (study.cases, study.cases_best, study.images))
    pooled = overlap(*(int(count) for count in images[list(COUNTS)].sum()))
    return {
        "network": result.bundle,
        "fold": result.fold,
        "seed": result.seed,
        "cases": len(last),
        "dice_last": last.dice.mean(),
        "dice_last_pooled": pooled["dice"],
        "iou_last_pooled": pooled["iou"],
        "dice_best": best.dice.mean(),
        "best_epoch": facts.get("best_epoch"),
        "epochs": facts.get("epochs_done"),
        "seconds": facts.get("seconds"),
        "peak_memory_bytes": facts.get("peak_memory_bytes"),
        "device": facts.get("device"),
    }


def _of_training(table: pd.DataFrame, result: Result) -> pd.DataFrame:
    return table[(table.architecture == result.bundle) & (table.fold == result.fold) & (table.seed == result.seed)]


def _run_cells(line: dict[str, Any]) -> tuple[str, ...]:
    return (
        line["network"], str(line["fold"]), str(line["seed"]), whole(line["cases"]), fixed(line["dice_last"]),
        fixed(line["dice_last_pooled"]), fixed(line["dice_best"]), whole(line["best_epoch"]), whole(line["epochs"]),
        time(line["seconds"]),
        memory(line["peak_memory_bytes"]), str(line["device"] or MISSING),
    )  # fmt: skip
