from __future__ import annotations

import re

import pytest
import torch
from torch.utils.data import DataLoader

from medseg.bundle.batch_norm import check_batch_norm, smallest_batch
from medseg.errors import UsageError
from medseg.networks import FCN8s, UNet

WIDTHS = (2, 3, 4)  # two poolings: a multiple of 4


def trains(network: torch.nn.Module, size: tuple[int, int], batch: int) -> bool:
    """Whether torch takes such a batch in training."""
    try:
        network.train()(torch.zeros(batch, 1, *size))
    except ValueError as error:
        return "more than 1 value per channel" not in str(error)
    return True


class TestCheckBatchNorm:
    @pytest.mark.parametrize("batch_norm", [True, False])
    @pytest.mark.parametrize("batch", [1, 2])
    @pytest.mark.parametrize("size", [(1, 1), (4, 4), (3, 4), (5, 4), (4, 5), (8, 8)])
    def test_refuses_what_torch_refuses(self, size: tuple[int, int], batch: int, batch_norm: bool) -> None:
        network = UNet(widths=WIDTHS, batch_norm=batch_norm)
        if trains(network, size, batch):
            check_batch_norm(network, [(9, 9), size], batch)
        else:
            with pytest.raises(UsageError, match=f"images must be larger than 4 x 4 pixels .*, got {size[0]} x "):
                check_batch_norm(network, [(9, 9), size], batch)

    def test_message_names_rule_size_and_way_out(self) -> None:
        message = (
            "images must be larger than 16 x 16 pixels where batch norm sees one at a time, got 16 x 12;"
            ' give --image_size "[32,32]", which scores on the original grid all the same'
        )
        with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
            check_batch_norm(UNet(batch_norm=True), [(16, 12)], 1)

    def test_networks_without_batch_norm_or_known_multiple_pass(self) -> None:
        with torch.device("meta"):
            check_batch_norm(FCN8s(), [(8, 8)], 1)
            check_batch_norm(torch.nn.BatchNorm2d(3), [(1, 1)], 1)


class TestSmallestBatch:
    @pytest.mark.parametrize(
        ("items", "batch_size", "epoch_length", "smallest"),
        [
            (5, 1, None, 1),
            (6, 3, None, 3),
            (7, 3, None, 1),
            (8, 3, None, 2),
            (2, 3, None, 2),
            (7, 3, 2, 3),  # two whole batches, then a new pass
            (7, 3, 3, 1),
            (2, 3, 1, 2),
        ],
    )
    def test_last_batch_counts_where_an_epoch_gets_to_it(
        self, items: int, batch_size: int, epoch_length: int | None, smallest: int
    ) -> None:
        loader = DataLoader(list(range(items)), batch_size=batch_size)  # type: ignore[arg-type]
        assert smallest_batch(loader, epoch_length) == smallest
        if epoch_length is None:
            assert min(len(batch) for batch in loader) == smallest

    def test_dropped_batch_does_not_count(self) -> None:
        assert smallest_batch(DataLoader(list(range(7)), batch_size=3, drop_last=True), None) == 3  # type: ignore[arg-type]
