from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from medseg.errors import SourceError
from medseg.io.labels.choose import LabelClass, choose_classes, distinct_values, mask_of, named

LIVER, TUMOUR, FIVE = LabelClass(1, "Liver"), LabelClass(2, "tumour"), LabelClass(7, "5")
NUMBERS = (LabelClass(1), LabelClass(5))


class TestChooseClasses:
    @pytest.mark.parametrize(
        ("foreground", "chosen"),
        [
            (["1"], (LIVER,)),
            (["01"], (LIVER,)),
            (["liver"], (LIVER,)),
            (["TUMOUR", "Liver"], (LIVER, TUMOUR)),
            (["1", "liver"], (LIVER,)),
            (["2", "LIVER"], (LIVER, TUMOUR)),
        ],
    )
    def test_by_value_or_name_in_either_case(self, foreground: list[str], chosen: tuple[LabelClass, ...]) -> None:
        assert choose_classes("a", (LIVER, TUMOUR), foreground) == (chosen, ())

    def test_digits_are_a_value_and_never_a_name(self) -> None:
        assert choose_classes("a", (LIVER, FIVE), ["7"]) == ((FIVE,), ())
        with pytest.raises(SourceError, match="must have a class that --foreground names, got none of 1"):
            choose_classes("a", (LIVER, FIVE), ["5"])

    def test_all_classes_of_one_name(self) -> None:
        lesions = (LabelClass(1, "lesion"), LabelClass(2, "lesion"))
        assert choose_classes("a", lesions, ["lesion"]) == (lesions, ())

    def test_what_is_not_there_is_told(self) -> None:
        assert choose_classes("a", (LIVER, TUMOUR), ["liver", "kidney", "3"]) == ((LIVER,), ("kidney", "3"))

    def test_value_that_does_not_occur_is_told(self) -> None:
        assert choose_classes("a", (LIVER, TUMOUR), ["liver", "2"], present=[0, 1]) == ((LIVER, TUMOUR), ("2",))

    def test_numbers_without_names_may_all_be_absent(self) -> None:
        assert choose_classes("a", NUMBERS, ["3"]) == ((), ("3",))

    def test_class_without_a_name_is_not_called_by_an_empty_text(self) -> None:
        assert choose_classes("a", NUMBERS, ["", "5"]) == ((NUMBERS[1],), ("",))

    @pytest.mark.parametrize("classes", [(), (LIVER,), (LabelClass(255),)])
    def test_only_class_needs_no_choice(self, classes: tuple[LabelClass, ...]) -> None:
        assert choose_classes("a", classes, None) == (classes, ())

    def test_several_classes_need_a_choice(self) -> None:
        with pytest.raises(
            SourceError, match="must have one class, got 2; choose what is foreground with --foreg"
        ) as error:
            choose_classes("a", (LIVER, TUMOUR), None)
        assert str(error.value).startswith("a [1 Liver, 2 tumour]: ")

    def test_names_stand_in_where_and_not_in_fault(self) -> None:
        with pytest.raises(SourceError, match="names, got none of 1; choose among its classes") as error:
            choose_classes("a", (LIVER, TUMOUR), ["kidney"])
        assert "Liver" in error.value.where
        assert "Liver" not in error.value.fault
        assert "kidney" not in error.value.fault

    def test_long_lists_are_cut(self) -> None:
        classes = [LabelClass(value) for value in range(1, 16)]
        with pytest.raises(SourceError, match=r"a \[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, and 3 more\]: "):
            choose_classes("a", classes, None)

    def test_numbers_must_differ(self) -> None:
        with pytest.raises(SourceError, match="must have one number for each class, got 2 classes that share some"):
            choose_classes("a", (LIVER, LabelClass(1, "b")), ["liver"])


class TestDistinctValues:
    @pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint16", "int32", "float32"])
    def test_ascending(self, dtype: str) -> None:
        values = [0, 1] if dtype == "bool" else [0, 1, 100]
        voxels = np.array(values[::-1] * 2).reshape(-1, 2, 1).astype(dtype)
        assert distinct_values("a", voxels) == values

    def test_largest(self) -> None:
        assert distinct_values("a", np.array([[[65535]]], np.uint16)) == [65535]

    def test_no_voxels(self) -> None:
        assert distinct_values("a", np.zeros((0, 2, 2), np.uint8)) == []

    @pytest.mark.parametrize(
        ("values", "match"),
        [
            ([-1, 2], "a: label values must be 0 to 65535, got -1 to 2; is it a scan, not a label?"),
            ([0, 65536], "got 0 to 65536"),
            ([0.0, np.nan], "got nan to nan"),
            ([0.0, 0.5], "a: label values must be whole, got fractions; is it a scan or a probability map?"),
        ],
    )
    def test_others_are_refused(self, values: list[Any], match: str) -> None:
        with pytest.raises(SourceError, match=match.replace("?", r"\?")):
            distinct_values("a", np.array(values))


class TestMaskOf:
    def test_one_where_a_chosen_value_stands(self) -> None:
        voxels = np.array([[0, 1, 2], [5, 300, 1]], np.int16)
        mask = mask_of(voxels, [LabelClass(1), LabelClass(300)])
        np.testing.assert_array_equal(mask, [[0, 1, 0], [0, 1, 1]])
        assert mask.dtype == np.uint8

    def test_value_beyond_the_type_stands_nowhere(self) -> None:
        assert not mask_of(np.full((2, 2), 44, np.uint8), [LabelClass(300)]).any()


def test_named_leaves_out_the_background() -> None:
    assert named([2, 0, 1, 2], {0: "background", 1: "Liver", 3: "other"}) == (LIVER, LabelClass(2))
