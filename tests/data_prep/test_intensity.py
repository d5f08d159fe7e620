from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from data_prep.case_facts import CaseFacts
from data_prep.intensity import MIXED, CountedValues, count_values, intensity_facts
from medseg.manifest import Intensity
from tests.data_prep.facts import make_facts


def facts_of(image: np.ndarray) -> CaseFacts:
    found = count_values(image.reshape(*image.shape, *[1] * (3 - image.ndim)))
    return make_facts(dtype=image.dtype.name, values=found.values, counts=found.counts, total=found.total)


def counted(*images: np.ndarray) -> Intensity:
    return intensity_facts([facts_of(image) for image in images])


def assert_as_numpy(facts: Intensity, values: np.ndarray, **percentile_tolerance: float) -> None:
    exact = values.astype(np.float64)
    assert facts.dtype == values.dtype.name
    assert (facts.min, facts.max) == (exact.min(), exact.max())
    scale = float(np.abs(exact).max())
    np.testing.assert_allclose(facts.mean, exact.mean(), rtol=1e-12, atol=1e-12 * scale)
    np.testing.assert_allclose(facts.std, exact.std(), rtol=1e-6, atol=1e-6 * scale)
    expected = np.percentile(exact, [0.5, 99.5])
    np.testing.assert_allclose([facts.percentile_0_5, facts.percentile_99_5], expected, **percentile_tolerance)


class TestIntegers:
    @pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16"])
    def test_all_facts_are_numpys(self, dtype: str) -> None:
        rng = np.random.default_rng(0)
        images = [rng.gamma(2, 20, (30, 20 + index, 1)).clip(0, 255).astype(dtype) for index in range(4)]
        images[0][0, 0, 0] = np.iinfo(dtype).max
        assert_as_numpy(counted(*images), np.concatenate([image.ravel() for image in images]), rtol=1e-12)

    @settings(max_examples=60, deadline=None)
    @given(st_numpy.arrays("uint8", st.integers(1, 40)))
    def test_percentiles_of_few_values_are_numpys(self, values: np.ndarray) -> None:
        assert_as_numpy(counted(values), values, rtol=1e-12)

    def test_by_hand(self) -> None:
        facts = counted(np.array([[0, 10]], dtype=np.uint8), np.array([[20, 30]], dtype=np.uint8))
        # Ranks 0.005 x 3 and 0.995 x 3; variance (225 + 25 + 25 + 225) / 4.
        assert facts == Intensity("uint8", 0, 30, 15, 125**0.5, pytest.approx(0.15), pytest.approx(29.85))


class TestFloats:
    @pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
    @pytest.mark.parametrize("offset", [-5.0, 0.0, 5.0])
    def test_percentiles_are_numpys_to_a_thousandth(self, scale: float, offset: float) -> None:
        values = (scale * np.random.default_rng(0).normal(offset, 2, 5000)).astype(np.float32)
        assert_as_numpy(counted(values[:1000], values[1000:]), values, rtol=1e-3)

    @settings(max_examples=60, deadline=None)
    @given(
        st_numpy.arrays("float32", st.integers(1, 30), elements=st.floats(-3000, 3000, width=32, allow_subnormal=False))
    )
    def test_any_values_are_numpys_to_a_thousandth_of_the_largest(self, values: np.ndarray) -> None:
        assert_as_numpy(counted(values), values, atol=1e-3 * float(np.abs(values).max()), rtol=0)

    @pytest.mark.parametrize("value", [-0.0, 0.0, -7.25, 1e-30])
    def test_one_value_is_exact(self, value: Any) -> None:
        facts = counted(np.full(5, value, dtype=np.float32))
        assert facts.percentile_0_5 == facts.percentile_99_5 == np.float32(value)


class TestSeveralTypes:
    def test_are_told_and_counted_together(self) -> None:
        facts = counted(np.array([-2, 0], dtype=np.int16), np.array([0.0, 6.0], dtype=np.float32))
        # Mean of -2, 0, 0, 6; variance (9 + 1 + 1 + 25) / 4.
        assert (facts.dtype, facts.min, facts.max, facts.mean, facts.std) == (MIXED, -2, 6, 1, 3)


class TestCountValues:
    def test_by_hand(self) -> None:
        found = count_values(np.array([[[-3, 5]], [[-3, 7]]], dtype=np.int16))
        assert found == CountedValues(values=(-3, 5, 7), counts=(2, 1, 1), total=(6, 92))

    def test_two_floats_in_one_bin_keep_their_ends(self) -> None:
        found = count_values(np.array([1.0, 1.0001, 1.0], dtype=np.float32).reshape(3, 1, 1))
        assert (found.values, found.counts) == ((1.0, float(np.float32(1.0001))), (2, 1))


class TestMemory:
    @pytest.mark.parametrize("order", ["C", "F"])
    def test_order_in_memory_does_not_matter(self, order: Any) -> None:
        image = np.arange(60, dtype=np.uint16).reshape(5, 4, 3)
        assert counted(np.asarray(image, order=order)) == counted(image)
