from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from medseg.networks import UNet
from medseg.networks.unet import ConvBlock, UpBlock

WIDTHS = (4, 6, 8, 10)
DEFAULT_WIDTHS = (32, 64, 128, 256, 512)


def record(network: UNet) -> dict[str, tuple[Tensor, Tensor]]:
    """First input and output of every convolution unit, up-sampling and decoder block in one pass."""
    seen: dict[str, tuple[Tensor, Tensor]] = {}
    hooks = []
    for name, module in network.named_modules():
        if isinstance(module, nn.ConvTranspose2d) or name.endswith((".first", ".second")):

            def keep(_module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor, name: str = name) -> None:
                seen[name] = (inputs[0].clone(), output.clone())

            hooks.append(module.register_forward_hook(keep))
    torch.manual_seed(1)
    with torch.no_grad():
        network.eval()(torch.randn(1, 1, 16, 24))
    for hook in hooks:
        hook.remove()
    return seen


class TestParameterCount:
    def test_plain_follows_from_the_layers(self) -> None:
        widths = DEFAULT_WIDTHS
        count = 0
        for before, width in zip((1, *widths), widths, strict=False):
            count += (9 * before + 1) * width + (9 * width + 1) * width
        for fine, coarse in pairwise(widths):
            count += (4 * coarse + 1) * fine
            count += (9 * 2 * fine + 1) * fine + (9 * fine + 1) * fine
        count += widths[0] + 1
        assert count == 7_759_521 == _count(UNet())

    def test_batch_norm_adds_two_a_channel_of_18_convolutions(self) -> None:
        # 2 pairs x 2 x (32 + 64 + 128 + 256) in encoder and decoder, 2 x 2 x 512 at the bottom.
        assert _count(UNet(batch_norm=True)) - _count(UNet()) == 5_888
        assert sum(isinstance(module, nn.BatchNorm2d) for module in UNet(batch_norm=True).modules()) == 18

    def test_early_skip_is_free(self) -> None:
        assert _count(UNet(skip_from=1)) == _count(UNet(skip_from=2))

    def test_concat_bottom_adds_512_inputs_of_the_first_up_sampling(self) -> None:
        assert _count(UNet(concat_bottom=True)) - _count(UNet()) == 512 * 256 * 2 * 2 == 524_288


class TestSkip:
    @pytest.mark.parametrize("batch_norm", [False, True])
    @pytest.mark.parametrize(("skip_from", "unit"), [(1, "first"), (2, "second")])
    def test_decoder_joins_that_convolutions_result(self, skip_from: int, unit: str, batch_norm: bool) -> None:
        seen = record(UNet(widths=WIDTHS, skip_from=skip_from, batch_norm=batch_norm))
        other = {"first": "second", "second": "first"}[unit]
        for level, width in enumerate(WIDTHS[:-1]):
            up = len(WIDTHS) - 2 - level
            joined = seen[f"decoder.{up}.block.first"][0]
            assert torch.equal(joined[:, :width], seen[f"encoder.{level}.{unit}"][1])
            assert not torch.equal(joined[:, :width], seen[f"encoder.{level}.{other}"][1])
            assert torch.equal(joined[:, width:], seen[f"decoder.{up}.up"][1])

    def test_skip_is_taken_after_norm_and_relu(self) -> None:
        network = UNet(widths=WIDTHS, skip_from=1, batch_norm=True)
        assert [type(layer) for layer in network.encoder[0].first] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
        assert (record(network)["decoder.2.block.first"][0][:, : WIDTHS[0]] >= 0).all()

    @pytest.mark.parametrize("skip_from", [1, 2])
    def test_encoder_goes_down_from_the_second_convolution(self, skip_from: int) -> None:
        seen = record(UNet(widths=WIDTHS, skip_from=skip_from))
        pooled = nn.functional.max_pool2d(seen["encoder.0.second"][1], 2)
        assert torch.equal(seen["encoder.1.first"][0], pooled)


