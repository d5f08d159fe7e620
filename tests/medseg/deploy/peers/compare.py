"""Count the voxels in which masks differ: ``python compare.py EXPECTED.nii.gz GOT.nii.gz``; status 1 if any does."""

from __future__ import annotations

import sys
from pathlib import Path

import nibabel as nib
import numpy as np


def main(expected: Path, got: Path) -> int:
    """Compare voxels and affines."""
    one, other = nib.load(expected), nib.load(got)
    if one.shape != other.shape or not np.allclose(one.affine, other.affine, rtol=0, atol=1e-3):
        print(f"{got}: another grid, {other.shape} instead of {one.shape}")
        return 1
    differing = int((np.asarray(one.dataobj) != np.asarray(other.dataobj)).sum())
    print(
        f"{got}: {differing} of {np.prod(one.shape)} voxels differ, {int(np.asarray(one.dataobj).sum())} are foreground"
    )
    return int(differing > 0)


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
