"""Learning curves: losses and the validation's Dice over the epochs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
from matplotlib.ticker import MaxNLocator

from medseg.report.drawing import Plot, new_figure, plain_log_ticks
from medseg.report.networks import looks
from medseg.report.numerals import fixed
from medseg.study.results import Result

__all__ = ["learning_curves"]

_CURVES = (
    ("train_loss", "Training loss", "mean over the epoch's batches"),
    ("val_loss", "Validation loss", "mean over the validation's images"),
    ("val_dice", "Validation Dice", "mean over the validation's images"),
)


def learning_curves(results: Sequence[Result]) -> Iterator[Plot]:
    """A chart for each of training loss, validation loss and validation Dice that the trainings recorded."""
    histories = pd.concat([_history(result) for result in results])
    for column, title, meaning in _CURVES:
        if column in histories and histories[column].notna().any():
            yield _curve(histories.dropna(subset=[column]), column, title, meaning)


def _history(result: Result) -> pd.DataFrame:
    return result.history().assign(architecture=result.bundle, training=result.key)


def _curve(histories: pd.DataFrame, column: str, title: str, meaning: str) -> Plot:
    figure = new_figure()
    axes = figure.add_subplot()
    networks = list(histories.architecture.unique())
    ends = []
    for network, look in looks(networks).items():
        own = histories[histories.architecture == network]
        for _, training in own.groupby("training"):
            axes.plot(training.epoch, training[column], color=look.colour, linewidth=0.7, alpha=0.35)
        mean = own.groupby("epoch")[column].mean()
        axes.plot(mean.index, mean, color=look.colour, linewidth=1.8, linestyle=look.line, label=network)
        if len(mean) == 1:  # a line of one epoch is not seen
            axes.plot(mean.index, mean, color=look.colour, marker=look.marker)
        ends.append(f"{network} {fixed(mean.iloc[-1])}")
    if "loss" in column and (histories[column] > 0).all():
        axes.set_yscale("log")
        plain_log_ticks(axes.yaxis)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    axes.set_ylabel(title)
    figure.legend(loc="outside lower center", ncols=2)
    return Plot(
        name=f"curve_{column}",
        title=title,
        caption=f"{meaning.capitalize()}. Thin: a training; thick: the mean of a network's trainings.",
        description=f"{title} by epoch. At the last epoch, mean over trainings: {', '.join(ends)}.",
        figure=figure,
    )
