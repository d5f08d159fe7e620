from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from monai.data import load_decathlon_datalist
from monai.transforms import LoadImage

from medseg.errors import MedsegError, UsageError
from medseg.manifest import (
    Case,
    Manifest,
    SliceRow,
    Split,
    case_hash,
    fingerprint,
    read_manifest,
    read_slices,
    voxel_hashes,
    write_manifest,
)
from tests.factories import edit_json, make_prepared


@pytest.fixture
def own(tmp_path: Path) -> Manifest:
    """Two volumes of three slices in two groups, and one without label; free to be damaged."""
    return make_prepared(tmp_path / "own", cases=2, size=(12, 10), slices=3, groups=2, unlabelled=1)


class TestCase:
    def test_paths_are_nnunets(self) -> None:
        case = Case("liver_001", "p1", (2, 2, 1), "", foreground_px=0)
        assert (case.image, case.label) == ("imagesTr/liver_001_0000.nii", "labelsTr/liver_001.nii")

    def test_without_label_it_is_a_test_case(self) -> None:
        assert Case("liver_001", "p1", (2, 2, 1), "", foreground_px=None).image == "imagesTs/liver_001_0000.nii"


class TestSplit:
    @pytest.mark.parametrize(("method", "leaky"), [("group", False), ("contiguous", False), ("random", True)])
    def test_only_a_random_one_is_leaky(self, method: Any, leaky: bool) -> None:
        assert Split(method, seed=0, folds=5).leaky is leaky


class TestManifest:
    def test_case_is_found_by_name(self, own: Manifest) -> None:
        assert own.case("disc_001") is own.cases[1]

    def test_unknown_case_raises(self, own: Manifest) -> None:
        with pytest.raises(MedsegError, match=r"case must be one of dataset\.json, got 'disc_009'"):
            own.case("disc_009")

    def test_data_set_without_folds_raises(self, own: Manifest) -> None:
        with pytest.raises(UsageError, match=r"own: has no folds, since all cases with labels are of one patient"):
            dataclasses.replace(own, folds=()).fold(0)

    @pytest.mark.parametrize("index", [-1, 2])
    def test_unknown_fold_raises(self, own: Manifest, index: int) -> None:
        with pytest.raises(UsageError, match=rf"own: fold must be 0 to 1, got {index}"):
            own.fold(index)

    @pytest.mark.parametrize(("dtype", "levels"), [("uint8", (0, 255)), ("uint16", (0, 65535))])
    def test_ends_of_a_window_are_those_of_the_type(self, own: Manifest, dtype: str, levels: tuple[int, int]) -> None:
        intensity = dataclasses.replace(own.intensity, dtype=dtype)
        assert dataclasses.replace(own, intensity=intensity, window_hu=(0.0, 80.0)).picture_levels == levels
        assert dataclasses.replace(own, intensity=intensity).picture_levels is None

    def test_groups_are_sorted_and_named_once(self, prepared: Manifest) -> None:
        assert prepared.groups == ("g0", "g1", "g2")


class TestCaseHash:
    def test_is_sha256_over_type_shape_and_voxels_with_x_fastest(self) -> None:
        image = np.array([[[1], [3]], [[2], [4]]], dtype=np.int16)
        label = np.array([[[0], [1]], [[0], [0]]], dtype=np.uint8)
        text = b"int16(2, 2, 1)" + bytes([1, 0, 2, 0, 3, 0, 4, 0]) + b"uint8(2, 2, 1)" + bytes([0, 0, 1, 0])
        assert case_hash(image, label) == hashlib.sha256(text).hexdigest()

    def test_does_not_depend_on_byte_order_or_memory_layout(self) -> None:
        image = np.arange(12, dtype="<i2").reshape(2, 3, 2)
        assert (
            case_hash(image.astype(">i2"), None) == case_hash(np.asfortranarray(image), None) == case_hash(image, None)
        )

    def test_tells_types_and_shapes_apart(self) -> None:
        image = np.zeros((2, 3, 1), dtype=np.uint8)
        hashes = {case_hash(image, None), case_hash(image.view(np.int8), None), case_hash(image.reshape(3, 2, 1), None)}
        assert len(hashes) == 3

    def test_affine_counts_as_float32_unless_it_is_the_identity(self) -> None:
        image, label = np.zeros((2, 3, 1), dtype=np.uint8), np.zeros((2, 3, 1), dtype=np.uint8)
        affine = np.diag([0.7, 0.7, 5.0, 1.0])
        little = affine[:3].astype("<f4").tobytes()
        text = b"uint8(2, 3, 1)" + bytes(6) + b"uint8(2, 3, 1)" + bytes(6) + little
        assert case_hash(image, label, affine) == hashlib.sha256(text).hexdigest()
        assert case_hash(image, label, np.float32(affine).astype(float)) == case_hash(image, label, affine)
        assert case_hash(image, label, np.eye(4)) == case_hash(image, label)

    def test_image_has_a_hash_of_its_own(self) -> None:
        image = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
        labels = (None, np.zeros((2, 3, 1), dtype=np.uint8), np.ones((2, 3, 1), dtype=np.uint8))
        hashes = [voxel_hashes(image, label, np.diag([2.0, 2, 2, 1])) for label in labels]
        assert {found.image for found in hashes} == {case_hash(image, None)}
        assert len({found.case for found in hashes}) == 3


