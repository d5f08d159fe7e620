from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from medseg.errors import SourceError
from medseg.io.dicom import Choices, Regrid, group_series, read_acquired, read_headers
from medseg.io.labels import LabelClass, contour_fill, read_rtstruct, rtstruct
from medseg.io.volume import Volume
from tests.medseg.io.dicom.writer import AXIAL, save
from tests.medseg.io.labels.rtstruct_files import contour, on_slice, structure_set, write_rtstruct
from tests.medseg.io.labels.series_files import NEGATED, OBLIQUE, read_ct, write_ct

SIZE = (24, 20, 6)


def square(low: float, high: float) -> np.ndarray:
    return np.array([(low, low), (high, low), (high, high), (low, high)])


def block(low: int, high: int) -> np.ndarray:
    mask = np.zeros(SIZE[:2], bool)
    mask[low : high + 1, low : high + 1] = True
    return mask


@pytest.fixture(scope="module", params=[AXIAL, OBLIQUE, NEGATED], ids=["axial", "oblique", "negated"])
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Volume:
    return read_ct(write_ct(tmp_path_factory.mktemp("rtstruct") / "ct", SIZE, orientation=request.param))


@pytest.fixture(scope="module")
def axial(tmp_path_factory: pytest.TempPathFactory) -> Volume:
    return read_ct(write_ct(tmp_path_factory.mktemp("rtstruct") / "ct", SIZE))


def drawn(image: Volume, *contours: tuple[Any, float], kind: str = "CLOSED_PLANAR") -> list[Dataset]:
    """Contours of points and slices."""
    return [contour(on_slice(points, index, image), kind) for points, index in contours]


class TestUnevenSlices:
    """Slices at 0, 1, 4, 6, 9 and 10 mm, of which an affine only knows the ends."""

    HEIGHTS_MM = (0, 1, 4, 6, 9, 10)
    # From column 2.5 to 8.5 and row 1.5 to 7.5.
    SQUARE_MM = square(0, 6) * (0.7, 0.8) + np.array([-10 + 2.5 * 0.7, 20 + 1.5 * 0.8])

    def acquired(self, folder: Path) -> tuple[Volume, Regrid | None]:
        files = write_ct(folder, SIZE, positions_mm=[(-10, 20, 30 + height) for height in self.HEIGHTS_MM])
        (series,) = group_series(read_headers(files[0].parent).headers)
        return read_acquired(series, Choices(irregular="resample"))

    def contours(self, *heights_mm: float) -> list[Dataset]:
        return [contour(np.column_stack([self.SQUARE_MM, np.full(4, 30 + height)])) for height in heights_mm]

    def test_contours_lie_on_these(self, tmp_path: Path) -> None:
        image, regrid = self.acquired(tmp_path / "ct")
        path = write_rtstruct(tmp_path / "a", {"Liver": self.contours(1, 4, 9)})
        read = read_rtstruct(path, image, regrid=regrid)
        assert np.flatnonzero(read.mask.any(axis=(0, 1))).tolist() == [1, 2, 4]
        x, y = np.nonzero(read.mask[..., 2])
        assert (x.min(), x.max(), y.min(), y.max(), len(x)) == (3, 8, 2, 7, 36)

    def test_contours_between_them_are_refused(self, tmp_path: Path) -> None:
        """8 mm is where the affine has slice 4."""
        image, regrid = self.acquired(tmp_path / "ct")
        path = write_rtstruct(tmp_path / "a", {"Liver": self.contours(8)})
        with pytest.raises(
            SourceError, match=r"contour \(3006,0050\) must lie on a slice of the image, 0 to 5, got one"
        ):
            read_rtstruct(path, image, regrid=regrid)


