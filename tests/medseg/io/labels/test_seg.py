from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from medseg.errors import SourceError
from medseg.io.labels import LabelClass, read_seg
from medseg.io.volume import Volume
from tests.medseg.io.labels.seg_files import reorder, save_seg, segmentation
from tests.medseg.io.labels.series_files import SIZE, random_mask, read_ct, write_ct

LIVER, TUMOUR = random_mask(seed=1), random_mask(seed=2)
CLASSES = (LabelClass(1, "Liver"), LabelClass(2, "Tumour"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_ct(tmp_path_factory.mktemp("seg") / "ct")


@pytest.fixture(scope="module")
def image(files: list[Path]) -> Volume:
    return read_ct(files)


class TestSegments:
    @pytest.mark.parametrize(
        ("foreground", "mask"),
        [(["Liver"], LIVER), (["2"], TUMOUR), (["tumour", "1"], LIVER | TUMOUR)],
    )
    def test_are_joined_where_they_overlap(
        self, tmp_path: Path, files: list[Path], image: Volume, foreground: list[str], mask: np.ndarray
    ) -> None:
        path = save_seg(tmp_path / "a", segmentation(files, LIVER, TUMOUR))
        read = read_seg(path, image, foreground)
        assert (LIVER & TUMOUR).any()
        np.testing.assert_array_equal(read.mask, mask)
        assert read.mask.dtype == np.uint8
        assert (read.classes, read.absent, read.warnings) == (CLASSES, (), ())

    def test_only_one_needs_no_choice(self, tmp_path: Path, files: list[Path], image: Volume) -> None:
        read = read_seg(save_seg(tmp_path / "a", segmentation(files, LIVER)), image)
        np.testing.assert_array_equal(read.mask, LIVER)

    def test_several_need_a_choice(self, tmp_path: Path, files: list[Path], image: Volume) -> None:
        path = save_seg(tmp_path / "a", segmentation(files, LIVER, TUMOUR, labels=("CANARY", "b")))
        with pytest.raises(SourceError, match=r"a \[1 CANARY, 2 b\]: label must have one class, got 2") as error:
            read_seg(path, image)
        assert "CANARY" not in error.value.fault

    def test_other_that_is_asked_for_is_absent(self, tmp_path: Path, files: list[Path], image: Volume) -> None:
        path = save_seg(tmp_path / "a", segmentation(files, LIVER, TUMOUR))
        assert read_seg(path, image, ["liver", "bone"]).absent == ("bone",)

    def test_of_the_scanner_without_foreground_is_empty(self, tmp_path: Path, files: list[Path], image: Volume) -> None:
        path = save_seg(tmp_path / "a", segmentation(files, LIVER, np.zeros_like(TUMOUR)))
        assert not read_seg(path, image, ["Tumour"]).mask.any()


class TestFrames:
    @pytest.mark.parametrize("omitted", [True, False])
    def test_empty_ones_may_be_missing(self, tmp_path: Path, files: list[Path], image: Volume, omitted: bool) -> None:
        mask = LIVER.copy()
        mask[..., [0, 3]] = 0
        data = segmentation(files, mask, omit_empty_frames=omitted)
        assert data.NumberOfFrames == (SIZE[2] - 2 if omitted else SIZE[2])
        np.testing.assert_array_equal(read_seg(save_seg(tmp_path / "a", data), image).mask, mask)

    @pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [3, 0, 4, 2, 1]])
    def test_may_stand_in_any_order(self, tmp_path: Path, files: list[Path], image: Volume, order: list[int]) -> None:
        path = save_seg(tmp_path / "a", reorder(segmentation(files, LIVER), order))
        np.testing.assert_array_equal(read_seg(path, image).mask, LIVER)

    def test_groups_that_are_the_same_for_all_may_be_shared_or_not(
        self, tmp_path: Path, files: list[Path], image: Volume
    ) -> None:
        data = segmentation(files, LIVER)
        shared = data.SharedFunctionalGroupsSequence[0]
        for own in data.PerFrameFunctionalGroupsSequence:
            own.PlaneOrientationSequence = shared.PlaneOrientationSequence
            own.PixelMeasuresSequence = shared.PixelMeasuresSequence
            own.SegmentIdentificationSequence = shared.SegmentIdentificationSequence
        del data.SharedFunctionalGroupsSequence
        np.testing.assert_array_equal(read_seg(save_seg(tmp_path / "a", data), image).mask, LIVER)

    def test_two_of_a_segment_on_one_slice_are_refused(self, tmp_path: Path, files: list[Path], image: Volume) -> None:
        data = segmentation(files, LIVER)
        first, second = (group.PlanePositionSequence for group in data.PerFrameFunctionalGroupsSequence[:2])
        second[0].ImagePositionPatient = first[0].ImagePositionPatient
        with pytest.raises(SourceError, match="must have one frame a slice, got 5 frames on 4 slices; export it again"):
            read_seg(save_seg(tmp_path / "a", data), image)

    def test_of_an_unknown_segment_are_refused(self, tmp_path: Path, files: list[Path], image: Volume) -> None:
        data = segmentation(files, LIVER, TUMOUR)
        data.SegmentSequence[1].SegmentNumber = 3
        with pytest.raises(SourceError, match=r"frames must show segments \(0062,000B\) that .* describes, got others"):
            read_seg(save_seg(tmp_path / "a", data), image, ["liver"])

    @pytest.mark.parametrize("told", [4, 6, 10**9])
    def test_must_be_as_many_as_told(self, tmp_path: Path, files: list[Path], image: Volume, told: int) -> None:
        data = segmentation(files, LIVER)
        data.NumberOfFrames = told
        with pytest.raises(
            SourceError, match=rf"must .* as frames \(0028,0008\), {told}, got 5|must hold the \d+ bytes"
        ):
            read_seg(save_seg(tmp_path / "a", data), image)


