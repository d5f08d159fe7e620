from __future__ import annotations

import pytest
import torch
from torch import nn

from medseg.networks import UNet, fold_batch_norm


def unet(*, batch_norm: bool) -> nn.Module:
    torch.manual_seed(0)
    network = UNet(widths=[4, 8, 16], batch_norm=batch_norm, dropout=0.1)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(std=0.1)
            layer.running_var.uniform_(0.5, 2)
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.normal_(layer.bias)
    return network.eval()


class TestFoldBatchNorm:
    def test_numbers_by_hand(self) -> None:
        # y = 3 * (2x + 1 - 4) / sqrt(9) + 5 = 2x + 2
        conv, norm = nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, eps=0)
        for parameter, value in ((conv.weight, 2), (conv.bias, 1), (norm.weight, 3), (norm.bias, 5)):
            nn.init.constant_(parameter, value)
        norm.running_mean.fill_(4)
        norm.running_var.fill_(9)
        folded = fold_batch_norm(nn.Sequential(conv, norm).eval())
        assert folded(torch.tensor([[[[10.0]]]])).item() == pytest.approx(22)
        assert folded[0].weight.item() == pytest.approx(2)
        assert folded[0].bias.item() == pytest.approx(2)

    def test_logits_stay_and_no_batch_norm_is_left(self) -> None:
        image = torch.rand(2, 1, 21, 34)
        network = unet(batch_norm=True)
        with torch.no_grad():
            expected = network(image)
            folded = fold_batch_norm(network)
            torch.testing.assert_close(folded(image), expected, rtol=0, atol=1e-4)
        assert not any(isinstance(layer, nn.BatchNorm2d) for layer in folded.modules())

    def test_the_network_itself_stays(self) -> None:
        network = unet(batch_norm=True)
        before = {name: value.clone() for name, value in network.state_dict().items()}
        fold_batch_norm(network)
        after = network.state_dict()
        assert before.keys() == after.keys()
        assert all(torch.equal(after[name], value) for name, value in before.items())

    def test_network_without_batch_norm_is_left_as_it_is(self) -> None:
        network = unet(batch_norm=False)
        before = {name: value.clone() for name, value in network.state_dict().items()}
        after = fold_batch_norm(network).state_dict()
        assert before.keys() == after.keys()
        assert all(torch.equal(after[name], value) for name, value in before.items())

    def test_network_in_training_raises(self) -> None:
        with pytest.raises(ValueError, match="network must be in evaluation mode, got one in training mode"):
            fold_batch_norm(unet(batch_norm=True).train())
