from __future__ import annotations

import pytest

from medseg.paper import PAPER_NETWORKS, paper_rows

LIVER = "805c533d48bc6abfef9cfd509eb328a3dc6b1ec0e7c38f157840274dcb86574f"
CELL = "dc55526483efc99ffc01da5c94d5c397b2f5545492a93d76226ec2505d48da2f"


class TestPaperRows:
    @pytest.mark.parametrize(
        ("fingerprint", "bundle", "figures"),
        [
            (LIVER, "unet", (0.859039, 0.923332, 2.302)),
            (LIVER, "unet_early_skip_concat", (0.846205, 0.926563, 2.167)),  # Ours1
            (LIVER, "unet_early_skip", (0.880900, 0.936283, 2.556)),  # Ours2
            (LIVER, "fcn8s", (0.802639, 0.889594, 2.755)),
            (CELL, "unet", (0.899314, 0.946975, 3.284)),
            (CELL, "unet_early_skip_concat", (0.899895, 0.947300, 2.829)),
            (CELL, "unet_early_skip", (0.900599, 0.947671, 2.794)),
            (CELL, "fcn8s", (0.893102, 0.943514, 1.764)),
        ],
    )
    def test_are_tables_3_and_4(self, fingerprint: str, bundle: str, figures: tuple[float, float, float]) -> None:
        row = paper_rows(fingerprint)[bundle]
        assert (row.iou, row.dice, row.loss) == figures

    def test_mean_dice_is_at_most_what_the_mean_iou_allows_but_in_one_row(self) -> None:
        # Dice = 2 IoU / (1 + IoU) is concave, so Jensen's inequality bounds a mean over the same images.
        above = [
            (fingerprint, bundle)
            for fingerprint in (LIVER, CELL)
            for bundle, row in paper_rows(fingerprint).items()
            if row.dice > 2 * row.iou / (1 + row.iou) + 1e-6
        ]
        assert above == [(LIVER, "unet_early_skip_concat")]

    def test_other_data_have_none(self) -> None:
        assert paper_rows("d" * 64) == {}


class TestPaperNetworks:
    def test_are_table_2(self) -> None:
        assert {bundle: (network.name, network.parameters) for bundle, network in PAPER_NETWORKS.items()} == {
            "unet": ("U-Net", 7_759_521),
            "unet_early_skip_concat": ("Ours1", 8_289_697),
            "unet_early_skip": ("Ours2", 7_765_409),
            "fcn8s": ("FCN-8s", 143_667_240),
        }

    def test_name_all_networks_that_have_scores(self) -> None:
        assert PAPER_NETWORKS.keys() == paper_rows(LIVER).keys() == paper_rows(CELL).keys()
