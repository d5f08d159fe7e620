"""How each network is named and drawn: never told apart by colour alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medseg.network_colours import NETWORK_COLOURS

__all__ = ["Look", "looks"]

# The rest of Okabe and Ito's colours, for networks that are not the paper's.
_MORE_COLOURS = ("#56b4e9", "#d55e00", "#8c6d00", "#57606a")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_LINES = ("-", "--", "-.", ":")


@dataclass(frozen=True)
class Look:
    """How a network is drawn.

    Attributes:
        colour: As ``#rrggbb``.
        marker: Matplotlib's name of it.
        line: Matplotlib's name of a line style.
    """

    colour: str
    marker: str
    line: str


def looks(networks: Sequence[str]) -> dict[str, Look]:
    """A look for each network, the same wherever the same networks are drawn."""
    others = [network for network in networks if network not in NETWORK_COLOURS]
    colours = NETWORK_COLOURS | {
        network: _MORE_COLOURS[index % len(_MORE_COLOURS)] for index, network in enumerate(others)
    }
    return {
        network: Look(colours[network], _MARKERS[index % len(_MARKERS)], _LINES[index % len(_LINES)])
        for index, network in enumerate(networks)
    }
