from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from medseg.errors import SourceError
from medseg.io.dicom import Choices, group_series, read_acquired, read_headers
from medseg.io.labels import read_seg
from medseg.io.volume import Volume
from tests.medseg.io.dicom.writer import AXIAL, slice_positions
from tests.medseg.io.labels.seg_files import save_seg, segmentation
from tests.medseg.io.labels.series_files import CORONAL, NEGATED, OBLIQUE, SIZE, random_mask, read_ct, write_ct

MASK = random_mask(seed=4)
TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def seg_of_turned_series(
    folder: Path, image: Volume, *, swapped: bool, flipped: tuple[bool, bool], reverse: bool
) -> Path:
    """Segment a series whose voxels are the image's in another order: axes swapped, turned round, slices reversed."""
    lps, order = TO_LPS @ image.affine_mm, (1, 0) if swapped else (0, 1)
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    mask = MASK.transpose(*order, 2)
    first = np.zeros(3)
    directions = []
    for axis, flip in zip(order, flipped, strict=True):
        directions.append(lps[:3, axis] / spacing[axis] * (-1 if flip else 1))
        first[axis] = SIZE[axis] - 1 if flip else 0
    mask = mask[:: -1 if flipped[0] else 1, :: -1 if flipped[1] else 1, :: -1 if reverse else 1]
    slices = range(SIZE[2])[:: -1 if reverse else 1]
    files = write_ct(
        folder / "turned",
        mask.shape,
        positions_mm=[(lps @ [*first[:2], z, 1])[:3] for z in slices],
        orientation=np.concatenate(directions).tolist(),
        spacing_mm=(spacing[order[0]], spacing[order[1]]),
    )
    return save_seg(folder / "seg.dcm", segmentation(files, mask))


