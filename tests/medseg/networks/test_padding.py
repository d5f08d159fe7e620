from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from medseg.networks.padding import crop_to, pad_to_multiple


class TestPadToMultiple:
    def test_repeats_the_last_row_and_column(self) -> None:
        img = torch.tensor([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]])
        expected = torch.tensor(
            [[[[1.0, 2.0, 3.0, 3.0], [4.0, 5.0, 6.0, 6.0], [7.0, 8.0, 9.0, 9.0], [7.0, 8.0, 9.0, 9.0]]]]
        )
        assert torch.equal(pad_to_multiple(img, 4), expected)

    def test_a_size_that_fits_stays(self) -> None:
        img = torch.rand(2, 3, 8, 4)
        assert torch.equal(pad_to_multiple(img, 4), img)

    def test_sides_are_padded_apart(self) -> None:
        assert pad_to_multiple(torch.zeros(1, 1, 33, 64), 32).shape == (1, 1, 64, 64)

    @given(height=st.integers(1, 70), width=st.integers(1, 70), multiple=st.integers(1, 33))
    def test_cropping_gives_the_image_back(self, height: int, width: int, multiple: int) -> None:
        img = torch.arange(height * width, dtype=torch.float32).reshape(1, 1, height, width)
        padded = pad_to_multiple(img, multiple)
        assert padded.shape[2] % multiple == padded.shape[3] % multiple == 0
        assert padded.shape[2] - height < multiple
        assert padded.shape[3] - width < multiple
        assert torch.equal(crop_to(padded, height, width), img)


class TestCropTo:
    def test_keeps_the_leading_corner(self) -> None:
        img = torch.arange(12.0).reshape(1, 1, 3, 4)
        assert torch.equal(crop_to(img, 2, 3), torch.tensor([[[[0.0, 1.0, 2.0], [4.0, 5.0, 6.0]]]]))
