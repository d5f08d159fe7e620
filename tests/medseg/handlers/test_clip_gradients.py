from __future__ import annotations

import pytest
import torch
from monai.engines import SupervisedTrainer
from torch import nn

from medseg.handlers import ClipGradients


def step(max_norm: float | None, scale: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradient, and change of the weights at learning rate 1, of one training step of a linear map."""
    torch.manual_seed(0)
    network = nn.Conv2d(1, 1, 3, padding=1)
    before = torch.nn.utils.parameters_to_vector(network.parameters()).detach().clone()
    generator = torch.Generator().manual_seed(1)
    batch = {"image": torch.randn(1, 1, 8, 8, generator=generator), "label": torch.zeros(1, 1, 8, 8)}
    trainer = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=1,
        train_data_loader=[batch],
        network=network,
        optimizer=torch.optim.SGD(network.parameters(), lr=1.0),
        loss_function=lambda logits, label: scale * (logits - label).square().sum(),
        train_handlers=[] if max_norm is None else [ClipGradients(network, max_norm)],
    )
    trainer.run()
    gradient = torch.cat([parameter.grad.flatten() for parameter in network.parameters()])  # type: ignore[union-attr]
    return gradient, before - torch.nn.utils.parameters_to_vector(network.parameters()).detach()


class TestClipGradients:
    def test_large_gradient_is_scaled_to_the_norm_before_the_step(self) -> None:
        free, _ = step(None, 1e3)
        assert float(free.norm()) > 100
        clipped, change = step(0.5, 1e3)
        assert float(clipped.norm()) == pytest.approx(0.5, rel=1e-3)
        torch.testing.assert_close(clipped / clipped.norm(), free / free.norm())
        torch.testing.assert_close(change, clipped, rtol=1e-3, atol=1e-6)

    def test_small_gradient_stays(self) -> None:
        assert torch.equal(step(0.5, 1e-4)[0], step(None, 1e-4)[0])

    @pytest.mark.parametrize("max_norm", [0.0, -1.0])
    def test_norm_that_is_not_above_zero_raises(self, max_norm: float) -> None:
        with pytest.raises(ValueError, match=f"max_norm must be > 0, got {max_norm}"):
            ClipGradients(nn.Conv2d(1, 1, 1), max_norm)
