from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap, norm, t, ttest_1samp, wilcoxon

from medseg.errors import UsageError
from medseg.statistics import Interval, Missing, PairEvidence, compare_networks
from tests.medseg.statistics.tables import one_score_each, random_scores

A = [0.90, 0.85, 0.80, 0.95, 0.70, 0.88, 0.91, 0.60]
B = [0.88, 0.86, 0.75, 0.91, 0.62, 0.85, 0.85, 0.60]
DIFFERENCES = [0.02, -0.01, 0.05, 0.04, 0.08, 0.03, 0.06, 0.00]


def pair_of(scores: pd.DataFrame, **options: object) -> PairEvidence:
    (pair,) = compare_networks(scores, **options).pairs  # type: ignore[arg-type]
    return pair


class TestByHand:
    def test_mean_difference(self) -> None:
        assert pair_of(one_score_each(a=A, b=B)).difference == pytest.approx(sum(DIFFERENCES) / 8)

    def test_wilcoxon_over_units_is_what_listing_all_signs_gives(self) -> None:
        # Without the zero, absolute differences rank 2, 1, 5, 4, 7, 3, 6 and only the rank 1 is negative: of 2 ** 7
        # choices of signs, two have a sum of negative ranks of 0 or 1, and two more are their mirror images.
        ranks = range(1, 8)
        sums = [sum(chosen) for number in range(8) for chosen in itertools.combinations(ranks, number)]
        p = 2 * sum(total <= 1 for total in sums) / 2**7
        assert p == 4 / 128
        pair = pair_of(one_score_each(a=A, b=B))
        assert pair.p_wilcoxon == pytest.approx(p)
        assert pair.p_wilcoxon == pytest.approx(wilcoxon([d for d in DIFFERENCES if d]).pvalue)

    def test_probability_counts_ties_half(self) -> None:
        # Six wins, one defeat, one tie.
        pair = pair_of(one_score_each(a=A, b=B))
        assert pair.a_beats_b == pytest.approx(6.5 / 8)

    def test_probability_of_wins_alone_has_wilsons_interval(self) -> None:
        pair = pair_of(one_score_each(a=[0.9] * 6, b=[0.8, 0.7, 0.6, 0.5, 0.4, 0.3]))
        z = 1.959964
        assert pair.a_beats_b == 1
        assert pair.a_beats_b_interval is not None
        assert pair.a_beats_b_interval.low == pytest.approx(6 / (6 + z**2), rel=1e-5)
        assert pair.a_beats_b_interval.high == pytest.approx(1)

    def test_holm_multiplies_by_the_number_of_hypotheses_left(self) -> None:
        evidence = compare_networks(random_scores({"a": 0.1, "b": 0.02, "c": 0.0}, units=12))
        ordered = sorted(evidence.pairs, key=lambda pair: pair.p_wilcoxon)
        largest = 0.0
        for left, pair in zip((3, 2, 1), ordered, strict=True):
            largest = max(largest, min(left * pair.p_wilcoxon, 1))
            assert pair.p_holm == pytest.approx(largest)

    def test_means_of_patients_and_of_images_are_told_apart(self) -> None:
        table = one_score_each(a=[0.9, 0.8, 0.1]).assign(group=["p", "p", "q"])
        (network,) = compare_networks(table).networks
        assert network.mean == pytest.approx(0.475)
        assert network.mean_of_cases == pytest.approx(0.6)
        assert (network.cases, network.units, network.seeds, network.folds, network.runs) == (3, 2, 1, 1, 1)

    def test_spread_over_seeds_stands_beside_spread_over_cases(self) -> None:
        table = pd.concat([one_score_each(a=A), one_score_each(a=[a - 0.04 for a in A]).assign(seed=1)])
        (network,) = compare_networks(table).networks
        assert network.seed_sd == pytest.approx(0.04 / math.sqrt(2))
        assert network.unit_sd == pytest.approx(np.std(A, ddof=1))
        assert network.case_sd == pytest.approx(np.std(A, ddof=1))
        assert network.about == "architectures"

    def test_interval_of_a_share_stays_within_0_and_1(self) -> None:
        (network,) = compare_networks(one_score_each(a=[1, 1, 1, 1, 1, 1, 0.2])).networks
        assert network.interval is not None
        assert 0 <= network.interval.low < network.mean < network.interval.high <= 1

    def test_interval_of_a_distance_is_not_negative_but_that_of_an_error_may_be(self) -> None:
        scores = one_score_each(a=[0, 0, 0, 0, 0, 0, 9.0])
        lows = {}
        for metric in ("hd95_mm", "volume_error_ml"):
            (network,) = compare_networks(scores.rename(columns={"dice": metric}), metric, margin=None).networks
            assert network.interval is not None
            lows[metric] = network.interval.low
        assert lows["hd95_mm"] == 0
        assert lows["volume_error_ml"] < 0


