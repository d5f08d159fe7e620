from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medseg.networks import FCN8s
from medseg.networks.fcn8s import load_vgg16

# Index in torchvision's `features`, channels in, channels out.
VGG16_CONVS = [
    (0, 3, 64), (2, 64, 64),
    (5, 64, 128), (7, 128, 128),
    (10, 128, 256), (12, 256, 256), (14, 256, 256),
    (17, 256, 512), (19, 512, 512), (21, 512, 512),
    (24, 512, 512), (26, 512, 512), (28, 512, 512),
]  # fmt: skip


def torchvision_state() -> dict[str, Tensor]:
    """Weights with the names and shapes of torchvision's VGG16.

    The large ones repeat a small tensor, so that the file stays small.
    """
    rng = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=rng)

    state = {}
    for index, before, width in VGG16_CONVS:
        kernels = drawn(width, before, 3, 3) if index == 0 else drawn(width, 1, 3, 3).expand(-1, before, -1, -1)
        state |= {f"features.{index}.weight": kernels, f"features.{index}.bias": drawn(width)}
    for index, before, width in ((0, 25088, 4096), (3, 4096, 4096), (6, 4096, 1000)):
        state |= {
            f"classifier.{index}.weight": drawn(before).expand(width, -1),
            f"classifier.{index}.bias": drawn(width),
        }
    return state


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return torchvision_state()


@pytest.fixture(scope="module")
def loaded(state: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> FCN8s:
    """Network filled from a file; not for changing."""
    path = tmp_path_factory.mktemp("vgg16") / "vgg16.pth"
    torch.save(state, path)
    return FCN8s(vgg16_weights=str(path))


@pytest.fixture
def weightless() -> FCN8s:
    """Network on the meta device, for errors that come before any weight is used."""
    with torch.device("meta"):
        return FCN8s()


class TestParameterCount:
    def test_follows_from_the_layers(self) -> None:
        vgg = sum((9 * (1 if before == 3 else before) + 1) * width for _, before, width in VGG16_CONVS)
        fc6, fc7 = (49 * 512 + 1) * 4096, (4096 + 1) * 4096
        scores = (4096 + 1) + (512 + 1) + (256 + 1)
        up_samplings = 4 * 4 + 4 * 4 + 16 * 16
        assert vgg == 14_713_536
        assert vgg + fc6 + fc7 + scores + up_samplings == 134_264_547

    def test_the_papers_count_is_the_vgg19_classifiers(self) -> None:
        convs = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), *[(256, 256)] * 3, (256, 512), *[(512, 512)] * 7]
        assert len(convs) + 3 == 19
        features = sum((9 * before + 1) * width for before, width in convs)
        classifier = (25088 + 1) * 4096 + (4096 + 1) * 4096 + (4096 + 1) * 1000
        assert features == 20_024_384
        assert features + classifier == 143_667_240


class TestWiring:
    def test_pools_feed_the_scores(self, loaded: FCN8s) -> None:
        shapes: dict[str, torch.Size] = {}
        hooks = [
            getattr(loaded, name).register_forward_hook(
                lambda _module, inputs, _output, name=name: shapes.update({name: inputs[0].shape})
            )
            for name in ("score_pool3", "score_pool4", "score_fc7")
        ]
        with torch.no_grad():
            loaded.eval()(torch.zeros(1, 1, 64, 96))
        for hook in hooks:
            hook.remove()
        assert shapes == {"score_pool3": (1, 256, 8, 12), "score_pool4": (1, 512, 4, 6), "score_fc7": (1, 4096, 2, 3)}

    def test_logits_are_the_sum_of_the_three_up_sampled_scores(self, loaded: FCN8s) -> None:
        # Hooks put constants in the scores' place; bilinear up-sampling keeps a constant away from the border.
        constants = {"score_fc7": 1.0, "score_pool4": 2.0, "score_pool3": 4.0}
        hooks = [
            getattr(loaded, name).register_forward_hook(
                lambda _module, _inputs, output, value=value: torch.full_like(output, value)
            )
            for name, value in constants.items()
        ]
        with torch.no_grad():
            logits = loaded.eval()(torch.zeros(1, 1, 128, 128))
        for hook in hooks:
            hook.remove()
        torch.testing.assert_close(logits[..., 40:88, 40:88], torch.full((1, 1, 48, 48), 7.0))

    def test_dropout_drops_whole_channels_of_fc6_and_fc7(self) -> None:
        with torch.device("meta"):
            network = FCN8s(dropout=0.25)
        assert isinstance(network.dropout, nn.Dropout2d)
        assert network.dropout.p == 0.25

    def test_dropout_defaults_to_the_papers(self, loaded: FCN8s) -> None:
        assert loaded.dropout.p == 0.5


class TestUpSampling:
    def test_starts_bilinear(self, loaded: FCN8s) -> None:
        expected = torch.tensor([0.25, 0.75, 0.75, 0.25])
        torch.testing.assert_close(loaded.up_fc7.weight[0, 0], torch.outer(expected, expected))
        assert float(loaded.up_pool3.weight.detach().sum()) == pytest.approx(64.0)

    def test_is_trained(self, loaded: FCN8s) -> None:
        assert loaded.up_pool3.weight.requires_grad


