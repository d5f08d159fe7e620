"""Raw to prepared and back on the source's grid is the identity, whatever the scan's geometry and numbers.

The way back is nibabel's, from the two affines alone.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from itertools import permutations, product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nibabel as nib
import numpy as np
import SimpleITK as sitk  # noqa: N813
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from tests.data_prep.runs import Run, prepare
from tests.medseg.io.dicom.references import LPS_TO_RAS, Read
from tests.medseg.io.dicom.writer import ROOT, write_series
from tests.medseg.io.volume_files import ORIENTATIONS, affine_of, affines, patch, save_nifti

AXES = [sign * axis for axis, sign in product(np.eye(3), (1.0, -1.0))]
IN_PLANE = [(*columns, *rows) for columns, rows in permutations(AXES, 2) if not columns @ rows]
# Coordinates are stored with 10 digits (DICOM) or as float32 (NIfTI).
TOLERANCE_MM = 1e-3


@dataclass(frozen=True, eq=False)
class Source:
    """A scan as it is stored.

    Attributes:
        values: ``(x, y, z)`` what its stored numbers stand for, all different.
        mask: Foreground of its label.
        affine_mm: Voxel indices to RAS+ mm.
    """

    values: NDArray[np.float64]
    mask: NDArray[np.uint8]
    affine_mm: NDArray[np.float64]


def stored_numbers(size: tuple[int, int, int], low: int, seed: int) -> NDArray[np.int64]:
    """Each number from ``low`` on, once, in any order."""
    count = int(np.prod(size))
    return np.random.default_rng(seed).permutation(count).reshape(size) + low


def any_mask(size: tuple[int, int, int], seed: int) -> NDArray[np.uint8]:
    mask = (np.random.default_rng([seed, 1]).random(size) < 0.4).astype(np.uint8)
    mask.flat[0], mask.flat[-1] = 1, 0
    return mask


def write_label(path: Path, source: Source, order: tuple[Any, Any], shift_mm: float = 0) -> None:
    """The mask with its axes in another order and direction, a little beside its place, as files of others are."""
    axes, flips = order
    orientation = np.stack([axes, flips], axis=1).astype(float)
    voxels = nib.apply_orientation(source.mask, orientation)
    affine = source.affine_mm @ nib.orientations.inv_ornt_aff(orientation, source.mask.shape)
    affine[:3, 3] += shift_mm
    path.parent.mkdir(parents=True, exist_ok=True)
    save_nifti(path, np.ascontiguousarray(voxels), affine_mm=affine)


def assert_identity(image: Read, label: Read, source: Source) -> None:
    """Image and label come back on the source's grid, and no voxel has moved in the body."""
    for (voxels, affine_mm), expected in ((image, source.values), (label, source.mask)):
        onto_source = np.linalg.inv(source.affine_mm) @ affine_mm
        np.testing.assert_allclose(onto_source, np.rint(onto_source), atol=0.01)
        back = nib.apply_orientation(voxels, nib.io_orientation(onto_source))
        np.testing.assert_array_equal(back, expected.astype(voxels.dtype))
    places, theirs = (np.argsort(values, axis=None) for values in (source.values, image[0]))
    moved = world_mm(source.affine_mm, source.values.shape, places) - world_mm(image[1], image[0].shape, theirs)
    assert np.abs(moved).max() < TOLERANCE_MM


def world_mm(affine_mm: NDArray[np.float64], shape: tuple[int, ...], places: NDArray[np.int64]) -> NDArray[np.float64]:
    """``(3, n)`` places in the body of voxels that are given by flat index."""
    return affine_mm[:3, :3] @ np.array(np.unravel_index(places, shape)) + affine_mm[:3, 3:]


