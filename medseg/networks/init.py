"""Weight initialisation shared by the networks.

He et al., 2015, https://arxiv.org/abs/1502.01852. PyTorch's default starts a plain VGG or U-Net without batch norm
with activations that shrink layer by layer (standard deviation 5e-4 at VGG16's pool5 for unit input).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

__all__ = ["bilinear_kernel", "kaiming_init"]


def kaiming_init(module: nn.Module) -> None:
    """Draw every convolution's weights from He's normal distribution and set its bias to zero.

    The last, linear layer gets gain 1 where it is marked with ``linear_output = True``, all others the gain of ReLU.

    Args:
        module: Network whose ``Conv2d`` and ``ConvTranspose2d`` layers are changed in place.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            linear = getattr(layer, "linear_output", False)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear" if linear else "relu")
        elif isinstance(layer, nn.ConvTranspose2d):
            # With kernel = stride each output pixel sees every input channel once; torch counts the fan of a
            # transposed weight along its output channels, so it is computed here.
            overlap = math.prod(layer.kernel_size) / math.prod(layer.stride)
            nn.init.normal_(layer.weight, std=math.sqrt(1.0 / (layer.in_channels * overlap)))
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def bilinear_kernel(channels: int, size: int) -> Tensor:
    """Weights with which a transposed convolution interpolates bilinearly, channel by channel.

    Long et al., 2015, section 3.3 (https://arxiv.org/abs/1411.4038).

    Args:
        channels: Channels in and out.
        size: Kernel side in pixels; twice the up-sampling factor.

    Returns:
        ``(channels, channels, size, size)``, zero between different channels.
    """
    factor = (size + 1) // 2
    centre = factor - 1 if size % 2 == 1 else factor - 0.5
    ramp = 1 - (torch.arange(size, dtype=torch.float32) - centre).abs() / factor
    weight = torch.zeros(channels, channels, size, size)
    for channel in range(channels):
        weight[channel, channel] = torch.outer(ramp, ramp)
    return weight
