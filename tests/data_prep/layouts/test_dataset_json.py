from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.layouts.dataset_json import label_names, read_dataset_json
from medseg.errors import MedsegError
from tests.data_prep.layouts.trees import write_json

PATH = Path("dataset.json")


class TestLabelNames:
    @pytest.mark.parametrize(
        "labels",
        [
            {"0": "background", "1": "liver", "2": "cancer"},
            {"background": 0, "cancer": 2, "liver": 1},
            {"background": "0", "liver": "1", "cancer": "2"},
        ],
    )
    def test_both_directions_are_read(self, labels: dict[str, object]) -> None:
        assert label_names(PATH, labels) == ((1, "liver"), (2, "cancer"))

    def test_name_may_be_a_number(self) -> None:
        assert label_names(PATH, {"background": 0, "7": 1}) == ((1, "7"),)

    @pytest.mark.parametrize(
        ("labels", "rule"),
        [
            (None, r'labels must be as {"background": 0, "liver": 1}, got None'),
            (
                {"background": 0, "whole tumor": [1, 2]},
                r"labels must have one value each, got the region whole tumor of \[1, 2\]; name each value and join"
                r" them with --foreground",
            ),
            (
                {"background": 0, "liver": 1, "ignore": 2},
                r"labels must not be ignored, got the value 2 for ignore; what nobody labelled would count as"
                r" background: label it, or give the value another name and choose with --foreground",
            ),
            ({"a": 1, "b": 1}, r"labels must have a value each of its own, got 1 for b"),
            ({"a": None}, r"labels must have a value each of its own, got None for a"),
        ],
    )
    def test_others_raise(self, labels: object, rule: str) -> None:
        with pytest.raises(MedsegError, match=rf"^dataset\.json: {rule}$"):
            label_names(PATH, labels)


class TestReadDatasetJson:
    def test_prepared_data_set_raises(self, tmp_path: Path) -> None:
        write_json(tmp_path, {"medseg": {}, "training": []})
        with pytest.raises(
            MedsegError, match=r"dataset\.json: RAW must hold sources, but is already prepared; use the folder as it is"
        ):
            read_dataset_json(tmp_path)

    def test_file_may_stand_in_the_only_folder(self, tmp_path: Path) -> None:
        write_json(tmp_path / "Task09_Spleen", {"a": 1})
        assert read_dataset_json(tmp_path) == (tmp_path / "Task09_Spleen", {"a": 1})

    def test_several_data_sets_raise(self, tmp_path: Path) -> None:
        for name in ("Dataset002_B", "Dataset001_A", ".trash"):
            write_json(tmp_path / name, {})
        rule = (
            "must hold one data set with dataset.json, got Dataset001_A, Dataset002_B; give the folder of one of them"
        )
        with pytest.raises(MedsegError, match=f"^{tmp_path}: {rule}$"):
            read_dataset_json(tmp_path)

    def test_missing_file_raises(self, tmp_path: Path) -> None:
        rule = r"dataset\.json: must be readable, got No such file or directory; copy the data set again"
        with pytest.raises(MedsegError, match=rule):
            read_dataset_json(tmp_path)