class TestKinds:
    def test_label_map(self, tmp_path: Path, files: list[Path], image: Volume) -> None:
        values = LIVER + (LIVER & TUMOUR)
        path = save_seg(tmp_path / "a", segmentation(files, values, kind="LABELMAP"))
        np.testing.assert_array_equal(read_seg(path, image, ["Tumour"]).mask, LIVER & TUMOUR)
        np.testing.assert_array_equal(read_seg(path, image, ["1", "2"]).mask, LIVER)
        assert read_seg(path, image, ["1"]).classes == CLASSES

    def test_fractions_count_from_half_of_the_maximum_with_a_warning(
        self, tmp_path: Path, files: list[Path], image: Volume
    ) -> None:
        fractions = np.zeros(SIZE)
        fractions[0, 0], fractions[1, 2], fractions[2, 3], fractions[3, 1] = 0.01, 0.49, 0.5, 1.0
        data = segmentation(files, fractions, kind="FRACTIONAL", max_fractional_value=100)
        read = read_seg(save_seg(tmp_path / "a", data), image)
        expected = np.zeros(SIZE)
        expected[2, 3] = expected[3, 1] = 1
        np.testing.assert_array_equal(read.mask, expected)
        assert read.warnings == ("fractions (0062,0001) count as foreground from half of their maximum (0062,000E) on",)

    @pytest.mark.parametrize("most", [0, 99])
    def test_fractions_beyond_their_maximum_are_refused(
        self, tmp_path: Path, files: list[Path], image: Volume, most: int
    ) -> None:
        data = segmentation(files, LIVER.astype(float), kind="FRACTIONAL", max_fractional_value=100)
        data.MaximumFractionalValue = most
        with pytest.raises(SourceError, match=rf"\(0062,000E\), {most}, which is above 0, got 100; export it again"):
            read_seg(save_seg(tmp_path / "a", data), image)

    def test_another_is_refused(self, tmp_path: Path, files: list[Path], image: Volume) -> None:
        data = segmentation(files, LIVER)
        data.SegmentationType = "CANARY"
        match = (
            r"segmentation type \(0062,0001\) must be BINARY, FRACTIONAL, LABELMAP, got another; export it as BINARY$"
        )
        with pytest.raises(SourceError, match=match):
            read_seg(save_seg(tmp_path / "a", data), image)


def without(keyword: str) -> Callable[[Dataset], Any]:
    return lambda data: delattr(data, keyword)


class TestMissingTags:
    @pytest.mark.parametrize(
        ("damage", "match"),
        [
            (without("SegmentationType"), r"segmentation type \(0062,0001\)"),
            (without("SegmentSequence"), r"segment sequence \(0062,0002\)"),
            (without("PerFrameFunctionalGroupsSequence"), r"per-frame functional groups sequence \(5200,9230\)"),
            (without("SharedFunctionalGroupsSequence"), r"segment identification sequence \(0062,000a\)"),
            (
                lambda data: delattr(data.SharedFunctionalGroupsSequence[0], "PlaneOrientationSequence"),
                r"plane orientation sequence \(0020,9116\)",
            ),
            (without("Rows"), r"rows \(0028,0010\)"),
            (without("BitsStored"), r"bits stored \(0028,0101\)"),
            (without("PixelData"), r"pixel data \(7FE0,0010\)"),
            (lambda data: delattr(data.SegmentSequence[0], "SegmentNumber"), r"segment number \(0062,0004\)"),
            (
                lambda data: delattr(
                    data.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0], "ImagePositionPatient"
                ),
                r"image position \(patient\) \(0020,0032\)",
            ),
        ],
    )
    def test_is_named(
        self, tmp_path: Path, files: list[Path], image: Volume, damage: Callable[[Dataset], Any], match: str
    ) -> None:
        data = segmentation(files, LIVER)
        damage(data)
        with pytest.raises(SourceError, match=rf"/a: {match} must be there, got none; export it again"):
            read_seg(save_seg(tmp_path / "a", data), image)
