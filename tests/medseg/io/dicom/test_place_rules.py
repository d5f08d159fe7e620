from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.medseg.io.dicom.checking import only_error, verdicts
from tests.medseg.io.dicom.writer import MR_CLASS, slice_positions, stored_voxels, write_series

AGAIN = "export the series again"
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
# A gantry tilted by 20 degrees: rows run obliquely, the table moves along z.
TILTED = (1.0, 0.0, 0.0, 0.0, float(np.cos(np.radians(20))), float(-np.sin(np.radians(20))))


def write_at(folder: Path, heights_mm: Sequence[float], **options: Any) -> None:
    """Axial slices at heights along z."""
    places = [(-10.0, 20.0, height) for height in heights_mm]
    write_series(folder, stored_voxels((5, 4, len(places))), positions_mm=places, **options)


class TestTags:
    @pytest.mark.parametrize(
        ("keyword", "name"),
        [
            ("ImagePositionPatient", "position (0020,0032)"),
            ("ImageOrientationPatient", "orientation (0020,0037)"),
            ("PixelSpacing", "pixel spacing (0028,0030)"),
        ],
    )
    def test_missing_geometry_is_refused(self, tmp_path: Path, keyword: str, name: str) -> None:
        write_series(tmp_path, stored_voxels(), **{keyword: None})
        assert only_error(tmp_path) == f"{name} must be in every image, missing in 3 of 3 images; {AGAIN}"

    def test_one_missing_position_is_refused(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), each=lambda z: {"ImagePositionPatient": None} if z == 2 else {})
        assert "missing in 1 of 3 images" in only_error(tmp_path)

    @pytest.mark.parametrize(
        ("orientation", "got"),
        [
            ((1, 0, 0, 0, 0.5, 0), "lengths 1 and 0.5, cosine 0"),
            ((1, 0, 0, 0.6, 0.8, 0), "lengths 1 and 1, cosine 0.6"),
            ((0, 0, 0, 0, 1, 0), "lengths 0 and 1, cosine 0"),
            ((1, 0, 0, 1, 0, 0), "lengths 1 and 1, cosine 1"),
        ],
    )
    def test_directions_must_be_orthogonal_units(
        self, tmp_path: Path, orientation: tuple[float, ...], got: str
    ) -> None:
        places = slice_positions(3)
        write_series(tmp_path, stored_voxels(), positions_mm=places, orientation=orientation)
        assert only_error(tmp_path) == (
            f"orientation (0020,0037) must be two unit vectors at right angles, got {got}; {AGAIN}"
        )

    def test_directions_rounded_to_three_decimals_pass(self, tmp_path: Path) -> None:
        orientation = np.round((0.9659258, 0.2588190, 0.0, -0.2241439, 0.8365163, 0.5), 3)
        write_series(tmp_path, stored_voxels((5, 4, 9)), orientation=orientation)
        assert verdicts(tmp_path).errors == ()

    @pytest.mark.parametrize("value", [0.0, -0.7, 1e9])
    def test_absurd_pixel_spacing_is_refused(self, tmp_path: Path, value: float) -> None:
        write_series(tmp_path, stored_voxels(), spacing_mm=(value, value))
        assert f"pixel spacing (0028,0030) must be 0.0001 to 100 mm, got {value:g} to {value:g}" in only_error(tmp_path)

    def test_absurd_position_is_refused(self, tmp_path: Path) -> None:
        write_at(tmp_path, [0, 3, 1e200])
        assert only_error(tmp_path) == f"position (0020,0032) must be within +-100000 mm, got 1e+200; {AGAIN}"

    def test_two_frames_of_reference_are_refused(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), each=lambda z: {"FrameOfReferenceUID": f"1.2.{z % 2}"})
        assert "frame of reference (0020,0052) must be one, got 2" in only_error(tmp_path)


class TestView:
    def test_sagittal_slices_are_a_warning(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), orientation=SAGITTAL)
        assert verdicts(tmp_path).warnings == (
            "slices (0020,0037) are sagittal, so axial ones are cut across them; --plane sagittal keeps them",
        )

    @pytest.mark.parametrize("plane", ["sagittal", "source"])
    def test_the_plane_wanted_is_none(self, tmp_path: Path, plane: str) -> None:
        write_series(tmp_path, stored_voxels(), orientation=SAGITTAL)
        assert verdicts(tmp_path, plane=plane).warnings == ()

    def test_axial_slices_are_a_warning_where_others_are_wanted(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels())
        assert verdicts(tmp_path, plane="coronal").warnings == (
            "slices (0020,0037) are axial, so coronal ones are cut across them; --plane axial keeps them",
        )


