from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from medseg.errors import MedsegError
from medseg.transforms import ScaleWindowd
from medseg.transforms.scale_window import ScaleWindow

# Pictures whose grey values 0 to 255 were -100 to 400 HU.
GREY = (0.0, 255.0)
HU = (-100.0, 400.0)


def image(values: list[float], modality: str | None = None) -> MetaTensor:
    """``(1, x, 1, 1)``."""
    meta = {"filename_or_obj": "scans/a.nii", **({} if modality is None else {"modality": modality})}
    return MetaTensor(torch.tensor(values).reshape(1, -1, 1, 1), meta=meta)


def scaled(img: torch.Tensor, *window: Any) -> list[float]:
    return ScaleWindow(*window)(img).flatten().tolist()


class TestTrainedOnHu:
    def test_window_is_mapped_to_minus_1_and_1_and_cut_off_outside(self) -> None:
        img = image([-1000.0, -160.0, 40.0, 140.0, 240.0, 3000.0], "CT")
        assert scaled(img, (-160, 240), (-160, 240)) == [-1, -1, 0, 0.5, 1, 1]

    @pytest.mark.parametrize("modality", [None, "", "CT"])
    def test_scan_need_not_say_what_it_is(self, modality: str | None) -> None:
        assert scaled(image([-260.0, 40.0], modality), (-160, 240), (-160.0, 240.0)) == [-1, 0]

    def test_other_modality_is_taken_as_it_is(self) -> None:
        assert scaled(image([40.0], "MR"), (-160, 240), (-160, 240)) == [0]


class TestTrainedOnPictures:
    def test_picture_is_mapped_by_its_grey_values(self) -> None:
        assert scaled(image([0.0, 63.75, 255.0], ""), GREY, HU) == [-1, -0.5, 1]

    def test_ct_is_mapped_by_the_hu_that_the_grey_values_were(self) -> None:
        assert scaled(image([-1000.0, -100.0, 25.0, 150.0, 400.0, 900.0], "CT"), GREY, HU) == [-1, -1, -0.5, 0, 1, 1]

    def test_other_modality_is_mapped_by_its_own_values(self) -> None:
        assert scaled(image([-5.0, 127.5], "MR"), GREY, HU) == [-1, 0]

    def test_values_below_grey_of_a_scan_that_does_not_say_are_refused(self) -> None:
        message = (
            r"^scans/a\.nii: values must be grey values like the training images', or HU of a scan that says so, got"
            r" some below 0; give --modality CT if they are HU$"
        )
        with pytest.raises(MedsegError, match=message):
            scaled(image([-1000.0, 40.0], ""), GREY, HU)

    def test_plain_tensor_is_a_picture(self) -> None:
        assert scaled(torch.tensor([0.0, 255.0]), GREY, HU) == [-1, 1]


class TestTrainedOnPicturesOfAnUnknownWindow:
    @pytest.mark.parametrize("modality", ["", "MR"])
    def test_pictures_are_mapped_by_their_grey_values(self, modality: str) -> None:
        assert scaled(image([0.0, 127.5], modality), GREY, "unknown") == [-1, 0]

    def test_ct_is_refused(self) -> None:
        message = (
            r"^scans/a\.nii: is CT in HU, but the network was trained on pictures whose window in HU is not known;"
            r" give it, such as --window-hu -100,400 \(--picture_window_hu in a bundle's command\)$"
        )
        with pytest.raises(MedsegError, match=message):
            scaled(image([40.0], "CT"), GREY, "unknown")


class TestWithoutHu:
    @pytest.mark.parametrize("modality", [None, "CT"])
    def test_window_counts_for_all(self, modality: str | None) -> None:
        assert scaled(image([0.0, 127.5, 300.0], modality), GREY) == [-1, 0, 1]


class TestScaleWindowd:
    def test_scales_each_key_and_leaves_the_rest(self) -> None:
        data = {"image": image([0.0, 255.0]), "other": image([127.5]), "name": "a"}
        out = ScaleWindowd(["image", "other"], GREY, HU)(data)
        assert out["image"].flatten().tolist() == [-1, 1]
        assert out["other"].flatten().tolist() == [0]
        assert out["name"] == "a"
        np.testing.assert_array_equal(data["image"].numpy().ravel(), [0, 255])

    def test_tensor_knows_where_it_lies(self) -> None:
        out = ScaleWindowd("image", GREY)({"image": image([0.0], "CT")})
        assert out["image"].meta["filename_or_obj"] == "scans/a.nii"

    def test_missing_key_raises_unless_allowed(self) -> None:
        with pytest.raises(KeyError, match="image"):
            ScaleWindowd("image", GREY)({})
        assert ScaleWindowd("image", GREY, allow_missing_keys=True)({}) == {}
