"""The window in which a network was trained, for scans whose values mean something else than its training images'."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, ScaleIntensityRange, Transform
from monai.utils import TransformBackends

from medseg.errors import MedsegError
from medseg.meta_keys import MODALITY
from medseg.transforms.placed import source_of

__all__ = ["ScaleWindow", "ScaleWindowd"]


class ScaleWindow(Transform):
    """Map a window of intensities to -1 and 1, and what lies outside to its ends.

    A network that was trained on pictures of CT knows grey values only: scans in HU are mapped by the HU that these
    grey values were.

    Args:
        window: Values of the training images.
        window_hu: The same in HU, for CT; ``unknown`` where the training images were no HU and nobody knows what they
            were.

    Raises:
        MedsegError: If a CT is to be mapped and the window in HU is unknown; or a volume could be CT and does not say.
    """

    backend: ClassVar = [TransformBackends.TORCH]

    def __init__(self, window: Sequence[float], window_hu: Sequence[float] | str | None = None) -> None:
        self.window = (float(window[0]), float(window[1]))
        self.window_hu = window_hu if window_hu is None or isinstance(window_hu, str) else tuple(window_hu)

    def __call__(self, img: torch.Tensor) -> torch.Tensor:
        """Scale a tensor of any shape to [-1, 1]."""
        low, high = self._window_of(img)
        scaled: torch.Tensor = ScaleIntensityRange(low, high, -1.0, 1.0, clip=True)(img)
        return scaled

    def _window_of(self, img: torch.Tensor) -> tuple[float, float]:
        modality = str(img.meta.get(MODALITY, "")) if isinstance(img, MetaTensor) else ""
        if self.window_hu is None or modality not in ("", "CT"):
            return self.window
        if isinstance(self.window_hu, str):
            if modality == "CT":
                raise MedsegError(
                    f"{source_of(img, 'scan')}: is CT in HU, but the network was trained on pictures whose window in HU"
                    " is not known; give it, such as --window-hu -100,400 (--picture_window_hu in a bundle's command)"
                )
            return self.window
        low, high = (float(end) for end in self.window_hu)
        if modality == "CT" or (low, high) == self.window:
            return low, high
        if float(img.min()) < self.window[0]:
            raise MedsegError(
                f"{source_of(img, 'scan')}: values must be grey values like the training images', or HU of a scan that"
                f" says so, got some below {self.window[0]:g}; give --modality CT if they are HU"
            )
        return self.window


class ScaleWindowd(MapTransform):
    """Dictionary form of :class:`ScaleWindow`."""

    backend: ClassVar = ScaleWindow.backend

    def __init__(
        self,
        keys: KeysCollection,
        window: Sequence[float],
        window_hu: Sequence[float] | str | None = None,
        *,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.scale_window = ScaleWindow(window, window_hu)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Scale each key's image."""
        out = dict(data)
        for key in self.key_iterator(out):
            out[key] = self.scale_window(out[key])
        return out
