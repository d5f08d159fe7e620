from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from data_prep.orientation import check_orientation, to_ras
from medseg.errors import UsageError

ALL = [first + second for first, second in ("LA", "LP", "RA", "RP", "AL", "AR", "PL", "PR")]


class TestToRas:
    @pytest.mark.parametrize("orientation", ALL)
    def test_agrees_with_nibabel(self, orientation: str) -> None:
        image = np.arange(12).reshape(4, 3)
        transform = nib.orientations.ornt_transform(
            nib.orientations.axcodes2ornt((*orientation, "S")), nib.orientations.axcodes2ornt("RAS")
        )
        expected = nib.orientations.apply_orientation(image[..., None], transform)[..., 0]
        np.testing.assert_array_equal(to_ras(image, orientation), expected)

    def test_a_scanners_view_by_hand(self) -> None:
        # As seen: columns run to the patient's left, rows to the back, so a is right and in front, f left and behind.
        rows = np.array([["a", "b", "c"], ["d", "e", "f"]])
        # First axis to R, so c comes before a; second axis to A, so the back row comes first.
        assert to_ras(rows.T, "LP").tolist() == [["f", "c"], ["e", "b"], ["d", "a"]]

    def test_spine_at_the_top_by_hand(self) -> None:
        # As in liver400: columns run to the left, rows to the front.
        rows = np.array([["a", "b", "c"], ["d", "e", "f"]])
        assert to_ras(rows.T, "LA").tolist() == [["c", "f"], ["b", "e"], ["a", "d"]]

    def test_what_is_ras_already_stays(self) -> None:
        image = np.arange(12).reshape(4, 3)
        np.testing.assert_array_equal(to_ras(image, "RA"), image)

    @pytest.mark.parametrize("orientation", ALL)
    def test_nothing_is_copied(self, orientation: str) -> None:
        image = np.arange(12).reshape(4, 3)
        assert np.shares_memory(to_ras(image, orientation), image)


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
