"""Small volumes and NIfTI files of every kind, made by nibabel and by hand."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations, product
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

SHAPE = (4, 3, 2)
AFFINE_MM = np.array([[-0.7, 0.0, 0.0, 120.5], [0.0, 0.7, 0.0, -61.25], [0.0, 0.0, 2.5, -804.5], [0.0, 0.0, 0.0, 1.0]])

# For each of x, y, z the direction (0 R, 1 A, 2 S) and its sign: 6 orders of axes, 8 choices of signs.
ORIENTATIONS = [(order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)]


def voxels(shape: tuple[int, ...] = SHAPE, dtype: str = "int16") -> NDArray[Any]:
    """Every voxel has its own value."""
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def affine_of(
    order: tuple[int, ...], signs: tuple[int, ...], spacing_mm: tuple[float, ...] = (0.7, 0.8, 2.5)
) -> NDArray[np.float64]:
    """Affine whose index ``i`` runs along direction ``order[i]`` with sign ``signs[i]``."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for column, (direction, sign, size) in enumerate(zip(order, signs, spacing_mm, strict=True)):
        affine[direction, column] = sign * size
    affine[:3, 3] = (-31.5, 12.25, 803.0)
    return affine


@st.composite
def affines(draw: st.DrawFn) -> NDArray[np.float64]:
    """Any of the 48 orientations, straight or turned by any angle, with any spacing of patients' scans."""
    order, signs = draw(st.sampled_from(ORIENTATIONS))
    spacing = draw(st.tuples(*[st.floats(0.2, 8.0)] * 3))
    affine = affine_of(order, signs, spacing)
    angles = draw(st.just((0.0, 0.0, 0.0)) | st.tuples(*[st.floats(-180.0, 180.0)] * 3))
    affine[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ affine[:3, :3]
    affine[:3, 3] = draw(st.tuples(*[st.floats(-1000.0, 1000.0)] * 3))
    return affine


def save_nifti(
    path: Path,
    data: NDArray[Any] | None = None,
    *,
    affine_mm: NDArray[np.float64] = AFFINE_MM,
    edit: Callable[[Any], None] | None = None,
    kind: type[Any] = nib.Nifti1Image,
) -> Path:
    """Write a NIfTI file with both affines and mm, as ITK does; ``edit`` changes its header."""
    data = voxels() if data is None else data
    image = kind(data, affine_mm, dtype=data.dtype)
    image.set_qform(affine_mm, 1)
    image.set_sform(affine_mm, 1)
    image.header.set_xyzt_units("mm")
    if edit:
        edit(image.header)
    nib.save(image, path)
    return path


def patch(path: Path, **fields: Any) -> Path:
    """Change fields of an uncompressed NIfTI-1 file where they stand, whether they make sense or not."""
    content = bytearray(path.read_bytes())
    header = np.frombuffer(content, dtype=nib.Nifti1Header.template_dtype, count=1)[0]
    for name, value in fields.items():
        header[name] = value
    path.write_bytes(content)
    return path
