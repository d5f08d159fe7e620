from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

import medseg.predict.save_results
from medseg.errors import MedsegError, UsageError
from medseg.once import warn_once
from medseg.predict import Scan, find_scans, parse_formats
from medseg.predict.load_bundle import Bundle, load_bundle
from medseg.predict.predict import Outcome, check_agreement, predict_scans
from medseg.predict.results import ResultFolder
from tests.bundles.known_networks import Threshold
from tests.medseg.io.dicom.writer import stored_voxels, write_series
from tests.medseg.predict.tiny_bundles import CT, GREY, Shown, place_nifti, tiny_bundle, write_nifti, write_png

MIDDLE = 127.5

Fill = Callable[[str], None]


@pytest.fixture(autouse=True)
def _warn_again() -> None:
    warn_once.cache_clear()


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """A network that thresholds grey values at 127.5."""
    return load_bundle(tiny_bundle(tmp_path), {"output_dir": str(tmp_path / "out")})


def other(folder: Path, name: str = "other", **options: Any) -> Bundle:
    overrides = options.pop("overrides", {})
    return load_bundle(tiny_bundle(folder, name, **options), {**overrides, "output_dir": str(folder / "out")})


def predict(
    source: Path | Sequence[Scan], *bundles: Bundle, out: Path, to: str | None = None, **options: Any
) -> list[Outcome]:
    scans = find_scans([source]).scans if isinstance(source, Path) else source
    progress = options.pop("progress", Shown())
    return list(predict_scans(scans, bundles, out, progress=progress, formats=parse_formats(to), **options))


def mask_of(out: Path, name: str) -> NDArray[Any]:
    return np.asarray(nib.load(out / f"{name}_mask.nii.gz").dataobj)


def states(outcomes: Sequence[Outcome]) -> dict[str, str]:
    return {outcome.name: "fault" if outcome.fault else "skipped" if outcome.skipped else "new" for outcome in outcomes}


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


class TestMasks:
    def test_lie_on_their_scans(self, tmp_path: Path, bundle: Bundle) -> None:
        volume = write_nifti(tmp_path / "scans" / "volume.nii.gz")
        picture = write_png(tmp_path / "scans" / "picture.png")
        outcomes = predict(tmp_path / "scans", bundle, out=tmp_path / "out")
        assert states(outcomes) == {"picture": "new", "volume": "new"}
        np.testing.assert_array_equal(mask_of(tmp_path / "out", "volume"), volume > MIDDLE)
        with Image.open(tmp_path / "out" / "picture_mask.png") as image:
            np.testing.assert_array_equal(np.asarray(image).T, np.where(picture > MIDDLE, 255, 0))

    def test_of_dicom_lie_on_the_series_whatever_the_order_of_its_files(self, tmp_path: Path) -> None:
        stored = stored_voxels((5, 4, 6))
        write_series(tmp_path / "scan", stored, each=lambda z: {"instance": 9 - z}, name=lambda z: f"{5 - z}")
        ct = other(tmp_path, facts=CT)
        (outcome,) = predict(tmp_path / "scan", ct, out=tmp_path / "out")
        assert outcome.fault is None
        np.testing.assert_array_equal(mask_of(tmp_path / "out", "scan"), stored.astype(int) - 1024 > 40)

    def test_dicom_goes_to_dicom(self, tmp_path: Path) -> None:
        stored = stored_voxels((6, 5, 4))
        write_series(tmp_path / "scan", stored, SliceThickness=2.5)
        ct = other(tmp_path, facts=CT)
        (outcome,) = predict(tmp_path / "scan", ct, out=tmp_path / "out", to="dicomseg,rtstruct")
        assert outcome.fault is None
        seg = pydicom.dcmread(tmp_path / "out" / "scan_seg.dcm")
        (segment,) = seg.SegmentSequence
        assert (seg.Modality, segment.SegmentedPropertyTypeCodeSequence[0].CodeMeaning) == ("SEG", "Liver")
        frames = np.zeros((4, 5, 6), np.uint8)
        heights = sorted(
            float(frame.PlanePositionSequence[0].ImagePositionPatient[2])
            for frame in seg.PerFrameFunctionalGroupsSequence
        )
        for frame, pixels in zip(seg.PerFrameFunctionalGroupsSequence, seg.pixel_array, strict=True):
            frames[heights.index(float(frame.PlanePositionSequence[0].ImagePositionPatient[2]))] = pixels
        np.testing.assert_array_equal(frames.transpose(2, 1, 0), stored.astype(int) - 1024 > 40)
        assert pydicom.dcmread(tmp_path / "out" / "scan_rtstruct.dcm").Modality == "RTSTRUCT"

    def test_rows_are_what_was_measured(self, tmp_path: Path, bundle: Bundle) -> None:
        volume = write_nifti(tmp_path / "scans" / "a.nii")
        (outcome,) = predict(tmp_path / "scans", bundle, out=tmp_path / "out")
        assert outcome.row is not None
        assert outcome.row["scan"] == "a"
        assert outcome.row["foreground_voxels"] == int((volume > MIDDLE).sum())

    def test_progress_is_told_of_each_slice(self, tmp_path: Path, bundle: Bundle) -> None:
        write_nifti(tmp_path / "scans" / "a.nii")
        write_png(tmp_path / "scans" / "b.png")
        shown = Shown()
        predict(tmp_path / "scans", bundle, out=tmp_path / "out", progress=shown)
        assert (shown.names, shown.totals, shown.done) == (["a", "b"], [3, 1], 4)


