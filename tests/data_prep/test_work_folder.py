from __future__ import annotations

import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from data_prep.image_sources import Picture, ScanFile
from data_prep.label_sources import LabelFile, PictureMasks
from data_prep.prepare_case import CaseResult, CaseTask, Reading, prepare_case
from data_prep.sources import SourceCase
from data_prep.work_folder import WORK_FOLDER, WorkFolder
from medseg.io.scans import ScanChoices
from tests.data_prep.raw_folders import image_rows, mask_rows, save

REQUEST = "1"


@pytest.fixture
def task(tmp_path: Path) -> CaseTask:
    """A picture with its mask, below a folder with a patient's name."""
    folder = tmp_path / "Meyer"
    image, mask = save(folder / "a.png", image_rows(0)), save(folder / "a_mask.png", mask_rows())
    return CaseTask(
        0, "case_0000", SourceCase("Meyer/a", Picture(image), PictureMasks((mask,))), Reading(ScanChoices())
    )


@pytest.fixture
def result(task: CaseTask, tmp_path: Path) -> CaseResult:
    """The case, written and remembered."""
    work = WorkFolder(tmp_path / "out", REQUEST)
    work.note(task)
    made = prepare_case(task, tmp_path / "out")
    work.save(task, made)
    return made


class TestWorkFolder:
    def test_what_was_saved_comes_back(self, task: CaseTask, result: CaseResult, tmp_path: Path) -> None:
        assert WorkFolder(tmp_path / "out", REQUEST).load(task) == result

    def test_nothing_of_the_source_is_written(self, result: CaseResult, tmp_path: Path) -> None:
        for path in (tmp_path / "out" / WORK_FOLDER).iterdir():
            assert b"Meyer" not in path.read_bytes()

    def test_nothing_saved_is_none(self, task: CaseTask, tmp_path: Path) -> None:
        assert WorkFolder(tmp_path / "out", REQUEST).load(task) is None

    @pytest.mark.parametrize("file", ["a.png", "a_mask.png"])
    def test_source_of_another_time_or_size_is_read_again(
        self, task: CaseTask, result: CaseResult, tmp_path: Path, file: str
    ) -> None:
        os.utime(tmp_path / "Meyer" / file, ns=(1, 1))
        assert WorkFolder(tmp_path / "out", REQUEST).load(task) is None

    def test_other_request_is_read_again(self, task: CaseTask, result: CaseResult, tmp_path: Path) -> None:
        assert WorkFolder(tmp_path / "out", "2").load(task) is None

    def test_source_that_changed_while_it_was_read_is_read_again(self, task: CaseTask, tmp_path: Path) -> None:
        work = WorkFolder(tmp_path / "out", REQUEST)
        assert work.load(task) is None
        made = prepare_case(task, tmp_path / "out")
        os.utime(tmp_path / "Meyer" / "a.png", ns=(1, 1))
        work.save(task, made)
        assert WorkFolder(tmp_path / "out", REQUEST).load(task) is None

    def test_source_that_is_gone_is_not_remembered(self, task: CaseTask, tmp_path: Path) -> None:
        made = prepare_case(task, tmp_path / "out")
        (tmp_path / "Meyer" / "a.png").unlink()
        work = WorkFolder(tmp_path / "out", REQUEST)
        assert work.load(task) is None
        work.save(task, made)
        assert not (tmp_path / "out" / WORK_FOLDER).exists()

    def test_names_that_a_label_gets_elsewhere_count(self, tmp_path: Path) -> None:
        image, label = tmp_path / "a.nii", tmp_path / "a_seg.nii"
        for path, dtype in ((image, np.int16), (label, np.uint8)):
            nib.save(nib.Nifti1Image(np.ones((3, 3, 2), dtype), np.eye(4)), path)
        first, second = (
            CaseTask(
                0,
                "case_0000",
                SourceCase("a", ScanFile(image), LabelFile(label, ((1, name),))),
                Reading(ScanChoices(), foreground=("liver", "1")),
            )
            for name in ("liver", "spleen")
        )
        work = WorkFolder(tmp_path / "out", REQUEST)
        work.note(first)
        work.save(first, prepare_case(first, tmp_path / "out"))
        assert work.load(first) is not None
        assert work.load(second) is None

    def test_voxels_beside_their_header_count(self, tmp_path: Path) -> None:
        sitk.WriteImage(sitk.GetImageFromArray(np.ones((2, 3, 3), np.int16)), tmp_path / "a.mhd")
        task = CaseTask(0, "case_0000", SourceCase("a", ScanFile(tmp_path / "a.mhd"), None), Reading(ScanChoices()))
        work = WorkFolder(tmp_path / "out", REQUEST)
        work.note(task)
        work.save(task, prepare_case(task, tmp_path / "out"))
        assert work.load(task) is not None
        os.utime(tmp_path / "a.raw", ns=(1, 1))
        assert work.load(task) is None

    @pytest.mark.parametrize("file", ["imagesTr/case_0000_0000.nii", "labelsTr/case_0000.nii"])
    def test_damaged_file_is_written_again(self, task: CaseTask, result: CaseResult, tmp_path: Path, file: str) -> None:
        path = tmp_path / "out" / file
        path.write_bytes(path.read_bytes()[:-1] + b"\x07")
        assert WorkFolder(tmp_path / "out", REQUEST).load(task) is None

    @pytest.mark.parametrize("content", ["", "{}", "[]", '{"stamp": "x", "facts": {}}'])
    def test_damaged_notes_are_none(self, task: CaseTask, result: CaseResult, tmp_path: Path, content: str) -> None:
        (tmp_path / "out" / WORK_FOLDER / "case_0000.json").write_text(content, encoding="utf-8")
        assert WorkFolder(tmp_path / "out", REQUEST).load(task) is None

    def test_remove_leaves_no_folder(self, result: CaseResult, tmp_path: Path) -> None:
        WorkFolder(tmp_path / "out", REQUEST).remove()
        assert not (tmp_path / "out" / WORK_FOLDER).exists()
