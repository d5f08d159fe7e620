from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
import torch.distributed as dist
from ignite.engine import Engine
from monai.data import DataLoader, Dataset, DistributedSampler
from monai.transforms import Compose, RandFlipd
from torch.testing._internal.distributed.fake_pg import FakeStore

from medseg.handlers import EpochSeed
from medseg.manifest import Manifest
from tests.medseg.handlers.tiny import make_dataset


def dataset() -> Dataset:
    """Sixteen images of four different pixels, flipped at random along both axes."""
    img = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    flips = Compose([RandFlipd("image", prob=0.5, spatial_axis=axis) for axis in (0, 1)])
    return Dataset([{"image": img, "number": number} for number in range(16)], flips)


def epochs_seen(
    seed: int,
    *,
    epochs: int = 2,
    first_epoch: int = 1,
    epoch_length: int | None = None,
    num_workers: int = 0,
    sampler: DistributedSampler | None = None,
) -> list[list[tuple[int, float, float]]]:
    """By epoch, of each batch the item's number, its first pixel after flips, and a draw as dropout makes it."""
    data = dataset()
    seen: list[list[tuple[int, float, float]]] = [[] for _ in range(epochs)]

    def step(engine: Engine, batch: dict[str, torch.Tensor]) -> None:
        row = (int(batch["number"]), float(batch["image"].flatten()[0]), float(torch.rand(1)))
        seen[engine.state.epoch - first_epoch].append(row)

    engine = Engine(step)
    EpochSeed(data, seed).attach(engine)
    loader = DataLoader(data, batch_size=1, shuffle=sampler is None, sampler=sampler, num_workers=num_workers)
    engine.state.epoch = first_epoch - 1
    engine.state.iteration = (first_epoch - 1) * (epoch_length or len(loader))
    engine.state.max_epochs, engine.state.epoch_length = first_epoch + epochs - 1, epoch_length or len(loader)
    engine.run(loader)
    return seen


@contextmanager
def process_of_two(rank: int) -> Iterator[None]:
    """Be one of two processes, as far as torch knows; its "fake" backend needs no other."""
    dist.init_process_group("fake", store=FakeStore(), rank=rank, world_size=2)
    try:
        yield
    finally:
        dist.destroy_process_group()


def seen_by_rank(rank: int, *, num_workers: int = 0) -> list[tuple[int, float, float]]:
    """What one of two processes sees in an epoch of eight items."""
    with process_of_two(rank):
        sampler = DistributedSampler(dataset(), even_divisible=True, shuffle=True, seed=5)
        return epochs_seen(5, epochs=1, num_workers=num_workers, sampler=sampler)[0]


class TestRanks:
    @pytest.mark.parametrize("num_workers", [0, 1])
    def test_share_the_order_and_draw_flips_and_dropout_apart(self, num_workers: int) -> None:
        ranks = [seen_by_rank(rank, num_workers=num_workers) for rank in (0, 1)]
        # Together they see each item once: only one common order, dealt out in turn, does that.
        assert sorted(row[0] for rows in ranks for row in rows) == list(range(16))
        for column in (1, 2):
            assert [row[column] for row in ranks[0]] != [row[column] for row in ranks[1]]

    def test_each_draws_the_same_again(self) -> None:
        assert seen_by_rank(1) == seen_by_rank(1)

    def test_first_one_draws_what_a_single_process_draws(self) -> None:
        alone = epochs_seen(5, epochs=1)
        with process_of_two(0):
            assert epochs_seen(5, epochs=1) == alone


class TestEpochSeed:
    def test_same_seed_and_epoch_give_the_same_order_flips_and_draws(self) -> None:
        assert epochs_seen(5) == epochs_seen(5)

    def test_seeds_differ(self) -> None:
        first, second = epochs_seen(5, epochs=1)[0], epochs_seen(6, epochs=1)[0]
        assert all(
            a != b
            for a, b in zip(*([[row[i] for row in rows] for i in (0, 1, 2)] for rows in (first, second)), strict=True)
        )

    def test_epochs_differ_in_order_flips_and_draws(self) -> None:
        first, second = epochs_seen(5)
        for column in range(3):
            assert [row[column] for row in first] != [row[column] for row in second]

    def test_an_epoch_does_not_depend_on_what_came_before(self) -> None:
        torch.manual_seed(99)
        assert epochs_seen(5, first_epoch=2)[0] == epochs_seen(5)[1]

    @pytest.mark.parametrize("epoch_length", [5, 20])
    def test_nor_where_epochs_are_no_whole_passes(self, epoch_length: int) -> None:
        whole = epochs_seen(5, epoch_length=epoch_length)
        assert [len(rows) for rows in whole] == [epoch_length] * 2
        assert epochs_seen(5, epochs=1, first_epoch=2, epoch_length=epoch_length)[0] == whole[1]

    def test_each_epoch_is_one_pass_over_the_data(self) -> None:
        for rows in epochs_seen(5):
            assert sorted(row[0] for row in rows) == list(range(16))

    def test_the_two_flips_are_drawn_apart(self) -> None:
        # First pixel 1: no flip, 3: rows, 2: columns, 4: both.
        assert {row[1] for rows in epochs_seen(5) for row in rows} == {1.0, 2.0, 3.0, 4.0}

    def test_loader_workers_flip_by_the_same_seed(self) -> None:
        first, again = (epochs_seen(5, epochs=1, num_workers=1) for _ in range(2))
        assert first == again
        assert len({row[1] for row in first[0]}) > 1

    def test_python_and_numpy_are_seeded_too(self, prepared: Manifest) -> None:
        handler = EpochSeed(make_dataset(prepared, "train", augment=True), 0)
        engine = Engine(lambda _engine, _batch: None)
        engine.state.epoch = 1
        draws = []
        for _ in range(2):
            handler(engine)
            draws.append((random.random(), float(np.random.rand())))
        assert draws[0] == draws[1]

    def test_negative_seed_raises(self) -> None:
        with pytest.raises(ValueError, match="seed must be >= 0, got -1"):
            EpochSeed(dataset(), -1)
