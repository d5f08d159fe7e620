from __future__ import annotations

import numpy as np
import pytest

from data_prep.phantom.acquisition import Acquisition, Plane, plan


def _plan(patient: int, slices: int = 10) -> Acquisition:
    return plan(patient, slices=slices, size_px=64, seed=0, identity="test")[1]


class TestPlane:
    def test_places_follow_the_direction_cosines(self) -> None:
        # Columns run to -x, rows to -z, 2 mm apart.
        plane = Plane((10, 20, 30), (-1, 0, 0), (0, 0, -1), 2.0, (3, 2), number=1)
        places = plane.places_mm()
        assert places.shape == (3, 3, 2)
        assert places[:, 0, 0].tolist() == [10, 20, 30]
        assert places[:, 2, 1].tolist() == [6, 20, 28]
        assert plane.centre_mm.tolist() == [8, 20, 29]
        # (-x) x (-z) = x x z = -y.
        assert plane.normal.tolist() == [0, -1, 0]


class TestPlan:
    def test_slices_are_evenly_spaced_along_the_normal(self) -> None:
        for patient in range(1, 7):
            scan = _plan(patient)
            along = [float(plane.normal @ np.asarray(plane.position_mm)) for plane in scan.planes]
            np.testing.assert_allclose(np.diff(along), scan.gap_mm, atol=1e-6)

    def test_the_liver_lies_within_the_slices(self) -> None:
        for patient in range(1, 7):
            scan = _plan(patient)
            heights = [plane.position_mm[2] - scan.body_mm[2] for plane in scan.planes]
            assert max(heights) > 10
            assert min(heights) < -170

    def test_all_slices_are_axial_and_positions_differ_between_patients(self) -> None:
        scans = [_plan(patient) for patient in range(1, 7)]
        assert all(abs(scan.planes[0].normal[2]) == 1 for scan in scans)
        assert {scan.position for scan in scans} == {"HFS", "FFS", "HFP", "FFP"}
        assert {(scan.planes[0].row[0], scan.planes[0].column[1]) for scan in scans} == {
            (1, 1),
            (-1, 1),
            (-1, -1),
            (1, -1),
        }

    def test_patients_differ_in_what_scanners_differ_in(self) -> None:
        scans = [_plan(patient) for patient in range(1, 7)]
        assert len({scan.gap_mm for scan in scans}) == 6
        assert len({scan.planes[0].pixel_mm for scan in scans}) == 6
        assert len({len(scan.planes) for scan in scans}) >= 4
        assert {scan.signed for scan in scans} == {True, False}
        assert {scan.intercept_hu for scan in scans} == {0, -1000, -1024}
        assert any(scan.thickness_mm > 1.2 * scan.gap_mm for scan in scans)

    def test_instance_numbers_may_follow_geometry_either_way_or_not_at_all(self) -> None:
        steps = []
        for patient in range(1, 7):
            scan = _plan(patient)
            upwards = sorted(scan.planes, key=lambda plane: plane.position_mm[2])
            numbers = [plane.number for plane in upwards]
            assert sorted(numbers) == list(range(1, len(numbers) + 1))
            steps.append(set(np.diff(numbers).tolist()))
        assert {1} in steps
        assert {-1} in steps
        assert any(len(step) > 2 for step in steps)

    @pytest.mark.parametrize("slices", [4, 11, 30])
    def test_slices_are_about_as_many_as_asked(self, slices: int) -> None:
        for patient in range(1, 7):
            assert abs(len(_plan(patient, slices).planes) - slices) <= 2

    def test_a_patient_is_always_the_same_and_habits_come_round(self) -> None:
        assert _plan(3) == _plan(3)
        assert _plan(9).position == _plan(3).position
        assert _plan(9).planes != _plan(3).planes
