"""What holds for any table of scores."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medseg.statistics import Evidence, Interval, compare_networks
from tests.medseg.statistics.tables import random_scores


def small_tables() -> st.SearchStrategy[pd.DataFrame]:
    return st.builds(
        lambda effect, units, cases, folds, seeds, draw: random_scores(
            {"a": effect, "b": 0.0, "c": 0.0}, units=units, cases=cases, folds=min(folds, units), seeds=seeds,
            training=0.01, draw=draw,
        ),
        st.sampled_from([0.0, 0.02, 0.2]), st.integers(1, 8), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3),
        st.integers(0, 1000),
    )  # fmt: skip


def mirrored(interval: Interval | None) -> Interval | None:
    return interval and Interval(-interval.high, -interval.low)


def equal_figures(first: Evidence, second: Evidence) -> bool:
    return repr(first) == repr(second)


class TestProperties:
    @settings(max_examples=25, deadline=None)
    @given(scores=small_tables(), seed=st.integers(0, 3))
    def test_order_of_rows_and_repetition_change_nothing(self, scores: pd.DataFrame, seed: int) -> None:
        first = compare_networks(scores, seed=seed)
        shuffled = pd.concat([part.sample(frac=1, random_state=1) for _, part in scores.groupby("architecture")])
        assert equal_figures(first, compare_networks(shuffled, seed=seed))

    @settings(max_examples=25, deadline=None)
    @given(scores=small_tables())
    def test_exchanging_two_networks_mirrors_their_figures(self, scores: pd.DataFrame) -> None:
        pair = compare_networks(scores).pair("a", "b")
        other = compare_networks(scores.iloc[::-1]).pair("a", "b")
        assert (other.a, other.b) == ("b", "a")
        assert other.difference == pytest.approx(-pair.difference, abs=1e-11)
        assert (other.interval is None) == (pair.interval is None)
        if pair.interval is not None and other.interval is not None:
            assert other.interval.low == pytest.approx(-pair.interval.high, abs=1e-11)
            assert other.interval.high == pytest.approx(-pair.interval.low, abs=1e-11)
        assert other.a_beats_b == pytest.approx(1 - pair.a_beats_b)
        assert other.p_holm == pytest.approx(pair.p_holm)
        assert other.p_interval == pytest.approx(pair.p_interval)
        assert other.better == pair.better

    @settings(max_examples=25, deadline=None)
    @given(scores=small_tables())
    def test_interval_and_its_p_value_agree_and_claims_need_both(self, scores: pd.DataFrame) -> None:
        for pair in compare_networks(scores).pairs:
            assert 0 <= pair.p_interval <= pair.p_interval_holm <= 1
            assert 0 <= pair.p_wilcoxon <= pair.p_holm <= 1
            if pair.interval is not None and abs(pair.p_interval - 0.05) > 0.005:
                assert pair.interval.excludes(0) == (pair.p_interval < 0.05)
            if pair.better is not None:
                assert pair.lacking == ()
                assert pair.p_holm < 0.05
                assert pair.interval is not None
                assert pair.interval.excludes(0)
            unsure = pair.sentence.startswith(("no evidence of a difference", "too little evidence of a difference"))
            assert unsure == (pair.better is None)

    @settings(max_examples=15, deadline=None)
    @given(scores=small_tables())
    def test_a_pair_does_not_depend_on_what_else_is_compared(self, scores: pd.DataFrame) -> None:
        of_three = compare_networks(scores).pair("a", "b")
        alone = compare_networks(scores[scores.architecture != "c"]).pair("a", "b")
        plain = {"p_holm": 0.0, "p_interval_holm": 0.0, "better": None, "lacking": (), "sentence": ""}
        assert replace(of_three, **plain) == replace(alone, **plain)
