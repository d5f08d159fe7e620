from __future__ import annotations

import dataclasses
import errno
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from monai.data import load_decathlon_datalist
from monai.transforms import LoadImage

from data_prep.options import How, Options, Track
from data_prep.prepare import InterruptError, prepare
from data_prep.verify import verify
from medseg.errors import MedsegError, UsageError
from medseg.io.nifti import write_nifti
from medseg.manifest import read_manifest
from tests.commands import environment
from tests.data_prep.raw_folders import contents, image_rows, make_pairs, mask_rows, save, save_volume
from tests.factories import edit_json

OPTIONS = Options(name="set", modality="microscopy", foreground_name="cell", groups=r"(\d)", folds=3)

KILLED = """
import os, signal, sys
from contextlib import contextmanager
from pathlib import Path
from data_prep.options import Options, Track
from data_prep.prepare import prepare
from medseg.io.dicom import Choices
from medseg.io.file_choices import FileChoices

class DieAfter(Track):
    @contextmanager
    def cases(self, total, description):
        left = [int(sys.argv[3])]
        def advance(slices):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
        yield advance

prepare(Path(sys.argv[1]), Path(sys.argv[2]), {options}, track=DieAfter())
"""


class DieAfter(Track):
    """Ends a run when some cases are done."""

    def __init__(self, cases: int) -> None:
        self.left = cases

    @contextmanager
    def cases(self, total: int, description: str) -> Iterator[Callable[[int], None]]:
        def advance(slices: int) -> None:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt

        yield advance


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
            ["dataset.json", "provenance.json", "report/index.html", "slices.csv", "splits_final.json"]
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

    def test_what_a_kill_left_half_written_is_removed(self, raw: Path, out: Path) -> None:
        good = contents(out)
        for name in ("report/.partial-1-index.html", ".partial-1-dataset.json"):
            (out / name).write_text("{", encoding="utf-8")
        assert prepare(raw, out, OPTIONS).written == 0
        assert contents(out) == good

    @pytest.mark.parametrize("file", ["provenance.json", "slices.csv", "splits_final.json"])
    @pytest.mark.parametrize("content", ["", "[]", "{}"])
    def test_damaged_table_is_written_again(self, raw: Path, out: Path, file: str, content: str) -> None:
        good = contents(out)
        (out / file).write_text(content, encoding="utf-8")
        prepare(raw, out, OPTIONS)
        assert contents(out) == good

    def test_data_set_of_before_the_window_was_recorded_is_completed(self, raw: Path, out: Path) -> None:
        now = contents(out)
        edit_json(
            out / "dataset.json", lambda c: [c["medseg"].pop(key) for key in ("plane", "spacing_mm", "window_hu")]
        )
        edit_json(out / "provenance.json", lambda c: c["options"].pop("window_hu"))
        assert prepare(raw, out, OPTIONS).written == 0
        assert contents(out) == now

    def test_window_is_recorded_without_a_voxel_written(self, raw: Path, tmp_path: Path) -> None:
        plain = dataclasses.replace(OPTIONS, orientation="LA")
        before = prepare(raw, tmp_path / "out", plain).manifest
        windowed = dataclasses.replace(plain, window_hu=(-100.0, 400.0))
        with pytest.raises(UsageError, match="got a data set of another source or other options"):
            prepare(raw, tmp_path / "out", windowed)
        done = prepare(raw, tmp_path / "out", windowed, overwrite=True)
        assert (done.written, done.manifest.fingerprint) == (0, before.fingerprint)
        assert read_manifest(tmp_path / "out").window_hu == (-100.0, 400.0)
        assert verify(tmp_path / "out") == []

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
        code = KILLED.replace("{options}", repr(OPTIONS))
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
        make_unfinished(raw, out)
        (out / ".partial-1-slices.csv").write_text("case,sl", encoding="utf-8")
        assert prepare(raw, out, OPTIONS).written == 1
        assert contents(out) == good

    def test_source_that_changed_since_is_read_again(self, raw: Path, out: Path, tmp_path: Path) -> None:
        make_unfinished(raw, out)
        save(raw / "label" / "2.png", mask_rows(9))
        assert prepare(raw, out, OPTIONS).written == 2
        prepare(raw, tmp_path / "new", OPTIONS)
        assert contents(out) == contents(tmp_path / "new")

    def test_damaged_file_of_a_finished_case_is_written_again(self, raw: Path, out: Path) -> None:
        good = contents(out)
        make_unfinished(raw, out)
        (out / "labelsTr" / "case_0001.nii").unlink()
        assert prepare(raw, out, OPTIONS).written == 2
        assert contents(out) == good

    def test_tables_may_change_on_the_way(self, raw: Path, out: Path, tmp_path: Path) -> None:
        make_unfinished(raw, out)
        other = dataclasses.replace(OPTIONS, seed=1, groups=None)
        assert prepare(raw, out, other).written == 1
        prepare(raw, tmp_path / "new", other)
        assert contents(out) == contents(tmp_path / "new")

    def test_other_foreground_needs_overwrite(self, raw: Path, out: Path) -> None:
        make_unfinished(raw, out)
        other = dataclasses.replace(OPTIONS, foreground=("255",))
        with pytest.raises(UsageError, match="got an unfinished data set of another source or other options"):
            prepare(raw, out, other)
        assert prepare(raw, out, other, overwrite=True).written == 6
        assert verify(out) == []

    def test_run_that_finished_nothing_leaves_nothing(self, raw: Path, tmp_path: Path) -> None:
        for index in range(6):
            save(raw / "label" / f"{index}.png", mask_rows(value=9))
        with pytest.raises(MedsegError, match=r"no case could be prepared: .*label/0\.png: mask values must be"):
            prepare(raw, tmp_path / "new", OPTIONS)
        assert not (tmp_path / "new").exists()


