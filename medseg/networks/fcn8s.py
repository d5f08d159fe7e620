"""FCN-8s on VGG16.

Long, Shelhamer and Darrell, 2015, https://arxiv.org/abs/1411.4038; VGG16: Simonyan and Zisserman, 2015,
https://arxiv.org/abs/1409.1556 (configuration D), its fully connected layers made convolutional.

Departs from the paper: sizes are padded to multiples of 32 and fc6 pads by 3, where the original pads the image by 100
pixels; the logits then need no offset. Every up-sampling is learned, and starts bilinear.

The table of Di et al. gives 143,667,240 parameters, which is to the unit the 1000-class VGG-19 image classifier.
FCN-8s on VGG16 with one input channel and one logit has 134,264,547 (``docs/networks.md`` counts them).
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor, nn

from medseg.networks.init import bilinear_kernel, kaiming_init
from medseg.networks.padding import crop_to, pad_to_multiple

__all__ = ["FCN8s", "load_vgg16"]

_STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
_TORCHVISION_CONVS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)


class FCN8s(nn.Module):
    """FCN-8s; returns logits of the input's size for any height and width.

    Args:
        in_channels: Channels of the input image.
        out_channels: Logits a pixel.
        dropout: Probability in [0, 1) with which a channel of fc6 and fc7 is dropped; 0.5 in the paper.
        vgg16_weights: File with VGG16's weights in torchvision's format, or None for Kaiming initialisation.

    Raises:
        ValueError: If ``dropout`` is outside its range, or the file does not hold VGG16's weights.
        FileNotFoundError: If ``vgg16_weights`` does not exist.
    """

    def __init__(
        self,
        *,
        in_channels: int = 1,
        out_channels: int = 1,
        dropout: float = 0.5,
        vgg16_weights: str | None = None,
    ) -> None:
        super().__init__()
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}")
        self.multiple = 32
        widths = (in_channels, *(width for width, _ in _STAGES))
        self.stages = nn.ModuleList(_stage(widths[index], width, convs) for index, (width, convs) in enumerate(_STAGES))
        self.fc6 = nn.Sequential(nn.Conv2d(512, 4096, kernel_size=7, padding=3), nn.ReLU(inplace=True))
        self.fc7 = nn.Sequential(nn.Conv2d(4096, 4096, kernel_size=1), nn.ReLU(inplace=True))
        self.dropout = nn.Dropout2d(dropout)
        self.score_fc7 = nn.Conv2d(4096, out_channels, kernel_size=1)
        self.score_pool4 = nn.Conv2d(512, out_channels, kernel_size=1)
        self.score_pool3 = nn.Conv2d(256, out_channels, kernel_size=1)
        self.up_fc7 = nn.ConvTranspose2d(out_channels, out_channels, kernel_size=4, stride=2, padding=1, bias=False)
        self.up_pool4 = nn.ConvTranspose2d(out_channels, out_channels, kernel_size=4, stride=2, padding=1, bias=False)
        self.up_pool3 = nn.ConvTranspose2d(out_channels, out_channels, kernel_size=16, stride=8, padding=4, bias=False)
        self._init_weights(out_channels)
        if vgg16_weights is not None:
            load_vgg16(self, Path(vgg16_weights))

    def forward(self, img: Tensor) -> Tensor:
        """Logits ``(B, out_channels, H, W)`` for ``img`` ``(B, in_channels, H, W)``."""
        height, width = img.shape[2], img.shape[3]
        features = pad_to_multiple(img, self.multiple)
        pools: list[Tensor] = []
        for stage in self.stages:
            features = stage(features)
            pools.append(features)
        features = self.dropout(self.fc6(features))
        features = self.dropout(self.fc7(features))
        score = self.up_fc7(self.score_fc7(features)) + self.score_pool4(pools[3])
        score = self.up_pool4(score) + self.score_pool3(pools[2])
        return crop_to(self.up_pool3(score), height, width)

    def _init_weights(self, out_channels: int) -> None:
        for score in (self.score_fc7, self.score_pool4, self.score_pool3):
            score.linear_output = True  # type: ignore[assignment]
        kaiming_init(self)
        for up in (self.up_fc7, self.up_pool4, self.up_pool3):
            with torch.no_grad():
                up.weight.copy_(bilinear_kernel(out_channels, up.kernel_size[0]))


def load_vgg16(network: FCN8s, path: Path) -> None:
    """Copy VGG16's weights into ``network``, in place.

    The first layer's RGB filters are folded to the network's input channels: summed over R, G and B and divided by
    the number of input channels, so that a grey image gives what its RGB copy would have given. The classifier's
    fc6 and fc7 become convolutions; its last layer is left out.

    Args:
        network: Network to fill.
        path: State dict of ``torchvision.models.vgg16``.

    Raises:
        FileNotFoundError: If ``path`` does not exist.
        ValueError: If the file is no state dict, or an entry is missing or has another shape.
    """
    if not path.is_file():
        raise FileNotFoundError(f"vgg16_weights must be a file in torchvision's format, {path} does not exist")
    state = _read_state(path)
    convs = [layer for stage in network.stages for layer in stage.modules() if isinstance(layer, nn.Conv2d)]
    names = [f"features.{index}" for index in _TORCHVISION_CONVS] + ["classifier.0", "classifier.3"]
    with torch.no_grad():
        for name, layer in zip(names, [*convs, network.fc6[0], network.fc7[0]], strict=True):
            assert isinstance(layer, nn.Conv2d)
            assert layer.bias is not None
            shape = tuple(layer.weight.shape)
            if name == names[0]:
                weight = _entry(state, f"{name}.weight", (shape[0], 3, *shape[2:]), path)
                weight = weight.sum(dim=1, keepdim=True).expand(-1, layer.in_channels, -1, -1) / layer.in_channels
            elif name.startswith("classifier"):
                weight = _entry(state, f"{name}.weight", (shape[0], math.prod(shape[1:])), path).reshape(shape)
            else:
                weight = _entry(state, f"{name}.weight", shape, path)
            layer.weight.copy_(weight)
            layer.bias.copy_(_entry(state, f"{name}.bias", tuple(layer.bias.shape), path))


def _read_state(path: Path) -> dict[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling a damaged file raises nearly anything
        raise ValueError(f"{path}: must be a state dict of torchvision's vgg16, got {error!r}") from error
    if not isinstance(state, dict):
        raise ValueError(f"{path}: must be a state dict of torchvision's vgg16, got {type(state).__name__}")
    return state


def _entry(state: dict[str, Tensor], name: str, shape: tuple[int, ...], path: Path) -> Tensor:
    if name not in state:
        raise ValueError(f"{path}: must hold {name}; give the state dict of torchvision's vgg16")
    if tuple(state[name].shape) != shape:
        raise ValueError(
            f"{path}: {name} must fit {shape}, got {tuple(state[name].shape)};"
            " give the state dict of torchvision's vgg16"
        )
    return state[name]


def _stage(in_channels: int, out_channels: int, convs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for index in range(convs):
        layers.append(nn.Conv2d(in_channels if index == 0 else out_channels, out_channels, kernel_size=3, padding=1))
        layers.append(nn.ReLU(inplace=True))
    layers.append(nn.MaxPool2d(kernel_size=2))
    return nn.Sequential(*layers)