class TestMask:
    def test_contours_lie_on_their_slices(self, tmp_path: Path, image: Volume) -> None:
        """The points differ along x and y, so that no flip passes."""
        points = np.array([(2.5, 3.5), (9.5, 3.5), (9.5, 5.5), (2.5, 5.5)])
        path = write_rtstruct(tmp_path / "a", {"Liver": drawn(image, (points, 4), (points + 1, 1), (points + 2, 2))})
        expected = np.zeros(SIZE)
        expected[3:10, 4:6, 4] = expected[4:11, 5:7, 1] = expected[5:12, 6:8, 2] = 1
        read = read_rtstruct(path, image)
        np.testing.assert_array_equal(read.mask, expected)
        assert read.mask.dtype == np.uint8
        assert (read.classes, read.absent) == ((LabelClass(1, "Liver"),), ())

    def test_inner_contours_are_holes_and_others_add_up(self, tmp_path: Path, image: Volume) -> None:
        contours = drawn(image, (square(4.5, 9.5), 3), (square(1.5, 13.5), 3), (square(15.5, 18.5), 3))
        read = read_rtstruct(write_rtstruct(tmp_path / "a", {"Liver": contours}), image)
        np.testing.assert_array_equal(read.mask[..., 3], block(2, 13) & ~block(5, 9) | block(16, 18))
        assert read.warnings == ()

    def test_area_of_a_circle_is_right_to_half_a_pixel(self, tmp_path: Path, axial: Volume) -> None:
        angles = np.linspace(0, 2 * np.pi, 100, endpoint=False)
        points = np.column_stack([11.3 + 7.2 * np.cos(angles), 9.7 + 7.2 * np.sin(angles)])
        mask = read_rtstruct(write_rtstruct(tmp_path / "a", {"a": drawn(axial, (points, 0))}), axial).mask[..., 0]
        x, y = np.mgrid[: SIZE[0], : SIZE[1]]
        distance = np.hypot(x - 11.3, y - 9.7)
        assert mask[distance <= 6.7].all()
        assert not mask[distance >= 7.7].any()
        assert abs(mask.sum() - np.pi * 7.2**2) <= np.pi * 7.2

    def test_touching_the_rim_of_the_image(self, tmp_path: Path, image: Volume) -> None:
        """From half a pixel before the first to half a pixel behind the last."""
        rim = np.array([(-0.5, -0.5), (23.5, -0.5), (23.5, 19.5), (-0.5, 19.5)])
        contours = drawn(image, (rim, 0), (rim, 5), (rim, 2), (square(-0.9, -0.6), 2))
        read = read_rtstruct(write_rtstruct(tmp_path / "a", {"Body": contours}), image)
        assert read.mask[..., [0, 2, 5]].all()
        assert not read.mask[..., [1, 3, 4]].any()

    def test_points_may_lie_beside_the_slice_to_rounding(self, tmp_path: Path, image: Volume) -> None:
        path = write_rtstruct(tmp_path / "a", {"a": drawn(image, (square(2.5, 6.5), 3.19), (square(2.5, 6.5), 3.81))})
        mask = read_rtstruct(path, image).mask
        np.testing.assert_array_equal(mask[..., 3], block(3, 6))
        np.testing.assert_array_equal(mask[..., 4], block(3, 6))

    def test_slices_without_a_contour_stay_background_with_a_warning(self, tmp_path: Path, image: Volume) -> None:
        path = write_rtstruct(tmp_path / "a", {"a": drawn(image, *[(square(2.5, 6.5), z) for z in (0, 2, 5)])})
        read = read_rtstruct(path, image)
        np.testing.assert_array_equal(read.mask.any(axis=(0, 1)), [1, 0, 1, 0, 0, 1])
        assert read.warnings == ("a chosen structure has no contour on 3 slices between others; they stay background",)

    def test_type_that_says_exclusive_or_may_overlap(self, tmp_path: Path, axial: Volume) -> None:
        contours = drawn(axial, (square(2.5, 8.5), 0), (square(5.5, 12.5), 0), kind="CLOSEDPLANAR_XOR")
        mask = read_rtstruct(write_rtstruct(tmp_path / "a", {"a": contours}), axial).mask[..., 0]
        np.testing.assert_array_equal(mask, block(3, 8) ^ block(6, 12))


class TestChoice:
    @pytest.mark.parametrize(
        ("foreground", "expected"),
        [(["Liver"], block(3, 8)), (["2"], block(6, 12)), (["1", "TUMOUR"], block(3, 8) | block(6, 12))],
    )
    def test_structures_are_joined_where_they_overlap(
        self, tmp_path: Path, axial: Volume, foreground: list[str], expected: np.ndarray
    ) -> None:
        rois = {"Liver ": drawn(axial, (square(2.5, 8.5), 1)), "Tumour": drawn(axial, (square(5.5, 12.5), 1))}
        read = read_rtstruct(write_rtstruct(tmp_path / "a", rois), axial, foreground)
        np.testing.assert_array_equal(read.mask[..., 1], expected)
        assert read.classes == (LabelClass(1, "Liver"), LabelClass(2, "Tumour"))

    def test_several_need_a_choice(self, tmp_path: Path, axial: Volume) -> None:
        with pytest.raises(SourceError, match=r"a \[1 CANARY, 2 b\]: label must have one class, got 2") as error:
            read_rtstruct(write_rtstruct(tmp_path / "a", {"CANARY": [], "b": []}), axial)
        assert "CANARY" not in error.value.fault

    def test_structure_without_contours_is_empty_with_a_warning(self, tmp_path: Path, axial: Volume) -> None:
        read = read_rtstruct(write_rtstruct(tmp_path / "a", {"Liver": []}), axial)
        assert not read.mask.any()
        assert read.warnings == ("a chosen structure has no closed contour (3006,0042), so no voxels",)

    def test_faults_of_others_do_not_matter(self, tmp_path: Path, axial: Volume) -> None:
        rois = {"a": drawn(axial, (square(2.5, 6.5), 0)), "b": drawn(axial, (square(2.5, 6.5), 99), kind="OPEN_PLANAR")}
        assert read_rtstruct(write_rtstruct(tmp_path / "a", rois), axial, ["a"]).mask.any()


