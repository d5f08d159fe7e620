"""The four networks, each built once."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.medseg.networks.four import BUILDERS, SEED


@pytest.fixture(scope="session", params=BUILDERS)
def named_network(request: pytest.FixtureRequest) -> tuple[str, nn.Module]:
    """Bundle name and network without dropout, seeded, in evaluation mode; tests leave it as they found it."""
    torch.manual_seed(SEED)
    return request.param, BUILDERS[request.param]().eval()


@pytest.fixture
def network(named_network: tuple[str, nn.Module]) -> nn.Module:
    """One of the four networks."""
    return named_network[1]
