from __future__ import annotations

from pathlib import Path

import pytest

from medseg.errors import SourceError
from medseg.io.dicom.header import Header
from medseg.io.dicom.syntaxes import Packing, packing, syntax_name


def header(syntax: str) -> Header:
    return Header(path=Path("slice.dcm"), transfer_syntax=syntax)


class TestPacking:
    @pytest.mark.parametrize(
        ("syntax", "expected"),
        [
            ("1.2.840.10008.1.2", Packing.NATIVE),
            ("1.2.840.10008.1.2.2", Packing.NATIVE),
            ("1.2.840.10008.1.2.1.99", Packing.DEFLATED),
            ("1.2.840.10008.1.2.5", Packing.RLE),
            ("1.2.840.10008.1.2.4.70", Packing.CODESTREAM),
        ],
    )
    def test_known_syntaxes(self, syntax: str, expected: Packing) -> None:
        assert packing(header(syntax)) is expected

    @pytest.mark.parametrize(
        ("syntax", "name"),
        [
            ("1.2.840.10008.1.2.4.53", r"JPEG Spectral Selection, Non-Hierarchical \(Process 6 and 8\)"),
            ("1.2.840.10008.1.2.4.55", r"JPEG Full Progression, Non-Hierarchical \(Process 10 and 12\)"),
            ("1.2.840.10008.1.2.4.100", "MPEG2 Main Profile"),
        ],
    )
    def test_syntax_without_decoder_is_refused_by_name(self, syntax: str, name: str) -> None:
        with pytest.raises(SourceError, match=rf"slice.dcm .* a maintained decoder reads, got {name}.*gdcmconv --raw"):
            packing(header(syntax))

    @pytest.mark.parametrize(
        ("syntax", "got"), [("1.2.3.4", "an unknown one"), ("Doe^Jane", "an unknown one"), ("", "none")]
    )
    def test_unknown_syntax_is_named_on_the_terminal_only(self, syntax: str, got: str) -> None:
        with pytest.raises(SourceError) as raised:
            packing(header(syntax))
        assert raised.value.where == f"slice.dcm (transfer syntax {syntax or 'missing'})"
        assert f"got {got};" in raised.value.fault
        assert not syntax or syntax not in raised.value.fault


class TestSyntaxName:
    def test_name_and_uid(self) -> None:
        assert syntax_name("1.2.840.10008.1.2.5") == "RLE Lossless (1.2.840.10008.1.2.5)"

    def test_another_uid_of_dicom_is_none_of_them(self) -> None:
        assert syntax_name("1.2.840.10008.5.1.4.1.1.2") == "an unknown one"
