from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

from medseg.errors import SourceError, UsageError
from medseg.io.dicom import Choices, check_series, group_series, read_headers
from medseg.io.labels import read_rtstruct, read_seg
from medseg.io.results import Algorithm, SourceSeries, read_source_series, segment_for, write_dicom_seg, write_rtstruct
from tests.dicom_validator import validator_errors
from tests.medseg.io.dicom.writer import MR_CLASS, ROOT
from tests.medseg.io.labels.series_files import write_ct
from tests.medseg.io.results.sources import ALGORITHM, SIZE, Written, hard_mask, headers_of, written


def source(folder: Path, **tags: Any) -> SourceSeries:
    return written(folder / "ct", **tags).source


def results(folder: Path, to: Written) -> list[Path]:
    """Both kinds of DICOM results."""
    paths = [folder / "seg.dcm", folder / "rtstruct.dcm"]
    write_dicom_seg(paths[0], hard_mask(), to.source, segment=segment_for("liver"), algorithm=ALGORITHM)
    write_rtstruct(paths[1], hard_mask(), to.source, name="Liver", algorithm=ALGORITHM)
    return paths


class TestReadSourceSeries:
    def test_slices_are_in_the_order_of_the_volume(self, tmp_path: Path) -> None:
        to = written(tmp_path / "ct")
        heights = [(header.position_mm or ())[2] for header in to.source.headers]
        assert heights == sorted(heights)
        assert to.source.shape == to.image.voxels.shape == SIZE
        assert to.source.warnings == ()
        assert to.source.frame_of_reference_uid == f"{ROOT}.0.1"

    def test_identity_is_that_of_patient_and_study(self, tmp_path: Path) -> None:
        identity = source(tmp_path, PatientAge="041Y", PatientWeight="71.5", StudyDescription="Abdomen").identity
        assert (identity.PatientName, identity.PatientID, identity.PatientAge) == ("CANARY^NAME", "CANARY-ID", "041Y")
        assert (identity.PatientWeight, identity.StudyDescription) == (71.5, "Abdomen")
        assert "PixelData" not in identity

    def test_pixels_stay_unread(self, tmp_path: Path) -> None:
        files = write_ct(tmp_path / "ct", SIZE)
        headers = headers_of(tmp_path / "ct")
        for file in files:
            file.write_bytes(file.read_bytes()[:-50])
        assert read_source_series(headers).identity.PatientID == "CANARY-ID"


