from __future__ import annotations

from dataclasses import replace

import pytest

from medseg.statistics import Interval, NetworkEvidence, PairEvidence
from medseg.statistics.verdict import judge
from medseg.statistics.wording import Words, overall_sentence, pair_sentence

WORDS = Words("dice", True, 0.01, 0.95, "patient", "image")
BLOCK_WORDS = replace(WORDS, unit="block", case="section")
LOWER = replace(WORDS, metric="hd95_mm", higher_is_better=False, margin=None)

CLAIM = PairEvidence(
    a="unet", b="fcn8s", name_a="unet", name_b="fcn8s", difference=0.012, equal=False, interval=Interval(0.004, 0.02),
    p_interval=0.002, p_interval_holm=0.004, p_wilcoxon=0.001, p_holm=0.003, a_beats_b=0.8,
    a_beats_b_interval=Interval(0.6, 0.9), scope="new units", about="architectures", cases=24, units=24, seeds=3,
    folds=5, left_out=0, seed_sd=0.002, case_sd=0.02, unit_sd=0.02, better="unet", lacking=(), within_margin=False,
    sentence="",
)  # fmt: skip
UNSURE = replace(
    CLAIM, difference=0.0008, interval=Interval(-0.03, 0.05), p_interval=0.6, p_interval_holm=0.9, p_wilcoxon=0.5,
    p_holm=0.8, better=None, lacking=("an interval without 0", "a Holm p below 0.05 in Wilcoxon's test"),
)  # fmt: skip
BLOCK = {"scope": "within-block", "cases": 30, "units": 1}
ONE_SEED = {"about": "these trained networks", "seeds": 1, "seed_sd": None}


def network(name: str) -> NetworkEvidence:
    return NetworkEvidence(name, name, 0.8, 0.8, None, "architectures", 24, 24, 3, 5, 15, None, None, None)


def between(a: str, b: str, pair: PairEvidence = UNSURE) -> PairEvidence:
    return replace(pair, a=a, b=b, name_a=a, name_b=b, better=a if pair.better else None)


