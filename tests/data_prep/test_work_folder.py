from __future__ import annotations

import os
from pathlib import Path

import pytest

from data_prep.image_sources import Picture
from data_prep.label_sources import PictureMasks
from data_prep.prepare_case import CaseResult, CaseTask, Reading, prepare_case
from data_prep.sources import SourceCase
from data_prep.work_folder import WORK_FOLDER, WorkFolder
from medseg.io.scans import ScanChoices
from tests.data_prep.raw_folders import image_rows, mask_rows, save


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
    made = prepare_case(task, tmp_path / "out")
    WorkFolder(tmp_path / "out").save(task, made)
    return made


class TestWorkFolder:
    def test_what_was_saved_comes_back(self, task: CaseTask, result: CaseResult, tmp_path: Path) -> None:
        assert WorkFolder(tmp_path / "out").load(task) == result

    def test_nothing_of_the_source_is_written(self, result: CaseResult, tmp_path: Path) -> None:
        for path in (tmp_path / "out" / WORK_FOLDER).iterdir():
            assert b"Meyer" not in path.read_bytes()

    def test_nothing_saved_is_none(self, task: CaseTask, tmp_path: Path) -> None:
        assert WorkFolder(tmp_path / "out").load(task) is None

    @pytest.mark.parametrize("file", ["a.png", "a_mask.png"])
    def test_source_of_another_time_or_size_is_read_again(
        self, task: CaseTask, result: CaseResult, tmp_path: Path, file: str
    ) -> None:
        os.utime(tmp_path / "Meyer" / file, ns=(1, 1))
        assert WorkFolder(tmp_path / "out").load(task) is None

    @pytest.mark.parametrize("file", ["imagesTr/case_0000_0000.nii", "labelsTr/case_0000.nii"])
    def test_damaged_file_is_written_again(self, task: CaseTask, result: CaseResult, tmp_path: Path, file: str) -> None:
        path = tmp_path / "out" / file
        path.write_bytes(path.read_bytes()[:-1] + b"\x07")
        assert WorkFolder(tmp_path / "out").load(task) is None

    @pytest.mark.parametrize("content", ["", "{}", "[]", '{"stamp": "x", "facts": {}}'])
    def test_damaged_notes_are_none(self, task: CaseTask, result: CaseResult, tmp_path: Path, content: str) -> None:
        (tmp_path / "out" / WORK_FOLDER / "case_0000.json").write_text(content, encoding="utf-8")
        assert WorkFolder(tmp_path / "out").load(task) is None

    def test_remove_leaves_no_folder(self, result: CaseResult, tmp_path: Path) -> None:
        WorkFolder(tmp_path / "out").remove()
        assert not (tmp_path / "out" / WORK_FOLDER).exists()
