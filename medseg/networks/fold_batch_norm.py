"""Batch norm merged into the convolutions before it, which then computes nothing of its own."""

from __future__ import annotations

import copy

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

__all__ = ["fold_batch_norm"]


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """A copy in which each batch norm that follows a convolution in a ``Sequential`` is merged into it.

    In evaluation mode a batch norm multiplies and adds constants, which the convolution's weights and bias take over
    (Jacob et al., 2018, https://arxiv.org/abs/1712.05877, section 3.2). Logits stay the same but for rounding.

    Args:
        network: In evaluation mode.

    Returns:
        The copy; a network without batch norm itself.

    Raises:
        ValueError: If it is in training mode.
    """
    if network.training:
        raise ValueError("network must be in evaluation mode, got one in training mode")
    if not any(isinstance(module, nn.BatchNorm2d) for module in network.modules()):
        return network
    network = copy.deepcopy(network)
    for sequence in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
        for index in range(len(sequence) - 1):
            conv, norm = sequence[index], sequence[index + 1]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                sequence[index] = fuse_conv_bn_eval(conv, norm)
                sequence[index + 1] = nn.Identity()
    return network
