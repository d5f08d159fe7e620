from __future__ import annotations

import numpy as np
import pytest

from medseg.metrics import PackedMask
from tests.medseg.metrics.masks import box


class TestPackedMask:
    @pytest.mark.parametrize("shape", [(1, 1), (3, 5), (16, 8), (2, 3, 4)])
    def test_gives_the_mask_back(self, shape: tuple[int, ...]) -> None:
        mask = np.random.default_rng(0).random(shape) < 0.5
        back = PackedMask.of(mask).unpack()
        assert (back.dtype, back.shape) == (np.bool_, shape)
        assert np.array_equal(back, mask)

    def test_liver_s_size_of_a_slice_takes_little(self) -> None:
        packed = PackedMask.of(box((512, 512), (100, 300), (150, 400)))
        assert len(packed.bits) < 1000

    def test_noise_takes_no_more_than_its_bits(self) -> None:
        packed = PackedMask.of(np.random.default_rng(0).random((512, 512)) < 0.5)
        assert len(packed.bits) < 1.01 * 512 * 512 / 8
