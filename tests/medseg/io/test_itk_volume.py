from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import HealthCheck, given, settings

from medseg.errors import SourceError
from medseg.io.file_choices import FileChoices
from medseg.io.itk_volume import read_itk_volume
from tests.medseg.io.volume_files import AFFINE_MM, affines, voxels

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

NRRD = {
    "type": "short",
    "dimension": "3",
    "space": "left-posterior-superior",
    "sizes": "4 3 2",
    "space directions": "(0.7,0,0) (0,0.7,0) (0,0,2.5)",
    "kinds": "domain domain domain",
    "endian": "little",
    "encoding": "raw",
    "space origin": "(10,20,-30)",
}
META = {
    "ObjectType": "Image",
    "NDims": "3",
    "BinaryData": "True",
    "BinaryDataByteOrderMSB": "False",
    "CompressedData": "False",
    "TransformMatrix": "1 0 0 0 1 0 0 0 1",
    "Offset": "10 20 -30",
    "ElementSpacing": "0.7 0.7 2.5",
    "DimSize": "4 3 2",
    "ElementType": "MET_SHORT",
}
EXPECTED_MM = np.array([[-0.7, 0, 0, -10], [0, -0.7, 0, -20], [0, 0, 2.5, -30], [0, 0, 0, 1]])
DATA = voxels().tobytes(order="F")


def itk_image(affine_mm: np.ndarray, data: np.ndarray) -> sitk.Image:
    lps = LPS_TO_RAS @ affine_mm
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image = sitk.GetImageFromArray(np.ascontiguousarray(data.T))
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    return image


def itk_affine_mm(image: sitk.Image) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return LPS_TO_RAS @ affine


def nrrd(path: Path, data: bytes = DATA, extra: str = "", **changes: str | None) -> Path:
    fields = NRRD | {name.replace("_", " "): value for name, value in changes.items()}
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    path.write_bytes("\n".join(["NRRD0004", "# comment", *lines, extra + "\n" if extra else "", ""]).encode() + data)
    return path


def meta(path: Path, data: bytes = DATA, file: str = "LOCAL", **changes: str | None) -> Path:
    lines = [f"{name} = {value}" for name, value in (META | changes).items() if value is not None]
    path.write_bytes("\n".join([*lines, f"ElementDataFile = {file}", ""]).encode() + data)
    return path


def refuse(path: Path, match: str) -> None:
    with pytest.raises(SourceError, match=match) as caught:
        read_itk_volume(path)
    assert str(path.parent) not in caught.value.fault


