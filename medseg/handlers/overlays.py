"""Pictures of predictions: errors coloured over a few slices, the same ones each epoch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from ignite.engine import Engine, Events
from numpy.typing import NDArray

from medseg.io.pictures import write_rgb
from medseg.transforms.overlay import error_overlay

__all__ = ["Overlays"]


class Overlays:
    """Write ``<case>_<slice>.png`` for the first slices with foreground that an evaluator sees.

    Under distributed evaluation only the first rank draws.

    Args:
        folder: Where the pictures go; each epoch replaces them.
        count: Number of pictures.
        scanner_view: Whether to draw columns to L and rows to P, a scanner's usual view, of slices whose x runs to R
            and y to A.
    """

    def __init__(self, folder: Path | str, count: int = 4, *, scanner_view: bool = False) -> None:
        self.folder = Path(folder)
        self.count = count
        self.scanner_view = scanner_view
        self._left = count

    def attach(self, engine: Engine) -> None:
        """Draw after iterations until ``count`` pictures are written."""
        if dist.is_available() and dist.is_initialized() and dist.get_rank() > 0:
            return
        engine.add_event_handler(Events.EPOCH_STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Draw the batch's items."""
        for item in engine.state.output:  # type: ignore[union-attr]
            label = item["label"]
            if self._left == 0 or not bool((label > 0.5).any()):
                continue
            self._left -= 1
            name = f"{label.meta['case']}_{int(label.meta['slice']):03d}.png"
            picture = error_overlay(_array(item["image"]), _array(item["pred"]), _array(label))
            write_rgb(self.folder / name, picture[::-1, ::-1] if self.scanner_view else picture)

    def _start(self, _engine: Engine) -> None:
        self._left = self.count


def _array(channel_first: torch.Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = channel_first.detach().cpu().float().numpy()[0]
    return array