class TestDuplicates:
    def test_images_at_one_position_are_refused(self, tmp_path: Path) -> None:
        write_at(tmp_path, [0, 3, 3, 6])
        assert only_error(tmp_path) == (
            "position (0020,0032) along the normal must differ from image to image, got 4 images at 3 positions,"
            " with different pixels; take the first of each with --duplicates first"
        )

    def test_equal_pixels_are_told(self, tmp_path: Path) -> None:
        places = [(0, 0, z) for z in (0, 3, 3, 6)]
        write_series(tmp_path, stored_voxels()[..., [0, 1, 1, 2]], positions_mm=places)
        assert "with equal pixels" in only_error(tmp_path)

    def test_copies_of_files_are_told(self, tmp_path: Path) -> None:
        for folder in ("a", "b"):
            write_series(tmp_path / folder, stored_voxels())
        assert "got 6 images at 3 positions, copies of one image (0008,0018)" in only_error(tmp_path)

    def test_pixels_that_break_a_rule_are_not_compared(self, tmp_path: Path) -> None:
        write_at(tmp_path, [0, 3, 3, 6], PixelData=bytes(10))
        error = verdicts(tmp_path).errors[-1]
        assert "got 4 images at 3 positions; take the first" in error

    def test_all_at_one_position_need_a_depth(self, tmp_path: Path) -> None:
        write_at(tmp_path, [3, 3, 3])
        assert "slice thickness (0018,0050) or spacing between" in only_error(tmp_path, duplicates="first")


class TestSingle:
    def test_without_depth_is_refused(self, tmp_path: Path) -> None:
        write_at(tmp_path, [3])
        assert only_error(tmp_path) == (
            "slice thickness (0018,0050) or spacing between slices (0018,0088) of a single position must be"
            " 0.0001 to 100 mm, got none; give more slices of the series"
        )

    def test_thickness_of_0_is_refused(self, tmp_path: Path) -> None:
        write_at(tmp_path, [3], SliceThickness=0)
        assert "got 0; give more slices" in only_error(tmp_path)

    def test_thickness_is_the_depth_with_a_warning(self, tmp_path: Path) -> None:
        write_at(tmp_path, [3], SliceThickness=5)
        assert verdicts(tmp_path).warnings == ("1 slice only, so its depth is its slice thickness (0018,0050), 5 mm",)

    def test_spacing_between_slices_goes_first(self, tmp_path: Path) -> None:
        write_at(tmp_path, [3], SliceThickness=5, SpacingBetweenSlices=6.5)
        (warning,) = verdicts(tmp_path).warnings
        assert warning == "1 slice only, so its depth is its spacing between slices (0018,0088), 6.5 mm"


class TestTilt:
    def write(self, folder: Path, *, count: int = 4, **options: Any) -> None:
        places = np.array([0.0, 0.0, 3.0]) * np.arange(count)[:, None]
        write_series(folder, stored_voxels((5, 4, count)), positions_mm=places, orientation=TILTED, **options)

    def test_drift_across_the_normal_is_refused(self, tmp_path: Path) -> None:
        self.write(tmp_path)
        # 9 mm along z: 9 sin 20 = 3.08 across, 9 cos 20 = 8.46 along the normal.
        assert only_error(tmp_path) == (
            "positions (0020,0032) must follow the slice normal (0020,0037), got a drift of 3.08 mm over 8.46 mm:"
            " gantry tilted by 20.0 degrees, (0018,1120) is absent; undo it with --tilt resample"
        )

    def test_the_tag_is_told(self, tmp_path: Path) -> None:
        self.write(tmp_path, GantryDetectorTilt=-20)
        assert "gantry tilted by 20.0 degrees, (0018,1120) says 20.0" in only_error(tmp_path)

    def test_choice_is_recorded(self, tmp_path: Path) -> None:
        self.write(tmp_path)
        found = verdicts(tmp_path, tilt="resample")
        assert found.errors == ()
        assert found.decisions == ("gantry tilt of 20.0 degrees undone by shifting slices up to 3.08 mm",)

    def test_tag_that_positions_contradict_is_refused(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), GantryDetectorTilt=15)
        assert only_error(tmp_path) == (
            "gantry tilt (0018,1120) must agree with the positions (0020,0032), got 15.0 and 0.0 degrees;"
            " trust the positions with --tilt resample"
        )

    def test_positions_are_trusted_by_choice(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), GantryDetectorTilt=15)
        found = verdicts(tmp_path, tilt="resample")
        assert found.errors == ()
        assert found.decisions == (
            "gantry tilt: (0018,1120) says 15.0 degrees, positions (0020,0032) say 0.0 and are trusted",
        )

    def test_tag_of_0_passes(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), GantryDetectorTilt=0)
        assert verdicts(tmp_path).errors == ()

    def test_slice_beside_the_line_is_refused_whatever_is_chosen(self, tmp_path: Path) -> None:
        places = slice_positions(4)
        places[2] += (1.5, 0, 0)
        write_series(tmp_path, stored_voxels((5, 4, 4)), positions_mm=places)
        assert only_error(tmp_path, tilt="resample") == (
            "positions (0020,0032) must lie on a straight line, got slices up to 1.50 mm beside it;"
            f" {AGAIN} with one field of view"
        )

    def test_positions_rounded_to_a_tenth_pass(self, tmp_path: Path) -> None:
        orientation = (0.9659258, 0.2588190, 0.0, -0.2241439, 0.8365163, 0.5)
        places = np.round(slice_positions(30, orientation=orientation, gap_mm=1.25), 1)
        write_series(tmp_path, stored_voxels((5, 4, 30)), positions_mm=places, orientation=orientation)
        assert verdicts(tmp_path).errors == ()