def write_dicom(
    folder: Path,
    *,
    orientation: tuple[float, ...],
    spacing_mm: tuple[float, float, float],
    first_mm: tuple[float, float, float] = (-120.5, 80.25, 300.0),
    low: int = 0,
    signed: bool = False,
    rescale: tuple[float, float] = (1, -1024),
    implicit: bool = False,
    number: int = 1,
    size: tuple[int, int, int] = (5, 4, 3),
) -> Source:
    """Write ``FOLDER/ct``, files in any order of their names and instance numbers."""
    stored = stored_numbers(size, low, number)
    columns, rows = np.reshape(orientation, (2, 3))
    lps = np.eye(4)
    lps[:3, :3] = np.stack([columns, rows, np.cross(columns, rows)], axis=1) * spacing_mm
    lps[:3, 3] = first_mm
    order = np.random.default_rng(number).permutation(size[2])
    write_series(
        folder / "ct",
        stored.astype(np.int16 if signed else np.uint16),
        positions_mm=[(lps @ (0, 0, z, 1))[:3] for z in range(size[2])],
        orientation=orientation,
        spacing_mm=spacing_mm[:2],
        series=number,
        name=lambda z: f"{order[z]}",
        each=lambda z: {"instance": int(order[z])},
        implicit=implicit,
        PatientID=f"P{number}",
        StudyInstanceUID=f"{ROOT}.{number}.0",
        RescaleSlope=rescale[0],
        RescaleIntercept=rescale[1],
    )
    return Source(stored * float(rescale[0]) + rescale[1], any_mask(size, number), LPS_TO_RAS @ lps)


class TestEveryOrientation:
    """All 48 in one data set each; of DICOM the 24 in which rows and columns may run, slices in any order of names."""

    def test_nifti(self, tmp_path: Path) -> None:
        sources = {}
        for number, (axes, signs) in enumerate(ORIENTATIONS):
            size = (5, 4, 3)
            values = stored_numbers(size, 48 * number, number)
            source = Source(values.astype(float), any_mask(size, number), affine_of(axes, signs))
            path = folder_of(tmp_path, "images") / f"{number}.nii.gz"
            save_nifti(path, values.astype(np.int16), affine_mm=source.affine_mm)
            write_label(tmp_path / "raw" / "labels" / f"{number}.nii.gz", source, ORIENTATIONS[-number])
            sources[f"{number}"] = source
        check(prepare(tmp_path / "raw", tmp_path, "--modality", "CT"), sources)

    def test_dicom(self, tmp_path: Path) -> None:
        sources = {}
        for number, orientation in enumerate(IN_PLANE, 1):
            case = tmp_path / "raw" / f"p{number}"
            sources[case.name] = write_dicom(case, orientation=orientation, spacing_mm=(0.7, 0.8, 2.5), number=number)
            write_label(case / "label.nii.gz", sources[case.name], ORIENTATIONS[2 * number - 1])
        check(prepare(tmp_path / "raw", tmp_path), sources)


def folder_of(home: Path, name: str) -> Path:
    folder = home / "raw" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def check(run: Run, sources: dict[str, Source]) -> None:
    """All cases came back."""
    assert run.cases.keys() == sources.keys()
    for name, source in sources.items():
        assert_identity(run.image(name), run.label(name), source)
        assert nib.aff2axcodes(run.image(name)[1]) == ("R", "A", "S")


SPACINGS = st.tuples(*[st.floats(0.2, 8.0).map(lambda size: round(size, 4))] * 3)
SIZES = st.tuples(st.integers(2, 6), st.integers(2, 6), st.integers(2, 5))
PLANES = st.sampled_from(["axial", "coronal", "sagittal", "source"])
RESCALES = st.sampled_from([(1, -1024), (1, 0), (2, -2048), (0.5, -1000), (0.1, 0.3), (1, -0.5), (7, 11)])
FLIPS = st.sampled_from(ORIENTATIONS)
PLACES = st.tuples(*[st.floats(-900, 900).map(lambda place: round(place, 3))] * 3)


@st.composite
def directions(draw: st.DrawFn) -> tuple[float, ...]:
    """Columns and rows along any axes of the body, or turned by any angle."""
    straight = draw(st.sampled_from(IN_PLANE))
    angles = draw(st.just((0.0, 0.0, 0.0)) | st.tuples(*[st.floats(-180.0, 180.0)] * 3))
    turned = np.reshape(straight, (2, 3)) @ Rotation.from_euler("xyz", angles, degrees=True).as_matrix().T
    return tuple(float(value) for value in turned.ravel())


