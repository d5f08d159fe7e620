from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from medseg.statistics.correct import correct, holm


@pytest.fixture(scope="module", autouse=True)
def _little_garbage() -> Iterator[None]:
    """statsmodels collects garbage at each call."""
    gc.freeze()
    yield
    gc.unfreeze()


class TestHolm:
    def test_by_hand(self) -> None:
        # 3 x 0.01, 2 x 0.02, and 0.03 is not below 0.04.
        assert holm([0.03, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])

    def test_is_never_above_one(self) -> None:
        assert holm([0.6, 0.5]) == [1.0, 1.0]

    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
    def test_is_that_of_statsmodels(self, p_values: list[float]) -> None:
        assert holm(p_values) == pytest.approx(list(multipletests(p_values, method="holm")[1]))


class TestCorrect:
    def test_no_pairs(self) -> None:
        assert correct([]) == []