def moved(offset_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    return slice_positions(SIZE[2]) + offset_mm


def seg_of(folder: Path, size: tuple[int, int, int] = SIZE, **options: Any) -> Path:
    """Segment another series."""
    return save_seg(folder / "seg.dcm", segmentation(write_ct(folder / "other", size, **options), random_mask(size)))


class TestOrder:
    @pytest.mark.parametrize("orientation", [AXIAL, NEGATED, OBLIQUE])
    @pytest.mark.parametrize(
        ("swapped", "flipped", "reverse"),
        [*product((False, True), product((False, True), repeat=2), (False,)), (True, (False, True), True)],
    )
    def test_frames_go_where_they_say(
        self,
        tmp_path: Path,
        orientation: tuple[float, ...],
        swapped: bool,
        flipped: tuple[bool, bool],
        reverse: bool,
    ) -> None:
        image = read_ct(write_ct(tmp_path / "ct", orientation=orientation))
        path = seg_of_turned_series(tmp_path, image, swapped=swapped, flipped=flipped, reverse=reverse)
        read = read_seg(path, image)
        np.testing.assert_array_equal(read.mask, MASK)
        assert bool(read.warnings) == (swapped or any(flipped))
        assert all("turned to its image's order" in warning for warning in read.warnings)


class TestTolerance:
    def test_slices_beside_the_regular_grid_keep_their_frames(self, tmp_path: Path) -> None:
        """Positions rounded to 0.1 mm lie up to 0.05 mm beside a grid of 1.25 mm."""
        positions = np.round(slice_positions(SIZE[2], gap_mm=1.25), 1)
        files = write_ct(tmp_path / "ct", positions_mm=positions)
        read = read_seg(save_seg(tmp_path / "a", segmentation(files, MASK)), read_ct(files))
        assert np.ptp(np.diff(positions[:, 2])) > 0.09
        np.testing.assert_array_equal(read.mask, MASK)

    @pytest.mark.parametrize("offset_mm", [(0.09, 0, 0), (0, 0, -0.09)])
    def test_a_tenth_of_a_millimetre_passes(self, tmp_path: Path, offset_mm: tuple[float, float, float]) -> None:
        image = read_ct(write_ct(tmp_path / "ct"))
        read = read_seg(seg_of(tmp_path, positions_mm=moved(offset_mm)), image)
        np.testing.assert_array_equal(read.mask, random_mask())

    @pytest.mark.parametrize(
        ("offset_mm", "got"),
        [
            ((0.11, 0, 0), "4.000, 0.110 mm from it"),
            ((0, 0.8, 0), "4.000, 0.800 mm from it"),
            ((0, 0, 0.5), "4.200, 0.500 mm from it"),
            ((0, 0, -2.5), "-1.000, 2.500 mm from it"),
            ((0, 0, 2.5), "5.000, 2.500 mm from it"),
        ],
    )
    def test_more_is_refused(self, tmp_path: Path, offset_mm: tuple[float, float, float], got: str) -> None:
        image = read_ct(write_ct(tmp_path / "ct"))
        match = f"each frame must lie on a slice of the image, 0 to 4, got one at {got}; check that it segments this"
        with pytest.raises(SourceError, match=match.replace(".", r"\.")):
            read_seg(seg_of(tmp_path, positions_mm=moved(offset_mm)), image)


class TestUnevenSlices:
    """Slices at unequal gaps, of which an affine only knows the ends: for it they are at 0, 2.5, 5, 7.5 and 10 mm."""

    CHOICES = Choices(irregular="resample", tilt="resample")

    @pytest.fixture(params=[AXIAL, OBLIQUE], ids=["axial", "oblique"])
    def files(self, request: pytest.FixtureRequest, tmp_path: Path) -> list[Path]:
        """Slices at 0, 1, 4, 6 and 10 mm along their normal."""
        normal = np.cross(*np.reshape(request.param, (2, 3)))
        places = np.array([-10.0, 20.0, 30.0]) + np.outer([0, 1, 4, 6, 10], normal)
        return write_ct(tmp_path / "ct", orientation=request.param, positions_mm=places)

    def test_keep_their_frames(self, tmp_path: Path, files: list[Path]) -> None:
        (series,) = group_series(read_headers(files[0].parent).headers)
        image, regrid = read_acquired(series, self.CHOICES)
        read = read_seg(save_seg(tmp_path / "a", segmentation(files, MASK)), image, regrid=regrid)
        np.testing.assert_array_equal(read.mask, MASK)
        assert read.warnings == ()

    def test_refuse_frames_of_an_even_series(self, tmp_path: Path, files: list[Path]) -> None:
        (series,) = group_series(read_headers(files[0].parent).headers)
        image, regrid = read_acquired(series, self.CHOICES)
        with pytest.raises(SourceError, match=r"each frame must lie on a slice of the image, 0 to 4, got one at"):
            read_seg(seg_of(tmp_path), image, regrid=regrid)


class TestAnotherSeries:
    @pytest.mark.parametrize(
        ("options", "match"),
        [
            ({"size": (8, 6, 5)}, "frames must have the size of the image, 7 x 6 pixels, got 8 x 6; check that it"),
            ({"size": (6, 7, 5)}, "each frame must lie on a slice of the image"),
            ({"orientation": CORONAL}, "each frame must lie on a slice of the image"),
            (
                {"orientation": CORONAL, "size": (7, 6, 1), "positions_mm": [(-10, 22, 37)]},
                "must stand on its image's",
            ),
            (
                {"spacing_mm": (0.7, 0.81)},
                r"grid, got one that has voxels of 0\.7 x 0\.81 x 2\.5 mm instead of 0\.7 x 0\.8",
            ),
        ],
    )
    def test_is_refused(self, tmp_path: Path, options: dict[str, Any], match: str) -> None:
        image = read_ct(write_ct(tmp_path / "ct"))
        with pytest.raises(SourceError, match=match) as error:
            read_seg(seg_of(tmp_path, **options), image)
        assert "CANARY" not in error.value.fault

    @pytest.mark.parametrize(
        "damage",
        [{"spacing": [0, 0.8]}, {"directions": [1, 0, 0, 1, 0, 0]}, {"directions": [1e300, 0, 0, 0, 1e300, 0]}],
    )
    def test_frame_without_a_plane_is_refused(self, tmp_path: Path, damage: dict[str, list[float]]) -> None:
        files = write_ct(tmp_path / "ct")
        data = segmentation(files, MASK)
        shared = data.SharedFunctionalGroupsSequence[0]
        shared.PixelMeasuresSequence[0].PixelSpacing = damage.get("spacing", [0.8, 0.7])
        shared.PlaneOrientationSequence[0].ImageOrientationPatient = damage.get("directions", [1, 0, 0, 0, 1, 0])
        with pytest.raises(
            SourceError, match=r"\(0020,0037\) and .* \(0028,0030\) must span a plane, got others; export"
        ):
            read_seg(save_seg(tmp_path / "a", data), read_ct(files))
