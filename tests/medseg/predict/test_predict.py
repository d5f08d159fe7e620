from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from medseg.errors import UsageError
from medseg.predict.load_bundle import Bundle
from medseg.predict.predict import check_agreement
from tests.medseg.io.dicom.writer import stored_voxels, write_series
from tests.medseg.predict.predicting import MIDDLE, mask_of, other, predict, states
from tests.medseg.predict.tiny_bundles import CT, GREY, Shown, place_nifti, write_nifti, write_png


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
