from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian

from medseg.errors import SourceError
from medseg.io.labels import dicom_object
from medseg.io.labels.dicom_object import read_object, referenced_series
from tests.medseg.io.dicom.writer import ROOT, save, slice_dataset, write_series
from tests.medseg.io.labels.rtstruct_files import RTSTRUCT_CLASS, structure_set, write_rtstruct
from tests.medseg.io.labels.seg_files import save_seg, segmentation
from tests.medseg.io.labels.series_files import random_mask, write_ct

KIND = "RT Structure Set"


def read(path: Path) -> dicom_object.DicomObject:
    return read_object(path, [RTSTRUCT_CLASS], KIND)


def elements(path: Path) -> bytes:
    """What follows a file's meta information."""
    return path.read_bytes()[144 + pydicom.dcmread(path).file_meta.FileMetaInformationGroupLength :]


def deflated(path: Path, content: bytes) -> Path:
    """A file with a deflated data set."""
    data = structure_set({})
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = RTSTRUCT_CLASS
    data.file_meta.MediaStorageSOPInstanceUID = ROOT
    pydicom.dcmwrite(path, data, implicit_vr=False, little_endian=True, enforce_file_format=True)
    squeeze = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    head = path.read_bytes().removesuffix(elements(path))
    path.write_bytes(head + squeeze.compress(content) + squeeze.flush())
    return path


class TestReadObject:
    @pytest.mark.parametrize("implicit", [True, False])
    def test_elements_and_syntax(self, tmp_path: Path, implicit: bool) -> None:
        found = read(write_rtstruct(tmp_path / "a", {"Liver": []}, implicit=implicit))
        assert found.data.StructureSetROISequence[0].ROIName == "Liver"
        assert found.transfer_syntax == ("1.2.840.10008.1.2" if implicit else "1.2.840.10008.1.2.1")
        assert found.pixels_at == (tmp_path / "a").stat().st_size

    @pytest.mark.parametrize(
        ("implicit", "little", "syntax"),
        [(True, True, "1.2.840.10008.1.2"), (False, True, ExplicitVRLittleEndian), (False, False, ExplicitVRBigEndian)],
    )
    def test_syntax_of_a_file_without_meta_information(
        self, tmp_path: Path, implicit: bool, little: bool, syntax: str
    ) -> None:
        pydicom.dcmwrite(tmp_path / "a", structure_set({}), implicit_vr=implicit, little_endian=little)
        assert read(tmp_path / "a").transfer_syntax == syntax

    def test_deflated(self, tmp_path: Path) -> None:
        plain = write_rtstruct(tmp_path / "plain", {"Liver": []})
        found = read(deflated(tmp_path / "a", elements(plain)))
        assert found.data.StructureSetROISequence[0].ROIName == "Liver"
        assert found.transfer_syntax == DeflatedExplicitVRLittleEndian

    def test_pixels_are_found_and_not_read(self, tmp_path: Path) -> None:
        (path,) = write_series(tmp_path, np.zeros((4, 3, 1), np.uint16))
        found = read_object(path, [pydicom.dcmread(path).SOPClassUID], "CT")
        assert "PixelData" not in found.data
        assert path.read_bytes()[found.pixels_at :].startswith(b"\xe0\x7f\x10\x00OW")

    def test_another_class_is_refused(self, tmp_path: Path) -> None:
        path = save(slice_dataset(np.zeros((4, 3), np.uint16), (0, 0, 0)), tmp_path / "a")
        with pytest.raises(
            SourceError, match=r"a: SOP class \(0008,0016\) must be that of a RT Structure Set, got ano"
        ):
            read(path)

    @pytest.mark.parametrize("content", [b"", b"no DICOM", b"\x89PNG\r\n\x1a\n" + bytes(500)])
    def test_other_files_are_refused(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a").write_bytes(content)
        with pytest.raises(
            SourceError, match=r"a: SOP class \(0008,0016\) must be that of a RT Structure Set, got none"
        ):
            read(tmp_path / "a")

    def test_whatever_pydicom_raises_is_one_line(self, tmp_path: Path) -> None:
        path = write_rtstruct(tmp_path / "a", {"Liver": []})
        path.write_bytes(path.read_bytes() + struct.pack("<HH2sH", 0x3009, 0x1000, b"Sq", 0))
        match = "a: must be a readable RT Structure Set, got NotImplementedError; the file is damaged, export it again$"
        with pytest.raises(SourceError, match=match):
            read(path)

    def test_missing_file_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="must be a readable RT Structure Set, got FileNotFoundError"):
            read(tmp_path / "a")


class TestBounds:
    def test_items_are_counted_before_they_are_made(self, tmp_path: Path) -> None:
        items = struct.pack("<HHL", 0xFFFE, 0xE000, 0) * (2**18 + 1)
        element = struct.pack("<HH2sHL", 0x3006, 0x0039, b"SQ", 0, len(items)) + items
        path = write_rtstruct(tmp_path / "a", {})
        path.write_bytes(path.read_bytes() + element)
        with pytest.raises(
            SourceError, match=r"sequences must have at most 262144 items, got 26214\d; export it again"
        ):
            read(path)

    def test_no_more_is_inflated_than_the_bound(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dicom_object, "_MOST_BYTES", 2**16)
        plain = elements(write_rtstruct(tmp_path / "plain", {}))
        large = struct.pack("<HH2sHL", 0x3009, 0x1000, b"OB", 0, 2**20) + bytes(2**20)
        got = 2**16 - len(plain) - 12
        with pytest.raises(
            SourceError, match=f"value of an unknown element must have 1048576 bytes, got {got}; the file"
        ):
            read(deflated(tmp_path / "a", plain + large))

    def test_element_that_the_end_cuts_is_refused(self, tmp_path: Path) -> None:
        path = write_rtstruct(tmp_path / "a", {"Liver": []})
        path.write_bytes(path.read_bytes()[:-3])
        with pytest.raises(SourceError, match=r"value of \(3006,0039\) must have \d+ bytes, got \d+; the file is cut"):
            read(path)

    def test_texts_of_the_source_stay_out_of_the_fault(self, tmp_path: Path) -> None:
        """A reader that lost its way takes text for tags."""
        path = write_rtstruct(tmp_path / "a", {})
        path.write_bytes(path.read_bytes() + b"CANARY" * 20)
        with pytest.raises(SourceError, match="value of an unknown element must have") as error:
            read(path)
        assert "4143" not in error.value.fault
        assert "CANARY" not in str(error.value)


class TestReferencedSeries:
    def test_of_a_structure_set_each_once(self, tmp_path: Path) -> None:
        path = save(structure_set({}, series=["1.2.3", "1.2.4", "1.2.3", ""]), tmp_path / "a")
        assert referenced_series(path) == ("1.2.3", "1.2.4")

    def test_of_a_segmentation(self, tmp_path: Path) -> None:
        files = write_ct(tmp_path / "ct")
        path = save_seg(tmp_path / "a", segmentation(files, random_mask()))
        assert referenced_series(path) == (pydicom.dcmread(files[0]).SeriesInstanceUID,)

    def test_none_where_it_does_not_say(self, tmp_path: Path) -> None:
        data = structure_set({})
        del data.ReferencedFrameOfReferenceSequence
        assert referenced_series(save(data, tmp_path / "a")) == ()

    def test_damaged_file_is_refused(self, tmp_path: Path) -> None:
        path = write_rtstruct(tmp_path / "a", {"Liver": []})
        path.write_bytes(path.read_bytes()[:-3])
        with pytest.raises(SourceError, match="the file is cut short, export it again"):
            referenced_series(path)
