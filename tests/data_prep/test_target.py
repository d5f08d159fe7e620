from __future__ import annotations

import os
from pathlib import Path

import pytest

from data_prep.options import Options
from data_prep.prepare import prepare
from medseg.errors import MedsegError, UsageError
from tests.data_prep.raw_folders import contents, make_pairs


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return make_pairs(tmp_path / "raw", 4)


@pytest.fixture
def out(raw: Path, tmp_path: Path) -> Path:
    """A finished data set."""
    prepare(raw, tmp_path / "out", Options(name="set"))
    return tmp_path / "out"


def unfinished(out: Path) -> None:
    """Leave what a kill leaves before the tables are written, as another test shows."""
    (out / "dataset.json").unlink()
    (out / ".prepare.json").write_text('{"request": "other", "cases": ["case_0000", "case_0001"]}', encoding="utf-8")
    for name in ("splits_final.json", "slices.csv", "provenance.json"):
        (out / name).unlink()
    for path in [*out.glob("*/case_0002*"), *out.glob("*/case_0003*")]:
        path.unlink()


class TestWhere:
    @pytest.mark.parametrize("inside", ["raw", "raw/out", "raw/image/out"])
    def test_out_inside_raw_raises(self, raw: Path, tmp_path: Path, inside: str) -> None:
        before = contents(raw)
        with pytest.raises(UsageError, match=r"OUT must lie outside RAW .* and not around it; choose another folder"):
            prepare(raw, tmp_path / inside, Options(name="set"), overwrite=True)
        assert contents(raw) == before

    def test_out_around_raw_raises(self, raw: Path) -> None:
        with pytest.raises(UsageError, match=r"OUT must lie outside RAW .* and not around it"):
            prepare(raw, raw.parent, Options(name="set"))

    def test_link_into_raw_raises(self, raw: Path, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(raw / "image")
        with pytest.raises(UsageError, match="OUT must lie outside RAW"):
            prepare(raw, tmp_path / "link", Options(name="set"))

    def test_file_raises(self, raw: Path, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("", encoding="utf-8")
        with pytest.raises(UsageError, match="file: OUT must be a folder, but there is a file"):
            prepare(raw, tmp_path / "file", Options(name="set"))

    def test_empty_and_missing_folders_are_filled(self, raw: Path, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        for out in (tmp_path / "empty", tmp_path / "a" / "b"):
            assert prepare(raw, out, Options(name="set")).written == 4


class TestForeignFiles:
    @pytest.mark.parametrize("name", ["thesis.txt", "imagesTr/case_0000_0000.nii", "dataset.json"])
    @pytest.mark.parametrize("overwrite", [False, True])
    def test_are_never_touched(self, raw: Path, tmp_path: Path, name: str, overwrite: bool) -> None:
        file = tmp_path / "out" / name
        file.parent.mkdir(parents=True)
        file.write_text("{}", encoding="utf-8")
        rule = (
            f"OUT must be empty, got files that data_prep did not write, such as {name};"
            " choose another folder; --overwrite deletes only what data_prep wrote"
        )
        with pytest.raises(UsageError, match=rule):
            prepare(raw, tmp_path / "out", Options(name="set"), overwrite=overwrite)
        assert contents(tmp_path / "out") == {name: b"{}"}

    def test_in_a_prepared_data_set_stop_overwrite(self, raw: Path, out: Path) -> None:
        (out / "imagesTr" / "mine.nii").write_bytes(b"mine")
        before = contents(out)
        with pytest.raises(UsageError, match=r"data_prep did not write, such as imagesTr/mine\.nii"):
            prepare(raw, out, Options(name="other"), overwrite=True)
        assert contents(out) == before

    def test_do_not_stop_an_equal_run(self, raw: Path, out: Path) -> None:
        (out / "thesis.txt").write_text("mine", encoding="utf-8")
        assert prepare(raw, out, Options(name="set")).written == 0
        assert (out / "thesis.txt").read_text(encoding="utf-8") == "mine"

    @pytest.mark.parametrize("content", ['{"medseg": 1}', '{"medseg": {"cases": 1}}', '{"medseg": {"cases": [{}]}}'])
    def test_description_of_another_kind_owns_no_case(self, raw: Path, tmp_path: Path, content: str) -> None:
        out = tmp_path / "out"
        (out / "imagesTr").mkdir(parents=True)
        (out / "imagesTr" / "case_0000_0000.nii").write_bytes(b"mine")
        (out / "dataset.json").write_text(content, encoding="utf-8")
        with pytest.raises(UsageError, match="got files that data_prep did not write"):
            prepare(raw, out, Options(name="set"), overwrite=True)

    def test_data_set_description_that_is_damaged_raises(self, raw: Path, out: Path) -> None:
        (out / "dataset.json").write_text("{", encoding="utf-8")
        with pytest.raises(MedsegError, match=r"dataset\.json: must be readable JSON, got .*; choose another folder"):
            prepare(raw, out, Options(name="set"), overwrite=True)


class TestOtherDataSet:
    @pytest.mark.parametrize(
        "options", [Options(name="other"), Options(name="set", seed=1), Options(name="set", folds=2)]
    )
    def test_is_kept_without_overwrite(self, raw: Path, out: Path, options: Options) -> None:
        before = contents(out)
        rule = (
            "OUT must be empty, got a data set of another source or other options; choose another folder or --overwrit"
        )
        with pytest.raises(UsageError, match=rule):
            prepare(raw, out, options)
        assert contents(out) == before

    def test_unfinished_is_kept_without_overwrite(self, raw: Path, out: Path) -> None:
        unfinished(out)
        before = contents(out)
        with pytest.raises(
            UsageError, match="OUT must be empty, got an unfinished data set of another source or other"
        ):
            prepare(raw, out, Options(name="set"))
        assert contents(out) == before

    @pytest.mark.parametrize("state", ["finished", "unfinished"])
    def test_is_replaced_with_overwrite(self, raw: Path, out: Path, tmp_path: Path, state: str) -> None:
        if state == "unfinished":
            unfinished(out)
        other = make_pairs(tmp_path / "other", 2, first_seed=30)
        assert prepare(other, out, Options(name="set"), overwrite=True).written == 2
        prepare(other, tmp_path / "fresh", Options(name="set"))
        assert contents(out) == contents(tmp_path / "fresh")

    def test_wrong_source_deletes_nothing(self, raw: Path, out: Path, tmp_path: Path) -> None:
        other = make_pairs(tmp_path / "other", 3)
        (other / "label" / "0.png").unlink()
        before = contents(out)
        with pytest.raises(MedsegError, match="image has no label"):
            prepare(other, out, Options(name="set"), overwrite=True)
        assert contents(out) == before


class TestLeftovers:
    def test_first_mark_cut_short_by_a_kill_is_no_foreign_file(self, raw: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        out.mkdir()
        (out / f".partial-{os.getpid()}-.prepare.json").write_text('{"requ', encoding="utf-8")
        assert prepare(raw, out, Options(name="set")).written == 4
        assert not [*out.glob(".*")]
