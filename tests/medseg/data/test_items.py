from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from medseg.data import default_window, shows_patients, slice_items
from medseg.errors import UsageError
from medseg.manifest import Fold, Manifest, read_slices, write_manifest
from tests.factories import make_prepared


class TestSliceItems:
    def test_lists_the_slices_of_one_side_of_a_fold(self, prepared_volumes: Manifest) -> None:
        items = slice_items(str(prepared_volumes.root), fold=1, section="val")
        assert [(item["case"], item["slice"]) for item in items] == [("disc_001", z) for z in range(4)]
        assert items[0]["image"] == str(prepared_volumes.root / "imagesTr" / "disc_001_0000.nii")
        assert items[0]["label"] == str(prepared_volumes.root / "labelsTr" / "disc_001.nii")

    def test_sides_share_no_case_and_leave_out_cases_without_label(self, prepared_volumes: Manifest) -> None:
        sides = {
            section: {item["case"] for item in slice_items(str(prepared_volumes.root), fold=0, section=section)}
            for section in ("train", "val")
        }
        assert sides == {"train": {"disc_001", "disc_002"}, "val": {"disc_000"}}

    def test_no_empty_slice_is_left_at_share_zero(self, prepared_volumes: Manifest) -> None:
        items = slice_items(str(prepared_volumes.root), fold=0, section="train", empty_slices=0.0)
        assert [(item["case"], item["slice"]) for item in items] == [
            (case, z) for case in ("disc_001", "disc_002") for z in range(3)
        ]

    def test_a_share_of_empty_slices_is_drawn_by_seed(self, tmp_path: Path) -> None:
        make_prepared(tmp_path, cases=40, size=(8, 8), slices=2, groups=2)

        def drawn(seed: int) -> list[str]:
            items = slice_items(str(tmp_path), fold=0, section="train", empty_slices=0.5, seed=seed)
            return [item["case"] for item in items if item["slice"] == 1]

        assert drawn(0) == drawn(0) != drawn(1)
        assert 4 <= len(drawn(0)) <= 16  # of 20

    def test_slices_with_foreground_are_always_kept(self, prepared_volumes: Manifest) -> None:
        for seed in range(5):
            items = slice_items(str(prepared_volumes.root), fold=0, section="train", empty_slices=0.1, seed=seed)
            assert sum(item["slice"] < 3 for item in items) == 6

    @pytest.mark.parametrize("share", [-0.1, 1.5])
    def test_share_outside_its_range_raises(self, prepared: Manifest, share: float) -> None:
        with pytest.raises(UsageError, match=rf"empty_slices must be in \[0, 1\], got {share}"):
            slice_items(str(prepared.root), fold=0, section="train", empty_slices=share)

    def test_unknown_fold_raises(self, prepared: Manifest) -> None:
        with pytest.raises(UsageError, match="fold must be 0 to 2, got 3"):
            slice_items(str(prepared.root), fold=3, section="train")

    def test_empty_side_raises(self, tmp_path: Path) -> None:
        manifest = make_prepared(tmp_path, cases=2, size=(8, 8), groups=2)
        whole = Fold(train=("disc_000", "disc_001"), val=())
        write_manifest(tmp_path, dataclasses.replace(manifest, folds=(whole,)), read_slices(tmp_path))
        with pytest.raises(UsageError, match="fold 0 must have slices to val on, got none"):
            slice_items(str(tmp_path), fold=0, section="val")

    def test_folder_that_is_no_data_set_raises(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"it has no dataset\.json"):
            slice_items(str(tmp_path), fold=0, section="train")


class TestDefaultWindow:
    @pytest.mark.parametrize(
        ("modality", "dtype", "window"),
        [
            ("CT", "int16", (-160.0, 240.0)),
            ("microscopy", "uint8", (0.0, 255.0)),
            ("microscopy", "uint16", (100.5, 4000.25)),
            ("MR", "float32", (100.5, 4000.25)),
        ],
    )
    def test_follows_modality_and_type(
        self, tmp_path: Path, modality: str, dtype: str, window: tuple[float, float]
    ) -> None:
        manifest = make_prepared(tmp_path, cases=2, size=(8, 8), groups=2, modality=modality)
        facts: dict[str, Any] = {"dtype": dtype, "percentile_0_5": 100.5, "percentile_99_5": 4000.25}
        intensity = dataclasses.replace(manifest.intensity, **facts)
        write_manifest(tmp_path, dataclasses.replace(manifest, intensity=intensity), [])
        assert default_window(str(tmp_path)) == window

    def test_without_data_set_is_the_range_of_8_bits(self, tmp_path: Path) -> None:
        assert default_window(str(tmp_path / "absent")) == (0.0, 255.0)


class TestShowsPatients:
    @pytest.mark.parametrize(("orientation", "expected"), [("LP", True), (None, False)])
    def test_pictures_do_where_an_orientation_was_given(
        self, tmp_path: Path, orientation: str | None, expected: bool
    ) -> None:
        make_prepared(tmp_path, cases=2, size=(8, 8), groups=2, orientation=orientation, placed=False)
        assert shows_patients(str(tmp_path)) is expected

    def test_scans_do(self, tmp_path: Path) -> None:
        make_prepared(tmp_path, cases=2, size=(8, 8), groups=2, slices=2)
        assert shows_patients(str(tmp_path)) is True

    def test_is_false_without_data_set(self, tmp_path: Path) -> None:
        assert shows_patients(str(tmp_path / "absent")) is False
