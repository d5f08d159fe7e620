"""Whether a probability of 0.8 is right in 80 % of the pixels."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from medseg.report.drawing import DIM, Plot, new_figure
from medseg.report.networks import looks
from medseg.report.numerals import fixed
from medseg.study.results import Result

__all__ = ["pooled_calibration", "reliability"]


def pooled_calibration(results: Sequence[Result]) -> pd.DataFrame:
    """Bins over all scored pixels of each network's trainings.

    Returns:
        ``architecture``, ``bin_low``, ``bin_high``, ``pixels``, ``mean_probability``, ``foreground_share``; bins
        without pixels are left out.
    """
    tables = [result.calibration().assign(architecture=result.bundle) for result in results]
    bins = pd.concat(tables).query("pixels > 0")
    bins = bins.assign(
        probabilities=bins.mean_probability * bins.pixels, foreground=bins.foreground_share * bins.pixels
    )
    keys = ["architecture", "bin_low", "bin_high"]
    pooled = bins.groupby(keys, sort=False)[["pixels", "probabilities", "foreground"]].sum().reset_index()
    return pooled.assign(
        mean_probability=pooled.probabilities / pooled.pixels, foreground_share=pooled.foreground / pooled.pixels
    )[[*keys, "pixels", "mean_probability", "foreground_share"]]


def reliability(bins: pd.DataFrame) -> Plot:
    """Share of foreground among pixels by their predicted probability.

    Args:
        bins: As :func:`pooled_calibration` gives them.
    """
    figure = new_figure(height=4.2)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=DIM, linewidth=0.8, label="perfectly calibrated")
    errors = []
    for network, look in looks(list(bins.architecture.unique())).items():
        own = bins[bins.architecture == network].sort_values("bin_low")
        axes.plot(
            own.mean_probability, own.foreground_share, color=look.colour, linestyle=look.line, marker=look.marker,
            markersize=4.5, linewidth=1.3, label=network,
        )  # fmt: skip
        gaps = (own.mean_probability - own.foreground_share).abs()
        errors.append(f"{network} {fixed((gaps * own.pixels).sum() / own.pixels.sum())}")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("predicted probability of foreground, mean of a bin")
    axes.set_ylabel("share of foreground in the bin")
    figure.legend(loc="outside lower center", ncols=2)
    return Plot(
        name="reliability",
        title="Calibration of the probabilities",
        caption=(
            "Below the diagonal a network is too sure of foreground, above it not sure enough. All scored pixels of a"
            " network's last epochs together; mean distance from the diagonal, weighted by pixels:"
            f" {', '.join(errors)}."
        ),
        description=f"Reliability diagram. Calibration error over all pixels: {', '.join(errors)}.",
        figure=figure,
    )
