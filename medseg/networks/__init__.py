"""The networks that are compared; each returns logits of its input's size."""

from medseg.networks.fcn8s import FCN8s
from medseg.networks.fold_batch_norm import fold_batch_norm
from medseg.networks.unet import UNet

__all__ = ["FCN8s", "UNet", "fold_batch_norm"]
