"""How long each engine takes a slice."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median

import torch
from torch import nn

from medseg.deploy.bundle_config import bundle_network
from medseg.deploy.formats import formats_called
from medseg.deploy.runtimes import network_for
from medseg.runs import find_weights

__all__ = ["latencies_ms"]


def latencies_ms(
    bundle_root: Path, formats: str | Iterable[str], *, size_px: int = 512, repeats: int = 5
) -> dict[str, float]:
    """Median time of a slice on the CPU in each engine, torch first; in turn, after a round that does not count.

    Args:
        bundle_root: Bundle that was exported.
        formats: Its exports.
        size_px: Width and height of the slice.
        repeats: Counted rounds.

    Returns:
        Milliseconds by engine.

    Raises:
        UsageError: If an export or a package is missing.
        MedsegError: If an export is of other weights.
    """
    cpu, weights = torch.device("cpu"), find_weights(str(bundle_root))
    network = bundle_network(bundle_root)
    engines = {"torch": network.to(memory_format=torch.channels_last)}  # type: ignore[call-overload]
    for format_ in formats_called(formats):
        engines[format_.name] = network_for(format_.name, network, weights, cpu)  # type: ignore[arg-type]
    image = torch.zeros(1, 1, size_px, size_px)
    rounds = [{name: _once_ms(engine, image) for name, engine in engines.items()} for _ in range(repeats + 1)]
    return {name: median(times[name] for times in rounds[1:]) for name in engines}


@torch.inference_mode()
def _once_ms(engine: nn.Module, image: torch.Tensor) -> float:
    begin = time.perf_counter()
    engine(image)
    return 1000 * (time.perf_counter() - begin)
