from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.sources import natural_key, stem, walk


class TestNaturalKey:
    def test_numbers_sort_by_value(self) -> None:
        names = ["b", "a10", "a9b2", "a9b10", "a/2", "a/10", "10", "9"]
        assert sorted(names, key=natural_key) == ["9", "10", "a9b2", "a9b10", "a10", "a/2", "a/10", "b"]

    def test_names_that_differ_in_zeros_keep_apart(self) -> None:
        assert natural_key("01") != natural_key("1")

    @given(st.lists(st.text(max_size=6), max_size=6))
    def test_any_names_can_be_sorted(self, names: list[str]) -> None:
        assert sorted(sorted(names, key=natural_key)) == sorted(names)


class TestStem:
    @pytest.mark.parametrize(
        ("name", "expected"), [("a/b.png", "a/b"), ("a.b.TIFF", "a.b"), ("a.b", "a.b"), ("1.5", "1.5")]
    )
    def test_only_an_images_suffix_is_cut(self, name: str, expected: str) -> None:
        assert stem(name) == expected


class TestWalk:
    def test_order_is_natural_and_hidden_files_are_left_out(self, tmp_path: Path) -> None:
        for name in ("f10/a", "f9/a", "b", ".git/a", "Thumbs.db", "f9/.DS_Store", "__MACOSX/a"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        assert [path.relative_to(tmp_path).as_posix() for path in walk(tmp_path)] == ["b", "f9/a", "f10/a"]

    def test_links_to_folders_are_followed_but_not_back(self, tmp_path: Path) -> None:
        (tmp_path / "raw" / "b").mkdir(parents=True)
        (tmp_path / "raw" / "b" / "a").touch()
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "c").touch()
        for name, target in (("b/up", ".."), ("b/here", "."), ("linked", "../elsewhere")):
            (tmp_path / "raw" / name).symlink_to(target)
        found = [path.relative_to(tmp_path / "raw").as_posix() for path in walk(tmp_path / "raw")]
        assert found == ["b/a", "linked/c"]
