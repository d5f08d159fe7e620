"""The four networks that are compared."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from medseg.networks import FCN8s, UNet

SEED = 0
BUILDERS: dict[str, Callable[[], nn.Module]] = {
    "unet": lambda: UNet(),
    "unet_early_skip": lambda: UNet(skip_from=1, batch_norm=True),
    "unet_early_skip_concat": lambda: UNet(skip_from=1, batch_norm=True, concat_bottom=True),
    "fcn8s": lambda: FCN8s(dropout=0.0),
}
