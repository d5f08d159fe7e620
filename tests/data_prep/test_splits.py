from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.splits import make_folds
from medseg.errors import UsageError
from medseg.manifest import Fold, Split, SplitMethod


def names_of(count: int) -> list[str]:
    return [f"case_{index:03d}" for index in range(count)]


def split(groups: list[str], method: SplitMethod, folds: int = 5, seed: int = 0) -> tuple[Split, tuple[Fold, ...]]:
    return make_folds(names_of(len(groups)), groups, method=method, folds=folds, seed=seed)


SEVERAL_GROUPS = st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=40).filter(
    lambda groups: len({*groups}) > 1
)


class TestEverySplit:
    @settings(max_examples=150)
    @given(
        groups=SEVERAL_GROUPS,
        method=st.sampled_from(get_args(SplitMethod)),
        folds=st.integers(2, 12),
        seed=st.integers(0, 2**32),
    )
    def test_each_case_is_validated_once_and_trained_on_otherwise(
        self, groups: list[str], method: SplitMethod, folds: int, seed: int
    ) -> None:
        names = names_of(len(groups))
        made, parts = split(groups, method, folds, seed)
        units = len({*groups}) if method == "group" else len(groups)
        assert made.folds == len(parts) == min(folds, units)
        assert sorted(name for fold in parts for name in fold.val) == names
        for fold in parts:
            assert fold.train
            assert fold.val
            assert sorted([*fold.train, *fold.val]) == names
            assert [*fold.train] == sorted(fold.train)
            assert [*fold.val] == sorted(fold.val)

    @given(groups=SEVERAL_GROUPS, folds=st.integers(2, 8), seed=st.integers(0, 1000))
    def test_whole_groups_stay_together(self, groups: list[str], folds: int, seed: int) -> None:
        group_of = dict(zip(names_of(len(groups)), groups, strict=True))
        for fold in split(groups, "group", folds, seed)[1]:
            assert {group_of[name] for name in fold.train}.isdisjoint({group_of[name] for name in fold.val})

    @pytest.mark.parametrize("method", ["group", "random"])
    def test_seed_decides(self, method: SplitMethod) -> None:
        groups = [f"g{index // 2}" for index in range(24)]
        assert split(groups, method, seed=3) == split(groups, method, seed=3)
        assert split(groups, method, seed=3)[1] != split(groups, method, seed=4)[1]

    def test_what_was_done_is_told(self) -> None:
        assert split(["a", "b", "c"], "random", folds=9, seed=7)[0] == Split(method="random", seed=7, folds=3)

    @pytest.mark.parametrize("folds", [1, 0, -3])
    def test_less_than_two_folds_raise(self, folds: int) -> None:
        with pytest.raises(UsageError, match=f"--folds must be at least 2, got {folds}"):
            split(["a", "b"], "group", folds)


class TestGroup:
    def test_folds_have_about_as_many_cases(self) -> None:
        groups = ["a"] * 8 + ["b"] * 5 + ["c"] * 4 + ["d"] * 4 + ["e"] * 3
        sizes = sorted(len(fold.val) for fold in split(groups, "group", folds=3)[1])
        assert sizes == [8, 8, 8]  # a; b + e; c + d

    @pytest.mark.parametrize("groups", [["a"], ["a"] * 7])
    def test_one_group_raises(self, groups: list[str]) -> None:
        rule = "--split group needs at least 2 groups, got 1; give groups with --groups, or choose --split contiguous"
        with pytest.raises(UsageError, match=rule):
            split(groups, "group")


class TestContiguous:
    def test_folds_are_runs_in_order(self) -> None:
        parts = split(["a"] * 8, "contiguous", folds=3)[1]
        names = names_of(8)
        assert [fold.val for fold in parts] == [tuple(names[:3]), tuple(names[3:6]), tuple(names[6:])]

    def test_seed_changes_nothing(self) -> None:
        assert split(["a"] * 8, "contiguous", seed=1)[1] == split(["a"] * 8, "contiguous", seed=2)[1]


class TestRandom:
    def test_neighbours_are_torn_apart(self) -> None:
        parts = split(["a"] * 40, "random", folds=2)[1]
        assert parts[0].val not in (tuple(names_of(40)[:20]), tuple(names_of(40)[20:]))


class TestTooFewImages:
    @pytest.mark.parametrize("method", ["contiguous", "random"])
    @pytest.mark.parametrize("count", [0, 1])
    def test_raise(self, method: SplitMethod, count: int) -> None:
        with pytest.raises(UsageError, match=f"a split needs at least 2 images, got {count}"):
            split(["a"] * count, method)
