from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from monai.data import MetaTensor
from monai.inferers import SliceInferer
from torch import Tensor, nn

from medseg.errors import UsageError
from medseg.inferers import SlicewiseInferer


def volume(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def convolution(channels_in: int = 1, channels_out: int = 1) -> nn.Module:
    """A network whose answer at a pixel depends on the pixel's surroundings."""
    torch.manual_seed(0)
    return nn.Conv2d(channels_in, channels_out, 3, padding=1).eval().requires_grad_(False)


class TestLogits:
    @pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 5])
    def test_are_those_of_monai(self, batch_size: int) -> None:
        inputs, network = volume(2, 1, 13, 9, 5), convolution()
        by_monai = SliceInferer(roi_size=(13, 9), spatial_dim=2, sw_batch_size=batch_size)
        torch.testing.assert_close(SlicewiseInferer(batch_size)(inputs, network), by_monai(inputs, network))

    @pytest.mark.parametrize(("x", "y", "z"), [(1, 1, 1), (7, 5, 3), (17, 33, 2)])
    def test_odd_sizes(self, x: int, y: int, z: int) -> None:
        inputs, network = volume(1, 1, x, y, z), convolution()
        out = SlicewiseInferer(2)(inputs, network)
        for index in range(z):
            torch.testing.assert_close(out[..., index], network(inputs[..., index]))

    def test_several_channels_in_and_out(self) -> None:
        inputs, network = volume(1, 2, 6, 5, 4), convolution(2, 3)
        by_monai = SliceInferer(roi_size=(6, 5), spatial_dim=2, sw_batch_size=3)
        out = SlicewiseInferer(3)(inputs, network)
        assert out.shape == (1, 3, 6, 5, 4)
        torch.testing.assert_close(out, by_monai(inputs, network))

    def test_are_plain_float32_whatever_the_network_gives(self) -> None:
        inputs = MetaTensor(volume(1, 1, 4, 3, 2))
        out = SlicewiseInferer()(inputs, lambda batch: batch.double() * 2)
        assert type(out) is Tensor
        assert out.dtype == torch.float32
        torch.testing.assert_close(out, inputs.as_subclass(Tensor) * 2)

    def test_network_gets_further_arguments(self) -> None:
        inputs = volume(1, 1, 4, 3, 2)
        out = SlicewiseInferer()(inputs, lambda batch, gain, offset: batch * gain + offset, 3, offset=1)
        torch.testing.assert_close(out, inputs * 3 + 1)


class TestBatches:
    def test_hold_as_many_slices_as_asked_and_the_rest(self) -> None:
        sizes: list[tuple[int, ...]] = []

        def network(batch: Tensor) -> Tensor:
            sizes.append(tuple(batch.shape))
            return batch

        SlicewiseInferer(2)(volume(1, 1, 4, 3, 5), network)
        assert sizes == [(2, 1, 4, 3), (2, 1, 4, 3), (1, 1, 4, 3)]

    def test_progress_is_told_of_slices_that_are_done(self) -> None:
        done: list[int] = []
        inferer = SlicewiseInferer(2)
        inferer.on_slices = done.append
        inferer(volume(2, 1, 4, 3, 3), convolution())
        assert done == [2, 1, 2, 1]

    @pytest.mark.parametrize("batch_size", [0, -1])
    def test_of_less_than_a_slice_raise(self, batch_size: int) -> None:
        with pytest.raises(UsageError, match=f"batch_size must be a whole number from 1, got {batch_size}"):
            SlicewiseInferer(batch_size)


class TestFlips:
    @pytest.mark.parametrize("batch_size", [1, 3])
    def test_average_is_that_of_the_four_views(self, batch_size: int) -> None:
        inputs, network = volume(1, 1, 6, 5, 4), convolution()
        expected = torch.empty_like(inputs)
        for z in range(4):
            slice_z = inputs[..., z]
            along_x = network(slice_z.flip(2)).flip(2)
            along_y = network(slice_z.flip(3)).flip(3)
            along_both = network(slice_z.flip(2).flip(3)).flip(3).flip(2)
            expected[..., z] = (network(slice_z) + along_x + along_y + along_both) / 4
        torch.testing.assert_close(SlicewiseInferer(batch_size, flips=True)(inputs, network), expected)

    def test_corner_that_a_network_always_answers_is_spread_to_all_four(self) -> None:
        def corner(batch: Tensor) -> Tensor:
            logits = torch.zeros_like(batch)
            logits[:, :, 0, 0] = 4.0
            return logits

        out = SlicewiseInferer(flips=True)(torch.zeros(1, 1, 3, 4, 1), corner)
        assert out[0, 0, :, :, 0].tolist() == [[1, 0, 0, 1], [0, 0, 0, 0], [1, 0, 0, 1]]

    def test_slices_count_once_in_progress(self) -> None:
        done: list[int] = []
        inferer = SlicewiseInferer(2, flips=True)
        inferer.on_slices = done.append
        inferer(volume(1, 1, 4, 3, 3), convolution())
        assert done == [2, 1]


def test_each_volume_of_a_batch_is_predicted_by_itself() -> None:
    inputs = volume(3, 1, 4, 3, 2)
    network: Callable[[Tensor], Tensor] = convolution()
    together = SlicewiseInferer(5)(inputs, network)
    for index in range(3):
        torch.testing.assert_close(together[index], SlicewiseInferer(5)(inputs[index : index + 1], network)[0])