class TestAgainstSimpleItk:
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(affine=affines())
    @pytest.mark.parametrize("name", ["a.nrrd", "a.mha"])
    def test_any_orientation(self, tmp_path: Path, name: str, affine: np.ndarray) -> None:
        sitk.WriteImage(itk_image(affine, voxels()), tmp_path / name)
        volume = read_itk_volume(tmp_path / name)
        np.testing.assert_array_equal(volume.voxels, voxels())
        np.testing.assert_allclose(volume.affine_mm, affine, atol=1e-3)
        np.testing.assert_allclose(volume.affine_mm, itk_affine_mm(sitk.ReadImage(tmp_path / name)), atol=1e-9)
        assert (volume.modality, volume.warnings, volume.decisions) == (None, (), ())

    @pytest.mark.parametrize("name", ["a.nrrd", "a.nhdr", "a.mha", "a.mhd"])
    @pytest.mark.parametrize("compressed", [False, True])
    @pytest.mark.parametrize(
        "dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"]
    )
    def test_any_type(self, tmp_path: Path, name: str, compressed: bool, dtype: str) -> None:
        expected = voxels(dtype=dtype)
        sitk.WriteImage(itk_image(AFFINE_MM, expected), tmp_path / name, useCompression=compressed)
        volume = read_itk_volume(tmp_path / name, modality="CT")
        assert (volume.voxels.dtype, volume.modality) == (np.int16, "CT")
        np.testing.assert_array_equal(volume.voxels, expected)
        np.testing.assert_allclose(volume.affine_mm, AFFINE_MM, atol=1e-9)

    @pytest.mark.parametrize("space", ["left-posterior-superior", "RAS", "left-anterior-superior", "LAS", "LPS"])
    def test_any_space(self, tmp_path: Path, space: str) -> None:
        path = nrrd(tmp_path / "a.nrrd", space=space)
        np.testing.assert_allclose(read_itk_volume(path).affine_mm, itk_affine_mm(sitk.ReadImage(path)), atol=1e-12)

    @pytest.mark.parametrize("names", [("Offset", "Position"), ("Offset", "Origin"), ("TransformMatrix", "Rotation")])
    def test_older_names(self, tmp_path: Path, names: tuple[str, str]) -> None:
        path = meta(
            tmp_path / "a.mha",
            **{names[0]: None, names[1]: META[names[0]], "ElementSpacing": None, "ElementSize": "1 2 3"},
        )
        np.testing.assert_allclose(read_itk_volume(path).affine_mm, itk_affine_mm(sitk.ReadImage(path)), atol=1e-12)

    @pytest.mark.realdata
    def test_a_segmentation_of_3d_slicer(self, shared_data: Path) -> None:
        path = shared_data / "ct_seg/seg/liver_seg.nrrd"
        volume, image = read_itk_volume(path), sitk.ReadImage(path)
        np.testing.assert_array_equal(volume.voxels.T, sitk.GetArrayFromImage(image))
        np.testing.assert_allclose(volume.affine_mm, itk_affine_mm(image), atol=1e-9)
        assert np.unique(volume.voxels).tolist() == [0, 1]


class TestByHand:
    @pytest.mark.parametrize("write", [nrrd, meta])
    def test_lps_becomes_ras(self, tmp_path: Path, write: object) -> None:
        volume = read_itk_volume(write(tmp_path / "a"))  # type: ignore[operator]
        np.testing.assert_array_equal(volume.voxels, voxels())
        np.testing.assert_allclose(volume.affine_mm, EXPECTED_MM)

    def test_ras_stays(self, tmp_path: Path) -> None:
        path = nrrd(tmp_path / "a.nrrd", space="RAS")
        np.testing.assert_allclose(read_itk_volume(path).affine_mm, LPS_TO_RAS @ EXPECTED_MM)

    def test_big_endian(self, tmp_path: Path) -> None:
        swapped = voxels().astype(">i2").tobytes(order="F")
        for path in (
            nrrd(tmp_path / "a.nrrd", swapped, endian="big"),
            meta(tmp_path / "a.mha", swapped, BinaryDataByteOrderMSB="True"),
        ):
            np.testing.assert_array_equal(read_itk_volume(path).voxels, voxels())

    def test_windows_line_ends_and_key_value_pairs(self, tmp_path: Path) -> None:
        path = nrrd(tmp_path / "a.nrrd", b"", extra="Patient name:=somebody: else")
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n") + DATA)
        np.testing.assert_array_equal(read_itk_volume(path).voxels, voxels())
        path = meta(tmp_path / "a.mha", b"")
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n") + DATA)
        np.testing.assert_array_equal(read_itk_volume(path).voxels, voxels())

    def test_a_single_byte_needs_no_byte_order(self, tmp_path: Path) -> None:
        data = voxels(dtype="uint8").tobytes(order="F")
        for path in (
            nrrd(tmp_path / "a.nrrd", data, type="uchar", endian=None),
            meta(tmp_path / "a.mha", data, ElementType="MET_UCHAR", BinaryDataByteOrderMSB=None),
        ):
            np.testing.assert_array_equal(read_itk_volume(path).voxels, voxels())

    def test_nan_takes_the_chosen_value(self, tmp_path: Path) -> None:
        data = voxels(dtype="<f4")
        data[0, 0, 0] = np.nan
        path = nrrd(tmp_path / "a.nrrd", data.tobytes(order="F"), type="float")
        refuse(path, r"values must be finite, got 1 NaN and 0 infinite voxels; --nonfinite")
        assert read_itk_volume(path, choices=FileChoices(nonfinite=-1024)).voxels[0, 0, 0] == -1024

    def test_texts_of_the_header_go_nowhere(self, tmp_path: Path) -> None:
        path = nrrd(
            tmp_path / "CANARY.nrrd", extra="content: CANARY\nname:=CANARY", space_directions="(99,0,0) (0,1,0) (0,0,1)"
        )
        volume = read_itk_volume(path)
        assert volume.warnings
        assert "CANARY" not in repr((volume.warnings, volume.decisions))


