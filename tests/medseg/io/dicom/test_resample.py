from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from medseg.io.dicom import Choices, Header, group_series, read_acquired, read_dicom, read_headers, read_series
from medseg.io.dicom.resample import Regrid, plan_regrid
from tests.medseg.io.dicom.writer import stored_voxels, write_series

ANGLE = np.radians(14)
TILTED = (1.0, 0.0, 0.0, 0.0, float(np.cos(ANGLE)), float(-np.sin(ANGLE)))
SPACING_MM = (0.7, 0.8)
BOTH = Choices(tilt="resample", irregular="resample")
AIR_HU = -1000


def ramp_hu(places_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """An intensity that is linear in space, at ``(..., 3)`` LPS places."""
    return places_mm @ np.array([3.0, -5.0, 7.0]) + 900


def write_ramp(
    folder: Path, heights_mm: list[float], *, orientation: tuple[float, ...] = TILTED, size: tuple[int, int] = (9, 8)
) -> None:
    """Slices of :func:`ramp_hu` as a table moving along z takes them, in tenths of a HU."""
    columns, rows = np.array(orientation).reshape(2, 3)
    positions = np.array([(0.0, 0.0, height) for height in heights_mm])
    x, y = np.meshgrid(np.arange(size[0]) * SPACING_MM[0], np.arange(size[1]) * SPACING_MM[1], indexing="ij")
    plane = x[..., None, None] * columns + y[..., None, None] * rows
    stored = np.round((ramp_hu(plane + positions) + 1000) * 10).astype(np.uint16)
    rescale = {"RescaleSlope": "0.1", "RescaleIntercept": AIR_HU}
    write_series(folder, stored, positions_mm=positions, orientation=orientation, spacing_mm=SPACING_MM, **rescale)


def lps_places(shape: tuple[int, ...], affine_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(x, y, z, 3)`` where the voxels of a volume lie."""
    indices = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    return (indices @ affine_mm[:3, :3].T + affine_mm[:3, 3]) * (-1, -1, 1)


def plan(heights_mm: list[float], across_mm: list[float], **choices: bool) -> Regrid | None:
    """Plan for axial slices of 1 mm pixels shifted along x."""
    places = zip(across_mm, heights_mm, strict=True)
    headers = [
        Header(
            path=Path("a"),
            transfer_syntax="",
            position_mm=(x, 0.0, z),
            orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
            pixel_spacing_mm=(1.0, 1.0),
        )
        for x, z in places
    ]
    return plan_regrid(headers, **{"tilt": True, "irregular": True, **choices})


class TestTilt:
    def test_values_are_where_they_were(self, tmp_path: Path) -> None:
        """Linear interpolation is exact on an intensity that is linear in space."""
        write_ramp(tmp_path, [0, 3, 6, 9, 12])
        volume = read_dicom(tmp_path, choices=BOTH)
        expected = ramp_hu(lps_places(volume.voxels.shape, volume.affine_mm))
        inside = volume.voxels > expected - 1
        assert inside.sum() >= 9 * 7 * 5
        np.testing.assert_allclose(volume.voxels[inside], expected[inside], atol=0.11)

    def test_every_slice_is_covered_within_its_field_and_air_is_beyond(self, tmp_path: Path) -> None:
        write_ramp(tmp_path, [0, 3, 6, 9, 12])
        volume = read_dicom(tmp_path, choices=BOTH)
        lowest = volume.voxels.min()
        # 12 mm along z drift 12 sin 14 = 2.90 mm = 3.63 rows of 0.8 mm, towards lower rows: 4 more, of which the first
        # slice covers the last 8 rows, and slice k those from 4 - k * 0.907 on.
        assert volume.voxels.shape == (9, 12, 5)
        for k in range(5):
            start = 4 - k * 12 * np.sin(ANGLE) / 0.8 / 4
            covered = np.arange(int(np.ceil(start)), int(np.floor(start + 7)) + 1)
            air = [row for row in range(12) if row < np.floor(start) or row > np.ceil(start + 7)]
            assert (volume.voxels[:, air, k] == lowest).all()
            assert (volume.voxels[:, covered, k] > lowest - 1).all()

    def test_grid_is_right_angled_and_holds_the_first_slice_in_place(self, tmp_path: Path) -> None:
        write_ramp(tmp_path, [0, 3, 6])
        axes = read_dicom(tmp_path, choices=BOTH).affine_mm[:3, :3]
        lengths = np.linalg.norm(axes, axis=0)
        np.testing.assert_allclose(lengths, (0.7, 0.8, 3 * np.cos(ANGLE)), atol=1e-6)
        np.testing.assert_allclose(axes.T @ axes, np.diag(lengths**2), atol=1e-6)

    def test_type_is_kept_and_values_are_rounded(self, tmp_path: Path) -> None:
        places = np.array([0.0, 0.0, 3.0]) * np.arange(3)[:, None]
        write_series(tmp_path, stored_voxels(), positions_mm=places, orientation=TILTED)
        assert read_dicom(tmp_path, choices=BOTH).voxels.dtype == np.int16

    @pytest.mark.parametrize("shift", [0.25, 1.75, -0.5, -2.0])
    def test_one_slice_is_shifted_as_by_scipy(self, shift: float) -> None:
        regrid = plan([0, 1], [0, shift])
        assert regrid is not None
        voxels = np.random.default_rng(0).random((8, 3, 2))
        outside = voxels.min()
        low, high = max(0, int(np.ceil(-shift))), max(0, int(np.ceil(shift)))
        padded = np.pad(voxels[..., 1], ((low + 2, high + 2), (0, 0)), constant_values=outside)
        expected = ndimage.shift(padded, (shift, 0), order=1, cval=outside)[2:-2]
        np.testing.assert_allclose(regrid.image(voxels)[..., 1], expected, atol=1e-12)

    def test_shifts_of_whole_pixels_change_no_value(self) -> None:
        regrid = plan([0, 1, 2], [0, 1, 2.0000001])
        assert regrid is not None
        voxels = np.random.default_rng(0).integers(0, 99, (4, 3, 3)).astype(np.int16)
        image = regrid.image(voxels)
        for k in range(3):
            np.testing.assert_array_equal(image[k : k + 4, :, k], voxels[..., k])

    def test_is_left_where_not_chosen(self) -> None:
        assert plan([0, 1], [0, 2], tilt=False) is None

    def test_straight_slices_need_nothing(self) -> None:
        assert plan([0, 1, 2], [0, 0.01, 0.02]) is None

    def test_single_slice_needs_nothing(self) -> None:
        assert plan([0], [0]) is None


class TestIrregular:
    def test_missing_slice_is_the_mean_of_its_neighbours_and_others_are_unchanged(self) -> None:
        regrid = plan([0, 5, 10, 20], [0, 0, 0, 0])
        assert regrid is not None
        voxels = np.random.default_rng(0).integers(-1000, 1000, (4, 3, 4)).astype(np.int16)
        image = regrid.image(voxels)
        assert image.shape == (4, 3, 5)
        np.testing.assert_array_equal(image[..., [0, 1, 2, 4]], voxels)
        np.testing.assert_array_equal(image[..., 3], np.rint((voxels[..., 2].astype(float) + voxels[..., 3]) / 2))

    def test_values_are_where_they_were(self, tmp_path: Path) -> None:
        write_ramp(tmp_path, [0, 3, 5, 9.5, 12], orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0))
        volume = read_dicom(tmp_path, choices=BOTH)
        expected = ramp_hu(lps_places(volume.voxels.shape, volume.affine_mm))
        np.testing.assert_allclose(volume.voxels, expected, atol=0.11)

    def test_is_left_where_not_chosen(self) -> None:
        assert plan([0, 5, 15], [0, 0, 0], irregular=False) is None


class TestBoth:
    def test_values_are_where_they_were(self, tmp_path: Path) -> None:
        write_ramp(tmp_path, [0, 3, 6, 12, 15])
        volume = read_dicom(tmp_path, choices=BOTH)
        assert volume.voxels.shape[2] == 6
        expected = ramp_hu(lps_places(volume.voxels.shape, volume.affine_mm))
        # Rows that all slices cover: 15 mm along z drift 4.54 rows.
        np.testing.assert_allclose(volume.voxels[:, 5:8], expected[:, 5:8], atol=0.11)


class TestReadAcquired:
    def test_gives_stored_slices_on_the_sheared_grid_and_the_way_to_the_final_one(self, tmp_path: Path) -> None:
        write_ramp(tmp_path, [0, 3, 6, 9])
        (series,) = group_series(read_headers(tmp_path).headers)
        volume, regrid = read_acquired(series, BOTH)
        assert volume.voxels.shape == (9, 8, 4)
        # All voxels lie where the table and the rows of the tilted gantry put them.
        expected = ramp_hu(lps_places(volume.voxels.shape, volume.affine_mm))
        np.testing.assert_allclose(volume.voxels, expected, atol=0.11)
        assert regrid is not None
        final = read_series(series, BOTH)
        np.testing.assert_array_equal(regrid.image(volume.voxels), final.voxels)
        np.testing.assert_array_equal(regrid.affine_mm, final.affine_mm)

    def test_nothing_changes_a_plain_series(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels())
        (series,) = group_series(read_headers(tmp_path).headers)
        _, regrid = read_acquired(series, BOTH)
        assert regrid is None


class TestLabel:
    def test_goes_with_its_image(self, tmp_path: Path) -> None:
        """A label made from the image by a threshold is, on the new grid, within a pixel of the image's threshold."""
        write_ramp(tmp_path, [0, 3, 6, 12, 15], size=(40, 30))
        (series,) = group_series(read_headers(tmp_path).headers)
        regrid = plan_regrid(series.headers, tilt=True, irregular=True)
        assert regrid is not None
        image = read_dicom(tmp_path, choices=BOTH)
        stored = read_stored(series.headers)
        label = regrid.label((stored > np.median(stored)).astype(np.uint8))
        assert label.shape == image.voxels.shape
        np.testing.assert_array_equal(regrid.affine_mm, image.affine_mm)
        threshold = (np.median(stored) / 10) + AIR_HU
        # The ramp rises 4.6 HU a row and 7 HU a mm along z, at most 2.9 mm and half a row away.
        sure = (np.abs(image.voxels - threshold) > 25)[:, 6:-6]
        assert sure.mean() > 0.5
        # Rows at the ends, where slices begin and end, are part air.
        np.testing.assert_array_equal(label[:, 6:-6][sure], image.voxels[:, 6:-6][sure] > threshold)

    def test_values_stay_labels_and_0_is_beyond(self) -> None:
        regrid = plan([0, 1, 3], [0, 0.6, 1.8])
        assert regrid is not None
        label = np.full((4, 3, 3), 7, dtype=np.uint8)
        out = regrid.label(label)
        assert out.dtype == np.uint8
        assert out.shape == (6, 3, 4)
        assert [out[:, 0, k].tolist() for k in (0, 1, 3)] == [
            [7, 7, 7, 7, 0, 0],
            [0, 7, 7, 7, 7, 0],
            [0, 0, 7, 7, 7, 7],
        ]


def read_stored(headers: tuple[Header, ...]) -> NDArray[Any]:
    """Stored values by numpy, ``(x, y, z)``."""
    slices = []
    for header in headers:
        assert header.pixel_offset is not None
        flat = np.fromfile(header.path, np.uint16, count=40 * 30, offset=header.pixel_offset)
        slices.append(flat.reshape(30, 40).T)
    return np.stack(slices, axis=-1)
