from __future__ import annotations

import os
import tarfile
import zlib
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from pydicom import dcmread, dcmwrite
from pydicom.filebase import DicomBytesIO
from pydicom.fileset import FileSet
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian

from medseg.errors import MedsegError
from medseg.io.dicom import Header, Other, Scan, headers, read_headers
from tests.medseg.io.dicom.writer import ROOT, save, slice_dataset, stored_voxels, write_series

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
PIXEL_TAG = b"\xe0\x7f\x10\x00"


def only_header(path: Path) -> Header:
    (header,) = read_headers(path).headers
    return header


def only_other(path: Path) -> Other:
    scan = read_headers(path)
    assert scan.headers == ()
    (other,) = scan.others
    return other


def pixels_of(header: Header) -> bytes:
    assert header.pixel_offset is not None
    assert header.pixel_bytes is not None
    return header.path.read_bytes()[header.pixel_offset : header.pixel_offset + header.pixel_bytes]


class TestHeader:
    def test_holds_the_tags(self, tmp_path: Path) -> None:
        texts = {"PatientID": "P1", "SeriesDescription": "Liver", "ConvolutionKernel": "B30f", "RescaleType": "HU"}
        numbers = {
            "SliceThickness": 1.5,
            "SpacingBetweenSlices": 2,
            "GantryDetectorTilt": -3,
            "PixelPaddingValue": 63536,
        }
        dataset = slice_dataset(stored_voxels()[..., 0], (1, 2, 3), instance=7, **texts, **numbers)
        header = only_header(save(dataset, tmp_path / "a"))
        assert (header.patient_id, header.description, header.rescale_type) == ("P1", "Liver", "HU")
        assert header.marks == ("", "", "", "", "", "", "B30f", "", "ORIGINAL\\PRIMARY\\AXIAL")
        assert (header.slice_thickness_mm, header.spacing_between_mm, header.tilt_degrees) == (1.5, 2, -3)
        assert header.image_type == ("ORIGINAL", "PRIMARY", "AXIAL")
        assert (header.series_uid, header.sop_uid, header.study_uid) == (f"{ROOT}.1", f"{ROOT}.1.7", f"{ROOT}.0")
        assert (header.position_mm, header.orientation) == ((1, 2, 3), (1, 0, 0, 0, 1, 0))
        assert (header.pixel_spacing_mm, header.rows, header.columns) == ((0.8, 0.7), 4, 5)
        assert (header.bits_allocated, header.bits_stored, header.high_bit, header.signed) == (16, 16, 15, False)
        assert (header.slope, header.intercept, header.padding) == (1, -1024, 63536)
        assert (header.series_number, header.instance_number, header.frames) == (1, 7, 1)
        assert header.illegible == ()

    def test_padding_has_the_pixels_sign(self, tmp_path: Path) -> None:
        dataset = slice_dataset(stored_voxels(low=-9)[..., 0], (1, 2, 3), PixelPaddingValue=-2000)
        assert only_header(save(dataset, tmp_path / "a")).padding == -2000

    @pytest.mark.parametrize(("implicit", "syntax"), [(False, EXPLICIT), (True, IMPLICIT)])
    def test_says_where_the_pixels_lie(self, tmp_path: Path, implicit: bool, syntax: str) -> None:
        pixels = stored_voxels()[..., 0]
        header = only_header(save(slice_dataset(pixels, (0, 0, 0)), tmp_path / "a", implicit=implicit))
        assert header.transfer_syntax == syntax
        assert pixels_of(header) == pixels.T.tobytes()

    def test_big_endian_is_read(self, tmp_path: Path) -> None:
        pixels = stored_voxels()[..., 0]
        dataset = slice_dataset(pixels, (1, 2, 3))
        dataset.PixelData = pixels.T.astype(">u2").tobytes()
        save(dataset, tmp_path / "a")
        dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        dcmwrite(tmp_path / "a", dataset, enforce_file_format=True)
        header = only_header(tmp_path / "a")
        assert (header.rows, header.columns, header.position_mm) == (4, 5, (1, 2, 3))
        assert pixels_of(header) == pixels.T.astype(">u2").tobytes()

    def test_deflated_is_read_without_a_place_of_its_pixels(self, tmp_path: Path) -> None:
        dataset = slice_dataset(stored_voxels()[..., 0], (1, 2, 3))
        save(dataset, tmp_path / "a")
        dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        dcmwrite(tmp_path / "a", dataset, enforce_file_format=True)
        header = only_header(tmp_path / "a")
        assert (header.rows, header.position_mm, header.pixel_offset) == (4, (1, 2, 3), None)

    def test_deflated_bomb_is_damaged_and_takes_little_memory(self, tmp_path: Path) -> None:
        dataset = slice_dataset(stored_voxels()[..., 0], (1, 2, 3))
        save(dataset, tmp_path / "a")
        dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        dcmwrite(tmp_path / "a", dataset, enforce_file_format=True)
        content = (tmp_path / "a").read_bytes()
        start = 132 + 12 + dcmread(tmp_path / "a").file_meta.FileMetaInformationGroupLength
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        bomb = b"".join(packer.compress(b"\x09\x00\x01\x00LO\xfe\xff" + bytes(0xFFFE)) for _ in range(300))
        (tmp_path / "a").write_bytes(content[:start] + bomb + packer.flush())
        assert only_other(tmp_path / "a").damaged

    def test_data_set_without_preamble_is_read(self, tmp_path: Path) -> None:
        for implicit, syntax in ((True, IMPLICIT), (False, EXPLICIT)):
            buffer = DicomBytesIO()
            dcmwrite(
                buffer, slice_dataset(stored_voxels()[..., 0], (1, 2, 3)), implicit_vr=implicit, little_endian=True
            )
            (tmp_path / "a").write_bytes(buffer.getvalue())
            header = only_header(tmp_path / "a")
            assert (header.transfer_syntax, header.position_mm) == (syntax, (1, 2, 3))
            assert pixels_of(header) == stored_voxels()[..., 0].T.tobytes()

    @pytest.mark.parametrize(
        ("keyword", "old", "new", "tag"),
        [
            ("ImagePositionPatient", b"11\\22\\33", b"11\\22;33", "(0020,0032)"),
            ("ImagePositionPatient", b"11\\22\\33", b"11\\ab\\33", "(0020,0032)"),
            ("ImagePositionPatient", b"11\\22\\33", b"11\\nan\\3", "(0020,0032)"),
            ("ImagePositionPatient", b"11\\22\\33", b"11\\2_2\\3", "(0020,0032)"),
            ("ImagePositionPatient", b"11\\22\\33", b"\r1\\22\\33", "(0020,0032)"),
            ("ImagePositionPatient", b"11\\22\\33", b"11\\22\\9e", "(0020,0032)"),
            ("InstanceNumber", b"4321", b"43.1", "(0020,0013)"),
        ],
    )
    def test_illegible_numbers_are_absent_and_noted(
        self, tmp_path: Path, keyword: str, old: bytes, new: bytes, tag: str
    ) -> None:
        dataset = slice_dataset(stored_voxels()[..., 0], (11, 22, 33), instance=4321)
        dataset.SOPInstanceUID = ROOT
        save(dataset, tmp_path / "a")
        content = (tmp_path / "a").read_bytes()
        assert old in content
        (tmp_path / "a").write_bytes(content.replace(old, new))
        header = only_header(tmp_path / "a")
        assert header.illegible == (tag,)
        assert (header.position_mm if keyword == "ImagePositionPatient" else header.instance_number) is None


