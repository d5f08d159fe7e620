from __future__ import annotations

from typing import Any

import pytest

from data_prep.options import Options, Track, parse_foreground
from medseg.errors import UsageError


class TestOptions:
    @pytest.mark.parametrize(
        ("option", "value", "message"),
        [
            ("name", "my set", "--name must be letters, digits, '.', '_' or '-', got 'my set'; give a --name"),
            ("name", "", "--name must be letters, digits, '.', '_' or '-', got ''; give a --name"),
            ("name", "../up", "--name must be letters, digits, '.', '_' or '-', got '../up'; give a --name"),
            ("name", "-x", "--name must be letters, digits, '.', '_' or '-', got '-x'; give a --name"),
            ("modality", " ", "--modality must not be empty"),
            ("foreground_name", "", "--foreground-name must be a name other than background, got ''"),
            (
                "foreground_name",
                "background",
                "--foreground-name must be a name other than background, got 'background'",
            ),
            ("split", "patient", "--split must be one of group, contiguous, random, got patient"),
            ("folds", 1, "--folds must be at least 2, got 1"),
            ("seed", -1, "--seed must be at least 0, got -1"),
            ("orientation", "XY", "--orientation must be two letters of L, R, A, P, got 'XY'"),
        ],
    )
    def test_value_that_breaks_a_rule_raises(self, option: str, value: Any, message: str) -> None:
        with pytest.raises(UsageError) as error:
            Options(**{"name": "set", option: value})
        assert str(error.value).startswith(message)

    @pytest.mark.parametrize("name", ["liver-400", "ISBI_2012.v2", "1"])
    def test_plain_names_are_taken(self, name: str) -> None:
        assert Options(name=name).name == name

    def test_orientation_is_in_capitals(self) -> None:
        assert Options(name="set", orientation="la").orientation == "LA"


class TestParseForeground:
    @pytest.mark.parametrize(("text", "values"), [(None, None), ("1", {1}), ("1, 2,1", {1, 2}), ("0,255", {0, 255})])
    def test_values_are_read(self, text: str | None, values: set[int] | None) -> None:
        assert parse_foreground(text) == values

    @pytest.mark.parametrize("text", ["", "1,", "a", "-1", "1.5", "1 2", "²"])
    def test_what_is_no_list_of_whole_numbers_raises(self, text: str) -> None:
        with pytest.raises(UsageError) as error:
            parse_foreground(text)
        assert str(error.value) == f"--foreground must be mask values such as 1 or 1,2, got {text!r}"


class TestTrack:
    def test_gives_every_item(self) -> None:
        assert [*Track()([1, 2, 3], "Reading")] == [1, 2, 3]