class TestAgainstOthers:
    """Figures recomputed from the table with pandas and SciPy alone."""

    SCORES = random_scores({"a": 0.01, "b": 0.0}, units=11, cases=3, folds=3, seeds=2, training=0.01, draw=4)
    WIDE = SCORES.pivot(index=["group", "case", "fold", "seed"], columns="architecture", values="dice")
    DIFFERENCE = (WIDE.a - WIDE.b).rename("difference").reset_index()

    def test_means_and_wilcoxon(self) -> None:
        pair = pair_of(self.SCORES)
        units = self.DIFFERENCE.groupby("group").difference.mean()
        assert pair.difference == pytest.approx(units.mean())
        assert pair.p_wilcoxon == pytest.approx(wilcoxon(units).pvalue)
        assert (pair.cases, pair.units, pair.folds, pair.seeds) == (33, 11, 3, 2)

    def test_spreads(self) -> None:
        pair = pair_of(self.SCORES)
        runs = self.DIFFERENCE.groupby(["fold", "seed"]).difference.mean()
        assert pair.seed_sd == pytest.approx(math.sqrt(runs.groupby("fold").var().mean()))
        assert pair.unit_sd == pytest.approx(self.DIFFERENCE.groupby("group").difference.mean().std())
        assert pair.case_sd == pytest.approx(self.DIFFERENCE.groupby("case").difference.mean().std())

    def test_probability(self) -> None:
        wins = (self.DIFFERENCE.difference > 0) + (self.DIFFERENCE.difference == 0) / 2
        assert pair_of(self.SCORES).a_beats_b == pytest.approx(wins.groupby(self.DIFFERENCE.group).mean().mean())

    def test_interval_of_one_seed_holds_students_and_the_bootstraps(self) -> None:
        differences = np.array(DIFFERENCES)
        interval = pair_of(one_score_each(a=A, b=B)).interval
        student = ttest_1samp(differences, 0).confidence_interval(0.95)
        resampled = bootstrap(
            (differences,), np.mean, n_resamples=200_000, rng=np.random.default_rng(1), method="percentile"
        )
        tail = norm.cdf(t.ppf(0.025, 7))
        deviations = (resampled.bootstrap_distribution - differences.mean()) * math.sqrt(8 / 7)
        low, high = differences.mean() + np.quantile(deviations, [tail, 1 - tail])
        assert interval is not None
        assert interval.low == pytest.approx(min(student.low, low), abs=0.001)
        assert interval.high == pytest.approx(max(student.high, high), abs=0.001)

    def test_p_value_of_the_interval_is_students_where_that_is_the_larger_one(self) -> None:
        pair = pair_of(one_score_each(a=A, b=B))
        assert pair.p_interval == pytest.approx(ttest_1samp(DIFFERENCES, 0).pvalue)


class TestIdenticalNetworks:
    @pytest.mark.filterwarnings("error")
    @pytest.mark.parametrize("units", [1, 4, 6, 24])
    @pytest.mark.parametrize("seeds", [1, 3])
    def test_give_no_evidence_and_no_nan(self, units: int, seeds: int) -> None:
        one = random_scores({"a": 0.0}, units=units, cases=5, seeds=seeds)
        evidence = compare_networks(pd.concat([one, one.assign(architecture="b"), one.assign(architecture="c")]))
        for pair in evidence.pairs:
            assert pair.better is None
            assert pair.sentence.startswith("no evidence of a difference between ")
            assert (pair.difference, pair.p_wilcoxon, pair.p_holm, pair.p_interval) == (0, 1, 1, 1)
            assert pair.interval == Interval(0, 0)
            assert pair.a_beats_b == 0.5
            assert pair.a_beats_b_interval is not None
            assert math.isfinite(pair.a_beats_b_interval.low + pair.a_beats_b_interval.high)
        assert evidence.sentence.startswith("No evidence of a difference between any two of a, b and c ")


