from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data_prep.options import Options, Track
from data_prep.phantom import write_phantom
from data_prep.plan import make_plan
from medseg.errors import UsageError
from medseg.io.dicom import Choices
from tests.data_prep.raw_folders import image_rows, make_pairs, mask_rows, save, save_volume


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Two CT with labels as LiTS has them."""
    for index in range(2):
        save_volume(tmp_path / "scans" / f"volume-{index}.nii")
        save_volume(tmp_path / "scans" / f"segmentation-{index}.nii", label=True)
    return tmp_path / "scans"


class TestOptionsThatDoNotFit:
    @pytest.mark.parametrize(
        ("options", "rule"),
        [
            ({"spacing_mm": (1.0, 1.0, 1.0)}, "--spacing is for scans, but the images are pictures"),
            ({"dicom": Choices(plane="coronal")}, "--plane is for scans, but the images are pictures"),
        ],
    )
    def test_of_scans_are_not_passed_over_for_pictures(self, tmp_path: Path, options: Any, rule: str) -> None:
        with pytest.raises(UsageError, match=f"^{rule}.*; drop it$"):
            make_plan(make_pairs(tmp_path / "raw", 2), Options(name="set", **options), 1)

    def test_of_pictures_are_not_passed_over_for_scans(self, scans: Path) -> None:
        with pytest.raises(UsageError, match=r"^--orientation is for pictures, but the images are scans, .*; drop it$"):
            make_plan(scans, Options(name="set", orientation="LA"), 1)

    def test_window_is_not_taken_for_scans(self, scans: Path) -> None:
        with pytest.raises(UsageError, match=r"^--window-hu is for pictures, but the images are scans, .*; drop it$"):
            make_plan(scans, Options(name="set", window_hu=(-100.0, 400.0)), 1)

    def test_window_needs_an_orientation(self, tmp_path: Path) -> None:
        options = Options(name="set", window_hu=(-100.0, 400.0))
        with pytest.raises(
            UsageError, match=r"^--window-hu is for pictures of patients, which need --orientation, got"
        ):
            make_plan(make_pairs(tmp_path / "raw", 2), options, 1)

    @pytest.mark.parametrize(("modality", "named"), [(None, "windowed CT"), ("CT of 2019", "CT of 2019")])
    def test_pictures_with_a_window_are_windowed_ct(self, tmp_path: Path, modality: str | None, named: str) -> None:
        options = Options(name="set", window_hu=(-100.0, 400.0), orientation="LA", modality=modality)
        assert make_plan(make_pairs(tmp_path / "raw", 2), options, 1).modality == named

    def test_that_fit_are_taken(self, scans: Path) -> None:
        plan = make_plan(scans, Options(name="set", spacing_mm=(2.0, 2.0, 2.0), dicom=Choices(plane="coronal")), 1)
        assert plan.tasks[0].reading.spacing_mm == (2.0, 2.0, 2.0)


class TestNumbersOfSegments:
    @pytest.mark.parametrize(
        ("labels", "foreground", "warned"),
        [("seg", ("1",), True), ("seg", ("Liver",), False), ("seg", None, False), ("files", ("1",), False)],
    )
    def test_are_a_warning_where_each_file_has_its_own(
        self, tmp_path: Path, labels: Any, foreground: tuple[str, ...] | None, warned: bool
    ) -> None:
        sizes = {"patients": 2, "slices": 6, "size_px": 32, "seed": 0}
        write_phantom(tmp_path / "raw", faults=(), track=Track(), **sizes)
        plan = make_plan(tmp_path / "raw", Options(name="set", labels=labels, foreground=foreground), 1)
        rule = "--foreground 1 is a number of each DICOM label's own, which may be another structure in the next"
        assert any(warning.startswith(rule) for warning in plan.warnings.for_terminal()) is warned


class TestPicturesOfCt:
    @pytest.fixture
    def pictures(self, tmp_path: Path) -> Path:
        """An nnU-Net folder of 8-bit PNG that says CT."""
        raw = tmp_path / "Dataset001"
        for index in range(2):
            save(raw / "imagesTr" / f"a{index}_0000.png", image_rows(index))
            save(raw / "labelsTr" / f"a{index}.png", mask_rows(value=1))
        described = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "liver": 1}, "file_ending": ".png"}
        (raw / "dataset.json").write_text(json.dumps(described), encoding="utf-8")
        return raw

    def test_folder_that_calls_them_ct_is_refused(self, pictures: Path) -> None:
        rule = (
            f"{pictures}: the folder's modality CT means Hounsfield units, but the images are uint8; name it otherwise,"
            " such as --modality 'windowed CT'"
        )
        with pytest.raises(UsageError) as error:
            make_plan(pictures, Options(name="set"), 1)
        assert str(error.value) == rule

    def test_other_name_is_taken(self, pictures: Path) -> None:
        assert make_plan(pictures, Options(name="set", modality="windowed CT"), 1).modality == "windowed CT"
