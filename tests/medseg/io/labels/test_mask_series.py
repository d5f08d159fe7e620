from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medseg.errors import SourceError
from medseg.io.dicom import Choices, Regrid, group_series, read_acquired, read_headers
from medseg.io.labels import LabelClass, read_mask_series
from medseg.io.volume import Volume
from tests.medseg.io.dicom.writer import write_series
from tests.medseg.io.labels.series_files import CORONAL, SIZE, random_mask, read_ct, write_ct

LIVER, TUMOUR = random_mask(seed=1), random_mask(seed=2)
# Rows run obliquely while the table moves along z, as of a gantry tilted by 20 degrees.
TILTED = (1.0, 0.0, 0.0, 0.0, float(np.cos(np.radians(20))), float(-np.sin(np.radians(20))))
BACKWARDS = (1.0, 0.0, 0.0, 0.0, -1.0, 0.0)  # the normal runs down, so slices are counted from the other end


@pytest.fixture
def image(tmp_path: Path) -> Volume:
    return read_ct(write_ct(tmp_path / "PATIENT_DICOM"))


def write_masks(tmp_path: Path, **options: Any) -> dict[str, Path]:
    """3D-IRCADb's folders; files named without zeros, so that their names are in another order than the slices."""
    folders = {name: tmp_path / "MASKS_DICOM" / name for name in ("liver", "livertumor01")}
    for name, mask in zip(folders, (LIVER, TUMOUR), strict=True):
        options = {"name": lambda z: f"image_{9 + z}", **options}
        write_series(folders[name], 255 * mask, **options)
    return folders


def at_heights(heights_mm: list[float]) -> list[tuple[float, float, float]]:
    return [(-10.0, 20.0, height) for height in heights_mm]


def acquired(folder: Path, choices: Choices, **options: Any) -> tuple[Volume, Regrid | None]:
    write_ct(folder, **options)
    (series,) = group_series(read_headers(folder).headers)
    return read_acquired(series, choices)


