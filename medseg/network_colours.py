"""The networks' colours, the same in MLflow's pages and in reports."""

from __future__ import annotations

__all__ = ["NETWORK_COLOURS"]

NETWORK_COLOURS = {
    "unet": "#0072b2",
    "unet_early_skip": "#e69f00",
    "unet_early_skip_concat": "#009e73",
    "fcn8s": "#cc79a7",
}
"""By bundle; Okabe and Ito's, which all readers can tell apart."""