class TestFingerprint:
    def test_does_not_depend_on_names_or_order(self, own: Manifest) -> None:
        renamed = tuple(dataclasses.replace(case, name=f"other_{case.name}") for case in reversed(own.cases))
        assert dataclasses.replace(own, cases=renamed, name="other").fingerprint == own.fingerprint

    @pytest.mark.parametrize("what", ["image", "label"])
    def test_changes_with_one_pixel(self, what: str) -> None:
        pixels = {"image": np.zeros((3, 3, 1), np.uint8), "label": np.zeros((3, 3, 1), np.uint8)}
        before = fingerprint([case_hash(**pixels)])
        pixels[what][1, 1, 0] = 1
        assert fingerprint([case_hash(**pixels)]) != before

    def test_is_sha256_over_sorted_hashes(self) -> None:
        assert fingerprint(["b", "a"]) == hashlib.sha256(b"ab").hexdigest()


class TestWriteManifest:
    def test_is_read_back_as_it_was(self, own: Manifest) -> None:
        read = read_manifest(own.root)
        assert read == own
        assert read.root == own.root
        assert read.fingerprint == own.fingerprint

    @pytest.mark.parametrize("orientation", [None, "LA"])
    def test_orientation_is_read_back(self, tmp_path: Path, orientation: str | None) -> None:
        make_prepared(tmp_path, cases=3, size=(8, 8), orientation=orientation)
        assert read_manifest(tmp_path).orientation == orientation

    def test_plane_spacing_and_window_are_read_back(self, own: Manifest) -> None:
        known = dataclasses.replace(own, plane="coronal", spacing_mm=(1.0, 1.0, 2.5), window_hu=(-100.0, 400.0))
        write_manifest(own.root, known, read_slices(own.root))
        ours = json.loads((own.root / "dataset.json").read_text())["medseg"]
        assert (ours["plane"], ours["spacing_mm"], ours["window_hu"]) == ("coronal", [1.0, 1.0, 2.5], [-100.0, 400.0])
        assert read_manifest(own.root) == known
        assert known.fingerprint == own.fingerprint

    def test_holds_nnunets_keys(self, own: Manifest) -> None:
        content = json.loads((own.root / "dataset.json").read_text())
        assert content["channel_names"] == {"0": "microscopy"}
        assert content["labels"] == {"background": 0, "disc": 1}
        assert content["numTraining"] == 2
        assert content["file_ending"] == ".nii"
        assert json.loads((own.root / "splits_final.json").read_text()) == [
            {"train": ["disc_001"], "val": ["disc_000"]},
            {"train": ["disc_000"], "val": ["disc_001"]},
        ]

    def test_monai_opens_it_as_a_decathlon_data_set(self, own: Manifest) -> None:
        items = load_decathlon_datalist(own.root / "dataset.json", data_list_key="training")
        assert [Path(item["label"]).name for item in items] == ["disc_000.nii", "disc_001.nii"]
        img = LoadImage(image_only=True)(items[1]["image"])
        np.testing.assert_array_equal(img.numpy(), np.asarray(nib.load(own.root / own.cases[1].image).dataobj))
        tests = load_decathlon_datalist(own.root / "dataset.json", data_list_key="test")
        assert [Path(str(item["image"])).name for item in tests] == ["disc_002_0000.nii"]

    def test_same_manifest_gives_the_same_bytes(self, tmp_path: Path) -> None:
        files = []
        for name in ("a", "b"):
            make_prepared(tmp_path / name, cases=3, size=(8, 8))
            files.append({p.name: p.read_bytes() for p in sorted((tmp_path / name).rglob("*")) if p.is_file()})
        assert files[0] == files[1]

    def test_dataset_json_is_written_last(self, own: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
        written: list[str] = []
        monkeypatch.setattr("medseg.manifest.write.write_json", lambda path, _content: written.append(path.name))
        write_manifest(own.root, own, [])
        assert written == ["splits_final.json", "dataset.json"]


class TestReadManifest:
    def test_missing_folder_raises(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"absent: dataset_dir must be a prepared data set, but there is no such"):
            read_manifest(tmp_path / "absent")

    def test_folder_that_is_not_finished_raises(self, own: Manifest) -> None:
        (own.root / "dataset.json").rename(own.root / ".prepare.json")
        with pytest.raises(UsageError, match=r"has no dataset\.json, since its preparation was stopped; run it again$"):
            read_manifest(own.root)

    def test_folder_of_something_else_raises(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"it has no dataset\.json; prepare it with: python -m data_prep prepare"):
            read_manifest(tmp_path)

    @pytest.mark.parametrize("content", ['{"name": "Task03_Liver", "training": []}', "[]", '{"medseg": 1}'])
    def test_dataset_json_of_another_program_raises(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "dataset.json").write_text(content)
        with pytest.raises(UsageError, match=r"dataset\.json: must have been written by data_prep"):
            read_manifest(tmp_path)

    @pytest.mark.parametrize("version", [2, "1", None])
    def test_another_version_raises(self, own: Manifest, version: object) -> None:
        edit_json(own.root / "dataset.json", lambda c: c["medseg"].update(format_version=version))
        with pytest.raises(MedsegError, match=f"format_version must be 1, got {version}; prepare it again"):
            read_manifest(own.root)

    @pytest.mark.parametrize("name", ["dataset.json", "splits_final.json"])
    @pytest.mark.parametrize("content", [b"", b'{"name": "dis', b"\xff\xfe"])
    def test_damaged_json_raises(self, own: Manifest, name: str, content: bytes) -> None:
        (own.root / name).write_bytes(content)
        with pytest.raises(MedsegError, match=rf"{name}: must be readable JSON, got .*; prepare the data set again"):
            read_manifest(own.root)

    def test_missing_folds_raise(self, own: Manifest) -> None:
        (own.root / "splits_final.json").unlink()
        with pytest.raises(MedsegError, match=r"splits_final\.json: must be readable JSON"):
            read_manifest(own.root)

    @pytest.mark.parametrize(
        "edit",
        [
            lambda c: c.pop("name"),
            lambda c: c.pop("labels"),
            lambda c: c["medseg"].pop("cases"),
            lambda c: c["medseg"]["cases"][0].pop("sha256"),
            lambda c: c["medseg"]["cases"][0].update(surplus=1),
            lambda c: c["medseg"].update(cases=3),
            lambda c: c["medseg"].update(plane="tilted"),
            lambda c: c["medseg"].update(spacing_mm=[1.0, 1.0]),
            lambda c: c["medseg"].update(window_hu=[400.0, -100.0]),
            lambda c: (c["medseg"].update(window_hu=[-100.0, 400.0]), c["medseg"]["intensity"].update(dtype="int16")),
            lambda c: c.update(labels={"background": 0}),
            lambda c: c.update(labels=["background", "disc"]),
        ],
    )
    def test_missing_or_foreign_entries_raise(self, own: Manifest, edit: Callable[[Any], None]) -> None:
        edit_json(own.root / "dataset.json", edit)
        with pytest.raises(MedsegError, match=r"must hold a prepared data set's entries, got .*; prepare it again"):
            read_manifest(own.root)

    def test_data_set_of_before_plane_spacing_and_window_were_recorded_is_read(self, own: Manifest) -> None:
        edit_json(
            own.root / "dataset.json", lambda c: [c["medseg"].pop(key) for key in ("plane", "spacing_mm", "window_hu")]
        )
        read = read_manifest(own.root)
        assert (read.plane, read.spacing_mm, read.window_hu, read.picture_levels) == ("axial", None, None, None)


class TestReadSlices:
    def test_lists_every_slice_with_its_foreground(self, own: Manifest) -> None:
        label = np.asarray(nib.load(own.root / own.cases[1].label).dataobj)
        rows = read_slices(own.root)
        assert rows[3:6] == [SliceRow("disc_001", z, int(label[..., z].sum())) for z in range(3)]
        assert rows[5].foreground_px == 0
        assert rows[6:] == [SliceRow("disc_002", z, None) for z in range(3)]

    def test_missing_table_raises(self, own: Manifest) -> None:
        (own.root / "slices.csv").unlink()
        with pytest.raises(MedsegError, match=r"slices\.csv: must list case, slice, foreground_px"):
            read_slices(own.root)

    @pytest.mark.parametrize(
        "content", ["a,b\n1,2\n", "case,slice,foreground_px\ndisc_000,one,2\n", "case,slice\nx,1\n"]
    )
    def test_damaged_table_raises(self, own: Manifest, content: str) -> None:
        (own.root / "slices.csv").write_text(content)
        with pytest.raises(MedsegError, match=r"slices\.csv: must list case, slice, foreground_px"):
            read_slices(own.root)