class TestHarmless:
    """What is odd about a source but harms no result: each passes dciodvfy and reads back."""

    @staticmethod
    def check(folder: Path, to: Written) -> list[Path]:
        paths = results(folder, to)
        assert [validator_errors(path) for path in paths] == [[], []]
        np.testing.assert_array_equal(read_seg(paths[0], to.image).mask, hard_mask())
        np.testing.assert_array_equal(read_rtstruct(paths[1], to.image).mask, hard_mask())
        return paths

    @pytest.mark.parametrize("charset", ["", None, "ISO_IR 100"])
    def test_empty_character_set(self, tmp_path: Path, charset: str | None) -> None:
        tags = {} if charset is None else {"SpecificCharacterSet": charset}
        to = written(tmp_path / "ct", **tags)
        for path in self.check(tmp_path, to):
            assert dcmread(path).SpecificCharacterSet == "ISO_IR 192"

    @pytest.mark.parametrize(
        ("charset", "name"),
        [
            ("ISO_IR 100", "Müller^Jürgen"),
            (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎"),
            ("ISO_IR 192", "Łoś^Ewa"),
        ],
    )
    def test_names_of_other_character_sets(self, tmp_path: Path, charset: Any, name: str) -> None:
        to = written(tmp_path / "ct", SpecificCharacterSet=charset, PatientName=name)
        for path in self.check(tmp_path, to):
            assert dcmread(path).PatientName == name

    def test_missing_elements_of_type_2_become_empty(self, tmp_path: Path) -> None:
        names = (
            "PatientName",
            "PatientBirthDate",
            "PatientSex",
            "AccessionNumber",
            "StudyID",
            "StudyDate",
            "StudyTime",
        )
        to = written(tmp_path / "ct")
        for header in to.source.headers:
            data = dcmread(header.path)
            for name in names:
                del data[name]
            data.save_as(header.path)
        to = replace(to, source=read_source_series(to.source.headers))
        assert to.source.warnings == ()
        for path in self.check(tmp_path, to):
            found = dcmread(path)
            assert [str(found[name].value or "") for name in names] == [""] * len(names)

    @pytest.mark.filterwarnings("ignore:Invalid value for VR")
    @pytest.mark.parametrize(
        ("keyword", "value", "tag"),
        [
            ("PatientBirthDate", "1970-01-31", "(0010,0030)"),
            ("StudyDate", "20201", "(0008,0020)"),
            ("StudyTime", "12:00", "(0008,0030)"),
            ("PatientSex", "MALE", "(0010,0040)"),
            ("PatientAge", "41", "(0010,1010)"),
            ("StudyDescription", "Abdomen\\Thorax", "(0008,1030)"),
        ],
    )
    def test_values_that_break_their_form_are_left_out(
        self, tmp_path: Path, keyword: str, value: str, tag: str
    ) -> None:
        to = written(tmp_path / "ct", **{keyword: value})
        assert to.source.warnings == (f"{tag} break their form and are left out of results",)
        self.check(tmp_path, to)

    def test_name_that_is_not_of_its_character_set_is_left_out(self, tmp_path: Path) -> None:
        """Latin 1 that is declared to be UTF-8."""
        to = written(tmp_path / "ct", SpecificCharacterSet="ISO_IR 100", PatientName="Müller^J")
        for header in to.source.headers:
            content = header.path.read_bytes()
            assert content.count(b"ISO_IR 100") == 1
            header.path.write_bytes(content.replace(b"ISO_IR 100", b"ISO_IR 192"))
        to = replace(to, source=read_source_series(to.source.headers))
        assert to.source.warnings == ("(0010,0010) break their form and are left out of results",)
        assert [dcmread(path).PatientName for path in self.check(tmp_path, to)] == ["", ""]

    @pytest.mark.parametrize("method", ["", "clean"])
    def test_removed_identity_is_told_with_its_method_only(self, tmp_path: Path, method: str) -> None:
        to = written(tmp_path / "ct", PatientIdentityRemoved="YES", DeidentificationMethod=method)
        told = [dcmread(path).get("PatientIdentityRemoved") for path in self.check(tmp_path, to)]
        assert told == (["YES", "YES"] if method else [None, None])

    @pytest.mark.parametrize("sop_class", [MR_CLASS, "1.2.840.10008.5.1.4.1.1.128"])
    def test_images_of_other_classes(self, tmp_path: Path, sop_class: str) -> None:
        to = written(tmp_path / "ct", SOPClassUID=sop_class, Modality="MR")
        seg, rtstruct = (dcmread(path) for path in self.check(tmp_path, to))
        frame = seg.PerFrameFunctionalGroupsSequence[0]
        contour = rtstruct.ROIContourSequence[0].ContourSequence[0]
        images = (frame.DerivationImageSequence[0].SourceImageSequence[0], contour.ContourImageSequence[0])
        assert [image.ReferencedSOPClassUID for image in images] == [sop_class] * 2

    def test_missing_frame_of_reference_is_named_anew_and_alike_in_all_results(self, tmp_path: Path) -> None:
        to = written(tmp_path / "ct", FrameOfReferenceUID=None)
        assert to.source.warnings == (
            "frame of reference UID (0020,0052) is missing, so results name one made from the series' UID",
        )
        uids = {dcmread(path).FrameOfReferenceUID for path in self.check(tmp_path, to)}
        assert uids == {read_source_series(headers_of(tmp_path / "ct")).frame_of_reference_uid}

    def test_lossy_compression_is_passed_on(self, tmp_path: Path) -> None:
        tags = {
            "LossyImageCompression": "01",
            "LossyImageCompressionRatio": 8,
            "LossyImageCompressionMethod": "ISO_10918_1",
        }
        to = written(tmp_path / "ct", **tags)
        seg, rtstruct = (dcmread(path) for path in self.check(tmp_path, to))
        assert (seg.LossyImageCompression, seg.LossyImageCompressionRatio) == ("01", 8)
        assert "LossyImageCompression" not in rtstruct

    def test_series_without_number_or_of_a_large_one(self, tmp_path: Path) -> None:
        for number, wanted in ((None, [1, 2]), (2**31 - 1, [1, 2]), (4, [401, 402])):
            to = written(tmp_path / f"ct{number}", SeriesNumber=number)
            assert [dcmread(path).SeriesNumber for path in results(tmp_path, to)] == wanted


class TestRefused:
    @pytest.mark.parametrize(
        ("keyword", "name"),
        [
            ("SOPInstanceUID", r"SOP instance UID \(0008,0018\)"),
            ("StudyInstanceUID", r"study instance UID \(0020,000d\)"),
            ("SeriesInstanceUID", r"series instance UID \(0020,000e\)"),
        ],
    )
    @pytest.mark.parametrize("value", ["", None])
    def test_missing_uid(self, tmp_path: Path, keyword: str, name: str, value: str | None) -> None:
        message = name + " must be there for DICOM results to refer to, got none; write it with --to nifti"
        with pytest.raises(SourceError, match=message):
            source(tmp_path, **{keyword: value})

    @pytest.mark.parametrize("uid", ["1.2.anon", "1..2", 65 * "1", "1.2."])
    @pytest.mark.parametrize("attribute", ["study_uid", "frame_of_reference_uid"])
    def test_uid_of_another_form_without_its_text(self, tmp_path: Path, attribute: str, uid: str) -> None:
        headers = [replace(header, **{attribute: uid}) for header in written(tmp_path / "ct").source.headers]
        with pytest.raises(
            SourceError, match="must be at most 64 digits and points, got another text; write"
        ) as caught:
            read_source_series(headers)
        assert uid not in caught.value.fault

    @pytest.mark.parametrize(
        ("attribute", "name"),
        [
            ("study_uid", r"study instance UID \(0020,000d\)"),
            ("series_uid", r"series instance UID \(0020,000e\)"),
            ("frame_of_reference_uid", r"frame of reference UID \(0020,0052\)"),
        ],
    )
    def test_slices_of_several(self, tmp_path: Path, attribute: str, name: str) -> None:
        first, *others = written(tmp_path / "ct").source.headers
        with pytest.raises(SourceError, match=name + " must be the same on all slices for DICOM results, got 2; write"):
            read_source_series([replace(first, **{attribute: f"{ROOT}.77"}), *others])

    def test_images_that_share_a_uid(self, tmp_path: Path) -> None:
        message = (
            r"SOP instance UID \(0008,0018\) must differ from image to image for DICOM results, got 1 for 6 slices"
        )
        with pytest.raises(SourceError, match=message):
            source(tmp_path, SOPInstanceUID=f"{ROOT}.1.1")

    @pytest.mark.parametrize(
        ("choices", "places"),
        [
            (Choices(irregular="resample"), [(-10, 20, height) for height in (0, 1, 4, 6, 9, 10)]),
            (Choices(tilt="resample"), [(-10, 20 + 0.3 * height, height) for height in (0, 3, 6, 9, 12, 15)]),
        ],
        ids=["irregular", "tilt"],
    )
    def test_slices_that_are_read_onto_another_grid(self, tmp_path: Path, choices: Choices, places: Any) -> None:
        write_ct(tmp_path / "ct", SIZE, positions_mm=places)
        (series,) = group_series(read_headers(tmp_path / "ct").headers)
        message = "slices must stand on a right-angled, regular grid where results refer to them, got tilted or uneven"
        with pytest.raises(SourceError, match=message):
            read_source_series(check_series(series, choices).headers)

    def test_file_that_was_damaged_meanwhile(self, tmp_path: Path) -> None:
        write_ct(tmp_path / "ct", SIZE)
        headers = headers_of(tmp_path / "ct")
        headers[0].path.unlink()
        with pytest.raises(SourceError, match="must be a readable DICOM image, got FileNotFoundError"):
            read_source_series(headers)


@pytest.mark.parametrize(("name", "version"), [("", "1"), ("unet", "1\n2"), (65 * "a", "1")])
def test_algorithm_that_is_no_text_of_dicom_raises(name: str, version: str) -> None:
    with pytest.raises(UsageError, match=r"an algorithm's (name|version) must be 1 to 64 characters"):
        Algorithm(name, version)
