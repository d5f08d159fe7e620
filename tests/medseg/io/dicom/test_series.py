from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medseg.io.dicom import Series, group_series, read_headers
from tests.medseg.io.dicom.writer import AXIAL, ROOT, slice_positions, stored_voxels, write_series

UID = f"{ROOT}.1"
STUDY: dict[str, Any] = {"SeriesInstanceUID": ""}


def serieses(folder: Path) -> tuple[Series, ...]:
    return group_series(read_headers(folder).headers)


def lengths(folder: Path) -> dict[str, int]:
    return {series.key: len(series.headers) for series in serieses(folder)}


def write_places(folder: Path, heights_mm: Sequence[float], **options: Any) -> None:
    places = [(0.0, 0.0, height) for height in heights_mm]
    write_series(folder, stored_voxels((5, 4, len(places))), positions_mm=places, **options)


class TestByUid:
    def test_two_uids_are_two_series(self, tmp_path: Path) -> None:
        for series in (1, 2):
            write_series(tmp_path / "same folder", stored_voxels(), series=series, name=f"{series}-{{}}".format)
        assert lengths(tmp_path) == {f"{ROOT}.1": 3, f"{ROOT}.2": 3}

    def test_one_uid_in_two_folders_is_one_series(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels((5, 4, 4)), name=lambda z: f"{z % 2}/{z}")
        assert lengths(tmp_path) == {UID: 4}

    @pytest.mark.parametrize(
        ("tags", "name"),
        [
            ({"orientation": (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)}, "orientation (0020,0037)"),
            ({"spacing_mm": (0.7, 0.81)}, "pixel spacing (0028,0030)"),
            ({"ImageType": ["DERIVED", "PRIMARY", "AXIAL"]}, "image type (0008,0008)"),
            ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "image type (0008,0008)"),
            ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "SOP class (0008,0016)"),
            ({"PatientID": "another"}, "patient (0010,0020)"),
            ({"Modality": "PT"}, "modality (0008,0060)"),
            ({"SamplesPerPixel": 3}, "samples per pixel (0028,0002)"),
        ],
    )
    def test_one_uid_is_parted_by_what_no_volume_may_mix(self, tmp_path: Path, tags: dict[str, Any], name: str) -> None:
        write_series(tmp_path / "a", stored_voxels((5, 4, 3)))
        write_series(tmp_path / "b", stored_voxels((5, 4, 2)), **tags)
        assert lengths(tmp_path) == {f"{UID}:1": 3, f"{UID}:2": 2}
        assert {series.parted_by for series in serieses(tmp_path)} == {(name,)}

    def test_one_uid_is_parted_by_size(self, tmp_path: Path) -> None:
        write_series(tmp_path / "a", stored_voxels((5, 4, 3)))
        write_series(tmp_path / "b", stored_voxels((4, 5, 2)))
        assert lengths(tmp_path) == {f"{UID}:1": 3, f"{UID}:2": 2}

    def test_rounding_of_orientation_and_spacing_parts_nothing(self, tmp_path: Path) -> None:
        oblique = np.array([0.9659258, 0.2588190, 0.0, -0.2241439, 0.8365163, 0.5])
        places = slice_positions(3, orientation=oblique)
        write_series(
            tmp_path,
            stored_voxels(),
            positions_mm=places,
            each=lambda z: {"orientation": np.round(oblique, 5 + z), "spacing_mm": (0.7, 0.8 + 1e-6 * z)},
        )
        assert lengths(tmp_path) == {UID: 3}

    def test_missing_position_of_one_image_parts_nothing(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), each=lambda z: {"ImagePositionPatient": None} if z == 1 else {})
        assert lengths(tmp_path) == {UID: 3}


class TestWithoutUid:
    @pytest.mark.parametrize("uid", ["", None])
    def test_one_folder_is_one_series(self, tmp_path: Path, uid: str | None) -> None:
        write_series(tmp_path, stored_voxels(), SeriesInstanceUID=uid)
        assert lengths(tmp_path) == {"no-uid": 3}

    @pytest.mark.parametrize(
        "tags",
        [{"StudyInstanceUID": "1.2"}, {"FrameOfReferenceUID": "1.2"}, {"SeriesNumber": 7}],
        ids=lambda tags: next(iter(tags)),
    )
    def test_other_tags_stand_in(self, tmp_path: Path, tags: dict[str, Any]) -> None:
        write_series(tmp_path, stored_voxels((5, 4, 3)), SeriesInstanceUID="")
        write_series(tmp_path, stored_voxels((5, 4, 2)), SeriesInstanceUID="", name="b{}".format, **tags)
        assert lengths(tmp_path) == {"no-uid:1": 3, "no-uid:2": 2}

    def test_folders_stand_in(self, tmp_path: Path) -> None:
        for count, folder in ((3, "a"), (2, "b")):
            write_series(tmp_path / folder, stored_voxels((5, 4, count)), SeriesInstanceUID="")
        assert lengths(tmp_path) == {"no-uid:1": 3, "no-uid:2": 2}


