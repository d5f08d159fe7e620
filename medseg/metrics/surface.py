"""How far the surfaces of two masks are apart.

Surfaces and distances are MONAI's. A surface is the mask's own voxels of which a neighbour across a face (in two
dimensions: an edge) is not in the mask. What lies beyond the image counts as not in it, so a mask that the image's
border cuts has a surface there. Distances go between centres of voxels, from each voxel of one surface to the nearest
one of the other, and each voxel counts the same, whatever area it stands for. DeepMind's surface-distance puts surfaces
between voxels and weighs them by area.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from monai.metrics import get_mask_edges, get_surface_distance
from numpy.typing import NDArray

__all__ = ["SurfaceScores", "surface_scores"]


@dataclass(frozen=True)
class SurfaceScores:
    """Distances of two surfaces, in the unit of the spacing.

    Attributes:
        hd95: 95th percentile Hausdorff distance, 0 or more, lower is better: of each surface's distances the 95th
            percentile, and of the two the larger. NaN where a mask is empty.
        assd: Average symmetric surface distance, 0 or more, lower is better: mean over both surfaces' voxels together.
            NaN where a mask is empty.
        surface_dice: Share of both surfaces' voxels that are within the tolerance of the other, in [0, 1], higher is
            better; as for overlap 1 where both masks are empty and 0 where one is.
    """

    hd95: float
    assd: float
    surface_dice: float


def surface_scores(
    prediction: NDArray[np.bool_], truth: NDArray[np.bool_], *, spacing: Sequence[float], tolerance: float
) -> SurfaceScores:
    """Compare two surfaces.

    Memory beyond the masks grows with the box that holds both of them, not with the image.

    Args:
        prediction: Two or three axes. Three with a single slice are measured in its plane, where a mask is no shell.
        truth: Of the same shape.
        spacing: Distance of neighbouring voxels along each axis.
        tolerance: Distance up to which a surface counts as met, 0 or more.
    """
    if prediction.ndim == 3 and prediction.shape[2] == 1:
        prediction, truth, spacing = prediction[..., 0], truth[..., 0], spacing[:2]
    has_prediction, has_truth = bool(prediction.any()), bool(truth.any())
    if not (has_prediction and has_truth):
        return SurfaceScores(math.nan, math.nan, float(has_prediction == has_truth))
    box = _bounding_box(prediction | truth)
    # MONAI's three metrics would each find the surfaces anew, and its percentile refuses 16 million distances.
    edges = get_mask_edges(prediction[box], truth[box])
    distances = [
        np.asarray(get_surface_distance(one, other, spacing=list(spacing)), dtype=np.float64)
        for one, other in (edges, edges[::-1])
    ]
    both = np.concatenate(distances)
    return SurfaceScores(
        hd95=max(float(np.percentile(one_way, 95)) for one_way in distances),
        assd=float(both.mean()),
        surface_dice=float((both <= tolerance).mean()),
    )


def _bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    """Slices along each axis that just hold ``mask``, which is not empty."""
    sides = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        (filled,) = np.nonzero(mask.any(axis=others))
        sides.append(slice(int(filled[0]), int(filled[-1]) + 1))
    return tuple(sides)