class TestNrrdRefused:
    @pytest.mark.parametrize(
        ("changes", "match"),
        [
            ({"space_directions": None}, r"must say where its voxels lie, got no space directions; export the volume"),
            ({"space_directions": None, "spacings": "1 1 2"}, r"got no space directions"),
            ({"space_origin": None}, r"must say where its voxels lie, got no space origin"),
            ({"space": None}, r"space must be LPS, RAS or LAS, so that left is known, got nothing"),
            ({"space": None, "space_dimension": "3"}, r"space must be LPS, RAS or LAS, .* got nothing"),
            ({"space": "scanner-xyz"}, r"space must be LPS, RAS or LAS, so that left is known, got another value"),
            ({"space": "right-posterior-superior"}, r"space must be LPS, RAS or LAS"),
            ({"space_units": '"um" "um" "um"'}, r"space units must be mm, got another"),
            ({"space_directions": "none (0,1,0) (0,0,1)"}, r"space directions must be 3 vectors such as \(1,0,0\)"),
            ({"space_directions": "(1,0) (0,1) (0,0)"}, r"space directions must be 3 numbers"),
            ({"space_directions": "(1,,0) (0,1,0) (0,0,1)"}, r"space directions must be 3 numbers"),
            ({"space_directions": "(1,0,0) (0,1,0) (0,0,nan)"}, r"space directions must be finite numbers"),
            ({"space_directions": "(1,0,0) (0,1,0) (0,0,0)"}, r"space directions must span three directions"),
            ({"space_directions": "(1,0,0) (0,200,0) (0,10,10)"}, r"space directions must have axes at right angles"),
            ({"space_origin": "(1_0,0,0)"}, r"space origin must be 3 numbers"),
            ({"dimension": "4"}, r"dimension must be 3, got 4; save one volume of single numbers"),
            ({"dimension": None}, r"dimension must be 1 number, got nothing"),
            (
                {"kinds": "vector domain domain"},
                r"kinds must be domain or space along each axis, got colour, vector or time",
            ),
            ({"kinds": "domain"}, r"kinds must be domain or space"),
            ({"sizes": "4 3"}, r"sizes must be 3 numbers, got something else"),
            ({"sizes": "4 3 2.5"}, r"sizes must be whole numbers, got fractions"),
            ({"sizes": "4 0 2"}, r"sizes must be at least 1 along each axis, got 4 x 0 x 2"),
            ({"sizes": "40 30 20"}, r"must hold exactly 48000 bytes of voxels \(40 x 30 x 20 of int16\), got 48;"),
            ({"sizes": "4 3 1"}, r"must hold exactly 24 bytes of voxels \(4 x 3 x 1 of int16\), got 48;"),
            ({"type": "block"}, r"type must be an integer or floating type, got another value"),
            ({"endian": None}, r"endian must be little or big, got nothing"),
            ({"encoding": "bzip2"}, r"encoding must be raw or gzip, got another value"),
            ({"encoding": "gzip"}, r"must be soundly compressed, got damaged data"),
            ({"byte_skip": "-1"}, r"byte skip must be 0, got another"),
            ({"line_skip": "1"}, r"line skip must be 0, got another"),
            ({"data_file": "slice%03d.raw 1 2 1"}, r"data file must be one file, got several"),
            ({"data_file": "LIST"}, r"data file must be one file, got several"),
            ({"spice": "LPS"}, r"must have a header of NRRD's fields, got another line"),
        ],
    )
    def test_what_a_header_may_not_say(self, tmp_path: Path, changes: dict[str, str | None], match: str) -> None:
        refuse(nrrd(tmp_path / "a.nrrd", **changes), match)

    def test_fields_that_stand_twice(self, tmp_path: Path) -> None:
        refuse(nrrd(tmp_path / "a.nrrd", extra="space: RAS"), r"must give each header field once, got one twice")

    def test_missing_data_file(self, tmp_path: Path) -> None:
        sitk.WriteImage(itk_image(AFFINE_MM, voxels()), tmp_path / "a.nhdr")
        (tmp_path / "a.raw").unlink()
        refuse(tmp_path / "a.nhdr", r"a\.raw: must be there as data file of a header, got none; copy both files")

    def test_short_data_file(self, tmp_path: Path) -> None:
        sitk.WriteImage(itk_image(AFFINE_MM, voxels()), tmp_path / "a.nhdr")
        (tmp_path / "a.raw").write_bytes(DATA[:-1])
        refuse(tmp_path / "a.nhdr", r"a\.raw: must hold exactly 48 bytes of voxels .*, got 47;")

    def test_data_file_of_an_impossible_name(self, tmp_path: Path) -> None:
        refuse(nrrd(tmp_path / "a.nhdr", data_file="x" * 5000), r"must be there as data file of a header, got none")

    @pytest.mark.parametrize("cut", [1, 20])
    def test_cut_gzip(self, tmp_path: Path, cut: int) -> None:
        path = nrrd(tmp_path / "a.nrrd", gzip.compress(DATA)[:-cut], encoding="gzip")
        refuse(path, r"must be compressed to its end, got a stream that is cut short")

    def test_a_small_file_that_claims_much(self, tmp_path: Path) -> None:
        path = nrrd(tmp_path / "a.nrrd", gzip.compress(DATA), encoding="gzip", sizes="2000 1000 1000")
        refuse(path, r"must hold the 4000000000 bytes of voxels that its header claims, got a compressed file of")

    def test_header_without_end(self, tmp_path: Path) -> None:
        (tmp_path / "a.nrrd").write_bytes(b"NRRD0004\rtype: short\r\r" + DATA)
        refuse(tmp_path / "a.nrrd", r"must have a NRRD header of lines that end in a blank one")