class TestAtSharedPositions:
    @pytest.mark.parametrize(
        ("keyword", "name"),
        [
            ("TemporalPositionIdentifier", "temporal position (0020,0100)"),
            ("AcquisitionNumber", "acquisition number (0020,0012)"),
            ("EchoTime", "echo time (0018,0081)"),
            ("TriggerTime", "trigger time (0018,1060)"),
            ("ConvolutionKernel", "convolution kernel (0018,1210)"),
            ("KVP", "tube voltage (0018,0060)"),
        ],
    )
    def test_a_tag_parts_the_volumes(self, tmp_path: Path, keyword: str, name: str) -> None:
        write_places(tmp_path, [0, 3, 6, 0, 3, 6, 0, 3, 6], each=lambda z: {keyword: str(1 + z // 3)})
        found = serieses(tmp_path)
        assert [series.key for series in found] == [f"{UID}:1", f"{UID}:2", f"{UID}:3"]
        assert {series.parted_by for series in found} == {(name,)}
        for series in found:
            assert [header.position_mm[2] for header in series.headers if header.position_mm] == [0, 3, 6]

    def test_the_rest_of_the_image_type_parts_them(self, tmp_path: Path) -> None:
        kinds = ("WATER", "FAT")
        write_places(tmp_path, [0, 3, 0, 3], each=lambda z: {"ImageType": ["ORIGINAL", "PRIMARY", "M", kinds[z // 2]]})
        assert lengths(tmp_path) == {f"{UID}:1": 2, f"{UID}:2": 2}

    def test_two_tags_part_them_together(self, tmp_path: Path) -> None:
        write_places(
            tmp_path,
            [0, 3] * 4,
            each=lambda z: {"TemporalPositionIdentifier": 1 + z // 4, "EchoTime": str(10 + z // 2 % 2)},
        )
        found = serieses(tmp_path)
        assert [len(series.headers) for series in found] == [2, 2, 2, 2]
        assert found[0].parted_by == ("temporal position (0020,0100)", "echo time (0018,0081)")

    def test_repeated_images_of_one_slice_stay_together(self, tmp_path: Path) -> None:
        write_places(tmp_path, [3, 3, 3, 3], each=lambda z: {"AcquisitionNumber": z})
        assert lengths(tmp_path) == {UID: 4}

    def test_what_explains_nothing_parts_nothing(self, tmp_path: Path) -> None:
        write_places(tmp_path, [0, 3, 0, 3], each=lambda z: {"EchoTime": "1"})
        assert lengths(tmp_path) == {UID: 4}


class TestAtOwnPositions:
    def test_acquisition_numbers_part_nothing(self, tmp_path: Path) -> None:
        """Scanners count sequential acquisitions slice by slice."""
        write_places(tmp_path, [0, 3, 6, 12], each=lambda z: {"AcquisitionNumber": z // 2})
        assert lengths(tmp_path) == {UID: 4}


class TestOrder:
    def test_slices_run_along_the_normal_whatever_their_numbers(self, tmp_path: Path) -> None:
        write_places(tmp_path, [6, 0, 3], each=lambda z: {"instance": z})
        (series,) = serieses(tmp_path)
        assert [header.position_mm for header in series.headers] == [(0, 0, 0), (0, 0, 3), (0, 0, 6)]

    def test_they_run_against_z_where_the_normal_does(self, tmp_path: Path) -> None:
        write_places(tmp_path, [6, 0, 3], orientation=(1, 0, 0, 0, -1, 0))
        (series,) = serieses(tmp_path)
        assert [header.position_mm for header in series.headers] == [(0, 0, 6), (0, 0, 3), (0, 0, 0)]

    def test_images_at_one_position_run_by_time_acquisition_and_number(self, tmp_path: Path) -> None:
        tags = [(2, 1, 1), (1, 2, 9), (1, 2, 3), (1, 10, 0)]

        def own(z: int) -> dict[str, Any]:
            time, acquisition, number = tags[z]
            return {"TemporalPositionIdentifier": time, "AcquisitionNumber": acquisition, "InstanceNumber": number}

        write_places(tmp_path, [3, 3, 3, 3], each=own)
        (series,) = serieses(tmp_path)
        assert [header.path.name for header in series.headers] == ["002.dcm", "001.dcm", "003.dcm", "000.dcm"]

    def test_absurd_orientation_leaves_the_order_of_files(self, tmp_path: Path) -> None:
        write_places(tmp_path, [6, 0, 3], orientation=(1, 0, 0, 1, 0, 0))
        (series,) = serieses(tmp_path)
        assert [header.path.name for header in series.headers] == ["000.dcm", "001.dcm", "002.dcm"]


class TestLabel:
    def test_names_number_description_uid_folder_and_count(self, tmp_path: Path) -> None:
        write_series(tmp_path, stored_voxels(), series=12345678, SeriesDescription="Abdomen\x1b[31m")
        (series,) = serieses(tmp_path)
        assert series.label == f"series 12345678 'Abdomen?[31m' ...999.12345678 in {tmp_path} (3 images)"

    def test_a_uid_that_is_none_stays_in_one_line(self, tmp_path: Path) -> None:
        for file in write_series(tmp_path, stored_voxels()):
            file.write_bytes(file.read_bytes().replace(UID.encode(), UID[:-2].encode() + b"\n\x1b"))
        assert serieses(tmp_path)[0].key == f"{UID[:-2]}??"

    def test_a_part_is_named(self, tmp_path: Path) -> None:
        write_series(tmp_path / "a", stored_voxels((5, 4, 1)), orientation=AXIAL)
        write_series(tmp_path / "b", stored_voxels((5, 4, 2)), orientation=(0.0, 1.0, 0.0, 0.0, 0.0, -1.0))
        assert serieses(tmp_path)[0].label.endswith(f":1 in {tmp_path / 'a'} (1 image)")