class TestArguments:
    @pytest.mark.parametrize("dropout", [-0.5, 1.0])
    def test_dropout_outside_its_range_raises(self, dropout: float) -> None:
        with pytest.raises(ValueError, match=rf"dropout must be in \[0, 1\), got {dropout}"):
            FCN8s(dropout=dropout)


class TestLoadVgg16:
    def test_grey_image_gives_what_its_rgb_copy_would_have(self, loaded: FCN8s, state: dict[str, Tensor]) -> None:
        grey = torch.randn(1, 1, 12, 10, generator=torch.Generator().manual_seed(1))
        rgb = F.conv2d(grey.expand(-1, 3, -1, -1), state["features.0.weight"], state["features.0.bias"], padding=1)
        with torch.no_grad():
            torch.testing.assert_close(loaded.stages[0][0](grey), rgb, rtol=1e-4, atol=1e-4)

    def test_several_channels_share_the_folded_filter(self, state: dict[str, Tensor], tmp_path: Path) -> None:
        torch.save(state, tmp_path / "vgg16.pth")
        with torch.device("meta"):
            network = FCN8s(in_channels=2)
        network.stages[0][0] = first = nn.Conv2d(2, 64, kernel_size=3, padding=1)
        load_vgg16(network, tmp_path / "vgg16.pth")
        # Two equal channels add up to what one grey channel gives.
        torch.testing.assert_close(first.weight.sum(dim=1), state["features.0.weight"].sum(dim=1))
        assert torch.equal(first.weight[:, 0], first.weight[:, 1])

    def test_later_layers_are_copied(self, loaded: FCN8s, state: dict[str, Tensor]) -> None:
        convs = [layer for layer in loaded.stages.modules() if isinstance(layer, nn.Conv2d)]
        assert len(convs) == 13
        for (index, _, _), layer in list(zip(VGG16_CONVS, convs, strict=True))[1:]:
            assert torch.equal(layer.weight, state[f"features.{index}.weight"])
            assert torch.equal(layer.bias, state[f"features.{index}.bias"])

    def test_fc6_sees_a_pool5_map_as_the_classifier_did(self, loaded: FCN8s, state: dict[str, Tensor]) -> None:
        pool5 = torch.randn(1, 512, 7, 7, generator=torch.Generator().manual_seed(2))
        expected = F.linear(pool5.flatten(1), state["classifier.0.weight"], state["classifier.0.bias"]).relu()
        with torch.no_grad():
            centre = loaded.fc6(pool5)[:, :, 3, 3]
        torch.testing.assert_close(centre, expected, rtol=1e-3, atol=1e-2)

    def test_fc7_is_copied(self, loaded: FCN8s, state: dict[str, Tensor]) -> None:
        assert torch.equal(loaded.fc7[0].weight[..., 0, 0], state["classifier.3.weight"])

    def test_missing_file_raises(self, weightless: FCN8s, tmp_path: Path) -> None:
        with pytest.raises(
            FileNotFoundError, match=r"vgg16_weights must be a file in torchvision's format.*absent\.pth"
        ):
            load_vgg16(weightless, tmp_path / "absent.pth")

    @pytest.mark.parametrize("name", ["features.28.weight", "classifier.3.bias"])
    def test_missing_entry_raises(self, weightless: FCN8s, state: dict[str, Tensor], tmp_path: Path, name: str) -> None:
        path = tmp_path / "vgg16.pth"
        torch.save({key: value for key, value in state.items() if key != name}, path)
        with pytest.raises(ValueError, match=rf"vgg16\.pth: must hold {name}; give the state dict"):
            load_vgg16(weightless, path)

    @pytest.mark.parametrize(
        ("name", "shape"),
        [
            ("features.0.weight", (64, 3, 5, 5)),
            ("features.2.weight", (64, 32, 3, 3)),
            # Equal numbers of elements in another order must not pass.
            ("features.5.weight", (64, 128, 3, 3)),
            ("classifier.0.weight", (4096, 4096)),
            ("features.0.bias", (1,)),
        ],
    )
    def test_wrong_shape_raises(
        self, weightless: FCN8s, state: dict[str, Tensor], tmp_path: Path, name: str, shape: tuple[int, ...]
    ) -> None:
        path = tmp_path / "vgg16.pth"
        torch.save({**state, name: torch.zeros(1).expand(shape)}, path)
        with pytest.raises(ValueError, match=rf"vgg16\.pth: {name} must fit .*, got .*; give the state dict"):
            load_vgg16(weightless, path)

    @pytest.mark.parametrize("content", [b"not a pickle", b""])
    def test_damaged_file_raises(self, weightless: FCN8s, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "vgg16.pth"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"vgg16\.pth: must be a state dict"):
            load_vgg16(weightless, path)
