from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from medseg.errors import SourceError
from medseg.io.labels.rt_contours import Contour, read_contours
from tests.medseg.io.labels.rtstruct_files import contour, structure_set, write_rtstruct

TRIANGLE = np.array([(-10.0, 20.0, 30.0), (5.25, 20.0, 30.0), (-10.0, 35.5, 30.0)])
WHERE = Path("a")


def read(*contours: Dataset) -> tuple[list[Contour], tuple[str, ...]]:
    return read_contours(WHERE, structure_set({"other": [contour(TRIANGLE + 1)], "Liver": contours}), 2)


class TestReadContours:
    @pytest.mark.parametrize("implicit", [True, False])
    def test_points_are_turned_to_ras(self, tmp_path: Path, implicit: bool) -> None:
        path = write_rtstruct(tmp_path / "a", {"Liver": [contour(TRIANGLE)]}, implicit=implicit)
        ((found,), warnings) = read_contours(path, pydicom.dcmread(path), 1)
        np.testing.assert_array_equal(found.points_mm, [(10, -20, 30), (-5.25, -20, 30), (10, -35.5, 30)])
        assert (found.exclusive, warnings) == (False, ())

    def test_only_those_of_the_structure(self) -> None:
        ((found,), _) = read(contour(TRIANGLE))
        np.testing.assert_array_equal(found.points_mm[0], (10, -20, 30))

    def test_padding_and_blanks_are_no_numbers(self, tmp_path: Path) -> None:
        item = contour(TRIANGLE)
        item.ContourData = [" -10 ", "20.0", " 30", "5.25", "2e1", "30 ", "-10", "35.5", "30 "]
        path = write_rtstruct(tmp_path / "a", {"Liver": [item]})
        ((found,), _) = read_contours(path, pydicom.dcmread(path), 1)
        np.testing.assert_array_equal(found.points_mm, TRIANGLE * (-1, -1, 1))

    def test_contours_by_exclusive_or_are_told(self) -> None:
        ((found,), _) = read(contour(TRIANGLE, "CLOSEDPLANAR_XOR"))
        assert found.exclusive

    def test_markers_are_no_contours(self) -> None:
        found, warnings = read(contour(TRIANGLE[:1], "POINT"), contour(TRIANGLE))
        assert (len(found), warnings) == (1, ())

    @pytest.mark.parametrize("contours", [[], [contour(TRIANGLE[:1], "POINT")]])
    def test_structure_without_contours_is_warned_of(self, contours: list[Dataset]) -> None:
        assert read(*contours) == ([], ("a chosen structure has no closed contour (3006,0042), so no voxels",))

    def test_contours_without_area_are_left_out_with_a_warning(self) -> None:
        found, warnings = read(contour(TRIANGLE[:1]), contour(TRIANGLE), contour(TRIANGLE[:2]))
        assert len(found) == 1
        assert warnings == ("2 contours of fewer than 3 points (3006,0046) enclose nothing and are left out",)

    @pytest.mark.parametrize(
        ("kind", "got"), [("OPEN_PLANAR", "OPEN_PLANAR"), ("OPEN_NONPLANAR", "OPEN_NONPLANAR"), ("CANARY", "another")]
    )
    def test_open_contours_are_refused(self, kind: str, got: str) -> None:
        with pytest.raises(SourceError, match=rf"\(3006,0042\) must be CLOSED_PLANAR, got {got}; export closed ones"):
            read(contour(TRIANGLE, kind))

    def test_number_of_points_must_be_as_told(self) -> None:
        with pytest.raises(
            SourceError, match=r"must have the points that \(3006,0046\) tells, 4, got 3; export it again"
        ):
            read(contour(TRIANGLE, NumberOfContourPoints=4))

    def test_number_of_points_need_not_be_told(self) -> None:
        assert len(read(contour(TRIANGLE, NumberOfContourPoints=None))[0]) == 1

    @pytest.mark.parametrize("value", ["1e06", "-1e9", " nan", "-inf"])
    def test_points_beyond_any_body_are_refused(self, tmp_path: Path, value: str) -> None:
        path = write_rtstruct(tmp_path / "a", {"Liver": [contour(TRIANGLE)]})
        path.write_bytes(path.read_bytes().replace(b"5.25", value.encode()))
        with pytest.raises(
            SourceError, match=r"contour data \(3006,0050\) must be within \+-100000 mm, got others; exp"
        ):
            read_contours(path, pydicom.dcmread(path), 1)

    def test_missing_type_is_refused(self) -> None:
        with pytest.raises(SourceError, match=r"contour geometric type \(3006,0042\) must be there, got none"):
            read(contour(TRIANGLE, ContourGeometricType=None))

    @pytest.mark.parametrize("level", ["roi", "contour"])
    def test_item_that_swallows_the_next_is_refused(self, tmp_path: Path, level: str) -> None:
        rois = {"Liver": [contour(TRIANGLE), contour(TRIANGLE + 1)], "b": [contour(TRIANGLE)]}
        path = write_rtstruct(tmp_path / "a", rois)
        _lengthen(path, b"\x06\x30\x40\x00SQ" if level == "roi" else b"\x06\x30\x42\x00CS")
        with pytest.raises(
            SourceError, match=r"items of sequences .* must be apart, got some within another; export it"
        ):
            read_contours(path, pydicom.dcmread(path), 1)


def _lengthen(path: Path, first_element: bytes) -> None:
    """Make the first item that begins with an element 40 bytes longer."""
    content = bytearray(path.read_bytes())
    at = content.index(first_element)
    assert content[at - 8 : at - 4] == b"\xfe\xff\x00\xe0"
    length = int.from_bytes(content[at - 4 : at], "little")
    content[at - 4 : at] = (length + 40).to_bytes(4, "little")
    path.write_bytes(content)
