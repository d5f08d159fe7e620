from __future__ import annotations

from typing import Any

import pytest

from data_prep.options import How, Options, Track, parse_foreground, parse_spacing, parse_window_hu
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
            ("labels", "nii", "--labels must be one of auto, files, seg, rtstruct, png, none, got nii"),
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

    @pytest.mark.parametrize(("given", "taken"), [("ct", "CT"), (" Ct ", "CT"), ("windowed CT", "windowed CT")])
    def test_ct_is_ct_in_any_case(self, given: str, taken: str) -> None:
        assert Options(name="set", modality=given).modality == taken

    def test_orientation_is_in_capitals(self) -> None:
        assert Options(name="set", orientation="la").orientation == "LA"


class TestParseForeground:
    @pytest.mark.parametrize(
        ("text", "items"),
        [
            (None, None),
            ("1", ("1",)),
            ("1, 2,1", ("1", "2")),
            ("0,255", ("0", "255")),
            ("liver, Tumor", ("liver", "Tumor")),
            ("left lung", ("left lung",)),
        ],
    )
    def test_values_and_names_are_read(self, text: str | None, items: tuple[str, ...] | None) -> None:
        assert parse_foreground(text) == items

    @pytest.mark.parametrize("text", ["", "1,", " ", ",liver"])
    def test_empty_item_raises(self, text: str) -> None:
        with pytest.raises(UsageError) as error:
            parse_foreground(text)
        assert str(error.value) == f"--foreground must be values or names such as 1,2 or liver,tumor, got {text!r}"


class TestParseSpacing:
    @pytest.mark.parametrize(
        ("text", "sizes_mm"), [(None, None), ("1", (1, 1, 1)), ("0.8,0.8,2.5", (0.8, 0.8, 2.5)), ("1, 2, 3", (1, 2, 3))]
    )
    def test_one_or_three_sizes_are_read(self, text: str | None, sizes_mm: tuple[float, ...] | None) -> None:
        assert parse_spacing(text) == sizes_mm

    @pytest.mark.parametrize("text", ["", "1,2", "a", "0", "-1", "1,1,nan", "inf", "1,1,1,1"])
    def test_anything_else_raises(self, text: str) -> None:
        with pytest.raises(UsageError) as error:
            parse_spacing(text)
        assert str(error.value) == f"--spacing must be one or three sizes in mm such as 1 or 1,1,2.5, got {text!r}"


class TestForegroundLabel:
    @pytest.mark.parametrize(
        ("options", "name"),
        [
            ({}, "foreground"),
            ({"foreground": ("1",)}, "foreground"),
            ({"foreground": ("liver",)}, "liver"),
            ({"foreground": ("liver", "tumor")}, "foreground"),
            ({"foreground": ("1", "liver")}, "foreground"),
            ({"foreground": ("liver",), "foreground_name": "organ"}, "organ"),
        ],
    )
    def test_is_the_only_name_unless_given(self, options: dict[str, Any], name: str) -> None:
        assert Options(name="set", **options).foreground_label == name


class TestHow:
    def test_takes_a_worker(self) -> None:
        with pytest.raises(UsageError, match=r"^--workers must be at least 1, got 0$"):
            How(workers=0)


class TestTrack:
    def test_gives_every_item(self) -> None:
        assert [*Track()([1, 2, 3], "Reading")] == [1, 2, 3]


class TestParseWindowHu:
    @pytest.mark.parametrize(
        ("text", "window"), [(None, None), ("-100,400", (-100.0, 400.0)), (" -160.5 , 240", (-160.5, 240.0))]
    )
    def test_is_two_numbers(self, text: str | None, window: tuple[float, float] | None) -> None:
        assert parse_window_hu(text) == window

    @pytest.mark.parametrize("text", ["", "400", "400,-100", "40,40", "a,b", "0,1,2", "nan,1", "0,inf"])
    def test_anything_else_raises(self, text: str) -> None:
        with pytest.raises(UsageError, match="--window-hu must be two HU, the lower first, such as -100,400, got"):
            parse_window_hu(text)
