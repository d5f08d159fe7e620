"""Train, compare and use 2D segmentation networks on medical images."""

__version__ = "0.1.0"

__all__ = ["__version__"]