class TestPostprocessing:
    @staticmethod
    def masked(tmp_path: Path, mask: NDArray[Any], **overrides: Any) -> NDArray[Any]:
        """What becomes of a mask that the network sees."""
        place_nifti(tmp_path / "scans" / "a.nii", (mask * 255).astype(np.uint8))
        (outcome,) = predict(tmp_path / "scans", other(tmp_path, overrides=overrides), out=tmp_path / "out")
        assert outcome.fault is None
        return mask_of(tmp_path / "out", "a")

    @pytest.fixture
    def pieces(self) -> NDArray[Any]:
        """A piece of 12 voxels, one of 4 and one of 1."""
        mask = np.zeros((9, 8, 3))
        mask[1:4, 1:3, :2] = 1
        mask[6:8, 5:7, 2] = 1
        mask[8, 0, 0] = 1
        return mask

    @pytest.mark.parametrize(("kept", "size"), [(1, 12), (2, 16), (3, 17)])
    def test_largest_components_are_kept(self, tmp_path: Path, pieces: NDArray[Any], kept: int, size: int) -> None:
        out = self.masked(tmp_path, pieces, keep_components=kept)
        assert (int(out.sum()), ndimage.label(out)[1]) == (size, kept)
        assert not (out > pieces).any()

    def test_small_components_are_removed(self, tmp_path: Path, pieces: NDArray[Any]) -> None:
        assert int(self.masked(tmp_path, pieces, min_size_voxels=4).sum()) == 16

    def test_voxels_that_share_a_corner_belong_together(self, tmp_path: Path) -> None:
        mask = np.zeros((9, 8, 3))
        mask[1, 1, 0] = mask[2, 2, 1] = mask[3, 3, 2] = 1
        np.testing.assert_array_equal(self.masked(tmp_path, mask, min_size_voxels=3, keep_components=1), mask)

    def test_holes_are_filled_in_each_slice(self, tmp_path: Path) -> None:
        mask = np.zeros((9, 8, 3))
        mask[2:7, 2:7] = 1
        expected = mask.copy()
        mask[4, 4] = 0  # a channel through all slices
        np.testing.assert_array_equal(self.masked(tmp_path, mask, fill_holes=True), expected)

    def test_all_are_off_by_default(self, tmp_path: Path, pieces: NDArray[Any]) -> None:
        pieces[2, 1, 0] = 0
        np.testing.assert_array_equal(self.masked(tmp_path, pieces), pieces)


class TestThreshold:
    @pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
    def test_is_on_the_probability(self, tmp_path: Path, threshold: float) -> None:
        volume = write_nifti(tmp_path / "scans" / "a.nii")
        soft = other(tmp_path, gain=1.0, facts={**GREY, "threshold": threshold}, overrides={"probabilities": True})
        predict(tmp_path / "scans", soft, out=tmp_path / "out")
        expected = 1 / (1 + np.exp(-(volume / MIDDLE - 1)))
        np.testing.assert_array_equal(mask_of(tmp_path / "out", "a"), expected > threshold)
        probability = nib.load(tmp_path / "out" / "a_probability.nii.gz")
        np.testing.assert_allclose(np.asarray(probability.dataobj), expected, atol=1e-6)