class TestReadMaskSeries:
    @pytest.mark.parametrize(
        "tags",
        [
            {},
            {"RescaleIntercept": None, "RescaleSlope": None},
            {"RescaleIntercept": -1024, "RescaleSlope": 2, "RescaleType": "HU", "PixelPaddingValue": 0},
            {"RescaleIntercept": None, "RescaleSlope": None, "Modality": "SEG"},
        ],
    )
    def test_stored_values_count_whatever_the_header_copied(
        self, tmp_path: Path, image: Volume, tags: dict[str, Any]
    ) -> None:
        folders = write_masks(tmp_path, **tags)
        read = read_mask_series(tmp_path, folders, image, ["liver"])
        np.testing.assert_array_equal(read.mask, LIVER)
        assert read.mask.dtype == np.uint8
        assert read.classes == (LabelClass(1, "liver"), LabelClass(2, "livertumor01"))
        assert (read.absent, read.warnings) == ((), ())

    def test_structures_are_joined_where_they_overlap(self, tmp_path: Path, image: Volume) -> None:
        read = read_mask_series(tmp_path, write_masks(tmp_path), image, ["1", "LIVERTUMOR01", "bone"])
        assert (LIVER & TUMOUR).any()
        np.testing.assert_array_equal(read.mask, LIVER | TUMOUR)
        assert read.absent == ("bone",)

    def test_only_structure_needs_no_choice(self, tmp_path: Path, image: Volume) -> None:
        liver = {"liver": write_masks(tmp_path)["liver"]}
        np.testing.assert_array_equal(read_mask_series(tmp_path, liver, image).mask, LIVER)

    def test_empty_mask_is_empty_whatever_the_rescale(self, tmp_path: Path, image: Volume) -> None:
        write_series(tmp_path / "bone", np.zeros(SIZE, np.uint8))
        assert not read_mask_series(tmp_path, {"bone": tmp_path / "bone"}, image).mask.any()

    def test_slices_go_by_position_not_by_number(self, tmp_path: Path, image: Volume) -> None:
        folders = write_masks(tmp_path, each=lambda z: {"instance": 100 - z})
        np.testing.assert_array_equal(read_mask_series(tmp_path, folders, image, ["liver"]).mask, LIVER)

    def test_several_structures_need_a_choice(self, tmp_path: Path, image: Volume) -> None:
        with pytest.raises(SourceError, match=r"\[1 liver, 2 livertumor01\]: label must have one class, got 2"):
            read_mask_series(tmp_path, write_masks(tmp_path), image)

    def test_another_grid_is_refused(self, tmp_path: Path, image: Volume) -> None:
        folders = write_masks(tmp_path, gap_mm=3.0)
        with pytest.raises(SourceError, match=r"label must stand on its image's grid, got one that has voxels of 0\.7"):
            read_mask_series(tmp_path, folders, image, ["liver"])

    def test_another_orientation_is_refused(self, tmp_path: Path, image: Volume) -> None:
        folders = write_masks(tmp_path, orientation=CORONAL)
        with pytest.raises(SourceError, match="label must stand on its image's grid, got one that"):
            read_mask_series(tmp_path, folders, image, ["liver"])

    def test_missing_slice_is_refused(self, tmp_path: Path, image: Volume) -> None:
        folders = write_masks(tmp_path)
        (folders["liver"] / "image_11").unlink()
        with pytest.raises(SourceError, match=r"1 slice missing of the usual 2\.50 mm"):
            read_mask_series(tmp_path, folders, image, ["liver"])

    def test_damaged_file_is_named(self, tmp_path: Path, image: Volume) -> None:
        file = write_masks(tmp_path)["liver"] / "image_11"
        file.write_bytes(file.read_bytes()[:400])
        with pytest.raises(SourceError, match=r"image_11: .*; a mask may be missing, replace or remove the file"):
            read_mask_series(tmp_path, {"liver": file.parent}, image)

    def test_mask_without_geometry_is_refused(self, tmp_path: Path, image: Volume) -> None:
        folders = write_masks(tmp_path, ImagePositionPatient=None)
        with pytest.raises(SourceError, match=r"position \(0020,0032\) must be in every image, missing in 5 of 5"):
            read_mask_series(tmp_path, folders, image, ["liver"])

    @pytest.mark.parametrize(
        ("voxels", "got"),
        [
            (255 * LIVER.astype(np.uint16) + TUMOUR, "4 from 0 to 256"),
            (np.where(LIVER, 255, np.where(TUMOUR, 128, 0)), "0 and 128 and 255"),
            (np.where(LIVER, 255, 1), "1 and 255"),
            (np.full(SIZE, 255), "255"),
        ],
    )
    def test_other_values_are_refused(self, tmp_path: Path, image: Volume, voxels: np.ndarray, got: str) -> None:
        write_series(tmp_path / "liver", voxels.astype(np.uint16))
        with pytest.raises(SourceError, match=f"must hold 0 and one other value, got {got}; is it a scan, not a"):
            read_mask_series(tmp_path, {"liver": tmp_path / "liver"}, image)

    def test_no_structures_are_refused(self, tmp_path: Path, image: Volume) -> None:
        with pytest.raises(SourceError, match="must hold a folder for each structure's masks, got none"):
            read_mask_series(tmp_path, {}, image)


