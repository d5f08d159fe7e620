"""Whole volumes through 2D networks."""

from medseg.inferers.slices import SlicewiseInferer

__all__ = ["SlicewiseInferer"]