class TestSeveralBundles:
    def test_probabilities_are_averaged_not_masks_or_logits(self, tmp_path: Path) -> None:
        volume = write_nifti(tmp_path / "scans" / "a.nii")
        overrides = {"probabilities": True, "threshold": 0.6}
        low = other(tmp_path, "low", gain=1.0, overrides=overrides)
        high = other(tmp_path, "high", gain=20.0, facts={**GREY, "window": [100, 300]})
        shown = Shown()
        (outcome,) = predict(tmp_path / "scans", low, high, out=tmp_path / "out", progress=shown)
        assert outcome.fault is None
        first = 1 / (1 + np.exp(-(volume / MIDDLE - 1)))
        second = 1 / (1 + np.exp(-20 * np.clip((volume - 100.0) / 100 - 1, -1, 1)))
        expected = (first + second) / 2
        probability = np.asarray(nib.load(tmp_path / "out" / "a_probability.nii.gz").dataobj)
        np.testing.assert_allclose(probability, expected, atol=1e-6)
        # The first one's threshold counts; no voxel is so near to it that rounding could decide.
        assert np.abs(expected - 0.6).min() > 1e-5
        np.testing.assert_array_equal(mask_of(tmp_path / "out", "a"), expected > 0.6)
        assert (shown.totals, shown.done) == ([6, 6], 6)

    def test_each_takes_a_scan_in_its_own_orientation_and_size(self, tmp_path: Path) -> None:
        volume = np.where(np.indices((12, 8, 3))[0] < 5, 0, 255).astype(np.uint8)
        place_nifti(tmp_path / "scans" / "a.nii", volume)
        axial = other(tmp_path, "axial")
        resized = other(tmp_path, "resized", facts={**GREY, "image_size": [24, 16]})
        (outcome,) = predict(tmp_path / "scans", axial, resized, out=tmp_path / "out")
        assert outcome.fault is None
        np.testing.assert_array_equal(mask_of(tmp_path / "out", "a"), volume > MIDDLE)

    def test_of_different_foregrounds_are_refused(self, tmp_path: Path) -> None:
        bundles = [other(tmp_path, name, facts=facts) for name, facts in (("cells", GREY), ("liver", CT))]
        message = (
            r"^bundles must segment the same to be averaged, got cell nucleus \(cells\) and liver \(liver\); predict"
            " with one of them$"
        )
        with pytest.raises(UsageError, match=message):
            check_agreement(bundles)

    def test_of_one_foreground_pass(self, tmp_path: Path, bundle: Bundle) -> None:
        check_agreement([bundle])
        check_agreement([bundle, other(tmp_path), other(tmp_path, "third")])


class TestFlips:
    def test_average_of_a_network_that_always_answers_one_corner(self, tmp_path: Path) -> None:
        write_nifti(tmp_path / "scans" / "a.nii", (6, 4, 1))
        flipped = other(tmp_path, network="LowCorner", gain=1.0, overrides={"tta": True, "probabilities": True})
        predict(tmp_path / "scans", flipped, out=tmp_path / "out")
        probability = np.asarray(nib.load(tmp_path / "out" / "a_probability.nii.gz").dataobj)
        # In each of the four corners one view says +1 and three say -1: the logit is -0.5 everywhere.
        np.testing.assert_allclose(probability, 1 / (1 + np.exp(0.5)), atol=1e-6)


