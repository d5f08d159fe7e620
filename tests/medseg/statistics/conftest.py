from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def _collect_little_garbage() -> Iterator[None]:
    """statsmodels' Holm collects garbage at each call, which takes half a second beside torch and MLflow."""
    gc.freeze()
    yield
    gc.unfreeze()