class TestScope:
    def test_six_units_allow_a_claim_about_new_ones(self) -> None:
        pair = pair_of(one_score_each(a=A[:6], b=[a - 0.1 - i / 1000 for i, a in enumerate(A[:6])]))
        assert pair.scope == "new units"
        assert pair.better == "a"

    def test_five_do_not_and_single_cases_allow_no_interval(self) -> None:
        pair = pair_of(one_score_each(a=A[:5], b=[a - 0.1 for a in A[:5]]))
        assert (pair.scope, pair.interval, pair.better) == ("within-block", None, None)
        assert pair.p_interval == 1

    def test_a_block_gives_an_interval_within_it_and_a_claim_about_it_alone(self) -> None:
        pair = pair_of(random_scores({"a": 0.1, "b": 0.0}, units=1, cases=30, seeds=2))
        assert (pair.scope, pair.about, pair.better) == ("within-block", "architectures", "a")
        assert "on this data" in pair.sentence
        assert "one block" not in pair.sentence
        assert "one patient, so no claim beyond it" in pair.sentence

    def test_a_leaky_split_allows_no_claim_about_new_units(self) -> None:
        scores = random_scores({"a": 0.1, "b": 0.05, "c": 0.0}, units=12, cases=10, seeds=2)
        assert {pair.scope for pair in compare_networks(scores).pairs} == {"new units"}
        evidence = compare_networks(scores, leaky=True)
        assert {pair.scope for pair in evidence.pairs} == {"within-block"}
        assert evidence.pair("a", "c").better == "a"
        assert evidence.sentence.endswith(
            "; 12 patients, so no claim beyond them; the split leaks: other images of these patients may have been"
            " trained on."
        )

    @pytest.mark.parametrize(("units", "claims"), [(7, 0), (8, 3)])
    def test_six_pairs_need_eight_units(self, units: int, claims: int) -> None:
        # All of the first network's differences are positive: p is 2 / 2 ** units in each of its three pairs, and the
        # first of six hypotheses is multiplied by six.
        effects = {"a": 0.3, "b": 0.0, "c": 0.0, "d": 0.0}
        evidence = compare_networks(random_scores(effects, units=units))
        assert sum(pair.better == "a" for pair in evidence.pairs) == claims

    def test_one_seed_is_about_the_trained_networks(self) -> None:
        assert pair_of(random_scores({"a": 0.1, "b": 0.0}, units=8)).about == "these trained networks"

    def test_lower_is_better_where_told(self) -> None:
        scores = random_scores({"a": 0.1, "b": 0.0}, units=12).rename(columns={"dice": "hd95_mm"})
        pair = pair_of(scores, metric="hd95_mm", higher_is_better=False, margin=None)
        assert pair.better == "b"
        assert pair.a_beats_b == 0
        assert pair.difference > 0


class TestMissing:
    def scores(self) -> pd.DataFrame:
        scores = random_scores({"a": 0.05, "b": 0.0}, units=10, folds=2, seeds=2)
        lost = (scores.architecture == "b") & (scores.seed == 1) & scores.case.isin(["case_3_0", "case_7_0"])
        return scores[~lost]

    def test_are_an_error_that_names_them(self) -> None:
        with pytest.raises(
            UsageError, match="missing b, fold 0, seed 1: case_3_0; b, fold 1, seed 1: case_7_0; finish"
        ):
            compare_networks(self.scores())

    def test_are_left_out_of_both_and_counted_where_allowed(self) -> None:
        evidence = compare_networks(self.scores(), allow_missing=True)
        (pair,) = evidence.pairs
        assert pair.left_out == 2
        assert pair.cases == 10
        assert evidence.missing == (Missing("b", 0, 1, ("case_3_0",)), Missing("b", 1, 1, ("case_7_0",)))
        assert "leaving out 2 scores without a counterpart" in pair.sentence
        wide = self.scores().pivot(index=["group", "fold", "seed"], columns="architecture", values="dice").dropna()
        assert pair.difference == pytest.approx((wide.a - wide.b).groupby("group").mean().mean())

    def test_an_empty_score_is_a_missing_one(self) -> None:
        with pytest.raises(UsageError, match="missing b, fold 0, seed 0: case_1;"):
            compare_networks(one_score_each(a=A, b=[0.8, np.nan, *A[2:]]))

    def test_nothing_in_common_is_an_error(self) -> None:
        scores = pd.concat([one_score_each(a=A), one_score_each(b=B).assign(seed=1)])
        with pytest.raises(UsageError, match="a and b must have scored a case in the same fold and seed, got none"):
            compare_networks(scores, allow_missing=True)


class TestSettings:
    def test_names_stand_in_sentences_only(self) -> None:
        evidence = compare_networks(one_score_each(a=A, b=B), names={"a": "U-Net"})
        assert evidence.pairs[0].a == "a"
        assert "between U-Net and b" in evidence.sentence or "U-Net scores" in evidence.sentence

    @pytest.mark.parametrize("confidence", [0.4, 1.0])
    def test_confidence_out_of_range(self, confidence: float) -> None:
        with pytest.raises(UsageError, match=f"confidence must be at least 0.5 and below 1, got {confidence}"):
            compare_networks(one_score_each(a=A), confidence=confidence)

    def test_margin_out_of_range(self) -> None:
        with pytest.raises(UsageError, match="margin must be above 0, got 0; None makes no statement"):
            compare_networks(one_score_each(a=A), margin=0)

    def test_higher_confidence_is_wider(self) -> None:
        narrow, wide = (pair_of(one_score_each(a=A, b=B), confidence=c).interval for c in (0.8, 0.99))
        assert narrow is not None
        assert wide is not None
        assert wide.low < narrow.low < narrow.high < wide.high


class TestEvidence:
    def test_networks_and_pairs_are_found_by_name(self) -> None:
        evidence = compare_networks(random_scores({"a": 0.0, "b": 0.0, "c": 0.0}, units=6))
        assert evidence.network("b") is evidence.networks[1]
        assert evidence.pair("c", "a") is evidence.pairs[1]
        assert (evidence.pairs[1].a, evidence.pairs[1].b) == ("a", "c")