class TestGaps:
    def test_missing_slice_is_refused(self, tmp_path: Path) -> None:
        write_at(tmp_path, [0, 5, 10, 20])
        assert only_error(tmp_path) == (
            "slice gaps (0020,0032) must be equal, got 5.00 to 10.00 mm: 1 slice missing of the usual 5.00 mm,"
            " first after slice 3 of 4; complete the series, or fill in with --irregular resample"
        )

    def test_several_missing_slices_are_counted(self, tmp_path: Path) -> None:
        write_at(tmp_path, [0, 2.5, 10, 12.5, 17.5, 20])
        assert "3 slices missing of the usual 2.50 mm, first after slice 2 of 6" in only_error(tmp_path)

    @pytest.mark.parametrize("place", [1, 2, 30, 57, 58])
    def test_one_missing_of_many_is_found_wherever_it_is(self, tmp_path: Path, place: int) -> None:
        heights = [0.6 * number for number in range(60) if number != place]
        write_at(tmp_path, heights)
        assert f"1 slice missing of the usual 0.60 mm, first after slice {place} of 59" in only_error(tmp_path)

    def test_irregular_gaps_are_refused(self, tmp_path: Path) -> None:
        write_at(tmp_path, [0, 5, 10, 14, 19])
        assert only_error(tmp_path) == (
            "slice gaps (0020,0032) must be equal, got 4.00 to 5.00 mm, mostly 5.00 mm;"
            " put them on a regular grid with --irregular resample"
        )

    def test_choice_is_recorded(self, tmp_path: Path) -> None:
        write_at(tmp_path, [0, 5, 10, 20])
        found = verdicts(tmp_path, irregular="resample")
        assert found.errors == ()
        assert found.decisions == ("slice gaps of 5.00 to 10.00 mm put on a regular grid of 5 mm, linear in between",)

    def test_stacks_far_apart_are_refused_whatever_is_chosen(self, tmp_path: Path) -> None:
        write_at(tmp_path, [0, 5, 10, 65, 70])
        assert (
            "largest slice gap (0020,0032) must be at most 10 times the smallest, got 5.00 to 55.00 mm"
            in only_error(tmp_path, irregular="resample")
        )

    def test_two_slices_are_a_warning(self, tmp_path: Path) -> None:
        write_at(tmp_path, [0, 5])
        assert verdicts(tmp_path).warnings == ("2 slices only, so nothing confirms their gap of 5 mm",)

    def test_absurd_gap_is_refused(self, tmp_path: Path) -> None:
        write_at(tmp_path, [0, 5000])
        assert "slice gaps (0020,0032) must be at most 100 mm, got 5000" in only_error(tmp_path)

    @pytest.mark.parametrize(("gap_mm", "decimals"), [(0.625, 1), (1.25, 1), (0.7, 1), (0.3333, 3), (2.0, 0)])
    def test_rounded_positions_pass(self, tmp_path: Path, gap_mm: float, decimals: int) -> None:
        write_at(tmp_path, [round(gap_mm * number, decimals) for number in range(60)])
        assert verdicts(tmp_path).errors == ()

    def test_places_beside_the_grid_are_a_warning(self, tmp_path: Path) -> None:
        write_at(tmp_path, [0, 5, 10.06, 15, 20])
        assert verdicts(tmp_path).warnings == (
            "positions (0020,0032) lie up to 0.060 mm beside a regular grid of 5 mm; 0.1 mm pass",
        )

    def test_thickness_other_than_the_gaps_passes_without_a_word(self, tmp_path: Path) -> None:
        write_at(tmp_path, [0, 2, 4, 6], SliceThickness=3.2)
        assert verdicts(tmp_path).warnings == ()

    def test_spacing_between_slices_that_positions_contradict_is_a_warning(self, tmp_path: Path) -> None:
        write_at(tmp_path, [0, 2, 4, 6], SpacingBetweenSlices=2.5, Modality="MR", SOPClassUID=MR_CLASS)
        assert verdicts(tmp_path).warnings == (
            "spacing between slices (0018,0088) says 2.5 mm; the positions (0020,0032), 2 mm, count",
        )