class TestPairSentence:
    def test_no_evidence_within_a_block(self) -> None:
        pair = replace(UNSURE, **BLOCK, interval=Interval(-0.003, 0.012))
        assert pair_sentence(pair, BLOCK_WORDS) == (
            "no evidence of a difference between unet and fcn8s"
            " (ΔDice 0.0008, 95% within-block interval -0.0030 to 0.0120, 30 sections of 1 block)"
        )

    def test_no_evidence_over_patients(self) -> None:
        assert pair_sentence(UNSURE, WORDS) == (
            "no evidence of a difference between unet and fcn8s"
            " (ΔDice 0.0008, 95% interval -0.0300 to 0.0500, 24 patients)"
        )

    def test_a_claim_about_new_patients(self) -> None:
        assert pair_sentence(CLAIM, WORDS) == (
            "unet scores higher than fcn8s (ΔDice 0.0120, 95% interval 0.0040 to 0.0200, Holm p 0.004, 24 patients)"
        )

    def test_the_better_one_stands_first_with_a_positive_difference(self) -> None:
        pair = replace(CLAIM, difference=-0.012, interval=Interval(-0.02, -0.004), better="fcn8s")
        assert pair_sentence(pair, WORDS) == (
            "fcn8s scores higher than unet (ΔDice 0.0120, 95% interval 0.0040 to 0.0200, Holm p 0.004, 24 patients)"
        )

    def test_one_seed_limits_the_claim_to_the_trained_networks(self) -> None:
        assert pair_sentence(replace(CLAIM, **ONE_SEED), WORDS).endswith(
            "24 patients); one seed, so this is about these trained networks, not their architectures"
        )

    def test_so_does_another_seed_in_each_fold(self) -> None:
        pair = replace(CLAIM, about="these trained networks", seeds=5, seed_sd=None)
        assert "); one seed a fold, so this is about these trained networks," in pair_sentence(pair, WORDS)

    def test_one_block_limits_the_claim_to_it(self) -> None:
        assert pair_sentence(replace(CLAIM, **BLOCK), BLOCK_WORDS) == (
            "unet scores higher than fcn8s on this data (ΔDice 0.0120, 95% within-block interval 0.0040 to 0.0200,"
            " 30 sections of 1 block); one block, so no claim beyond it"
        )

    def test_four_patients_and_one_seed_limit_it_twice(self) -> None:
        pair = replace(CLAIM, scope="within-block", cases=400, units=4, **ONE_SEED)
        assert pair_sentence(pair, WORDS).endswith(
            "400 images of 4 patients); four patients, so no claim beyond them; one seed, so this is about these"
            " trained networks, not their architectures"
        )

    def test_equal_scores(self) -> None:
        pair = replace(UNSURE, **BLOCK, equal=True, difference=0.0, interval=Interval(0, 0), within_margin=True)
        assert pair_sentence(pair, BLOCK_WORDS) == (
            "no evidence of a difference between unet and fcn8s (equal scores on all of 30 sections of 1 block)"
        )

    def test_a_narrow_interval_excludes_larger_differences(self) -> None:
        pair = replace(UNSURE, interval=Interval(-0.003, 0.005), within_margin=True)
        assert pair_sentence(pair, WORDS).endswith("24 patients); differences beyond 0.01 are excluded by this data")

    @pytest.mark.parametrize(
        ("lacking", "interval", "evidence"),
        [
            ("a Holm p below 0.05 in Wilcoxon's test", Interval(0.001, 0.02), "too little"),
            ("a Holm p below 0.05 of the interval", Interval(0.001, 0.02), "too little"),
            ("an interval without 0", Interval(-0.001, 0.02), "no"),
        ],
    )
    def test_what_alone_is_lacking_is_said(self, lacking: str, interval: Interval, evidence: str) -> None:
        pair = replace(CLAIM, better=None, lacking=(lacking,), interval=interval)
        sentence = pair_sentence(pair, WORDS)
        assert sentence.startswith(f"{evidence} evidence of a difference between unet and fcn8s (")
        assert sentence.endswith(f"24 patients); a claim lacks {lacking}")

    def test_without_an_interval(self) -> None:
        pair = replace(UNSURE, scope="within-block", cases=4, units=4, interval=None, lacking=("an interval",))
        assert pair_sentence(pair, WORDS) == (
            "no evidence of a difference between unet and fcn8s (ΔDice 0.0008, no interval, 4 patients); too few images"
            " or patients for an interval"
        )

    def test_lower_is_better(self) -> None:
        pair = replace(CLAIM, difference=-1.5, interval=Interval(-2.25, -0.4))
        assert pair_sentence(pair, LOWER) == (
            "unet has lower HD95 in mm than fcn8s"
            " (ΔHD95 in mm -1.50, 95% interval -2.25 to -0.4000, Holm p 0.004, 24 patients)"
        )

    def test_an_end_just_beside_0_is_not_shown_as_0(self) -> None:
        pair = replace(CLAIM, interval=Interval(0.00002, 0.02), p_holm=0.0002, p_interval_holm=0.0003)
        assert "interval 2e-05 to 0.0200, Holm p below 0.001" in pair_sentence(pair, WORDS)

    @pytest.mark.parametrize("pair", [CLAIM, UNSURE, replace(UNSURE, equal=True)])
    def test_a_leak_is_said_of_each_pair(self, pair: PairEvidence) -> None:
        plain = pair_sentence(pair, WORDS)
        leak = "; the split leaks: other images of these patients may have been trained on"
        assert pair_sentence(pair, replace(WORDS, leaky=True)) == plain + leak

    def test_scores_left_out_are_counted(self) -> None:
        assert "24 patients, leaving out 1 score without a counterpart)" in pair_sentence(
            replace(CLAIM, left_out=1), WORDS
        )