class TestMetaImageRefused:
    @pytest.mark.parametrize(
        ("changes", "match"),
        [
            ({"TransformMatrix": None}, r"must say where its voxels lie, got no TransformMatrix; export the volume"),
            ({"Offset": None}, r"must say where its voxels lie, got no Offset"),
            ({"ElementSpacing": None}, r"must say where its voxels lie, got no ElementSpacing"),
            ({"ElementSpacing": "0.7 0.7 0"}, r"ElementSpacing must be above 0, got 0"),
            ({"ElementSpacing": "0.7 0.7 -2"}, r"ElementSpacing must be above 0, got -2"),
            ({"ElementSpacing": "0.7 0.7 inf"}, r"ElementSpacing must be finite numbers"),
            ({"TransformMatrix": "1 0 0 0 1 0 0 1 0"}, r"TransformMatrix must span three directions"),
            ({"TransformMatrix": "1 0 0 0 1 0 0 0.6 0.8"}, r"TransformMatrix must have axes at right angles"),
            ({"TransformMatrix": "1 0 0 0 1 0"}, r"TransformMatrix must be 9 numbers"),
            ({"DistanceUnits": "um"}, r"DistanceUnits must be mm, got another value"),
            ({"NDims": "4"}, r"NDims must be 3, got 4; save one volume"),
            ({"NDims": "3000000000"}, r"NDims must be 3, got 3000000000"),
            ({"ElementNumberOfChannels": "3"}, r"ElementNumberOfChannels must be 1, got 3; save one grey volume"),
            ({"ElementType": "MET_SHORT_ARRAY"}, r"ElementType must be a single number of at most 64 bits"),
            ({"ObjectType": "Tube"}, r"ObjectType must be Image, got another value"),
            ({"BinaryData": "False"}, r"BinaryData must be True, got False"),
            ({"BinaryDataByteOrderMSB": None}, r"BinaryDataByteOrderMSB must be True or False, got nothing"),
            ({"BinaryDataByteOrderMSB": "maybe"}, r"BinaryDataByteOrderMSB must be True or False, got another value"),
            ({"CompressedData": "True"}, r"must be soundly compressed, got damaged data"),
            ({"HeaderSize": "-1"}, r"HeaderSize must be 0, got another"),
            ({"ElementToIntensityFunctionSlope": "2"}, r"ElementToIntensityFunctionSlope must be 1, got another"),
            ({"ElementToIntensityFunctionOffset": "-1024"}, r"ElementToIntensityFunctionOffset must be 0, got another"),
            ({"DimSize": "4 3 3"}, r"must hold exactly 72 bytes of voxels \(4 x 3 x 3 of int16\), got 48;"),
            ({"DimSize": "-4 3 2"}, r"DimSize must be at least 1 along each axis, got -4 x 3 x 2"),
            ({"file": "LIST"}, r"ElementDataFile must be one file, got several"),
            ({"file": "slice%03d.raw 1 2 1"}, r"ElementDataFile must be one file, got several"),
            ({"file": "absent.raw"}, r"absent\.raw: must be there as data file of a header, got none"),
            ({"file": ""}, r"must be there as data file of a header, got none"),
        ],
    )
    def test_what_a_header_may_not_say(self, tmp_path: Path, changes: dict[str, str | None], match: str) -> None:
        refuse(meta(tmp_path / "a.mha", **changes), match)  # type: ignore[arg-type]

    def test_neutral_intensity_functions_pass(self, tmp_path: Path) -> None:
        path = meta(tmp_path / "a.mha", ElementToIntensityFunctionSlope="1", ElementToIntensityFunctionOffset="0")
        np.testing.assert_array_equal(read_itk_volume(path).voxels, voxels())

    def test_two_names_that_contradict_each_other(self, tmp_path: Path) -> None:
        refuse(meta(tmp_path / "a.mha", Position="0 0 0"), r"must give each header field once, got one twice")

    def test_header_without_data(self, tmp_path: Path) -> None:
        (tmp_path / "a.mha").write_bytes(b"ObjectType = Image\nNDims = 3\n" + DATA)
        refuse(tmp_path / "a.mha", r"must have a MetaImage header that ends in ElementDataFile, got none")


class TestOtherFiles:
    @pytest.mark.parametrize("content", [b"", b"NRRD", b"\x89PNG\r\n" + bytes(900), DATA])
    def test_are_refused(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a.nrrd").write_bytes(content)
        refuse(tmp_path / "a.nrrd", r"must be a NRRD or MetaImage file, got another kind")

    def test_missing_file(self, tmp_path: Path) -> None:
        refuse(tmp_path / "a.nrrd", r"a\.nrrd: must be a file, got none")

    def test_vectors_and_4d_of_simpleitk(self, tmp_path: Path) -> None:
        image = itk_image(AFFINE_MM, voxels())
        for name in ("a.nrrd", "a.mha"):
            sitk.WriteImage(sitk.Compose([image, image]), tmp_path / name)
            refuse(tmp_path / name, r"dimension must be 3, got 4|ElementNumberOfChannels must be 1, got 2")
            sitk.WriteImage(sitk.JoinSeries([image, image]), tmp_path / name)
            refuse(tmp_path / name, r"(dimension|NDims) must be 3, got 4")
