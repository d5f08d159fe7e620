from __future__ import annotations

from pathlib import Path

from data_prep.layouts.patient_folders import folders_with
from tests.data_prep.layouts.trees import touch


def with_mark(folder: Path) -> bool:
    return (folder / "mark").is_file()


class TestFoldersWith:
    def test_folder_itself_comes_alone(self, tmp_path: Path) -> None:
        touch(tmp_path, "mark", "a/mark")
        assert folders_with(tmp_path, with_mark) == [tmp_path]

    def test_folders_below_come_in_natural_order(self, tmp_path: Path) -> None:
        touch(tmp_path, "10/mark", "9/mark", "9/x/mark", "a/b/c/mark", ".hidden/mark")
        assert folders_with(tmp_path, with_mark) == [tmp_path / name for name in ("9", "10", "a/b/c")]

    def test_depth_is_bounded(self, tmp_path: Path) -> None:
        touch(tmp_path, "1/2/3/4/mark", "1/2/3/x/5/mark")
        assert folders_with(tmp_path, with_mark) == [tmp_path / "1" / "2" / "3" / "4"]