class TestRefusals:
    @pytest.mark.parametrize("index", [-1, 0.21, 2.5, 5.3, 6])
    def test_contour_off_the_slices(self, tmp_path: Path, image: Volume, index: float) -> None:
        path = write_rtstruct(tmp_path / "a", {"CANARY": drawn(image, (square(2.5, 6.5), index))})
        match = rf"a: contour \(3006,0050\) must lie on a slice of the image, 0 to 5, got one from {index:.2f} to"
        with pytest.raises(SourceError, match=match) as error:
            read_rtstruct(path, image)
        assert "CANARY" not in str(error.value)

    def test_contour_across_slices(self, tmp_path: Path, image: Volume) -> None:
        points = on_slice(square(2.5, 6.5), 2, image)
        points[2] = on_slice([(6.5, 6.5)], 3, image)
        path = write_rtstruct(tmp_path / "a", {"a": [contour(points)]})
        with pytest.raises(SourceError, match=r"got one from 2\.00 to 3\.00; check that it was drawn on this series"):
            read_rtstruct(path, image)

    @pytest.mark.parametrize(
        ("points", "got"),
        [
            (square(2.5, 22.5), r"\(2\.5, 2\.5\) to \(22\.5, 22\.5\)"),
            (square(-1.5, 6.5), r"\(-1\.5, -1\.5\) to \(6\.5, 6\.5\)"),
        ],
    )
    def test_contour_out_of_the_image(self, tmp_path: Path, image: Volume, points: np.ndarray, got: str) -> None:
        path = write_rtstruct(tmp_path / "a", {"a": drawn(image, (points, 2))})
        with pytest.raises(SourceError, match=rf"must lie inside the image, 24 x 20 pixels, got one from {got}; check"):
            read_rtstruct(path, image)

    @pytest.mark.parametrize(
        "others",
        [[square(5.5, 12.5)], [square(2.5, 8.5)], [square(2.5, 8.5)[::-1]], [square(13.5, 16.5), square(6.5, 14.5)]],
        ids=["overlap", "twice", "twice reversed", "overlap of two"],
    )
    def test_contours_that_overlap(self, tmp_path: Path, axial: Volume, others: Sequence[np.ndarray]) -> None:
        contours = drawn(axial, *[(points, 0) for points in (square(2.5, 8.5), *others)])
        with pytest.raises(SourceError, match="must be apart or one within another, got some that overlap; join them"):
            read_rtstruct(write_rtstruct(tmp_path / "a", {"a": contours}), axial)

    @pytest.mark.parametrize("inner", [square(2.5, 6.5), square(3, 8), square(3.5, 8.5)])
    def test_contours_that_only_touch_do_not_overlap(self, tmp_path: Path, axial: Volume, inner: np.ndarray) -> None:
        contours = drawn(axial, (square(2.5, 8.5), 0), (inner, 0), (square(8.5, 12.5), 0))
        assert read_rtstruct(write_rtstruct(tmp_path / "a", {"a": contours}), axial).mask.any()

    def test_too_many_contours_on_a_slice(self, tmp_path: Path, axial: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rtstruct, "_MOST_CONTOURS", 2)
        contours = drawn(axial, *[(square(low, low + 1.2), 0) for low in (2, 6, 10)])
        with pytest.raises(SourceError, match="must have at most 2 contours on a slice, got 3; join them"):
            read_rtstruct(write_rtstruct(tmp_path / "a", {"a": contours}), axial)

    def test_too_many_crossings(self, tmp_path: Path, axial: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(contour_fill, "_MOST_CROSSINGS", 20)
        path = write_rtstruct(tmp_path / "a", {"a": drawn(axial, (square(2.5, 13.5), 0))})
        with pytest.raises(SourceError, match=r"a: contours .* at most 20 times, got 22; simplify the contours"):
            read_rtstruct(path, axial)

    @pytest.mark.parametrize(
        ("keyword", "match"),
        [
            ("StructureSetROISequence", r"structure set roi sequence \(3006,0020\) must be there, got none"),
            ("ROIContourSequence", r"roi contour sequence \(3006,0039\) must be there, got none"),
        ],
    )
    def test_missing_sequence(self, tmp_path: Path, axial: Volume, keyword: str, match: str) -> None:
        data = structure_set({"a": []})
        del data[keyword]
        with pytest.raises(SourceError, match=match):
            read_rtstruct(save(data, tmp_path / "a"), axial)

    def test_contours_of_an_unknown_structure(self, tmp_path: Path, axial: Volume) -> None:
        data = structure_set({"a": drawn(axial, (square(2.5, 6.5), 0))})
        data.StructureSetROISequence[0].ROINumber = 7
        with pytest.raises(
            SourceError, match=r"contours must be of structures \(3006,0084\) that .* names, got others"
        ):
            read_rtstruct(save(data, tmp_path / "a"), axial)

    def test_any_cut(self, tmp_path: Path, axial: Volume) -> None:
        data = structure_set({"a": drawn(axial, *[(square(2.5, 6.5), z) for z in range(4)])})
        data["ROIContourSequence"].is_undefined_length = True
        for implicit in (False, True):
            whole = save(data, tmp_path / "a", implicit=implicit).read_bytes()
            for size in range(132, len(whole), 29):
                (tmp_path / "a").write_bytes(whole[:size])
                with pytest.raises(
                    SourceError, match=r"a: .*(; choose another file|, export it again|; export it again)$"
                ):
                    read_rtstruct(tmp_path / "a", axial)
