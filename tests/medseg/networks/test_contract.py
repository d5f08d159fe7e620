"""What every one of the four networks must do."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager

import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from medseg.networks import FCN8s, UNet
from tests.medseg.networks.four import BUILDERS, SEED

COUNTS = {
    "unet": 7_759_521,
    "unet_early_skip": 7_765_409,
    "unet_early_skip_concat": 8_289_697,
    "fcn8s": 134_264_547,
}
SMALL_WIDTHS = (4, 6, 8)


def seeded_image(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@contextmanager
def gradients(network: nn.Module, *, train: bool) -> Iterator[dict[str, Tensor | None]]:
    """Gradients of every parameter for a noise image; the network is put back as it was."""
    buffers = {name: value.clone() for name, value in network.named_buffers()}
    network.train(train)
    try:
        # Logits times noise: every pixel pulls in its own direction, so no sum over pixels cancels.
        logits = network(seeded_image(2, 1, 64, 64))
        (logits * seeded_image(*logits.shape, seed=1)).sum().backward()
        yield {name: parameter.grad for name, parameter in network.named_parameters()}
    finally:
        network.zero_grad(set_to_none=True)
        network.eval()
        for name, value in network.named_buffers():
            value.copy_(buffers[name])


def biases_under_batch_norm(network: nn.Module) -> set[str]:
    """Biases that batch norm subtracts again, so that in training their gradient is zero but for rounding."""
    names = set()
    for name, module in network.named_modules():
        if isinstance(module, nn.Sequential):
            for index, (layer, following) in enumerate(zip(module, list(module)[1:], strict=False)):
                if isinstance(layer, nn.Conv2d) and isinstance(following, nn.BatchNorm2d):
                    names.add(f"{name}.{index}.bias")
    return names


class TestParameterCount:
    def test_is_the_papers_or_for_fcn8s_the_derived_one(self, named_network: tuple[str, nn.Module]) -> None:
        name, network = named_network
        assert count(network) == COUNTS[name]

    def test_every_parameter_is_trained(self, network: nn.Module) -> None:
        assert all(parameter.requires_grad for parameter in network.parameters())


class TestForward:
    @pytest.mark.parametrize(("height", "width"), [(32, 32), (33, 32), (47, 61), (64, 35)])
    def test_logits_have_the_inputs_size(self, network: nn.Module, height: int, width: int) -> None:
        with torch.no_grad():
            logits = network(seeded_image(1, 1, height, width))
        assert logits.shape == (1, 1, height, width)
        assert torch.isfinite(logits).all()

    def test_images_smaller_than_the_multiple_are_padded(self, network: nn.Module) -> None:
        with torch.no_grad():
            assert network(seeded_image(1, 1, 5, 1)).shape == (1, 1, 5, 1)

    def test_items_of_a_batch_do_not_mix_in_evaluation(self, network: nn.Module) -> None:
        batch = seeded_image(2, 1, 32, 40)
        with torch.no_grad():
            together, alone = network(batch), network(batch[1:])
        torch.testing.assert_close(together[1:], alone, rtol=1e-4, atol=1e-4)

    def test_logits_are_not_clipped_to_one_sign(self, network: nn.Module) -> None:
        with torch.no_grad():
            logits = network(seeded_image(1, 1, 64, 64))
        assert logits.min() < 0 < logits.max()

    def test_input_is_left_as_it_was(self, network: nn.Module) -> None:
        img = seeded_image(1, 1, 32, 32)
        before = img.clone()
        with torch.no_grad():
            network(img)
        assert torch.equal(img, before)


class TestGradient:
    def test_reaches_every_parameter_in_evaluation_mode(self, network: nn.Module) -> None:
        with gradients(network, train=False) as grads:
            dead = [name for name, grad in grads.items() if grad is None or grad.abs().max() < 1e-6]
        assert dead == []

    def test_reaches_every_parameter_in_training_mode(self, network: nn.Module) -> None:
        with gradients(network, train=True) as grads:
            dead = [name for name, grad in grads.items() if grad is None or grad.abs().max() < 1e-6]
        assert set(dead) <= biases_under_batch_norm(network)

    def test_is_finite(self, network: nn.Module) -> None:
        with gradients(network, train=True) as grads:
            assert all(grad is not None and torch.isfinite(grad).all() for grad in grads.values())


class TestInitialisation:
    def test_convolutions_have_kaimings_standard_deviation(self, network: nn.Module) -> None:
        checked = 0
        for name, layer in network.named_modules():
            # From 2,000 weights on, 0.06 is four standard errors of a sample's deviation.
            if isinstance(layer, nn.Conv2d) and layer.weight.numel() >= 2000:
                gain = 1.0 if name in ("head", "score_fc7", "score_pool4", "score_pool3") else 2.0
                expected = math.sqrt(gain / (layer.in_channels * math.prod(layer.kernel_size)))
                assert float(layer.weight.detach().std()) == pytest.approx(expected, rel=0.07), name
                assert abs(float(layer.weight.detach().mean())) < 0.1 * expected, name
                checked += 1
        assert checked >= 14

    def test_biases_are_zero(self, network: nn.Module) -> None:
        biased = [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)) and m.bias is not None]
        assert all(int(torch.count_nonzero(layer.bias)) == 0 for layer in biased)

    def test_activations_do_not_vanish_at_the_bottom(self, network: nn.Module) -> None:
        seen: list[float] = []
        bottom = network.fc7 if isinstance(network, FCN8s) else network.bottom.second
        hook = bottom.register_forward_hook(lambda _module, _inputs, output: seen.append(float(output.std())))
        with torch.no_grad():
            network(seeded_image(1, 1, 64, 64))
        hook.remove()
        assert 0.2 < seen[0] < 5.0


class TestExport:
    def test_torchscript_equals_eager(self, network: nn.Module) -> None:
        scripted = torch.jit.script(network)
        for height, width in ((32, 32), (47, 61)):
            img = seeded_image(1, 1, height, width)
            with torch.no_grad():
                torch.testing.assert_close(scripted(img), network(img), rtol=1e-5, atol=1e-5)

    def test_onnx_of_the_scripted_network_equals_torch_at_other_sizes(self, network: nn.Module) -> None:
        file = io.BytesIO()
        axes = {0: "batch", 2: "height", 3: "width"}
        torch.onnx.export(
            torch.jit.script(network),
            (seeded_image(1, 1, 64, 64),),
            file,
            dynamo=False,
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes={"image": axes, "logits": axes},
        )
        session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
        for shape in ((1, 1, 64, 64), (2, 1, 47, 33)):
            img = seeded_image(*shape)
            with torch.no_grad():
                expected = network(img)
            got = torch.from_numpy(session.run(None, {"image": img.numpy()})[0])
            torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-3)

    def test_onnx_by_torch_export_equals_torch_at_other_sizes(self) -> None:
        network = UNet(widths=SMALL_WIDTHS, skip_from=1, batch_norm=True, concat_bottom=True).eval()
        dynamic = {0: torch.export.Dim("batch"), 2: torch.export.Dim("height"), 3: torch.export.Dim("width")}
        program = torch.onnx.export(
            network, (seeded_image(2, 1, 48, 40),), dynamo=True, dynamic_shapes=(dynamic,), verbose=False
        )
        assert program is not None
        file = io.BytesIO()
        program.save(file)
        session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
        for shape in ((2, 1, 48, 40), (3, 1, 35, 30)):
            img = seeded_image(*shape)
            with torch.no_grad():
                expected = network(img)
            got = torch.from_numpy(session.run(None, {session.get_inputs()[0].name: img.numpy()})[0])
            torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


class TestStateDict:
    def test_round_trip_gives_the_same_logits(self, network: nn.Module) -> None:
        file = io.BytesIO()
        torch.save(network.state_dict(), file)
        file.seek(0)
        state = torch.load(file, weights_only=True)
        other = _same_shape(network)
        other.load_state_dict(state, assign=True)
        img = seeded_image(1, 1, 32, 40)
        with torch.no_grad():
            assert torch.equal(other.eval()(img), network(img))

    def test_names_no_layer_twice(self, network: nn.Module) -> None:
        pointers = [value.data_ptr() for value in network.parameters()]
        assert len(pointers) == len(set(pointers))


class TestSeed:
    def test_same_seed_gives_the_same_weights(self, named_network: tuple[str, nn.Module]) -> None:
        name, network = named_network
        torch.manual_seed(SEED)
        again = BUILDERS[name]().state_dict()
        assert all(torch.equal(value, again[key]) for key, value in network.state_dict().items())

    def test_another_seed_gives_other_weights(self) -> None:
        torch.manual_seed(1)
        first = UNet(widths=SMALL_WIDTHS)
        torch.manual_seed(2)
        second = UNet(widths=SMALL_WIDTHS)
        assert not torch.equal(first.head.weight, second.head.weight)


class TestChannels:
    @pytest.mark.parametrize("name", COUNTS)
    def test_three_in_and_two_out(self, name: str) -> None:
        # On the meta device shapes are computed without weights.
        with torch.device("meta"):
            network = _three_in_two_out(name)
            assert network(torch.empty(2, 3, 33, 40)).shape == (2, 2, 33, 40)

    def test_each_logit_depends_on_each_channel(self) -> None:
        torch.manual_seed(0)
        network = UNet(in_channels=3, out_channels=2, widths=SMALL_WIDTHS).eval()
        img = seeded_image(1, 3, 16, 16).requires_grad_()
        for logit in range(2):
            (grad,) = torch.autograd.grad(network(img)[:, logit].sum(), img)
            assert (grad.abs().sum(dim=(0, 2, 3)) > 0).all()


def _same_shape(network: nn.Module) -> nn.Module:
    with torch.device("meta"):
        if isinstance(network, FCN8s):
            return FCN8s(dropout=0.0)
        assert isinstance(network, UNet)
        batch_norm = any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
        return UNet(skip_from=network.skip_from, concat_bottom=network.concat_bottom, batch_norm=batch_norm)


def _three_in_two_out(name: str) -> nn.Module:
    if name == "fcn8s":
        return FCN8s(in_channels=3, out_channels=2)
    early = name != "unet"
    return UNet(
        in_channels=3, out_channels=2, skip_from=1 if early else 2, batch_norm=early, concat_bottom="concat" in name
    )