class TestAnyGeometry:
    @settings(max_examples=40, deadline=None)
    @given(
        orientation=directions(),
        spacing_mm=SPACINGS,
        first_mm=PLACES,
        size=SIZES,
        low=st.sampled_from([0, 1000, 30000, -40, -2000]),
        rescale=RESCALES,
        implicit=st.booleans(),
        number=st.integers(1, 9999),
        flips=FLIPS,
        plane=PLANES,
    )
    def test_dicom(self, low: int, flips: Any, plane: str, **scan: Any) -> None:
        with TemporaryDirectory() as folder:
            case = Path(folder) / "raw" / "p"
            source = write_dicom(case, low=low, signed=low < 0, **scan)
            write_label(case / "label.nii.gz", source, flips)
            run = prepare(case.parent, Path(folder), "--plane", plane)
            assert_identity(run.image(), run.label(), source)
            self.assert_type(run, source)

    @settings(max_examples=40, deadline=None)
    @given(
        affine_mm=affines(),
        size=SIZES,
        dtype=st.sampled_from(["uint8", "int16", "uint16", "int32", "float32", "float64", ">i2", ">f4"]),
        rescale=RESCALES,
        seed=st.integers(0, 9999),
        ending=st.sampled_from([".nii", ".nii.gz", ".nrrd", ".mha"]),
        flips=FLIPS,
        plane=PLANES,
        shift_mm=st.sampled_from([0, 3e-4]),
    )
    def test_nifti_and_others(
        self,
        affine_mm: NDArray[np.float64],
        size: tuple[int, int, int],
        dtype: str,
        rescale: tuple[float, float],
        seed: int,
        ending: str,
        flips: Any,
        plane: str,
        shift_mm: float,
    ) -> None:
        with TemporaryDirectory() as folder:
            home = Path(folder)
            stored = stored_numbers(size, 0, seed).astype(dtype)
            path = folder_of(home, "images") / f"scan{ending}"
            if ".nii" in ending:
                values = save_scaled(path, stored, affine_mm, rescale)
            else:
                values = save_by_itk(path, stored, affine_mm)
            source = Source(values, any_mask(size, seed), affine_mm)
            write_label(home / "raw" / "labels" / "scan.nii.gz", source, flips, shift_mm)
            run = prepare(home / "raw", home, "--modality", "CT", "--plane", plane)
            assert_identity(run.image(), run.label(), source)
            self.assert_type(run, source)

    def assert_type(self, run: Run, source: Source) -> None:
        """Hounsfield units are 16-bit integers wherever that is exact."""
        fits = np.abs(source.values).max() < 2**15 and (source.values == np.rint(source.values)).all()
        assert run.image()[0].dtype == (np.int16 if fits else np.float32)


def save_scaled(
    path: Path, stored: NDArray[Any], affine_mm: NDArray[np.float64], rescale: tuple[float, float]
) -> NDArray[np.float64]:
    """Write numbers as they are with a slope and intercept; returns what nibabel makes of them."""
    plain = save_nifti(path.parent / "scan.nii", stored, affine_mm=affine_mm)
    order = ">" if stored.dtype.byteorder == ">" else "<"
    slope, inter = (np.array(value, f"{order}f4") for value in rescale)
    patch(plain, scl_slope=slope.view("<f4"), scl_inter=inter.view("<f4"))
    values = np.asarray(nib.load(plain).dataobj, dtype=np.float64)
    if path != plain:
        path.write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
    return values


def save_by_itk(path: Path, stored: NDArray[Any], affine_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    lps = LPS_TO_RAS @ affine_mm
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image = sitk.GetImageFromArray(np.ascontiguousarray(stored.T.astype(stored.dtype.newbyteorder("="))))
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    sitk.WriteImage(image, path)
    return stored.astype(np.float64)
