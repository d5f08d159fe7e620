"""The time that arithmetic takes at least: operations of a network over the rate of a large matrix product.

A convolution that is computed by its definition cannot be faster; Winograd's and Fourier's ways take fewer
operations, so a time below the floor would not be an error.
"""

from __future__ import annotations

import time

import torch
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["sgemm_rate", "slice_flops"]

_SIDE = 2048


def slice_flops(network: torch.nn.Module, size_px: tuple[int, int]) -> int:
    """Multiplications and additions of a slice, a multiply-add counted as two; no data are touched."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval().to("meta")(torch.empty(1, 1, *size_px, device="meta"))
    return int(counter.get_total_flops())


def sgemm_rate(threads: int, *, side: int = _SIDE, repeats: int = 3) -> float:
    """Operations a second of a product of two square float32 matrices: the best of some, after one uncounted."""
    torch.set_num_threads(threads)
    left, right = torch.rand(side, side), torch.rand(side, side)
    seconds = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        torch.mm(left, right)
        seconds.append(time.perf_counter() - begin)
    return 2 * side**3 / min(seconds[1:])