class TestOverallSentence:
    def test_one_network(self) -> None:
        assert overall_sentence([network("unet")], [], WORDS) == (
            "Only unet was scored, so there is nothing to compare it with."
        )

    def test_two_networks_have_the_sentence_of_their_pair(self) -> None:
        networks = [network("unet"), network("fcn8s")]
        assert overall_sentence(networks, [CLAIM], WORDS) == f"{pair_sentence(CLAIM, WORDS)}."
        assert overall_sentence(networks, [UNSURE], WORDS) == f"N{pair_sentence(UNSURE, WORDS)[1:]}."

    def test_no_pair_differs(self) -> None:
        pairs = [replace(between(*names), **BLOCK) for names in ("ab", "ac", "bc")]
        assert overall_sentence([network(name) for name in "abc"], pairs, BLOCK_WORDS) == (
            "No evidence of a difference between any two of a, b and c"
            " (Dice, 95% within-block intervals, 30 sections of 1 block)."
        )

    def test_where_no_pair_has_an_interval_none_is_named(self) -> None:
        few = {"scope": "within-block", "cases": 4, "units": 4, "interval": None}
        pairs = [replace(between(*names), **few) for names in ("ab", "ac", "bc")]
        assert overall_sentence([network(name) for name in "abc"], pairs, WORDS) == (
            "No evidence of a difference between any two of a, b and c"
            " (Dice, no intervals, for which images or patients are too few, 4 patients)."
        )

    def test_some_interval_holds_no_0_but_nothing_is_claimed(self) -> None:
        pairs = [replace(between(*names), **BLOCK) for names in ("ab", "ac", "bc")]
        pairs[1] = replace(
            pairs[1], interval=Interval(0.001, 0.02), lacking=("a Holm p below 0.05 in Wilcoxon's test",)
        )
        assert overall_sentence([network(name) for name in "abc"], pairs, BLOCK_WORDS) == (
            "Too little evidence of a difference between any two of a, b and c"
            " (Dice, 95% within-block intervals, 30 sections of 1 block)."
        )

    def test_no_pair_differs_by_more_than_the_margin(self) -> None:
        pairs = [replace(between(*names), within_margin=True) for names in ("ab", "ac", "bc")]
        sentence = overall_sentence([network(name) for name in "abc"], pairs, WORDS)
        assert sentence.endswith("24 patients); differences beyond 0.01 are excluded by this data.")
        pairs[1] = replace(pairs[1], within_margin=False)
        assert "excluded" not in overall_sentence([network(name) for name in "abc"], pairs, WORDS)

    def test_one_beats_two_and_the_others_are_unsure(self) -> None:
        pairs = [between("a", "b", CLAIM), between("a", "c", CLAIM), between("b", "c")]
        assert overall_sentence([network(name) for name in "abc"], pairs, WORDS) == (
            "a scores higher than b and c (Dice, 95% intervals, 24 patients);"
            " no evidence of a difference between the other two."
        )

    def test_all_differ(self) -> None:
        pairs = [between("a", "b", CLAIM), between("a", "c", CLAIM), between("b", "c", CLAIM)]
        assert overall_sentence([network(name) for name in "abc"], pairs, WORDS) == (
            "a scores higher than b and c; b scores higher than c (Dice, 95% intervals, 24 patients)."
        )

    def test_limits_are_told_once(self) -> None:
        pairs = [replace(between(*names, CLAIM), **BLOCK, **ONE_SEED) for names in ("ab", "ac")] + [between("b", "c")]
        assert overall_sentence([network(name) for name in "abc"], pairs, BLOCK_WORDS) == (
            "a scores higher than b and c on this data (Dice, 95% within-block intervals, over the sections that both"
            " of a pair have scored); no evidence of a difference between the other two; one block, so no claim beyond"
            " it; one seed, so this is about these trained networks, not their architectures."
        )


class TestWords:
    def test_estimand_names_the_weights(self) -> None:
        assert BLOCK_WORDS.estimand == (
            "mean over blocks of the mean Dice over a block's sections; blocks weigh the same, and so do sections of a"
            " block and trainings of a section"
        )

    def test_vowels_take_an(self) -> None:
        assert replace(BLOCK_WORDS, case="image").estimand.endswith("images of a block and trainings of an image")


class TestJudge:
    def judged(self, **figures: object) -> PairEvidence:
        return judge(replace(CLAIM, better=None, **figures), higher_is_better=True, confidence=0.95)  # type: ignore[arg-type]

    def test_all_three_make_a_claim(self) -> None:
        assert (self.judged().better, self.judged().lacking) == ("unet", ())

    def test_the_direction_of_the_metric_names_the_better_one(self) -> None:
        assert judge(CLAIM, higher_is_better=False, confidence=0.95).better == "fcn8s"
        assert self.judged(difference=-0.012, interval=Interval(-0.02, -0.004)).better == "fcn8s"

    @pytest.mark.parametrize(
        ("figures", "lacking"),
        [
            ({"interval": Interval(0, 0.02), "p_interval_holm": 0.05}, ("an interval without 0",)),
            ({"p_holm": 0.05}, ("a Holm p below 0.05 in Wilcoxon's test",)),
            ({"p_interval_holm": 0.05}, ("a Holm p below 0.05 of the interval",)),
            ({"p_interval_holm": 0.06, "p_holm": 0.06},
             ("a Holm p below 0.05 in Wilcoxon's test", "a Holm p below 0.05 of the interval")),
            ({"interval": None, "p_interval_holm": 1.0}, ("an interval, for which units are too few",)),
            ({"interval": None, "scope": "within-block"}, ("an interval, for which cases are too few",)),
        ],
    )  # fmt: skip
    def test_each_of_them_is_needed_and_named(self, figures: dict[str, object], lacking: tuple[str, ...]) -> None:
        judged = self.judged(**figures)
        assert (judged.better, judged.lacking) == (None, lacking)
