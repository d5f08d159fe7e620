from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.medseg.io.dicom.checking import only_error, verdicts
from tests.medseg.io.dicom.writer import MR_CLASS, save, slice_dataset, slice_positions, stored_voxels, write_series

AGAIN = "export the series again"
NO_RESCALE: dict[str, Any] = {"RescaleSlope": None, "RescaleIntercept": None}
MR: dict[str, Any] = {"Modality": "MR", "SOPClassUID": MR_CLASS}


def with_middle(folder: Path, **tags: Any) -> None:
    """A series of three whose middle slice has other tags."""
    write_series(folder, stored_voxels(), each=lambda z: tags if z == 1 else {})


class TestModality:
    def test_ct_passes_without_a_word(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels())
        found = verdicts(tmp_path)
        assert (found.errors, found.warnings, found.decisions) == ((), (), ())

    def test_empty_one_is_taken_from_the_class_with_a_warning(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), Modality="")
        assert verdicts(tmp_path).warnings == ("modality (0008,0060) is empty; the SOP class (0008,0016) says CT",)

    def test_empty_one_of_an_unknown_class_is_refused(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), Modality="", SOPClassUID="1.2.3.4")
        assert only_error(tmp_path) == f"modality (0008,0060) must be a code of DICOM, got none; {AGAIN}"


class TestKind:
    @pytest.mark.parametrize("kind", ["LOCALIZER", "MOSAIC"])
    def test_what_is_no_slice_is_refused(self, tmp_path: Path, kind: str) -> None:
        write_series(tmp_path, stored_voxels(), ImageType=["ORIGINAL", "PRIMARY", "M", kind])
        assert only_error(tmp_path) == (
            f"image type (0008,0008) must be that of slices, got {kind}; choose another series with --series UID"
        )


class TestPixels:
    def test_colour_is_refused(self, tmp_path: Path) -> None:
        colour = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
        pixels = stored_voxels((5, 4, 3), high=256).astype(np.uint8)
        write_series(tmp_path, pixels, **colour, each=lambda z: {"PixelData": bytes(60)})
        assert verdicts(tmp_path).errors == (
            "samples per pixel (0028,0002) must be 1, got 3; export grey images",
            "photometric interpretation (0028,0004) must be MONOCHROME1 or MONOCHROME2 throughout, got RGB;"
            " export grey images",
        )

    def test_palette_is_refused(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), PhotometricInterpretation="PALETTE COLOR")
        assert "got PALETTE COLOR" in only_error(tmp_path)

    def test_both_monochromes_in_one_series_are_refused(self, tmp_path: Path) -> None:
        with_middle(tmp_path, PhotometricInterpretation="MONOCHROME1")
        assert "throughout, got MONOCHROME1 and MONOCHROME2" in only_error(tmp_path)

    def test_monochrome1_is_a_warning(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), PhotometricInterpretation="MONOCHROME1")
        found = verdicts(tmp_path)
        assert found.errors == ()
        assert found.warnings == (
            "photometric interpretation (0028,0004) is MONOCHROME1; values stay as they are stored",
        )

    @pytest.mark.parametrize("value", [12, 64])
    def test_other_bits_allocated_are_refused(self, tmp_path: Path, value: int) -> None:
        write_series(tmp_path, stored_voxels(), BitsAllocated=value, BitsStored=12, HighBit=11, PixelData=bytes(200))
        assert f"bits allocated (0028,0100) must be 8, 16 or 32 throughout, got {value}" in verdicts(tmp_path).errors[0]

    def test_different_bits_allocated_are_refused(self, tmp_path: Path) -> None:
        with_middle(tmp_path, BitsAllocated=8, BitsStored=8, HighBit=7, PixelData=bytes(20))
        assert "throughout, got 16 and 8" in only_error(tmp_path)

    @pytest.mark.parametrize(("stored", "high"), [(12, 15), (17, 16), (0, 0)])
    def test_contradictory_bits_stored_are_refused(self, tmp_path: Path, stored: int, high: int) -> None:
        write_series(tmp_path, stored_voxels(), BitsStored=stored, HighBit=high)
        assert only_error(tmp_path) == (
            "bits stored (0028,0101) must be 1 to bits allocated (0028,0100), and high bit (0028,0102) one less,"
            f" got {stored}, 16 and {high}; {AGAIN}"
        )

    def test_bits_stored_may_differ_between_slices(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), each=lambda z: {"BitsStored": 12 + z, "HighBit": 11 + z})
        assert verdicts(tmp_path).errors == ()

    def test_different_signs_are_refused(self, tmp_path: Path) -> None:
        with_middle(tmp_path, PixelRepresentation=1)
        assert (
            only_error(tmp_path) == f"pixel representation (0028,0103) must be 0 or 1 throughout, got 0 and 1; {AGAIN}"
        )

    def test_missing_sign_is_refused(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), PixelRepresentation=None)
        assert "pixel representation (0028,0103) must be 0 or 1 throughout, got none" in only_error(tmp_path)

    def test_missing_size_is_refused(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), Rows=None)
        assert only_error(tmp_path) == (
            f"rows (0028,0010) and columns (0028,0011) must be at least 1, got none and 5; {AGAIN}"
        )

    def test_no_frames_are_refused(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), NumberOfFrames=0)
        assert only_error(tmp_path) == f"number of frames (0028,0008) must be at least 1, got 0; {AGAIN}"

    def test_illegible_values_are_refused_by_tag(self, tmp_path: Path) -> None:
        files = write_series(tmp_path, stored_voxels(), SliceThickness="1.5")
        files[1].write_bytes(files[1].read_bytes().replace(b"1.5 ", b"1,5 "))
        assert only_error(tmp_path) == (
            f"value of (0018,0050) must have its form, got another in 1 of 3 images; {AGAIN}"
        )