class TestBottom:
    def test_concat_hands_both_results_to_the_decoder(self) -> None:
        seen = record(UNet(widths=WIDTHS, concat_bottom=True))
        handed = seen["decoder.0.up"][0]
        assert torch.equal(handed, torch.cat([seen["bottom.first"][1], seen["bottom.second"][1]], dim=1))

    def test_without_concat_only_the_second(self) -> None:
        seen = record(UNet(widths=WIDTHS))
        assert torch.equal(seen["decoder.0.up"][0], seen["bottom.second"][1])

    def test_no_other_block_is_widened(self) -> None:
        plain, concat = UNet(widths=WIDTHS), UNet(widths=WIDTHS, concat_bottom=True)
        shapes = {name: value.shape for name, value in plain.named_parameters()}
        wider = [name for name, value in concat.named_parameters() if value.shape != shapes[name]]
        assert wider == ["decoder.0.up.weight"]


class TestSize:
    @settings(max_examples=25, deadline=None)
    @given(
        height=st.integers(1, 40),
        width=st.integers(1, 40),
        widths=st.lists(st.integers(1, 5), min_size=2, max_size=5),
        skip_from=st.sampled_from([1, 2]),
        concat_bottom=st.booleans(),
        batch_norm=st.booleans(),
    )
    def test_any_size_and_depth_gives_logits_of_the_inputs_size(
        self, height: int, width: int, widths: list[int], skip_from: int, concat_bottom: bool, batch_norm: bool
    ) -> None:
        network = UNet(
            widths=tuple(widths), skip_from=skip_from, concat_bottom=concat_bottom, batch_norm=batch_norm
        ).eval()
        with torch.no_grad():
            assert network(torch.zeros(2, 1, height, width)).shape == (2, 1, height, width)

    def test_a_size_that_fits_is_not_padded(self) -> None:
        seen = record(UNet(widths=WIDTHS))
        assert seen["encoder.0.first"][0].shape == (1, 1, 16, 24)

    def test_widths_may_be_a_list_as_json_gives_them(self) -> None:
        network = UNet(widths=[4, 6, 8])  # type: ignore[arg-type]
        assert network(torch.zeros(1, 1, 8, 8)).shape == (1, 1, 8, 8)


class TestDropout:
    def test_acts_in_training_only(self) -> None:
        torch.manual_seed(0)
        network = UNet(widths=WIDTHS, dropout=0.5)
        img = torch.randn(1, 1, 16, 16)
        with torch.no_grad():
            assert not torch.equal(network.train()(img), network(img))
            assert torch.equal(network.eval()(img), network(img))

    def test_stands_after_each_of_the_block_convolutions(self) -> None:
        network = UNet(widths=DEFAULT_WIDTHS, dropout=0.1)
        assert sum(isinstance(module, nn.Dropout) for module in network.modules()) == 18
        assert [type(layer) for layer in network.bottom.second] == [nn.Conv2d, nn.ReLU, nn.Dropout]

    def test_changes_no_weight_name(self) -> None:
        assert list(UNet(widths=WIDTHS, dropout=0.1).state_dict()) == list(UNet(widths=WIDTHS).state_dict())


class TestArguments:
    @pytest.mark.parametrize("skip_from", [0, 3])
    def test_unknown_skip_raises(self, skip_from: int) -> None:
        with pytest.raises(ValueError, match=f"skip_from must be 1 or 2, got {skip_from}"):
            UNet(skip_from=skip_from)

    def test_one_width_raises(self) -> None:
        with pytest.raises(ValueError, match=r"widths must name at least 2 blocks, got \[32\]"):
            UNet(widths=(32,))

    @pytest.mark.parametrize("dropout", [-0.1, 1.0])
    def test_dropout_outside_its_range_raises(self, dropout: float) -> None:
        with pytest.raises(ValueError, match=rf"dropout must be in \[0, 1\), got {dropout}"):
            UNet(dropout=dropout)


class TestConvBlock:
    def test_second_result_is_computed_from_the_first(self) -> None:
        block = ConvBlock(2, 3, batch_norm=True, dropout=0.0).eval()
        first, second = block(torch.randn(1, 2, 6, 5))
        assert first.shape == second.shape == (1, 3, 6, 5)
        assert torch.equal(second, block.second(first))


class TestUpBlock:
    def test_doubles_the_size(self) -> None:
        block = UpBlock(6, 4, batch_norm=False, dropout=0.0)
        assert block(torch.randn(1, 6, 3, 5), torch.randn(1, 4, 6, 10)).shape == (1, 4, 6, 10)


def _count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
