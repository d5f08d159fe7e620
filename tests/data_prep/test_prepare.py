from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import nibabel as nib
import numpy as np
import pytest
from monai.data import load_decathlon_datalist
from monai.transforms import LoadImage

from data_prep.options import Options, Track
from data_prep.prepare import prepare
from data_prep.survey import Survey
from medseg.errors import MedsegError, UsageError
from medseg.manifest import read_manifest, verify
from tests.commands import environment
from tests.data_prep.raw_folders import contents, image_rows, make_pairs, mask_rows, save

T = TypeVar("T")
OPTIONS = Options(name="set", modality="microscopy", foreground_name="cell", groups=r"(\d)", folds=3)

KILLED = """
import os, signal, sys
from pathlib import Path
from data_prep.options import Options, Track
from data_prep.prepare import prepare

class DieAfter(Track):
    def __call__(self, items, description):
        for index, item in enumerate(items):
            if description == "Writing" and index == int(sys.argv[3]):
                os.kill(os.getpid(), signal.SIGKILL)
            yield item

prepare(Path(sys.argv[1]), Path(sys.argv[2]), Options(**{options}), track=DieAfter())
"""


class DuringWriting(Track):
    """Does something before the first case is written."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.act = act

    def __call__(self, items: Iterable[T], description: str) -> Iterable[T]:
        if description == "Writing":
            self.act()
        return items


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return make_pairs(tmp_path / "raw", 6)


@pytest.fixture
def out(raw: Path, tmp_path: Path) -> Path:
    """A finished data set."""
    prepare(raw, tmp_path / "out", OPTIONS)
    return tmp_path / "out"


class TestPreparedFolder:
    def test_holds_these_files_and_no_others(self, out: Path) -> None:
        cases = [f"case_{index:04d}" for index in range(6)]
        assert sorted(contents(out)) == sorted(
            ["dataset.json", "provenance.json", "slices.csv", "splits_final.json"]
            + [f"imagesTr/{case}_0000.nii" for case in cases]
            + [f"labelsTr/{case}.nii" for case in cases]
        )

    def test_nibabel_opens_it(self, out: Path) -> None:
        for index in range(6):
            image = nib.load(out / f"imagesTr/case_{index:04d}_0000.nii")
            label = nib.load(out / f"labelsTr/case_{index:04d}.nii")
            assert image.shape == label.shape == (16, 16, 1)
            assert (image.get_data_dtype(), label.get_data_dtype()) == (np.uint8, np.uint8)
            np.testing.assert_array_equal(np.asarray(image.dataobj)[..., 0], image_rows(index).T)
            np.testing.assert_array_equal(np.asarray(label.dataobj)[..., 0], mask_rows(index + 1, value=1).T)

    def test_monai_opens_it_as_a_decathlon_data_set(self, out: Path) -> None:
        items = load_decathlon_datalist(out / "dataset.json", is_segmentation=True, data_list_key="training")
        assert len(items) == 6
        image, label = (LoadImage(image_only=True)(items[2][key]) for key in ("image", "label"))
        np.testing.assert_array_equal(image[..., 0], image_rows(2).T)
        np.testing.assert_array_equal(label[..., 0], mask_rows(3, value=1).T)

    def test_description_is_what_was_asked_for(self, out: Path) -> None:
        content = json.loads((out / "dataset.json").read_text(encoding="utf-8"))
        assert content["name"] == "set"
        assert content["channel_names"] == {"0": "microscopy"}
        assert content["labels"] == {"background": 0, "cell": 1}
        assert content["medseg"]["layout"] == "folder-pairs"
        assert content["medseg"]["split"] == {"method": "group", "seed": 0, "folds": 3, "leaky": False}

    def test_slices_have_their_foreground(self, out: Path) -> None:
        lines = (out / "slices.csv").read_text(encoding="utf-8").splitlines()
        assert lines == ["case,slice,foreground_px"] + [f"case_{index:04d},0,{16 * (index + 1)}" for index in range(6)]

    def test_verifies(self, out: Path) -> None:
        assert verify(out) == []

    def test_what_is_returned_is_what_was_written(self, raw: Path, tmp_path: Path) -> None:
        done = prepare(raw, tmp_path / "new", OPTIONS)
        assert done.written == 6
        assert done.manifest == read_manifest(tmp_path / "new")

    def test_floats_are_kept(self, raw: Path, tmp_path: Path) -> None:
        for index in range(6):
            (raw / "image" / f"{index}.png").unlink()
            save(raw / "image" / f"{index}.tif", image_rows(index).astype(np.float32) - 100.5)
        prepare(raw, tmp_path / "new", OPTIONS)
        image = nib.load(tmp_path / "new/imagesTr/case_0003_0000.nii")
        assert image.get_data_dtype() == np.float32
        np.testing.assert_array_equal(np.asarray(image.dataobj)[..., 0], image_rows(3).T - 100.5)

    def test_orientation_turns_what_is_stored(self, raw: Path, tmp_path: Path) -> None:
        prepare(raw, tmp_path / "new", dataclasses.replace(OPTIONS, orientation="LP"))
        stored = np.asarray(nib.load(tmp_path / "new/imagesTr/case_0001_0000.nii").dataobj)[..., 0]
        np.testing.assert_array_equal(stored, image_rows(1)[::-1, ::-1].T)
        assert read_manifest(tmp_path / "new").orientation == "LP"

    def test_source_is_not_changed(self, raw: Path, tmp_path: Path) -> None:
        before = contents(raw)
        prepare(raw, tmp_path / "new", OPTIONS)
        assert contents(raw) == before

    def test_same_input_gives_same_bytes(self, raw: Path, out: Path, tmp_path: Path) -> None:
        # From another place, too: no path may have got in.
        moved = raw.rename(tmp_path / "moved")
        prepare(moved, tmp_path / "new", OPTIONS)
        assert contents(tmp_path / "new") == contents(out)


class TestAgain:
    def test_finished_data_set_is_left_as_it_is(self, raw: Path, out: Path) -> None:
        files = list(out.rglob("*.nii"))
        before = {path: path.stat().st_mtime_ns for path in files}
        assert prepare(raw, out, OPTIONS).written == 0
        assert {path: path.stat().st_mtime_ns for path in files} == before

    @pytest.mark.parametrize("file", ["imagesTr/case_0002_0000.nii", "labelsTr/case_0002.nii"])
    @pytest.mark.parametrize("damage", ["missing", "cut", "changed", "empty"])
    def test_damaged_case_is_written_again(self, raw: Path, out: Path, file: str, damage: str) -> None:
        good = contents(out)
        content = bytearray(good[file])
        if damage == "missing":
            (out / file).unlink()
        else:
            content[-1] ^= 1
            (out / file).write_bytes({"cut": good[file][:-7], "changed": bytes(content), "empty": b""}[damage])
        assert prepare(raw, out, OPTIONS).written == 1
        assert contents(out) == good

    @pytest.mark.parametrize("file", ["provenance.json", "slices.csv", "splits_final.json"])
    @pytest.mark.parametrize("content", ["", "[]", "{}"])
    def test_damaged_table_is_written_again(self, raw: Path, out: Path, file: str, content: str) -> None:
        good = contents(out)
        (out / file).write_text(content, encoding="utf-8")
        prepare(raw, out, OPTIONS)
        assert contents(out) == good

    def test_without_any_table_left_it_takes_overwrite(self, raw: Path, out: Path) -> None:
        good = contents(out)
        for file in ("provenance.json", "splits_final.json"):
            (out / file).unlink()
        with pytest.raises(UsageError, match="choose another folder or --overwrite"):
            prepare(raw, out, OPTIONS)
        prepare(raw, out, OPTIONS, overwrite=True)
        assert contents(out) == good


class TestKilled:
    def test_running_again_finishes_with_the_same_bytes(self, raw: Path, out: Path, tmp_path: Path) -> None:
        after = 2
        code = KILLED.replace("{options}", repr(dataclasses.asdict(OPTIONS)))
        killed = tmp_path / "killed"
        done = subprocess.run(
            [sys.executable, "-c", code, str(raw), str(killed), str(after)], env=environment(), check=False, timeout=120
        )
        assert done.returncode == -signal.SIGKILL
        assert len([*killed.rglob("*.nii")]) == 2 * after
        with pytest.raises(UsageError, match=r"it has no dataset\.json"):
            verify(killed)
        assert prepare(raw, killed, OPTIONS).written == 6 - after
        assert contents(killed) == contents(out)

    def test_half_written_files_are_removed(self, raw: Path, out: Path) -> None:
        good = contents(out)
        make_unfinished(out)
        (out / ".partial-1-slices.csv").write_text("case,sl", encoding="utf-8")
        assert prepare(raw, out, OPTIONS).written == 1
        assert contents(out) == good

    def test_other_options_need_overwrite(self, raw: Path, out: Path) -> None:
        make_unfinished(out)
        other = dataclasses.replace(OPTIONS, seed=1)
        with pytest.raises(UsageError, match="got an unfinished data set of another source or other options"):
            prepare(raw, out, other)
        assert prepare(raw, out, other, overwrite=True).written == 6
        assert verify(out) == []


def make_unfinished(out: Path) -> None:
    """Leave a data set as a kill does while its last case is written."""

    class KillError(Exception):
        """Ends a run where it stands."""

    def die() -> None:
        raise KillError

    raw = out.parent / "raw"
    with pytest.raises(KillError):
        prepare(raw, out.parent / "dying", OPTIONS, track=DuringWriting(die))
    (out / ".prepare.json").write_bytes((out.parent / "dying" / ".prepare.json").read_bytes())
    (out / "labelsTr" / "case_0005.nii").unlink()
    half = out / "imagesTr" / ".partial-1-case_0005_0000.nii"
    (out / "imagesTr" / "case_0005_0000.nii").rename(half)
    half.write_bytes(half.read_bytes()[:100])


class TestErrors:
    def test_one_error_is_told_as_it_is(self, raw: Path, tmp_path: Path) -> None:
        (raw / "label" / "3.png").unlink()
        with pytest.raises(MedsegError) as error:
            prepare(raw, tmp_path / "out", OPTIONS)
        assert str(error.value) == f"{raw}/image/3.png: image has no label in label"
        assert not (tmp_path / "out").exists()

    def test_several_are_counted(self, raw: Path, tmp_path: Path) -> None:
        for index in (1, 3, 4):
            (raw / "label" / f"{index}.png").unlink()
        with pytest.raises(MedsegError) as error:
            prepare(raw, tmp_path / "out", OPTIONS)
        assert str(error.value) == (
            f"{raw}/image/1.png: image has no label in label; and 2 more; see: python -m data_prep inspect {raw}"
        )

    @pytest.mark.parametrize("file", ["image/4.png", "label/4.png"])
    def test_source_that_changes_meanwhile_raises(self, raw: Path, tmp_path: Path, file: str) -> None:
        change = DuringWriting(lambda: save(raw / file, mask_rows(9)))
        with pytest.raises(MedsegError, match=r"image/4\.png: changed while it was prepared; run it again"):
            prepare(raw, tmp_path / "out", OPTIONS, track=change)
        assert not (tmp_path / "out" / "dataset.json").exists()

    def test_values_that_are_no_hounsfield_units_are_no_ct(self, raw: Path, tmp_path: Path) -> None:
        rule = (
            "--modality CT means Hounsfield units, but the images are uint8; name it otherwise, such as 'windowed CT'"
        )
        with pytest.raises(UsageError, match=rule):
            prepare(raw, tmp_path / "out", dataclasses.replace(OPTIONS, modality="CT"))
        assert not (tmp_path / "out").exists()

    def test_survey_that_lacks_facts_raises(self, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("data_prep.prepare.survey", lambda *_: Survey("folder-pairs", ()))
        with pytest.raises(MedsegError, match="a survey without errors must have intensities and a split"):
            prepare(raw, tmp_path / "out", OPTIONS)
