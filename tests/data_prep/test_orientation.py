from __future__ import annotations

import pytest

from data_prep.orientation import check_orientation
from medseg.errors import UsageError

ALL = [first + second for first, second in ("LA", "LP", "RA", "RP", "AL", "AR", "PL", "PR")]


class TestCheckOrientation:
    @pytest.mark.parametrize("orientation", ALL)
    def test_all_eight_are_taken_in_any_case(self, orientation: str) -> None:
        assert check_orientation(orientation.lower()) == orientation

    @pytest.mark.parametrize("orientation", ["", "L", "LPS", "XY", "L P"])
    def test_other_letters_raise(self, orientation: str) -> None:
        rule = r"--orientation must be two letters of L, R, A, P, got .*: LP is a scanner's usual view"
        with pytest.raises(UsageError, match=rule):
            check_orientation(orientation)

    @pytest.mark.parametrize("orientation", ["LR", "LL", "AP", "LS", "IA"])
    def test_other_planes_raise(self, orientation: str) -> None:
        with pytest.raises(UsageError, match=rf"must be axial, one of L/R and one of A/P, got '{orientation}'"):
            check_orientation(orientation)