class TestLength:
    def test_cut_file_is_refused(self, tmp_path: Path) -> None:
        files = write_series(tmp_path, stored_voxels())
        files[1].write_bytes(files[1].read_bytes()[:-7])
        assert only_error(tmp_path) == (
            f"pixel data (7fe0,0010) must hold 40 bytes, got 33; the file is cut short, {AGAIN}"
        )

    def test_short_element_is_refused(self, tmp_path: Path) -> None:
        with_middle(tmp_path, PixelData=bytes(38))
        assert "pixel data (7fe0,0010) must hold 40 bytes, got 38" in only_error(tmp_path)

    def test_more_than_the_size_demands_is_refused(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), Rows=3)
        assert only_error(tmp_path) == (
            "pixel data (7fe0,0010) must hold the 30 bytes that size (0028,0010), (0028,0011) and bits (0028,0100)"
            f" demand, got 40; {AGAIN}"
        )

    def test_padding_to_an_even_length_passes(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels((5, 3, 3), high=256).astype(np.uint8))
        assert verdicts(tmp_path).errors == ()


class TestRescale:
    def test_ct_without_is_refused(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), **NO_RESCALE)
        assert only_error(tmp_path) == (
            "rescale slope (0028,1053) and intercept (0028,1052) must be in every image, missing in 3 of 3 images;"
            " if stored values are Hounsfield units, say so with --assume-hu"
        )

    def test_ct_without_is_taken_as_hu_by_choice(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), **NO_RESCALE)
        found = verdicts(tmp_path, assume_hu=True)
        assert found.errors == ()
        assert found.decisions == (
            "stored values taken as Hounsfield units: no rescale slope (0028,1053) and intercept (0028,1052)",
        )

    def test_ct_without_in_some_images_is_refused_whatever_is_chosen(self, tmp_path: Path) -> None:
        with_middle(tmp_path, **NO_RESCALE)
        assert f"missing in 1 of 3 images; {AGAIN}" in only_error(tmp_path, assume_hu=True)

    def test_half_of_it_is_refused_for_mr_too(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), **MR, RescaleSlope=None)
        assert "must be in every image, missing in 3 of 3 images" in only_error(tmp_path)

    def test_mr_needs_none(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), **MR, **NO_RESCALE)
        assert verdicts(tmp_path).errors == ()

    def test_slope_of_0_is_refused(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), RescaleSlope=0)
        assert only_error(tmp_path) == f"rescale slope (0028,1053) must not be 0; {AGAIN}"

    def test_ct_of_another_type_is_refused(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), RescaleType="Z_EFF")
        assert only_error(tmp_path) == (
            "rescale type (0028,1054) of CT must be HU, got Z_EFF;"
            " if values are Hounsfield units, say so with --assume-hu"
        )

    def test_ct_of_another_type_is_taken_as_hu_by_choice(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), RescaleType="ED")
        found = verdicts(tmp_path, assume_hu=True)
        assert found.errors == ()
        assert found.decisions == ("values taken as Hounsfield units though rescale type (0028,1054) is ED",)

    def test_ct_of_unspecified_type_is_a_warning(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), RescaleType="US")
        found = verdicts(tmp_path)
        assert found.errors == ()
        assert found.warnings == ("rescale type (0028,1054) is US, unspecified; values are taken as Hounsfield units",)

    def test_lookup_table_is_refused(self, tmp_path: Path) -> None:
        places = slice_positions(2)
        for z in range(2):
            dataset = slice_dataset(stored_voxels()[..., z], places[z], instance=z)
            dataset.ModalityLUTSequence = [slice_dataset(stored_voxels()[..., z], places[z])]
            save(dataset, tmp_path / str(z))
        assert only_error(tmp_path) == (
            "modality LUT (0028,3000) must be absent: only linear rescale is read; export with rescale"
        )
