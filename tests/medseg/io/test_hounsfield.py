from __future__ import annotations

import pytest

from medseg.io.hounsfield import OrganRange, organ_range, without_negative_hu


class TestOrganRange:
    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            (("liver",), OrganRange("liver", -20.0, 260.0)),
            (("Left Kidney",), OrganRange("kidney", -20.0, 400.0)),
            (("liver", "Tumor"), OrganRange("liver and tumor", -100.0, 300.0)),
            (("1",), OrganRange("foreground", -300.0, 1800.0)),
            ((), OrganRange("foreground", -300.0, 1800.0)),
        ],
    )
    def test_is_that_of_all_organs_named(self, names: tuple[str, ...], expected: OrganRange) -> None:
        assert organ_range(names) == expected

    @pytest.mark.parametrize(("mean_hu", "held"), [(-20.0, True), (260.0, True), (-20.5, False), (261.0, False)])
    def test_holds_its_ends(self, mean_hu: float, held: bool) -> None:
        assert organ_range(["liver"]).holds(mean_hu) is held


class TestWithoutNegativeHu:
    @pytest.mark.parametrize(("lowest", "warnings"), [(-1.0, 0), (0.0, 1), (24.0, 1)])
    def test_neither_air_nor_fat_is_a_warning(self, lowest: float, warnings: int) -> None:
        assert len(without_negative_hu(lowest)) == warnings