class TestOthers:
    @pytest.mark.parametrize(
        "content", [b"text", b"\0" * 200 + b"text", b"\x89PNG\r\n\x1a\n" + bytes(300), b"\x08\x00" + bytes(300)]
    )
    def test_other_files_are_no_dicom_files(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a.dcm").write_bytes(content)
        assert only_other(tmp_path) == Other(tmp_path / "a.dcm", "is no DICOM file")

    @pytest.mark.parametrize("name", ["IM0001", "a.dcm", "CT.1.2.840.5", "A.IMA"])
    @pytest.mark.parametrize("content", [bytes(4096), bytes(128) + b"DI"])
    def test_zeros_that_an_interrupted_copy_leaves_are_damage(self, tmp_path: Path, name: str, content: bytes) -> None:
        (tmp_path / name).write_bytes(content)
        assert only_other(tmp_path) == Other(tmp_path / name, "begins with zeros only", damaged=True)

    def test_empty_file_with_an_images_name_is_told_apart(self, tmp_path: Path) -> None:
        (tmp_path / "IM0001").touch()
        assert only_other(tmp_path) == Other(tmp_path / "IM0001", "is empty", empty=True)

    @pytest.mark.parametrize("name", [".keep", "notes.txt", "__init__.py"])
    def test_other_empty_files_are_strangers(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).touch()
        assert only_other(tmp_path) == Other(tmp_path / name, "is no DICOM file")

    def test_frames_without_places_are_no_volume(self, tmp_path: Path) -> None:
        dataset = slice_dataset(stored_voxels()[..., 0], (0, 0, 0), NumberOfFrames=2)
        dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
        other = only_other(save(dataset, tmp_path / "a"))
        name = "Ultrasound Multi-frame Image Storage"
        assert (other.reason, other.damaged) == (f"is a multi-frame image without places of its frames ({name})", False)

    def test_frames_in_a_single_frame_ct_are_damage(self, tmp_path: Path) -> None:
        dataset = slice_dataset(stored_voxels()[..., 0], (0, 0, 0), NumberOfFrames=2)
        other = only_other(save(dataset, tmp_path / "a"))
        assert other.damaged
        assert other.reason.startswith("multi-frame images (0028,0008) must be enhanced CT, MR or PET (0008,0016)")

    def test_pipe_is_not_opened(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "a")
        assert only_other(tmp_path).reason == "is no regular file"

    def test_broken_link_is_damaged(self, tmp_path: Path) -> None:
        (tmp_path / "a").symlink_to(tmp_path / "absent")
        other = only_other(tmp_path)
        assert (other.reason, other.damaged) == ("cannot be read, No such file or directory", True)

    def test_dicomdir_is_no_image_and_its_files_are_found(self, tmp_path: Path) -> None:
        files = write_series(tmp_path / "in", stored_voxels(), PatientID="1", StudyID="1")
        directory = FileSet()
        for file in files:
            dataset = dcmread(file)
            dataset.PatientName, dataset.StudyDate, dataset.StudyTime, dataset.AccessionNumber = (
                "",
                "20200101",
                "10",
                "",
            )
            directory.add(dataset)
        directory.write(tmp_path / "out")
        scan = read_headers(tmp_path / "out")
        assert len(scan.headers) == 3
        (other,) = scan.others
        assert other.path.name == "DICOMDIR"
        assert not other.damaged
        assert other.reason == "is a DICOMDIR; the files it lists are found by themselves"

    @pytest.mark.parametrize(
        ("sop_class", "name"),
        [
            ("1.2.840.10008.5.1.4.1.1.481.3", " (RT Structure Set Storage)"),
            ("1.2.840.10008.5.1.4.1.1.88.22", " (Enhanced SR Storage)"),
            ("1.3.12.2.1107.5.9.1", " (unknown class)"),
        ],
    )
    def test_objects_without_pixels_are_no_images(self, tmp_path: Path, sop_class: str, name: str) -> None:
        dataset = slice_dataset(stored_voxels()[..., 0], (0, 0, 0), SOPClassUID=sop_class, Rows=None, PixelData=None)
        other = only_other(save(dataset, tmp_path / "a"))
        assert (other.reason, other.damaged) == (f"is a DICOM object but no image{name}", False)
        assert other.sop_class == sop_class

    def test_segmentation_is_no_image(self, tmp_path: Path) -> None:
        dataset = slice_dataset(stored_voxels()[..., 0], (0, 0, 0), SOPClassUID="1.2.840.10008.5.1.4.1.1.66.4")
        assert (
            only_other(save(dataset, tmp_path / "a")).reason == "is a DICOM object but no image (Segmentation Storage)"
        )

    def test_every_cut_before_the_pixels_is_damage(self, tmp_path: Path) -> None:
        whole = save(slice_dataset(stored_voxels()[..., 0], (0, 0, 0)), tmp_path / "whole").read_bytes()
        path = tmp_path / "cut"
        for length in range(140, whole.rindex(PIXEL_TAG) + 12, 7):
            path.write_bytes(whole[:length])
            assert only_other(path).damaged, length

    def test_lost_mark_is_damage(self, tmp_path: Path) -> None:
        path = save(slice_dataset(stored_voxels()[..., 0], (0, 0, 0)), tmp_path / "a")
        path.write_bytes(path.read_bytes().replace(b"DICM", b"DIxM"))
        assert only_other(path) == Other(path, "has lost the mark DICM at byte 128", damaged=True)

    @pytest.mark.parametrize("shift", [-30, -1, 1, 25])
    def test_moved_mark_is_damage(self, tmp_path: Path, shift: int) -> None:
        path = save(slice_dataset(stored_voxels()[..., 0], (0, 0, 0)), tmp_path / "a")
        path.write_bytes(bytes(128 + shift) + path.read_bytes()[128:])
        reason = "has the mark DICM beside byte 128; bytes are missing or were put in"
        assert only_other(path) == Other(path, reason, damaged=True)

    def test_archive_of_images_is_no_image(self, tmp_path: Path) -> None:
        image, folder = save(slice_dataset(stored_voxels()[..., 0], (0, 0, 0)), tmp_path / "a"), tmp_path / "archives"
        folder.mkdir()
        with ZipFile(folder / "zip", "w") as packed, tarfile.open(folder / "tar", "w") as tape:
            packed.write(image, "a")  # the shortest name that there can be before the image
            tape.add(image, "a")
        found = read_headers(folder).others
        assert [other.reason for other in found] == ["is no DICOM file"] * 2

    @pytest.mark.parametrize("keyword", ["RescaleSlope", "StudyID"], ids=["wanted", "skipped"])
    def test_unknown_class_is_damage_where_a_length_leads_beyond_the_end(self, tmp_path: Path, keyword: str) -> None:
        dataset = slice_dataset(stored_voxels()[..., 0], (0, 0, 0), SOPClassUID="1.2.3.4", Rows=None)
        setattr(dataset, keyword, "1234")
        path = save(dataset, tmp_path / "a")
        content = path.read_bytes()
        place = content.index(b"\x04\x001234")
        path.write_bytes(content[:place] + b"\x00\x901234" + content[place + 6 :])
        assert only_other(path).damaged

    def test_every_cut_within_the_pixels_is_a_header(self, tmp_path: Path) -> None:
        whole = save(slice_dataset(stored_voxels()[..., 0], (0, 0, 0)), tmp_path / "whole").read_bytes()
        (tmp_path / "cut").write_bytes(whole[:-1])
        header = only_header(tmp_path / "cut")
        assert header.pixel_bytes == 40
        assert header.file_bytes == len(whole) - 1

    def test_flipped_bytes_raise_nothing(self, tmp_path: Path) -> None:
        whole = save(slice_dataset(stored_voxels()[..., 0], (0, 0, 0)), tmp_path / "a").read_bytes()
        rng = np.random.default_rng(0)
        for _ in range(400):
            changed = bytearray(whole)
            for place in rng.integers(0, len(whole), 3):
                changed[place] = rng.integers(256)
            (tmp_path / "a").write_bytes(changed)
            scan = read_headers(tmp_path / "a")
            assert len(scan.headers) + len(scan.others) == 1


class TestWalk:
    def test_missing_path_raises(self, tmp_path: Path) -> None:
        with pytest.raises(MedsegError, match="absent: does not exist"):
            read_headers(tmp_path / "absent")

    def test_order_is_that_of_paths(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels((5, 4, 6)), name=lambda z: f"{'ba'[z % 2]}/{5 - z}")
        names = [str(header.path.relative_to(tmp_path)) for header in read_headers(tmp_path).headers]
        assert names == ["a/0", "a/2", "a/4", "b/1", "b/3", "b/5"]

    def test_folder_links_are_not_followed(self, tmp_path: Path) -> None:
        write_series(tmp_path / "a", stored_voxels())
        (tmp_path / "a" / "again").symlink_to(tmp_path / "a", target_is_directory=True)
        assert len(read_headers(tmp_path).headers) == 3

    def test_any_number_of_workers_gives_the_same(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(headers, "_PAYS_FROM", 2)
        monkeypatch.setattr(headers, "_CHUNK", 2)
        write_series(tmp_path, stored_voxels((5, 4, 5)))
        (tmp_path / "notes.txt").write_text("nothing")
        one, two = read_headers(tmp_path), read_headers(tmp_path, workers=2)
        assert isinstance(one, Scan)
        assert one == two
