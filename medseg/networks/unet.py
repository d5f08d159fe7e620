"""U-Net with the skip connections that the paper compares.

Ronneberger et al., 2015, https://arxiv.org/abs/1505.04597, in the form of Di, Ma, Lian and Wang ("A U-Net Network
Model for Medical Image Segmentation Based on Improved Skip Connections"), whose parameter counts fix the details:
widths 32 to 512, 'same' padding, transposed convolutions with bias, one logit a pixel.

The paper's variants are two switches and a norm:

* ``skip_from=1`` takes the skip connection from a block's first convolution (its "improved skip connection");
* ``concat_bottom=True`` hands both convolutions' results of the bottom block to the decoder;
* ``batch_norm=True`` normalises after each of the 18 block convolutions.

The paper adds dropout "after the convolution" of its improved networks without a rate: ``dropout`` applies it after
each block convolution's ReLU.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from medseg.networks.init import kaiming_init
from medseg.networks.padding import crop_to, pad_to_multiple

__all__ = ["ConvBlock", "UNet", "UpBlock"]


class ConvBlock(nn.Module):
    """Two 3x3 convolutions, each with optional batch norm, ReLU and optional dropout.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of both results.
        batch_norm: Whether to normalise after each convolution.
        dropout: Probability with which a feature is dropped after each convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, *, batch_norm: bool, dropout: float) -> None:
        super().__init__()
        self.first = _conv_unit(in_channels, out_channels, batch_norm=batch_norm, dropout=dropout)
        self.second = _conv_unit(out_channels, out_channels, batch_norm=batch_norm, dropout=dropout)

    def forward(self, img: Tensor) -> tuple[Tensor, Tensor]:
        """Both convolutions' results, each ``(B, out_channels, H, W)``, for ``img`` ``(B, in_channels, H, W)``."""
        first = self.first(img)
        return first, self.second(first)


class UpBlock(nn.Module):
    """Double the size, join the skip connection, convolve twice.

    Args:
        in_channels: Channels of the coarser features.
        skip_channels: Channels of the skip connection, and of the result.
        batch_norm: As in :class:`ConvBlock`.
        dropout: As in :class:`ConvBlock`.
    """

    def __init__(self, in_channels: int, skip_channels: int, *, batch_norm: bool, dropout: float) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(in_channels, skip_channels, kernel_size=2, stride=2)
        self.block = ConvBlock(2 * skip_channels, skip_channels, batch_norm=batch_norm, dropout=dropout)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        """``(B, skip_channels, 2h, 2w)``, the shape of ``skip``, from ``coarse`` ``(B, in_channels, h, w)``."""
        _, second = self.block(torch.cat([skip, self.up(coarse)], dim=1))
        return second  # type: ignore[no-any-return]


class UNet(nn.Module):
    """U-Net; returns logits of the input's size for any height and width.

    Args:
        in_channels: Channels of the input image.
        out_channels: Logits a pixel.
        widths: Channels of the blocks from the finest to the bottom one.
        skip_from: The convolution of an encoder block, 1 or 2, that feeds the skip connection.
        concat_bottom: Whether the bottom block's two results are concatenated for the decoder.
        batch_norm: Whether each block convolution is followed by batch norm.
        dropout: Probability in [0, 1) with which a feature is dropped after each block convolution.

    Raises:
        ValueError: If an argument is outside its range.
    """

    def __init__(
        self,
        *,
        in_channels: int = 1,
        out_channels: int = 1,
        widths: tuple[int, ...] = (32, 64, 128, 256, 512),
        skip_from: int = 2,
        concat_bottom: bool = False,
        batch_norm: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if skip_from not in (1, 2):
            raise ValueError(f"skip_from must be 1 or 2, got {skip_from}")
        if len(widths) < 2:
            raise ValueError(f"widths must name at least 2 blocks, got {list(widths)}")
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}")
        self.skip_from = skip_from
        self.concat_bottom = concat_bottom
        self.multiple = 2 ** (len(widths) - 1)
        inputs = (in_channels, *widths[:-2])
        self.encoder = nn.ModuleList(
            ConvBlock(i, o, batch_norm=batch_norm, dropout=dropout) for i, o in zip(inputs, widths[:-1], strict=True)
        )
        self.pool = nn.MaxPool2d(kernel_size=2)
        self.bottom = ConvBlock(widths[-2], widths[-1], batch_norm=batch_norm, dropout=dropout)
        coarse = (widths[-1] * (2 if concat_bottom else 1), *widths[-2:0:-1])
        self.decoder = nn.ModuleList(
            UpBlock(c, s, batch_norm=batch_norm, dropout=dropout) for c, s in zip(coarse, widths[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(widths[0], out_channels, kernel_size=1)
        self.head.linear_output = True  # type: ignore[assignment]
        kaiming_init(self)

    def forward(self, img: Tensor) -> Tensor:
        """Logits ``(B, out_channels, H, W)`` for ``img`` ``(B, in_channels, H, W)``."""
        height, width = img.shape[2], img.shape[3]
        features = pad_to_multiple(img, self.multiple)
        skips: list[Tensor] = []
        for block in self.encoder:
            first, second = block(features)
            skips.append(first if self.skip_from == 1 else second)
            features = self.pool(second)
        first, second = self.bottom(features)
        features = torch.cat([first, second], dim=1) if self.concat_bottom else second
        for level, up in enumerate(self.decoder):
            features = up(features, skips[-1 - level])
        return crop_to(self.head(features), height, width)


def _conv_unit(in_channels: int, out_channels: int, *, batch_norm: bool, dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1)]
    if batch_norm:
        layers.append(nn.BatchNorm2d(out_channels))
    layers.append(nn.ReLU(inplace=True))
    if dropout > 0:
        layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers)
