"""Check a training's flat settings before any work, so that a wrong one ends in a line that names it."""

from __future__ import annotations

import math
from typing import Any

from monai.bundle import ConfigParser

from medseg.errors import UsageError

__all__ = ["check_settings"]

_WHOLE_FROM = {
    "max_epochs": 1,
    "batch_size": 1,
    "val_interval": 1,
    "batch_norm_epochs": 0,
    "seed": 0,
    "fold": 0,
    "num_workers": 0,
}
_ABOVE_ZERO = ("learning_rate", "gradient_clip")
_SHARES = ("flip_probability", "rotate90_probability", "empty_slices", "threshold")


def check_settings(parser: ConfigParser) -> None:
    """Check the settings of ``train.json`` that stand for themselves.

    Raises:
        UsageError: If one has another type or is outside its range.
    """
    for name, least in _WHOLE_FROM.items():
        value = parser.get_parsed_content(name)
        if not _is_whole(value, least):
            raise UsageError(f"{name} must be a whole number from {least}, got {value!r}")
    for name in _ABOVE_ZERO:
        value = parser.get_parsed_content(name)
        if not (_is_number(value) and value > 0):
            raise UsageError(f"{name} must be a finite number above 0, got {value!r}")
    for name in _SHARES:
        value = parser.get_parsed_content(name)
        if not (_is_number(value) and 0 <= value <= 1):
            raise UsageError(f"{name} must be a number in [0, 1], got {value!r}")
    _check_others(parser)


def _check_others(parser: ConfigParser) -> None:
    dropout, warmup_epochs = parser.get_parsed_content("dropout"), parser.get_parsed_content("warmup_epochs")
    if not (_is_number(dropout) and 0 <= dropout < 1):
        raise UsageError(f"dropout must be a number in [0, 1), got {dropout!r}")
    if not (_is_number(warmup_epochs) and warmup_epochs >= 0):
        raise UsageError(f"warmup_epochs must be a finite number from 0, got {warmup_epochs!r}")
    epoch_length = parser.get_parsed_content("epoch_length")
    if epoch_length is not None and not _is_whole(epoch_length, 1):
        raise UsageError(f"epoch_length must be None or a whole number from 1, got {epoch_length!r}")
    size = parser.get_parsed_content("image_size")
    if size is not None and not (_is_pair(size) and all(_is_whole(side, 1) for side in size)):
        raise UsageError(f'image_size must be None or two whole numbers from 1, such as "[256,256]", got {size!r}')
    window = parser.get_parsed_content("window")
    if not (_is_pair(window) and all(map(_is_number, window)) and window[0] < window[1]):
        raise UsageError(f'window must be two finite, rising numbers, such as "[-160,240]", got {window!r}')


def _is_pair(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