class TestSecondRun:
    @pytest.fixture
    def scans(self, tmp_path: Path) -> Path:
        write_nifti(tmp_path / "scans" / "a.nii")
        write_nifti(tmp_path / "scans" / "b.nii", seed=1)
        return tmp_path / "scans"

    @pytest.fixture
    def run(self, tmp_path: Path, scans: Path, bundle: Bundle) -> Callable[..., dict[str, str]]:
        """Predicts the scans, and says what became of each."""

        def again(*bundles: Bundle, **options: Any) -> dict[str, str]:
            return states(predict(scans, *(bundles or [bundle]), out=tmp_path / "out", **options))

        assert again() == {"a": "new", "b": "new"}
        return again

    def test_skips_what_is_there(self, tmp_path: Path, run: Callable[..., dict[str, str]]) -> None:
        before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
        assert run() == {"a": "skipped", "b": "skipped"}
        assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before

    def test_gives_the_rows_of_what_is_there(self, tmp_path: Path, scans: Path, bundle: Bundle, run: Any) -> None:
        first = ResultFolder(tmp_path / "out").finished("a")
        assert predict(scans, bundle, out=tmp_path / "out")[0].row == first["measurements"]  # type: ignore[index]

    def test_overwrite_makes_all_anew(self, tmp_path: Path, run: Callable[..., dict[str, str]]) -> None:
        (tmp_path / "out" / "a_mask.nii.gz").write_bytes(b"spoilt")
        assert run(overwrite=True) == {"a": "new", "b": "new"}
        assert mask_of(tmp_path / "out", "a").shape == (7, 5, 3)

    def test_scan_whose_result_was_removed_is_predicted_again(
        self, tmp_path: Path, run: Callable[..., dict[str, str]]
    ) -> None:
        (tmp_path / "out" / "b_mask.nii.gz").unlink()
        assert run() == {"a": "skipped", "b": "new"}

    def test_scan_that_changed_is_predicted_again(
        self, tmp_path: Path, scans: Path, run: Callable[..., dict[str, str]]
    ) -> None:
        changed = write_nifti(scans / "b.nii", seed=2)
        os.utime(scans / "b.nii", ns=(1, 1))
        assert run() == {"a": "skipped", "b": "new"}
        np.testing.assert_array_equal(mask_of(tmp_path / "out", "b"), changed > MIDDLE)

    def test_new_scan_is_predicted(self, scans: Path, run: Callable[..., dict[str, str]]) -> None:
        write_nifti(scans / "c.nii")
        assert run() == {"a": "skipped", "b": "skipped", "c": "new"}

    def test_fewer_formats_are_there(self, run: Callable[..., dict[str, str]]) -> None:
        assert run(to="nifti") == {"a": "skipped", "b": "skipped"}

    def test_more_formats_join_those_that_are_there(self, tmp_path: Path, scans: Path, bundle: Bundle) -> None:
        for formats, state in (("nifti", "new"), ("png", "new"), ("nifti,png", "skipped")):
            assert set(states(predict(scans, bundle, out=tmp_path / "out", to=formats)).values()) == {state}
        assert {"a_mask.nii.gz", "overlays/a.png"} <= files_below(tmp_path / "out")

    def test_what_was_changed_since_is_not_replaced(self, tmp_path: Path, scans: Path, bundle: Bundle) -> None:
        out = tmp_path / "out"
        predict(scans, bundle, out=out, to="nifti")
        corrected = out / "a_mask.nii.gz"
        corrected.write_bytes(b"by hand")
        outcomes = predict(scans, bundle, out=out, to="png")
        assert states(outcomes) == {"a": "fault", "b": "new"}
        assert str(outcomes[0].fault) == (
            f"{corrected}: must be as it was written here, but someone made or changed it; move it away, or replace it"
            " with --overwrite"
        )
        assert corrected.read_bytes() == b"by hand"
        assert states(predict(scans, bundle, out=out, to="png", overwrite=True)) == {"a": "new", "b": "new"}

    def test_file_of_someone_else_is_not_replaced(self, tmp_path: Path, scans: Path, bundle: Bundle) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "b_mask.nii.gz").write_bytes(b"by hand")
        assert states(predict(scans, bundle, out=tmp_path / "out")) == {"a": "new", "b": "fault"}

    def test_another_scan_of_one_name_is_refused(self, tmp_path: Path, bundle: Bundle, run: Any) -> None:
        write_nifti(tmp_path / "others" / "a.nii", seed=5)
        with pytest.raises(UsageError, match=r"out: has results of another scan called a than .*/others/a\.nii; give"):
            predict(tmp_path / "others", bundle, out=tmp_path / "out")

    def test_results_of_other_weights_are_not_joined_in_one_table(self, tmp_path: Path, run: Any) -> None:
        write_nifti(tmp_path / "others" / "c.nii", seed=5)
        changed = other(tmp_path / "changed", "tiny", gain=5.0)
        for overwrite, way_out in ((False, "replace them with --overwrite, or give"), (True, "give another")):
            with pytest.raises(UsageError, match=way_out):
                predict(tmp_path / "others", changed, out=tmp_path / "out", overwrite=overwrite)

    def test_other_reader_choices_are_refused(self, tmp_path: Path, run: Any) -> None:
        chosen = load_bundle(tmp_path / "tiny", {"reader::trust_affine": "qform"})
        with pytest.raises(UsageError, match="got others \\(reader "):
            run(chosen)

    def test_probabilities_are_written_where_they_are_missing(
        self, tmp_path: Path, run: Callable[..., dict[str, str]]
    ) -> None:
        overrides = {"probabilities": True, "output_dir": str(tmp_path / "out")}
        with_probabilities = load_bundle(tmp_path / "tiny", overrides)
        assert run(with_probabilities) == {"a": "new", "b": "new"}
        assert (tmp_path / "out" / "b_probability.nii.gz").is_file()
        assert run(with_probabilities) == {"a": "skipped", "b": "skipped"}

    def test_damaged_record_is_no_result(self, tmp_path: Path, run: Callable[..., dict[str, str]]) -> None:
        (tmp_path / "out" / ".finished" / "a.json").write_text("{")
        assert run() == {"a": "new", "b": "skipped"}

    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ({"overrides": {"threshold": 0.7}}, "threshold 0.5, now 0.7"),
            ({"overrides": {"tta": True}}, "tta False, now True"),
            ({"overrides": {"keep_components": 1}}, "keep_components 0, now 1"),
            ({"gain": 5.0}, r"weights [0-9a-f]{12}\.\.\., now [0-9a-f]{12}\.\.\."),
        ],
    )
    def test_of_other_weights_or_settings_is_refused_before_any_work(
        self, tmp_path: Path, run: Callable[..., dict[str, str]], options: dict[str, Any], named: str
    ) -> None:
        before = files_below(tmp_path / "out")
        message = (
            rf"^{tmp_path}/out: must have results of the same weights and settings, got others \({named}\); replace"
            " them with --overwrite, or give another --output$"
        )
        changed = other(tmp_path / "changed", "tiny", **options)
        shown = Shown()
        with pytest.raises(UsageError, match=message):
            run(changed, progress=shown)
        assert not shown.names
        assert files_below(tmp_path / "out") == before

    def test_of_another_bundle_is_refused(
        self, tmp_path: Path, bundle: Bundle, run: Callable[..., dict[str, str]]
    ) -> None:
        with pytest.raises(UsageError, match=r"got others \(bundle tiny, now other\)"):
            run(other(tmp_path))
        with pytest.raises(UsageError, match=r"got others \(of 1 bundles, now 2\)"):
            run(bundle, other(tmp_path, "second"))

    def test_overwrite_takes_other_settings(self, tmp_path: Path, run: Callable[..., dict[str, str]]) -> None:
        changed = load_bundle(tmp_path / "tiny", {"threshold": 0.7, "output_dir": str(tmp_path / "out")})
        assert run(changed, overwrite=True) == {"a": "new", "b": "new"}
        assert run(changed) == {"a": "skipped", "b": "skipped"}

    def test_overwrite_leaves_no_file_of_other_settings(
        self, tmp_path: Path, run: Callable[..., dict[str, str]]
    ) -> None:
        changed = load_bundle(tmp_path / "tiny", {"threshold": 0.7, "output_dir": str(tmp_path / "out")})
        run(changed, overwrite=True, to="nifti")
        assert {name for name in files_below(tmp_path / "out") if not name.startswith(".")} == {
            "a_mask.nii.gz",
            "b_mask.nii.gz",
            "measurements.csv",
        }

    def test_same_weights_elsewhere_are_the_same(self, tmp_path: Path, run: Callable[..., dict[str, str]]) -> None:
        moved = load_bundle(tiny_bundle(tmp_path / "moved"), {"output_dir": str(tmp_path / "out")})
        assert run(moved) == {"a": "skipped", "b": "skipped"}

    def test_batch_size_and_threads_decide_nothing(self, tmp_path: Path, run: Callable[..., dict[str, str]]) -> None:
        batched = load_bundle(tmp_path / "tiny", {"batch_size": 2, "output_dir": str(tmp_path / "out")})
        assert run(batched) == {"a": "skipped", "b": "skipped"}


