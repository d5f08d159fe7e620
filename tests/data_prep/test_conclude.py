from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.data_prep.raw_folders import (
    SIDE_PX,
    image_rows,
    make_objects,
    make_pairs,
    make_stack,
    make_suffixed,
    mask_rows,
    save,
    surveyed,
    surveyed_errors,
    surveyed_warnings,
)

NO_GROUPS = "no groups known: neighbours in name order stay together; give --groups if patients have several images"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Six images in folders ``image`` and ``label``."""
    return make_pairs(tmp_path)


def copy(raw: Path, source: int, target: int) -> None:
    """Let two images have the same pixels; their masks differ."""
    save(raw / "image" / f"{target}.png", image_rows(source))


class TestGoodFolder:
    def test_facts_are_those_of_all_images(self, raw: Path) -> None:
        result = surveyed(raw)
        values = np.stack([image_rows(index) for index in range(6)]).astype(float)
        assert result.intensity is not None
        assert (result.intensity.min, result.intensity.max) == (values.min(), values.max())
        assert result.intensity.mean == pytest.approx(values.mean())
        assert result.intensity.std == pytest.approx(values.std())
        assert [case.foreground_px for case in result.cases] == [SIDE_PX * (index + 1) for index in range(6)]
        assert {case.shape for case in result.cases} == {(SIDE_PX, SIDE_PX, 1)}
        assert {facts.label_values for facts in result.facts} == {(255,)}

    def test_names_are_made_from_the_order(self, raw: Path) -> None:
        assert [case.name for case in surveyed(raw).cases] == [f"case_{index:04d}" for index in range(6)]

    def test_sizes_may_differ(self, raw: Path) -> None:
        save(raw / "image" / "6.png", np.arange(200, dtype=np.uint8).reshape(10, 20))
        save(raw / "label" / "6.png", np.eye(10, 20, dtype=np.uint8))
        assert surveyed(raw).cases[-1].shape == (20, 10, 1)

    @pytest.mark.parametrize("dtype", ["uint8", "uint16"])
    def test_window_of_grey_pictures_is_taken(self, raw: Path, dtype: str) -> None:
        for index in range(6):
            save(raw / "image" / f"{index}.png", image_rows(index, dtype))
        result = surveyed(raw, window_hu=(-100.0, 400.0), orientation="LA")
        assert result.errors == []
        assert result.modality == "windowed CT"

    def test_only_what_is_odd_is_told(self, raw: Path) -> None:
        assert surveyed_warnings(raw, groups=r"(\d)") == []
        assert surveyed_warnings(make_stack(raw / "stack", 5)) == []


class TestSplit:
    def test_known_groups_are_kept_whole(self, tmp_path: Path) -> None:
        result = surveyed(make_suffixed(tmp_path, ["p1_0", "p1_1", "p2_0", "p2_1", "p3_0"]), groups=r"(p\d)", folds=3)
        assert result.split is not None
        assert result.split.method == "group"
        assert sorted(fold.val for fold in result.folds) == [
            ("case_0000", "case_0001"),
            ("case_0002", "case_0003"),
            ("case_0004",),
        ]

    def test_without_groups_runs_are_cut_and_said_so(self, raw: Path) -> None:
        result = surveyed(raw)
        assert result.split is not None
        assert result.split.method == "contiguous"
        assert NO_GROUPS in result.warnings.for_terminal()

    @pytest.mark.parametrize(("options", "units"), [({}, "images"), ({"groups": r"(\d)"}, "groups")])
    def test_less_folds_than_wanted_are_a_warning(self, raw: Path, options: dict[str, str], units: str) -> None:
        warnings = surveyed_warnings(raw, folds=9, **options)
        assert f"6 folds instead of 9: there are no more {units}" in warnings

    def test_random_split_is_a_warning(self, raw: Path) -> None:
        rule = "random split: images of one patient may stand on both sides, so scores look too good"
        assert rule in surveyed_warnings(raw, split="random")

    def test_contiguous_split_that_cuts_a_group_is_a_warning(self, tmp_path: Path) -> None:
        raw = make_suffixed(tmp_path, ["a0", "a1", "a2", "b0"])
        rule = "contiguous split: groups at its cuts stand on both sides; --split group keeps them whole"
        assert surveyed_warnings(raw, split="contiguous", groups=r"^(\w)\d", folds=2) == [rule]

    def test_contiguous_split_between_groups_is_none(self, tmp_path: Path) -> None:
        raw = make_suffixed(tmp_path, ["a0", "a1", "b0", "b1"])
        assert surveyed_warnings(raw, split="contiguous", groups=r"^(\w)\d", folds=2) == []


class TestDuplicates:
    def test_in_one_group_and_fold_are_a_warning(self, raw: Path) -> None:
        copy(raw, source=0, target=1)
        rule = "images with the same pixels (1: image/0.png and image/1.png)"
        assert rule in surveyed_warnings(raw, split="contiguous", folds=3)

    def test_in_different_groups_are_an_error(self, raw: Path) -> None:
        copy(raw, source=0, target=1)
        assert surveyed_errors(raw, groups=r"(\d)") == [
            "image/0.png and image/1.png: images with the same pixels must not stand in different groups;"
            " put them into one group with --groups, or delete one"
        ]

    def test_in_images_of_objects_are_an_error(self, tmp_path: Path) -> None:
        save(make_objects(tmp_path, ["a", "b", "c"]) / "c" / "images" / "c.png", image_rows(0))
        assert [error.split(":")[0] for error in surveyed_errors(tmp_path)] == ["a/images/a.png and c/images/c.png"]

    @pytest.mark.parametrize("options", [{"split": "contiguous", "folds": 2}, {"split": "random", "folds": 6}])
    def test_on_both_sides_of_the_split_are_an_error(self, raw: Path, options: dict[str, object]) -> None:
        copy(raw, source=0, target=5)
        assert surveyed_errors(raw, **options) == [
            "image/0.png and image/5.png: images with the same pixels must not stand on both sides of the split;"
            " put them into one group with --groups, or delete one"
        ]

    def test_each_further_copy_is_named(self, raw: Path) -> None:
        copy(raw, source=0, target=3)
        copy(raw, source=0, target=5)
        errors = surveyed_errors(raw, groups=r"(\d)")
        assert [error.split(":")[0] for error in errors] == [
            "image/0.png and image/3.png",
            "image/0.png and image/5.png",
        ]

    def test_same_bytes_in_another_shape_are_none(self, raw: Path) -> None:
        save(raw / "image" / "5.png", image_rows(0).reshape(SIDE_PX // 2, -1))
        save(raw / "label" / "5.png", mask_rows().reshape(SIDE_PX // 2, -1))
        assert surveyed_errors(raw, groups=r"(\d)") == []


class TestFiles:
    def test_stray_files_are_a_warning(self, raw: Path) -> None:
        for name in ("notes.txt", "image/list.csv", "Protocol"):
            (raw / name).write_text("", encoding="utf-8")
        rule = "files that are no images were ignored (3: Protocol, image/list.csv, notes.txt)"
        assert rule in surveyed_warnings(raw)

    def test_images_outside_the_layout_are_a_warning(self, raw: Path) -> None:
        for index in range(4):
            save(raw / "unlabelled" / f"{index}.png", image_rows(20 + index))
        rule = "images outside the layout were ignored (4: unlabelled/0.png, unlabelled/1.png, unlabelled/2.png, ...)"
        assert rule in surveyed_warnings(raw)

    def test_folder_without_what_the_layout_needs_is_an_error(self, tmp_path: Path) -> None:
        rule = f"{tmp_path}: must hold images with labels, got none in layout mask-suffix"
        assert surveyed_errors(tmp_path, layout="mask-suffix") == [rule]

    def test_other_type_than_the_first_is_an_error(self, raw: Path) -> None:
        for index in (2, 4):
            save(raw / "image" / f"{index}.png", image_rows(index, "uint16"))
        assert surveyed_errors(raw) == [
            f"image/{index}.png: all images must be of one type, got uint16 after uint8; save all in one"
            for index in (2, 4)
        ]

    def test_every_faulty_file_is_told(self, raw: Path) -> None:
        (raw / "image" / "1.png").write_bytes(b"")
        save(raw / "label" / "2.png", mask_rows(value=9))
        (raw / "label" / "3.png").unlink()
        result = surveyed(raw)
        assert [error.removeprefix(f"{raw}/").split(":")[0] for error in result.errors] == [
            "image/3.png",
            "image/1.png",
            "label/2.png",
        ]
        assert len(result.cases) == 3


class TestMasks:
    def test_masks_without_foreground_or_background_are_a_warning(self, raw: Path) -> None:
        save(raw / "label" / "1.png", mask_rows(0))
        save(raw / "label" / "4.png", mask_rows(0))
        save(raw / "label" / "2.png", mask_rows(SIDE_PX))
        warnings = surveyed_warnings(raw)
        assert "masks without foreground (2: 1, 4)" in warnings
        assert "masks without background (1: 2)" in warnings

    def test_overlapping_masks_are_a_warning(self, tmp_path: Path) -> None:
        save(make_objects(tmp_path, ["a", "b"]) / "b" / "masks" / "third.png", mask_rows(1))
        assert "images whose masks overlap each other (1: b)" in surveyed_warnings(tmp_path)

    def test_foreground_value_in_no_mask_is_a_warning(self, raw: Path) -> None:
        assert "--foreground 7, 1 is in no mask" in surveyed_warnings(raw, foreground=("255", "7", "1"))

    def test_masks_of_both_conventions_are_a_warning(self, raw: Path) -> None:
        save(raw / "label" / "1.png", mask_rows(value=1))
        rule = "some masks hold 0 and 1, others 0 and 255; both were read as background and foreground"
        assert rule in surveyed_warnings(raw)
        assert rule not in surveyed_warnings(raw, foreground=("1", "255"))

    @pytest.mark.parametrize(("foreground", "missing"), [(("7",), "foreground"), (("0", "255"), "background")])
    def test_data_set_with_nothing_to_find_is_an_error(
        self, raw: Path, foreground: tuple[str, ...], missing: str
    ) -> None:
        assert surveyed_errors(raw, foreground=foreground) == [
            f"{raw}: masks must hold {missing}, got none in any of them, only the values 0, 255;"
            " choose the values that are foreground with --foreground"
        ]


class TestWindow:
    def test_of_pictures_without_a_greatest_grey_value_is_refused(self, raw: Path) -> None:
        for index in range(6):
            (raw / "image" / f"{index}.png").unlink()
            save(raw / "image" / f"{index}.tif", image_rows(index).astype(np.float32) / 7)
        (error,) = surveyed_errors(raw, window_hu=(-100.0, 400.0), orientation="LA")
        assert error == "image/0.tif: --window-hu is for pictures of uint8 or uint16, got float32; drop it"