class TestAcquiredGrid:
    """Masks of scans that are put on another grid by choice are read as drawn, and go there with their scan."""

    def test_masks_of_a_tilted_scan_lie_on_its_slices(self, tmp_path: Path) -> None:
        choices, tilted = (
            Choices(tilt="resample"),
            {"orientation": TILTED, "positions_mm": at_heights([0, 3, 6, 9, 12])},
        )
        image, regrid = acquired(tmp_path / "PATIENT_DICOM", choices, **tilted)
        folders = write_masks(tmp_path, **tilted)
        read = read_mask_series(tmp_path, folders, image, ["liver"], choices=choices, regrid=regrid)
        np.testing.assert_array_equal(read.mask, LIVER)
        assert read.warnings == ()
        assert regrid is not None
        # 12 mm along z drift 12 sin 20 = 4.10 mm = 5.13 rows of 0.8 mm: 6 rows more for image and label alike.
        assert regrid.label(read.mask).shape == regrid.image(image.voxels).shape == (7, 12, 5)

    def test_masks_of_a_tilted_scan_are_refused_without_the_choice(self, tmp_path: Path, image: Volume) -> None:
        folders = write_masks(tmp_path, orientation=TILTED, positions_mm=at_heights([0, 3, 6, 9, 12]))
        with pytest.raises(SourceError, match=r"gantry tilted by 20\.0 degrees.*undo it with --tilt resample"):
            read_mask_series(tmp_path, folders, image, ["liver"])

    def test_masks_of_a_straight_scan_may_not_be_tilted(self, tmp_path: Path, image: Volume) -> None:
        folders = write_masks(tmp_path, orientation=TILTED, positions_mm=at_heights([0, 2.5, 5, 7.5, 10]))
        with pytest.raises(SourceError, match="label must stand on its image's grid, got one that is turned"):
            read_mask_series(tmp_path, folders, image, ["liver"], choices=Choices(tilt="resample"))

    @pytest.mark.parametrize("backwards", [False, True])
    def test_masks_of_uneven_slices_lie_on_these(self, tmp_path: Path, backwards: bool) -> None:
        choices, places = Choices(irregular="resample"), at_heights([0, 5, 10, 20, 25])
        image, regrid = acquired(tmp_path / "PATIENT_DICOM", choices, positions_mm=places)
        folders = write_masks(tmp_path, positions_mm=places)
        if backwards:
            last_row = [(x, y + (SIZE[1] - 1) * 0.8, z) for x, y, z in places]
            options = {"positions_mm": last_row[::-1], "orientation": BACKWARDS, "name": lambda z: f"image_{9 + z}"}
            write_series(folders["liver"], 255 * LIVER[:, ::-1, ::-1], **options)
        read = read_mask_series(tmp_path, folders, image, ["liver"], choices=choices, regrid=regrid)
        np.testing.assert_array_equal(read.mask, LIVER)
        assert len(read.warnings) == backwards

    @pytest.mark.parametrize(
        ("heights_mm", "off"),
        [([0, 5, 15, 20, 25], "5.00 mm off"), ([0, 6.25, 12.5, 18.75, 25], "2.50 mm off")],
    )
    def test_masks_between_the_same_ends_at_other_gaps_are_refused(
        self, tmp_path: Path, heights_mm: list[float], off: str
    ) -> None:
        choices = Choices(irregular="resample")
        image, regrid = acquired(tmp_path / "PATIENT_DICOM", choices, positions_mm=at_heights([0, 5, 10, 20, 25]))
        folders = write_masks(tmp_path, positions_mm=at_heights(heights_mm))
        fault = f"slices must lie where their image's do (0020,0032), got some {off}; check the pairing"
        with pytest.raises(SourceError, match=re.escape(fault)):
            read_mask_series(tmp_path, folders, image, ["liver"], choices=choices, regrid=regrid)

    def test_uneven_masks_of_an_even_scan_are_refused(self, tmp_path: Path) -> None:
        choices = Choices(irregular="resample")
        image, regrid = acquired(
            tmp_path / "PATIENT_DICOM", choices, positions_mm=at_heights([0, 6.25, 12.5, 18.75, 25])
        )
        folders = write_masks(tmp_path, positions_mm=at_heights([0, 5, 10, 20, 25]))
        with pytest.raises(SourceError, match=r"got some 2\.50 mm off"):
            read_mask_series(tmp_path, folders, image, ["liver"], choices=choices, regrid=regrid)
