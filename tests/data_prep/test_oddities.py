from __future__ import annotations

from data_prep.oddities import Oddities


class TestOddities:
    def test_each_is_told_once_with_its_first_names(self) -> None:
        odd = Oddities()
        for index in range(5):
            odd.add("masks without foreground", cases=[index], names=[f"image {index}"])
        odd.add("no groups known")
        assert odd.for_terminal() == [
            "masks without foreground (5: image 0, image 1, image 2, ...)",
            "no groups known",
        ]

    def test_files_get_ordinals_instead_of_names(self) -> None:
        odd = Oddities()
        odd.add("masks without foreground", cases=[7, 3], names=["Meyer"])
        odd.add("masks without foreground", cases=[3], names=["Meyer"])
        assert odd.for_file() == [{"text": "masks without foreground", "cases": [3, 7]}]

    def test_without_any_it_is_false(self) -> None:
        odd = Oddities()
        assert not odd
        odd.add("odd")
        assert odd
