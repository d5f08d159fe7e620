from __future__ import annotations

import pytest
import torch
from ignite.engine import Events
from monai.engines import SupervisedTrainer
from torch import Tensor, nn

from medseg.handlers import FreezeBatchNorm


class Trained:
    """Three epochs of two images each; what the norm held and gave in each step."""

    def __init__(self, after_epochs: int) -> None:
        torch.manual_seed(0)
        self.norm = nn.BatchNorm2d(2)
        network = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), self.norm, nn.ReLU(), nn.Conv2d(2, 1, 1))
        self.means: list[Tensor] = []
        self.scales: list[Tensor] = []
        self.steps: list[tuple[Tensor, Tensor, Tensor]] = []
        self.norm.register_forward_hook(self._note)
        # Two images of very different brightness, as where batch norm's two sorts of statistics disagree.
        batches = [{"image": torch.rand(1, 1, 8, 8) + 3 * index, "label": torch.ones(1, 1, 8, 8)} for index in range(2)]
        trainer = SupervisedTrainer(
            device=torch.device("cpu"),
            max_epochs=3,
            train_data_loader=batches,
            network=network,
            optimizer=torch.optim.Adam(network.parameters(), lr=0.01),
            loss_function=nn.BCEWithLogitsLoss(),
            train_handlers=[FreezeBatchNorm(network, after_epochs)],
        )
        trainer.add_event_handler(Events.EPOCH_COMPLETED, self._note_epoch)
        trainer.run()
        self.network = network

    def _note(self, norm: nn.BatchNorm2d, inputs: tuple[Tensor], output: Tensor) -> None:
        shape = (1, 2, 1, 1)
        mean, variance = norm.running_mean, norm.running_var
        assert mean is not None
        assert variance is not None
        normal = (inputs[0] - mean.reshape(shape)) / (variance.reshape(shape) + norm.eps).sqrt()
        by_running = normal * norm.weight.reshape(shape) + norm.bias.reshape(shape)
        self.steps.append((inputs[0].detach(), output.detach().clone(), by_running.detach().clone()))

    def _note_epoch(self) -> None:
        assert self.norm.running_mean is not None
        self.means.append(self.norm.running_mean.clone())
        self.scales.append(self.norm.weight.detach().clone())


class TestFreezeBatchNorm:
    def test_running_statistics_stay_after_the_given_epoch_and_scale_goes_on_learning(self) -> None:
        trained = Trained(after_epochs=1)
        assert not torch.equal(trained.means[0], torch.zeros(2))
        assert torch.equal(trained.means[0], trained.means[2])
        assert not torch.equal(trained.scales[0], trained.scales[2])

    def test_later_epochs_normalise_by_running_statistics_as_prediction_does(self) -> None:
        steps = Trained(after_epochs=1).steps
        for _, output, by_running in steps[2:]:
            torch.testing.assert_close(output, by_running)
        assert not torch.allclose(steps[0][1], steps[0][2], atol=0.1)

    def test_earlier_epochs_normalise_by_the_batch(self) -> None:
        for _, output, _ in Trained(after_epochs=3).steps[:1]:
            # Fresh scale and shift are 1 and 0, so each channel comes out with mean 0 and variance 1.
            torch.testing.assert_close(output.mean(dim=(0, 2, 3)), torch.zeros(2), atol=1e-5, rtol=0)
            torch.testing.assert_close(output.var(dim=(0, 2, 3), correction=0), torch.ones(2), atol=1e-2, rtol=0)

    def test_without_frozen_epochs_statistics_go_on(self) -> None:
        trained = Trained(after_epochs=3)
        assert not torch.equal(trained.means[0], trained.means[2])

    def test_network_is_as_before_when_training_is_over(self) -> None:
        trained = Trained(after_epochs=0)
        trained.network.train()
        trained.network(torch.rand(1, 1, 8, 8))
        assert trained.norm.training

    def test_network_without_batch_norm_trains(self) -> None:
        assert FreezeBatchNorm(nn.Conv2d(1, 1, 1), 0).norms == []

    def test_negative_number_of_epochs_raises(self) -> None:
        with pytest.raises(ValueError, match="after_epochs must be >= 0, got -1"):
            FreezeBatchNorm(nn.Conv2d(1, 1, 1), -1)
