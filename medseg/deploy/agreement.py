"""How far an export's logits are from torch's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["Agreement", "agreement", "random_images", "torch_logits"]

# Odd sides, sides below and beside the networks' multiples of 16 and 32, single pixels; batches of 1 and 3.
_SHAPES = ((1, 1, 64, 96), (3, 1, 50, 97), (1, 1, 33, 65), (3, 1, 7, 130), (1, 1, 1, 1))


@dataclass(frozen=True)
class Agreement:
    """An export beside torch, on the same images.

    Attributes:
        images: Their number.
        max_abs_difference: Largest absolute difference of two logits of a pixel; infinite if shapes differ.
        max_abs_logit: Largest absolute logit of torch's, beside which the difference may be seen.
        differing_px: Pixels on different sides of the threshold.
        pixels: Their number.
    """

    images: int
    max_abs_difference: float
    max_abs_logit: float
    differing_px: int
    pixels: int


def random_images(seed: int = 0) -> list[Tensor]:
    """Batches of several sizes, each ``(B, 1, H, W)``, uniform in [-1, 1] as preprocessed images are."""
    generator = torch.Generator().manual_seed(seed)
    return [2 * torch.rand(shape, generator=generator) - 1 for shape in _SHAPES]


def agreement(
    expected: Sequence[Tensor], export: nn.Module, images: Sequence[Tensor], threshold: float = 0.5
) -> Agreement:
    """Compare an export with torch.

    Args:
        expected: torch's logits of each image.
        export: The export, opened.
        images: Each ``(B, 1, H, W)``.
        threshold: Probability in (0, 1) above which a pixel is foreground.
    """
    difference, largest, differing, pixels = 0.0, 0.0, 0, 0
    cut = torch.logit(torch.tensor(threshold)).item()
    for image, logits in zip(images, expected, strict=True):
        with torch.inference_mode():
            got = export(image)
        largest = max(largest, logits.abs().max().item())
        differing += int(((logits > cut) != (got > cut)).sum()) if got.shape == logits.shape else logits.numel()
        pixels += logits.numel()
        far = got.shape != logits.shape or not bool(got.isfinite().all())
        difference = max(difference, float("inf") if far else (logits - got).abs().max().item())
    return Agreement(sum(len(image) for image in images), difference, largest, differing, pixels)


@torch.inference_mode()
def torch_logits(network: nn.Module, images: Sequence[Tensor]) -> list[Tensor]:
    """Torch's logits of each image, ``(B, 1, H, W)``."""
    return [network(image) for image in images]
