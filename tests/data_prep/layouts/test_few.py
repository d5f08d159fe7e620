from __future__ import annotations

from data_prep.layouts.few import few


class TestFew:
    def test_three_names_are_listed(self) -> None:
        assert few(["a", "b", "c"]) == "a, b, c"

    def test_others_are_counted(self) -> None:
        assert few([1, 2, 3, 4, 5]) == "1, 2, 3 and 2 more"
