from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from data_prep.phantom.anatomy import Body

STEP_MM = 4.0


def _body(patient: int, *, prone: bool = False) -> Body:
    return Body.of(np.random.default_rng([0, patient]), prone=prone)


def _grid_mm() -> NDArray[np.float64]:
    """A grid over the whole trunk: (3, x, y, z)."""
    sides = np.arange(-200, 200, STEP_MM), np.arange(-150, 170, STEP_MM), np.arange(-220, 30, STEP_MM)
    return np.stack(np.meshgrid(*sides, indexing="ij"))


@pytest.mark.parametrize("patient", [1, 2, 3])
class TestEachPatient:
    def test_liver_is_as_large_as_a_liver(self, patient: int) -> None:
        _, liver = _body(patient).section(_grid_mm())
        assert 900 < liver.sum() * STEP_MM**3 / 1000 < 2600

    def test_liver_is_as_bright_as_a_liver_and_varies_within(self, patient: int) -> None:
        hu, liver = _body(patient).section(_grid_mm())
        assert 80 < hu[liver].mean() < 130
        # Vessels are brighter, lesions darker than the tissue.
        tissue = np.median(hu[liver])
        assert hu[liver].max() > tissue + 25
        assert hu[liver].min() < tissue - 20

    def test_sides_are_where_they_belong(self, patient: int) -> None:
        grid = _grid_mm()
        hu, liver = _body(patient).section(grid)
        x, y, z = grid
        within = (np.abs(x) < 120) & (np.abs(y) < 85)
        bone = within & (hu > 300)
        lung = within & (hu < -700) & (z > 5)
        assert x[liver].mean() < -30, "the liver lies on the patient's right, -x"
        assert y[bone].mean() > 30, "the spine lies at the back, +y"
        assert lung.sum() > 1000, "the lungs lie above"
        assert z[liver].max() < 10
        assert -180 < z[liver].min() < -110

    def test_neighbours_have_the_livers_grey_value(self, patient: int) -> None:
        hu, liver = _body(patient).section(_grid_mm())
        alike = ~liver & (np.abs(hu - np.median(hu[liver])) < 15)
        assert alike.sum() > 0.3 * liver.sum()


class TestBody:
    def test_a_place_is_the_same_on_every_grid(self) -> None:
        grid = _grid_mm()
        hu, liver = _body(1).section(grid)
        some = np.random.default_rng(0).permutation(hu.size)[:3000]
        hu_alone, liver_alone = _body(1).section(grid.reshape(3, -1)[:, some])
        np.testing.assert_array_equal(hu_alone, hu.reshape(-1)[some])
        np.testing.assert_array_equal(liver_alone, liver.reshape(-1)[some])

    def test_patients_differ(self) -> None:
        one, other = (_body(patient).section(_grid_mm())[1] for patient in (1, 2))
        dice = 2 * (one & other).sum() / (one.sum() + other.sum())
        assert 0.5 < dice < 0.95

    def test_outside_is_air_and_without_liver(self) -> None:
        hu, liver = _body(1).section(np.full((3, 4, 5), 300.0))
        assert hu.shape == liver.shape == (4, 5)
        assert (hu == -1000).all()
        assert not liver.any()

    @pytest.mark.parametrize(("prone", "table_y_mm"), [(False, 130.0), (True, -130.0)])
    def test_the_table_is_on_the_side_the_patient_lies_on(self, prone: bool, table_y_mm: float) -> None:
        y = np.arange(-170, 170, 1.0)
        hu, _ = _body(1, prone=prone).section(np.stack([np.zeros_like(y), y, np.full_like(y, -100)]))
        foam = y[(hu < -900) & (hu > -960) & (np.abs(y) > 100)]
        assert abs(foam.mean() - table_y_mm) < 20

    def test_width_is_that_of_the_body(self) -> None:
        body = _body(4)
        x = np.arange(-250, 250, 0.5)
        hu, _ = body.section(np.stack([x, np.zeros_like(x), np.full_like(x, -100)]))
        assert abs(np.ptp(x[hu > -500]) - body.width_mm) < 3
