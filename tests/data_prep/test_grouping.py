from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.choose_layout import choose_layout
from data_prep.grouping import given_groups, made_names
from medseg.errors import UsageError
from tests.data_prep.raw_folders import make_suffixed, save_volume, surveyed, surveyed_errors

NAMES = ["train/000", "train/001", "train/002", "val/000"]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return make_suffixed(tmp_path / "raw", NAMES)


def groups_of(raw: Path, groups: str) -> list[str]:
    return given_groups(raw, choose_layout(raw).find(raw).cases, groups)


def table(raw: Path, text: str, encoding: str = "utf-8") -> str:
    """Write a CSV file beside the folder."""
    path = raw.parent / "groups.csv"
    path.write_bytes(text.encode(encoding))
    return str(path)


class TestTable:
    @pytest.mark.parametrize("suffix", ["", ".png"])
    def test_names_have_groups_with_or_without_suffix(self, raw: Path, suffix: str) -> None:
        lines = [f"{name}{suffix},{group}" for name, group in zip(NAMES, ["a", "b", "a", "c"], strict=True)]
        assert groups_of(raw, table(raw, "name,group\n" + "\n".join(lines))) == ["a", "b", "a", "c"]

    @pytest.mark.parametrize("form", ["{}", "{}.nii.gz", "images/{}.nii.gz", "images/{}"])
    def test_scans_have_their_whole_suffix(self, tmp_path: Path, form: str) -> None:
        for name in ("p.1", "p.2"):
            save_volume(tmp_path / "raw" / "images" / f"{name}.nii.gz")
            save_volume(tmp_path / "raw" / "labels" / f"{name}.nii.gz", label=True)
        given = table(tmp_path / "raw", f"name,group\n{form.format('p.1')},a\n{form.format('p.2')},b\n")
        assert groups_of(tmp_path / "raw", given) == ["a", "b"]

    def test_ranges_have_groups(self, raw: Path) -> None:
        given = table(raw, "first,last,group\ntrain/000,train/001,a\ntrain/002,train/002,b\nval/000,val/019,c\n")
        assert groups_of(raw, given) == ["a", "a", "b", "c"]

    def test_zeros_in_front_do_not_matter_in_ranges(self, raw: Path) -> None:
        given = table(raw, "first,last,group\ntrain/0,train/1,a\ntrain/0002,train/2,b\nval/0,val/0,c\n")
        assert groups_of(raw, given) == ["a", "a", "b", "c"]

    def test_file_of_excel_is_read(self, raw: Path) -> None:
        given = table(raw, "name,group\r\n" + "".join(f" {name} , a\r\n" for name in NAMES) + "\r\n,,\r\n", "utf-8-sig")
        assert groups_of(raw, given) == ["a"] * 4

    @pytest.mark.parametrize(
        ("header", "got"), [("image,patient", "image,patient"), ("name;group", "name;group"), ("", "an empty file")]
    )
    def test_other_header_raises(self, raw: Path, header: str, got: str) -> None:
        rule = f"header must be name,group or first,last,group, got {got}$"
        with pytest.raises(UsageError, match=rf"--groups .*groups\.csv: {rule}"):
            groups_of(raw, table(raw, header))

    @pytest.mark.parametrize("line", ["train/001", "train/001,", "train/001,a,b"])
    def test_line_of_other_length_raises(self, raw: Path, line: str) -> None:
        with pytest.raises(UsageError, match=rf"groups\.csv: line 4 must have 2 entries, got {line}$"):
            groups_of(raw, table(raw, f"name,group\n\ntrain/000,a\n{line}\n"))

    def test_unknown_name_raises(self, raw: Path) -> None:
        given = table(raw, "name,group\n" + "".join(f"{name},a\n" for name in [*NAMES, "train/003"]))
        with pytest.raises(UsageError, match=r"groups\.csv: must name images of the folder, got train/003$"):
            groups_of(raw, given)

    def test_image_without_group_raises(self, raw: Path) -> None:
        with pytest.raises(
            UsageError, match=r"every image must have a group, got none for train/001, train/002, val/000$"
        ):
            groups_of(raw, table(raw, "name,group\ntrain/000,a\n"))

    def test_many_images_without_group_are_counted(self, tmp_path: Path) -> None:
        raw = make_suffixed(tmp_path / "raw", [str(index) for index in range(6)])
        with pytest.raises(UsageError, match=r"got none for 1, 2, 3 and 2 more$"):
            groups_of(raw, table(raw, "name,group\n0,a\n"))

    @pytest.mark.parametrize("lines", ["train/000,a\ntrain/000.png,b", "train/000,a\ntrain/000,b"])
    def test_image_with_two_groups_raises(self, raw: Path, lines: str) -> None:
        others = "".join(f"{name},a\n" for name in NAMES[1:])
        with pytest.raises(UsageError, match=r"image train/000 must have one group, got (a, b|b, a)$"):
            groups_of(raw, table(raw, f"name,group\n{others}{lines}\n"))

    def test_overlapping_ranges_raise(self, raw: Path) -> None:
        given = table(raw, "first,last,group\ntrain/000,train/002,a\ntrain/002,val/000,b\n")
        with pytest.raises(UsageError, match="image train/002 must have one group, got a, b"):
            groups_of(raw, given)

    @pytest.mark.parametrize("line", ["test/000,test/009,a", "train/002,train/000,a"])
    def test_range_without_images_raises(self, raw: Path, line: str) -> None:
        first, last, _ = line.split(",")
        with pytest.raises(UsageError, match=rf"groups\.csv: range {first} to {last} must hold images, got none"):
            groups_of(raw, table(raw, f"first,last,group\n{line}\n"))

    def test_other_encoding_raises(self, raw: Path) -> None:
        with pytest.raises(UsageError, match=r"groups\.csv: must be a CSV file in UTF-8, got .*codec can't decode"):
            groups_of(raw, table(raw, "name,group\ntrain/000,Müller\n", "latin-1"))

    def test_missing_file_raises(self, raw: Path) -> None:
        with pytest.raises(UsageError, match=r"--groups absent\.csv: there is no such file"):
            groups_of(raw, "absent.csv")


