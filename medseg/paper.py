"""The paper's figures, to stand beside ours where the data set is the paper's.

Di, Ma, Lian, Wang: "A U-Net Network Model for Medical Image Segmentation Based on Improved Skip Connections", Tables 3
and 4. Its "mIoU" is the mean foreground IoU an image, its "loss" most likely the sum over an epoch's batches; epochs
are 32; split, seeds and number of runs are not given. Table 3's second row cannot be a mean over one set of images:
Dice is concave in IoU, so a mean IoU of 0.846205 allows a mean Dice of at most 0.91670.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PAPER_NETWORKS", "PaperNetwork", "PaperRow", "paper_rows"]


@dataclass(frozen=True)
class PaperRow:
    """One row of the paper's Table 3 or 4."""

    iou: float
    dice: float
    loss: float


@dataclass(frozen=True)
class PaperNetwork:
    """A network as the paper's Table 2 has it."""

    name: str
    parameters: int


# FCN-8s's number is not FCN-8s on VGG16's but, to the unit, that of VGG-19 as a classifier of 1000 classes.
PAPER_NETWORKS = {
    "unet": PaperNetwork("U-Net", 7_759_521),
    "unet_early_skip_concat": PaperNetwork("Ours1", 8_289_697),
    "unet_early_skip": PaperNetwork("Ours2", 7_765_409),
    "fcn8s": PaperNetwork("FCN-8s", 143_667_240),
}
"""By bundle."""


# Known by the hash over all pixels of the prepared set.
_CELL = "dc55526483efc99ffc01da5c94d5c397b2f5545492a93d76226ec2505d48da2f"
_LIVER = "805c533d48bc6abfef9cfd509eb328a3dc6b1ec0e7c38f157840274dcb86574f"

_TABLES = {
    _LIVER: {
        "unet": PaperRow(0.859039, 0.923332, 2.302),
        "unet_early_skip_concat": PaperRow(0.846205, 0.926563, 2.167),
        "unet_early_skip": PaperRow(0.880900, 0.936283, 2.556),
        "fcn8s": PaperRow(0.802639, 0.889594, 2.755),
    },
    _CELL: {
        "unet": PaperRow(0.899314, 0.946975, 3.284),
        "unet_early_skip_concat": PaperRow(0.899895, 0.947300, 2.829),
        "unet_early_skip": PaperRow(0.900599, 0.947671, 2.794),
        "fcn8s": PaperRow(0.893102, 0.943514, 1.764),
    },
}


def paper_rows(fingerprint: str) -> dict[str, PaperRow]:
    """The paper's row of each bundle for the data set with this fingerprint; empty for any other data."""
    return _TABLES.get(fingerprint, {})
