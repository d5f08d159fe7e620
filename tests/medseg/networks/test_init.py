from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from medseg.networks.init import bilinear_kernel, kaiming_init


class TestKaimingInit:
    def test_convolution_before_relu_has_gain_two(self) -> None:
        torch.manual_seed(0)
        layer = nn.Conv2d(16, 64, kernel_size=3)
        kaiming_init(layer)
        # fan_in = 16 * 9 = 144, std = sqrt(2 / 144); 9,216 weights give it to 1 %.
        assert float(layer.weight.detach().std()) == pytest.approx(math.sqrt(2 / 144), rel=0.03)
        assert int(torch.count_nonzero(layer.bias)) == 0

    def test_linear_output_has_gain_one(self) -> None:
        torch.manual_seed(0)
        layer = nn.Conv2d(64, 64, kernel_size=1)
        layer.linear_output = True  # type: ignore[assignment]
        kaiming_init(layer)
        assert float(layer.weight.detach().std()) == pytest.approx(1 / 8, rel=0.05)

    def test_transposed_convolution_keeps_the_variance(self) -> None:
        torch.manual_seed(0)
        layer = nn.ConvTranspose2d(256, 128, kernel_size=2, stride=2)
        kaiming_init(layer)
        # Kernel = stride: an output pixel is a sum over 256 inputs, one weight each.
        assert float(layer.weight.detach().std()) == pytest.approx(1 / 16, rel=0.02)
        with torch.no_grad():
            assert float(layer(torch.randn(1, 256, 16, 16)).std()) == pytest.approx(1.0, rel=0.1)

    def test_overlapping_kernels_count_each_tap(self) -> None:
        torch.manual_seed(0)
        layer = nn.ConvTranspose2d(64, 64, kernel_size=4, stride=2)
        kaiming_init(layer)
        # 4 x 4 / (2 x 2) = 4 taps of 64 inputs each.
        assert float(layer.weight.detach().std()) == pytest.approx(1 / 16, rel=0.02)

    def test_layers_without_bias_and_other_layers_are_let_be(self) -> None:
        network = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.BatchNorm2d(1), nn.Linear(2, 2))
        linear = network[2].weight.clone()
        kaiming_init(network)
        assert torch.equal(network[2].weight, linear)
        assert torch.equal(network[1].weight, torch.ones(1))


class TestBilinearKernel:
    def test_of_size_4_is_by_hand(self) -> None:
        ramp = torch.tensor([0.25, 0.75, 0.75, 0.25])
        assert torch.equal(bilinear_kernel(1, 4)[0, 0], torch.outer(ramp, ramp))

    def test_of_odd_size_has_its_peak_in_the_centre(self) -> None:
        ramp = torch.tensor([0.5, 1.0, 0.5])
        assert torch.equal(bilinear_kernel(1, 3)[0, 0], torch.outer(ramp, ramp))

    def test_does_not_mix_channels(self) -> None:
        weight = bilinear_kernel(2, 4)
        assert torch.equal(weight[0, 0], weight[1, 1])
        assert int(torch.count_nonzero(weight[0, 1])) == int(torch.count_nonzero(weight[1, 0])) == 0

    @pytest.mark.parametrize(("factor", "padding"), [(2, 1), (8, 4)])
    def test_interpolates_a_ramp_exactly_inside(self, factor: int, padding: int) -> None:
        ramp = torch.arange(6.0)[:, None] * 10 + torch.arange(6.0)[None]
        kernel = bilinear_kernel(1, 2 * factor)
        fine = F.conv_transpose2d(ramp[None, None], kernel, stride=factor, padding=padding)[0, 0]
        # Fine pixel i has its centre at (i + 0.5) / factor - 0.5 on the coarse grid.
        at = (torch.arange(6 * factor) + 0.5) / factor - 0.5
        expected = at[:, None] * 10 + at[None]
        assert fine.shape == expected.shape
        torch.testing.assert_close(fine[factor:-factor, factor:-factor], expected[factor:-factor, factor:-factor])