def make_unfinished(raw: Path, out: Path) -> None:
    """Leave a data set as a kill does while its last case is written."""
    shutil.rmtree(out)
    with pytest.raises(InterruptError, match=r"^interrupted; finished cases are kept, run it again to go on$"):
        prepare(raw, out, OPTIONS, track=DieAfter(5))
    (out / "imagesTr" / ".partial-1-case_0005_0000.nii").write_bytes(b"\x5c\x01")


class TestOneAtATime:
    def test_second_run_into_the_same_folder_is_refused(self, raw: Path, tmp_path: Path) -> None:
        out, told = tmp_path / "new", list[str]()

        class PrepareToo(Track):
            @contextmanager
            def cases(self, total: int, description: str) -> Iterator[Callable[[int], None]]:
                with pytest.raises(UsageError) as error:
                    prepare(raw, out, OPTIONS, overwrite=True)
                told.append(str(error.value))
                yield lambda _: None

        prepare(raw, out, OPTIONS, track=PrepareToo())
        assert told == [
            f"{out}: OUT must be written by one run at a time, got another at work there; wait for it, or choose"
            " another folder"
        ]
        assert verify(out) == []
        assert prepare(raw, out, OPTIONS).written == 0


class TestFullDisk:
    def test_ends_the_run_and_running_again_finishes(
        self, raw: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        new, written = tmp_path / "new", list[Path]()

        def write_two_cases(path: Path, *voxels_and_affine: Any) -> None:
            if len(written) == 4:
                raise OSError(errno.ENOSPC, "No space left on device")
            written.append(path)
            write_nifti(path, *voxels_and_affine)

        with monkeypatch.context() as patched:
            patched.setattr("data_prep.prepare_case.write_nifti", write_two_cases)
            with pytest.raises(MedsegError, match=r"^.*/new: OUT must be writable, got No space left on device; make"):
                prepare(raw, new, OPTIONS)
        assert not (new / "dataset.json").exists()
        assert prepare(raw, new, OPTIONS).written == 4
        assert contents(new) == contents(out)

    def test_tables_that_cannot_be_written_are_one_error(
        self, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(path: Path, *_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))

        monkeypatch.setattr("data_prep.prepare.write_report", fail)
        rule = r"index\.html: must be writable, got No space left on device; make room or choose another place, and"
        with pytest.raises(MedsegError, match=rule):
            prepare(raw, tmp_path / "new", OPTIONS)


class TestBrokenCases:
    @pytest.fixture
    def broken(self, raw: Path) -> bytes:
        """The good content of an image that is cut short."""
        good = (raw / "image" / "2.png").read_bytes()
        (raw / "image" / "2.png").write_bytes(good[:100])
        return good

    def test_the_others_make_a_data_set(self, raw: Path, tmp_path: Path, broken: bytes) -> None:
        done = prepare(raw, tmp_path / "new", OPTIONS)
        ((task, error),) = done.found.left_out
        assert (task.ordinal, str(error).split(":")[0]) == (2, str(raw / "image" / "2.png"))
        assert [case.name for case in done.manifest.cases] == [f"case_000{index}" for index in (0, 1, 3, 4, 5)]
        assert verify(tmp_path / "new") == []
        provenance = json.loads((tmp_path / "new" / "provenance.json").read_text(encoding="utf-8"))
        (told,) = provenance["left_out"]
        assert (told["ordinal"], told["fault"]) == (2, "a file is damaged or breaks a rule")

    def test_once_mended_only_it_is_read(self, raw: Path, out: Path, tmp_path: Path, broken: bytes) -> None:
        good = contents(out)
        new = tmp_path / "new"
        prepare(raw, new, OPTIONS)
        (raw / "image" / "2.png").write_bytes(broken)
        assert prepare(raw, new, OPTIONS).written == 1
        assert contents(new) == good

    def test_strict_stops_and_keeps_what_is_done(self, raw: Path, out: Path, tmp_path: Path, broken: bytes) -> None:
        new = tmp_path / "new"
        with pytest.raises(MedsegError, match=r"image/2\.png: must be a readable image"):
            prepare(raw, new, OPTIONS, how=How(strict=True))
        assert not (new / "dataset.json").exists()
        (raw / "image" / "2.png").write_bytes(broken)
        assert prepare(raw, new, OPTIONS).written == 4
        assert contents(new) == contents(out)

    def test_case_that_broke_since_leaves_no_files(self, raw: Path, out: Path) -> None:
        make_unfinished(raw, out)
        (raw / "image" / "1.png").write_bytes(b"")
        done = prepare(raw, out, OPTIONS)
        assert len(done.manifest.cases) == 5
        assert verify(out) == []

    def test_label_that_came_or_went_since_leaves_no_files(self, tmp_path: Path) -> None:
        raw, new = tmp_path / "scans", tmp_path / "new"
        for index in range(4):
            save_volume(raw / f"p{index}" / "imaging.nii", index)
            save_volume(raw / f"p{index}" / "label.nii", index, label=True)
        good = (raw / "p3" / "imaging.nii").read_bytes()
        label = (raw / "p1" / "label.nii").read_bytes()
        (raw / "p1" / "label.nii").unlink()
        (raw / "p3" / "imaging.nii").write_bytes(good[:400])
        options = Options(name="set", modality="CT", foreground=("1",))
        assert len(prepare(raw, new, options).found.left_out) == 1
        (raw / "p0" / "label.nii").unlink()
        (raw / "p1" / "label.nii").write_bytes(label)
        (raw / "p3" / "imaging.nii").write_bytes(good)
        assert prepare(raw, new, options).written == 3
        assert verify(new) == []
        prepare(raw, tmp_path / "fresh", options)
        assert contents(new) == contents(tmp_path / "fresh")

    def test_finished_set_whose_label_broke_is_replaced_with_overwrite(
        self, raw: Path, out: Path, tmp_path: Path
    ) -> None:
        good = contents(out)
        label = (raw / "label" / "2.png").read_bytes()
        (raw / "label" / "2.png").write_bytes(b"")
        with pytest.raises(UsageError, match="got a data set of another source"):
            prepare(raw, out, OPTIONS)
        assert contents(out) == good
        prepare(raw, out, OPTIONS, overwrite=True)
        assert verify(out) == []
        # What could be read is remembered, so that only what is mended is read once more.
        (raw / "label" / "2.png").write_bytes(label)
        assert prepare(raw, out, OPTIONS).written == 1
        assert contents(out) == good

    def test_tables_do_not_outlast_what_they_tell_of(self, raw: Path, tmp_path: Path, broken: bytes) -> None:
        new = tmp_path / "new"
        prepare(raw, new, OPTIONS)
        (raw / "image" / "2.png").write_bytes(broken)
        with pytest.raises(InterruptError):
            prepare(raw, new, OPTIONS, track=DieAfter(1))
        assert [path.name for path in new.glob("*.json")] == [".prepare.json"]
        assert not (new / "report").exists()

    def test_finished_set_whose_source_broke_is_kept(self, raw: Path, out: Path) -> None:
        good = contents(out)
        (raw / "image" / "2.png").write_bytes(b"")
        with pytest.raises(UsageError, match="got a data set of another source"):
            prepare(raw, out, OPTIONS)
        assert contents(out) == good


class TestWorkers:
    @pytest.mark.parametrize("workers", [2, 3])
    def test_any_number_gives_the_same_bytes(self, raw: Path, out: Path, tmp_path: Path, workers: int) -> None:
        prepare(raw, tmp_path / "new", OPTIONS, how=How(workers=workers))
        assert contents(tmp_path / "new") == contents(out)


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
            f"{raw}/image/1.png: image has no label in label; and 2 more; see, with the same options: python -m"
            f" data_prep inspect {raw}"
        )

    def test_values_that_are_no_hounsfield_units_are_no_ct(self, raw: Path, tmp_path: Path) -> None:
        rule = (
            "--modality CT means Hounsfield units, but the images are uint8; name it otherwise, such as 'windowed CT'"
        )
        with pytest.raises(UsageError, match=rule):
            prepare(raw, tmp_path / "out", dataclasses.replace(OPTIONS, modality="CT"))
        assert not (tmp_path / "out").exists()
