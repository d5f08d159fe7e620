from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydicom.sr.coding import Code

from medseg.errors import UsageError
from medseg.io.results import Segment, segment_for

ANATOMY = "91723000"
ABNORMAL = "49755003"
HEAD = "name,category,code,meaning"
KEYS = f"{HEAD},scheme,side".replace(",", ", ")


def table(folder: Path, text: str, name: str = "terms.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


class TestBuiltIn:
    @pytest.mark.parametrize(
        ("name", "code", "meaning", "category"),
        [
            *(("liver", "10200004", "Liver", ANATOMY), ("Liver", "10200004", "Liver", ANATOMY)),
            *(("cell nucleus", "84640000", "Nucleus", ANATOMY), ("nuclei", "84640000", "Nucleus", ANATOMY)),
            *(("cell", "4421005", "Cell", ANATOMY), ("spleen", "78961009", "Spleen", ANATOMY)),
            *(("kidney", "64033007", "Kidney", ANATOMY), ("pancreas", "15776009", "Pancreas", ANATOMY)),
            *(("lung", "39607008", "Lung", ANATOMY), ("heart", "80891009", "Heart", ANATOMY)),
            *(("brain", "12738006", "Brain", ANATOMY), ("prostate", "41216001", "Prostate", ANATOMY)),
            *(("bladder", "89837001", "Bladder", ANATOMY), ("aorta", "15825003", "Aorta", ANATOMY)),
            *(("tumour", "108369006", "Tumor", ABNORMAL), ("lesion", "52988006", "Lesion", ABNORMAL)),
            *(("portal_vein", "32764006", "Portal vein", ANATOMY), ("vertebra", "51282000", "Vertebra", ANATOMY)),
        ],
    )
    def test_names_have_their_snomed_codes(self, name: str, code: str, meaning: str, category: str) -> None:
        found = segment_for(name)
        assert (found.label, found.kind) == (name, Code(code, "SCT", meaning))
        assert (found.category.value, found.category.scheme_designator, found.modifier) == (category, "SCT", None)

    @pytest.mark.parametrize(
        ("name", "code", "side"),
        [
            *(("left kidney", "64033007", "7771000"), ("kidney_right", "64033007", "24028007")),
            *(("kidneys", "64033007", "51440002"), ("Lung-Left", "39607008", "7771000")),
            *(("both adrenal gland", "23451007", "51440002"), ("left_tumour", "108369006", "7771000")),
        ],
    )
    def test_sides_are_modifiers(self, name: str, code: str, side: str) -> None:
        found = segment_for(name)
        assert (found.kind.value, found.modifier.value if found.modifier else None) == (code, side)

    @pytest.mark.parametrize("name", ["foreground", "left", "liver cyst", "upper kidney", "left left kidney", "lebber"])
    def test_unknown_names_get_no_code(self, name: str) -> None:
        message = (
            f"foreground '{name}' must have a coded term in DICOM, got none for it; say which with --terms FILE, a CSV"
            " file or JSON list with name, category, code, meaning, scheme, side"
        )
        with pytest.raises(UsageError) as caught:
            segment_for(name)
        assert str(caught.value) == message


class TestTable:
    CSV = "name,category,code,meaning,scheme,side\nliver cyst,Morphologically abnormal structure,367643001,Cyst,,left\n"

    def test_of_csv(self, tmp_path: Path) -> None:
        found = segment_for("Liver_Cyst", table(tmp_path, self.CSV))
        assert found.kind == Code("367643001", "SCT", "Cyst")
        assert (found.label, found.category.value) == ("liver cyst", ABNORMAL)
        assert found.modifier is not None
        assert found.modifier.value == "7771000"

    def test_of_a_spreadsheet(self, tmp_path: Path) -> None:
        """With a byte order mark and Windows' line ends."""
        path = table(tmp_path, "\ufeff" + self.CSV.replace("\n", "\r\n"))
        assert segment_for("liver cyst", path).kind.meaning == "Cyst"

    def test_of_json(self, tmp_path: Path) -> None:
        row = {"name": "stent", "category": "physical object", "code": "S1", "meaning": "Stent", "scheme": "99OWN"}
        found = segment_for("stent", table(tmp_path, json.dumps([row]), "terms.json"))
        assert (found.kind, found.category.value) == (Code("S1", "99OWN", "Stent"), "260787004")
        assert found.modifier is None

    def test_goes_before_the_built_in_names_and_keeps_the_others(self, tmp_path: Path) -> None:
        path = table(tmp_path, "name,category,code,meaning\nliver,tissue,85756007,Tissue\n")
        assert segment_for("liver", path).kind.value == "85756007"
        assert segment_for("spleen", path).kind.value == "78961009"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", f"--terms must be a CSV file or JSON list with {KEYS}, got no rows"),
            (f"{HEAD}\na,tissue,1,A\nA,tissue,2,B\n", "names must differ, got 2 of which 1 do; take"),
            ("name,codes\na,1\n", f"term 1 must have the keys {KEYS}, got codes"),
            (f"{HEAD}\na,tissue,1,A,SCT\n", f"term 1 must have the keys {KEYS}, got None"),
            (f"{HEAD}\na,tissue,,\n", "term 1 must have name, category, code, meaning, got no code, meaning"),
            (f"{HEAD}\na,organ,1,A\n", "term 1: category must be one of anatomical structure, .*got 'organ'"),
            (f"{HEAD},side\na,tissue,1,A,up\n", "term 1: side must be one of left, right, both, got 'up'"),
            (f"{HEAD}\na,tissue,T-62000,A\n", r"term 1: code must be digits in SNOMED CT \(SCT\), got 'T-62000'"),
            (f"{HEAD}\na,tissue,{17 * '1'},A\n", "term 1: code must be 1 to 16 characters, got '11111"),
            (f"{HEAD},scheme\na,tissue,1,A,{17 * 'S'}\n", "term 1: scheme must be 1 to 16 characters, got 'SSS"),
            (f"{HEAD}\na,tissue,1,{65 * 'A'}\n", "term 1: meaning must be 1 to 64 characters"),
            (f"{HEAD}\n{65 * 'a'},tissue,1,A\n", "a segment's label must be 1 to 64 characters"),
        ],
    )
    def test_faults_are_named(self, tmp_path: Path, text: str, message: str) -> None:
        with pytest.raises(UsageError, match=message) as caught:
            segment_for("liver", table(tmp_path, text))
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("text", ["{", "{}", "[]", "[1]", '"liver"'])
    def test_json_of_another_form_is_named(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(UsageError, match=r"terms\.json: --terms must be a CSV file or JSON list with name"):
            segment_for("liver", table(tmp_path, text, "terms.json"))

    def test_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"none\.csv: --terms must be a CSV file .* got FileNotFoundError"):
            segment_for("liver", tmp_path / "none.csv")

    def test_file_that_is_no_text_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "terms.csv").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(UsageError, match=r"terms\.csv: --terms must be a CSV file .* got UnicodeDecodeError"):
            segment_for("liver", tmp_path / "terms.csv")


@pytest.mark.parametrize("label", ["", "a\\b", "a\tb", 65 * "a"])
def test_label_that_is_no_text_of_dicom_raises(label: str) -> None:
    liver = segment_for("liver")
    with pytest.raises(UsageError, match="a segment's label must be 1 to 64 characters without backslash and control"):
        Segment(label, liver.category, liver.kind)
