"""Cross-entropy of logits, whatever loss a network was trained with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["cross_entropy"]


def cross_entropy(logits: NDArray[Any], truth: NDArray[np.bool_]) -> float:
    """Mean binary cross-entropy in nats, 0 or more, lower is better; NaN where a logit is.

    Args:
        logits: Of the foreground, any shape; summed in float64, also where they come in half precision.
        truth: Of the same shape.
    """
    values = np.asarray(logits, dtype=np.float64)
    # Of foreground -log(sigmoid(z)) = softplus(-z), of background softplus(z): no exponential overflows.
    with np.errstate(invalid="ignore"):  # NaN is told of by the result
        return float(np.logaddexp(0.0, np.where(truth, -values, values)).mean())