class TestPattern:
    def test_empty_match_is_none(self, raw: Path) -> None:
        with pytest.raises(UsageError, match=r"must match every image, got no match for val/000$"):
            groups_of(raw, "^(train)?")

    def test_capture_group_is_the_group(self, raw: Path) -> None:
        assert groups_of(raw, r"^(\w+)/") == ["train", "train", "train", "val"]

    def test_suffix_may_be_matched(self, raw: Path) -> None:
        assert groups_of(raw, r"(\d)\.png$") == ["0", "1", "2", "0"]

    def test_wrong_expression_raises(self, raw: Path) -> None:
        with pytest.raises(
            UsageError, match=r"--groups \(\\d: must be a CSV file or a regular expression, got missing"
        ):
            groups_of(raw, r"(\d")

    @pytest.mark.parametrize(("pattern", "count"), [(r"\d+", 0), (r"(\w+)/(\d)", 2)])
    def test_other_number_of_capture_groups_raises(self, raw: Path, pattern: str, count: int) -> None:
        with pytest.raises(UsageError, match=rf"must have one capture group \( \), got {count}$"):
            groups_of(raw, pattern)

    @pytest.mark.parametrize("pattern", ["(train)", "(?:(train)|val)"])
    def test_image_without_match_raises(self, raw: Path, pattern: str) -> None:
        with pytest.raises(UsageError, match=r": must match every image, got no match for val/000$"):
            groups_of(raw, pattern)

    def test_pattern_that_is_too_long_for_a_file_name_is_taken(self, raw: Path) -> None:
        assert groups_of(raw, "(train|val" + "|x" * 300 + ")") == ["train", "train", "train", "val"]


class TestMadeNames:
    def test_tell_nothing_about_the_source(self) -> None:
        assert made_names(["Meyer", "Abel", "Meyer"]) == ["g00", "g01", "g00"]

    def test_are_of_equal_length(self) -> None:
        names = made_names([str(index) for index in range(101)])
        assert (names[0], names[100]) == ("g000", "g100")


class TestTogetherWithOtherErrors:
    def test_table_that_names_a_faulty_image_is_no_error(self, raw: Path) -> None:
        (raw / "train/001_mask.png").unlink()
        given = table(raw, "name,group\n" + "".join(f"{name},{name[:5]}\n" for name in NAMES))
        assert surveyed_errors(raw, groups=given) == [
            "train/001.png: image must have one mask 001_mask beside it, got none"
        ]

    def test_wrong_table_of_a_good_folder_raises(self, raw: Path) -> None:
        with pytest.raises(UsageError, match="must name images of the folder, got absent"):
            surveyed(raw, groups=table(raw, "name,group\nabsent,a\n"))