class TestInterrupted:
    def test_run_goes_on_where_it_was(self, tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
        for seed, name in enumerate("abc"):
            write_nifti(tmp_path / "scans" / f"{name}.nii", seed=seed)
        write_rgb = medseg.predict.save_results.write_rgb

        def interrupted(path: Path, picture: NDArray[np.uint8]) -> None:
            if path.name == "b.png":
                raise KeyboardInterrupt
            write_rgb(path, picture)

        with monkeypatch.context() as patch:
            patch.setattr(medseg.predict.save_results, "write_rgb", interrupted)
            with pytest.raises(KeyboardInterrupt):
                predict(tmp_path / "scans", bundle, out=tmp_path / "out")
        results = ResultFolder(tmp_path / "out")
        assert [results.finished(name) is not None for name in "abc"] == [True, False, False]
        outcomes = predict(tmp_path / "scans", bundle, out=tmp_path / "out")
        assert states(outcomes) == {"a": "skipped", "b": "new", "c": "new"}
        assert [line.split(",")[0] for line in (tmp_path / "out" / "measurements.csv").read_text().splitlines()] == [
            "scan", "a", "b", "c",
        ]  # fmt: skip


class TestFaults:
    def test_broken_scan_does_not_stop_the_rest(self, tmp_path: Path, bundle: Bundle) -> None:
        for name in ("a", "c"):
            write_nifti(tmp_path / "scans" / f"{name}.nii")
        (tmp_path / "scans" / "b.nii").write_bytes(b"no scan at all")
        (tmp_path / "scans" / "d.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
        outcomes = predict(tmp_path / "scans", bundle, out=tmp_path / "out")
        assert states(outcomes) == {"a": "new", "b": "fault", "c": "new", "d": "fault"}
        faults = [str(outcome.fault) for outcome in outcomes if outcome.fault]
        assert faults[0].startswith(f"{tmp_path}/scans/b.nii: must be a NIfTI file, got ")
        assert faults[1].startswith(f"{tmp_path}/scans/d.png: must be a readable image, got ")
        assert all("\n" not in fault for fault in faults)
        assert outcomes[1].row is None
        assert not [name for name in files_below(tmp_path / "out") if name.startswith(("b", "d", "overlays/b"))]
        assert states(predict(tmp_path / "scans", bundle, out=tmp_path / "out")) == {
            "a": "skipped", "b": "fault", "c": "skipped", "d": "fault",
        }  # fmt: skip

    def test_series_that_breaks_a_rule_is_named_with_the_way_out(self, tmp_path: Path) -> None:
        files = write_series(tmp_path / "scans" / "p1", stored_voxels((5, 4, 5)))
        files[2].unlink()
        write_series(tmp_path / "scans" / "p2", stored_voxels(), series=2)
        first, second = predict(tmp_path / "scans", other(tmp_path, facts=CT), out=tmp_path / "out")
        assert second.fault is None
        assert "1 slice missing of the usual 2.50 mm" in str(first.fault)

    def test_known_fault_is_told(self, tmp_path: Path, bundle: Bundle) -> None:
        write_nifti(tmp_path / "a.nii")
        fault = MedsegError("a: is damaged")
        scans = [Scan("a", (tmp_path / "a.nii",), fault), Scan("b", (tmp_path / "a.nii",))]
        first, second = predict(scans, bundle, out=tmp_path / "out")
        assert (first.fault, first.row) == (fault, None)
        assert second.fault is None

    def test_format_that_a_scan_does_not_allow(self, tmp_path: Path, bundle: Bundle) -> None:
        write_nifti(tmp_path / "scans" / "a.nii")
        (outcome,) = predict(tmp_path / "scans", bundle, out=tmp_path / "out", to="dicomseg")
        assert "dicomseg must refer to the images of a DICOM series, which this file is not" in str(outcome.fault)
        assert not (tmp_path / "out").exists()

    def test_ct_after_training_on_pictures_of_an_unknown_window(self, tmp_path: Path, bundle: Bundle) -> None:
        write_series(tmp_path / "scan", stored_voxels())
        (outcome,) = predict(tmp_path / "scan", bundle, out=tmp_path / "out")
        assert "is CT in HU, but the network was trained on pictures whose window in HU is not known" in str(
            outcome.fault
        )

    def test_error_of_a_library_is_one_line(
        self, tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_nifti(tmp_path / "scans" / "a.nii")

        def forward(_self: Threshold, _img: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied\nsecond line")

        monkeypatch.setattr(Threshold, "forward", forward)
        (outcome,) = predict(tmp_path / "scans", bundle, out=tmp_path / "out")
        assert str(outcome.fault) == (
            f"{tmp_path}/scans/a.nii: must be predictable, got RuntimeError: mat1 and mat2 shapes cannot be multiplied"
        )

    @pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
    def test_too_little_memory(
        self, tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        write_nifti(tmp_path / "scans" / "a.nii")

        def forward(_self: Threshold, _img: torch.Tensor) -> torch.Tensor:
            raise error

        monkeypatch.setattr(Threshold, "forward", forward)
        (outcome,) = predict(tmp_path / "scans", bundle, out=tmp_path / "out")
        assert str(outcome.fault) == (
            f"{tmp_path}/scans/a.nii: is too large for this machine's memory; use a smaller --batch-size"
        )


class TestFullDisk:
    @pytest.fixture
    def full(self, monkeypatch: pytest.MonkeyPatch) -> Fill:
        """Lets files whose names end in something run out of space when half of them is written."""

        def fill(end: str) -> None:
            replace = Path.replace

            def short_of_space(self: Path, target: Path) -> Path:
                if self.name.endswith(end):
                    self.write_bytes(self.read_bytes()[: self.stat().st_size // 2])
                    raise OSError(28, "No space left on device")
                return replace(self, target)

            monkeypatch.setattr(Path, "replace", short_of_space)

        return fill

    @pytest.mark.parametrize("end", ["_mask.nii.gz", "a.png", "_montage.png", "a.json", "measurements.csv"])
    def test_is_one_line_and_leaves_no_half_written_file(
        self, tmp_path: Path, bundle: Bundle, full: Fill, end: str
    ) -> None:
        write_nifti(tmp_path / "scans" / "a.nii")
        full(end)
        with pytest.raises(MedsegError) as stopped:
            predict(tmp_path / "scans", bundle, out=tmp_path / "out")
        assert str(stopped.value) == (
            f"{tmp_path}/out: results of a must be writable, got No space left on device; make room or choose another"
            " folder, and run it again"
        )
        assert not [name for name in files_below(tmp_path / "out") if name.endswith(end) or "partial" in name]
        assert ResultFolder(tmp_path / "out").finished("a") is None

    def test_scan_is_predicted_once_there_is_room(
        self, tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        volume = write_nifti(tmp_path / "scans" / "a.nii")
        with monkeypatch.context() as patch:
            patch.setattr(medseg.predict.save_results, "write_rgb", _raise_no_space)
            with pytest.raises(MedsegError, match="No space left"):
                predict(tmp_path / "scans", bundle, out=tmp_path / "out")
        assert states(predict(tmp_path / "scans", bundle, out=tmp_path / "out")) == {"a": "new"}
        np.testing.assert_array_equal(mask_of(tmp_path / "out", "a"), volume > MIDDLE)


def _raise_no_space(*_args: object) -> None:
    raise OSError(28, "No space left on device")


class TestWarnings:
    def test_of_each_bundle_are_told_and_kept(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        write_nifti(tmp_path / "scans" / "a.nii")
        spacing = {"spacing_mm_min": [0.7, 0.7, 9.0], "spacing_mm_max": [0.7, 0.7, 9.0]}
        facts = {**GREY, "modality": "MR", "training_set": spacing}
        bundles = [other(tmp_path, "one"), other(tmp_path, "two", facts=facts)]
        with caplog.at_level(logging.WARNING, "medseg"):
            (outcome,) = predict(tmp_path / "scans", *bundles, out=tmp_path / "out")
        (warning,) = outcome.row["warnings"]  # type: ignore[index]
        assert warning.startswith("spacing 2.5 mm along z, trained on 9 mm: ")
        assert f"a: {warning}" in [record.getMessage() for record in caplog.records]


class TestRecord:
    def test_says_what_decided_the_masks(self, tmp_path: Path, bundle: Bundle) -> None:
        write_nifti(tmp_path / "scans" / "a.nii")
        predict(tmp_path / "scans", bundle, other(tmp_path), out=tmp_path / "out")
        record = json.loads((tmp_path / "out" / ".finished" / "a.json").read_text())
        first, second = record["made_by"]["bundles"]
        assert (first["bundle"], second["bundle"]) == ("tiny", "other")
        assert first["weights"] == second["weights"]  # the same bytes
        assert first["threshold"] == 0.5
        assert record["made_by"]["formats"] == ["nifti", "png"]
        status = (tmp_path / "scans" / "a.nii").stat()
        assert record["made_by"]["source"]["files"] == [[status.st_size, status.st_mtime_ns]]
