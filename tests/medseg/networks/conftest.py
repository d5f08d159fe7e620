"""The four networks, each built once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from medseg.networks import FCN8s, UNet

BUILDERS: dict[str, Callable[[], nn.Module]] = {
    "unet": lambda: UNet(),
    "unet_early_skip": lambda: UNet(skip_from=1, batch_norm=True),
    "unet_early_skip_concat": lambda: UNet(skip_from=1, batch_norm=True, concat_bottom=True),
    "fcn8s": lambda: FCN8s(dropout=0.0),
}


@pytest.fixture(scope="session", params=BUILDERS)
def named_network(request: pytest.FixtureRequest) -> tuple[str, nn.Module]:
    """Bundle name and network without dropout, seeded, in evaluation mode; tests leave it as they found it."""
    torch.manual_seed(0)
    return request.param, BUILDERS[request.param]().eval()


@pytest.fixture
def network(named_network: tuple[str, nn.Module]) -> nn.Module:
    """One of the four networks."""
    return named_network[1]
