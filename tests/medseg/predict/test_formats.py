from __future__ import annotations

from pathlib import Path

import pytest

from medseg.errors import MedsegError, UsageError
from medseg.predict.formats import check_formats, default_formats, kind_of, parse_formats


class TestParseFormats:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("nifti", ("nifti",)),
            (" NIfTI, dicomseg ,", ("nifti", "dicomseg")),
            ("png,rtstruct,png", ("png", "rtstruct")),
            (["nifti", "png"], ("nifti", "png")),
            (None, None),
        ],
    )
    def test_reads_words_and_lists(self, given: str | list[str] | None, expected: tuple[str, ...] | None) -> None:
        assert parse_formats(given) == expected

    @pytest.mark.parametrize(
        ("given", "got"), [("nifti,dicom", "nifti,dicom"), ("", ""), (" , ", " , "), ([], ""), (["seg"], "seg")]
    )
    def test_unknown_or_none_raises(self, given: str | list[str], got: str) -> None:
        message = f"^--to must be of nifti, png, dicomseg, rtstruct, joined by commas, got '{got}'$"
        with pytest.raises(UsageError, match=message):
            parse_formats(given)


class TestKindOf:
    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("a.png", "picture"),
            ("a.nii.JPG", "picture"),
            ("a.tiff", "picture"),
            ("a.nii", "volume"),
            ("A.NII.GZ", "volume"),
            ("a.mha", "volume"),
            ("a.nrrd", "volume"),
            ("a.dcm", "dicom"),
            ("IM0001", "dicom"),
            ("1.2.840.5", "dicom"),
        ],
    )
    def test_goes_by_the_first_files_name(self, name: str, kind: str) -> None:
        assert kind_of([Path(name), Path("other.png")]) == kind


class TestDefaultFormats:
    def test_pictures_give_pictures_and_scans_nifti_with_pictures(self) -> None:
        assert default_formats("picture") == ("png",)
        assert default_formats("volume") == default_formats("dicom") == ("nifti", "png")


class TestCheckFormats:
    def test_dicom_allows_all(self) -> None:
        check_formats([Path("a.dcm")], ["nifti", "png", "dicomseg", "rtstruct"])

    @pytest.mark.parametrize("name", ["a.png", "a.nii.gz", "a.mha"])
    def test_others_allow_what_needs_no_dicom(self, name: str) -> None:
        check_formats([Path(name)], ["nifti", "png"])

    @pytest.mark.parametrize("name", ["scans/a.png", "scans/a.nii.gz", "scans/a.nrrd"])
    @pytest.mark.parametrize(
        ("formats", "named"),
        [(["nifti", "dicomseg"], "dicomseg"), (["rtstruct", "dicomseg"], "rtstruct and dicomseg")],
    )
    def test_dicom_of_others_is_refused(self, name: str, formats: list[str], named: str) -> None:
        message = (
            f"^{name}: {named} must refer to the images of a DICOM series, which this file is not; give the DICOM"
            " series, or --to nifti,png$"
        )
        with pytest.raises(MedsegError, match=message):
            check_formats([Path(name)], formats)  # type: ignore[arg-type]
