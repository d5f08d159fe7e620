from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import AsDiscrete, Compose, LabelFilter

from medseg.errors import SourceError, UsageError
from medseg.once import warn_once
from medseg.transforms import MergeLabels, MergeLabelsd
from tests.medseg.io.volume_files import AFFINE_MM
from tests.medseg.transforms.tensors import tensor

VALUES = np.array([[[0, 1, 2], [3, 2, 0]]], dtype=np.float32)
NAMES = {"background": 0, "liver": 1, "tumor": 2, "spleen": 3}


class TestMergeLabels:
    @pytest.mark.parametrize(
        ("foreground", "expected"),
        [
            ([1, 2], [0, 1, 1, 0, 1, 0]),
            (3, [0, 0, 0, 1, 0, 0]),
            (["1", 3], [0, 1, 0, 1, 0, 0]),
            ([2, 7], [0, 0, 1, 0, 1, 0]),
            ("Liver", [0, 1, 0, 0, 0, 0]),
            (["tumor", "liver"], [0, 1, 1, 0, 1, 0]),
        ],
    )
    def test_chosen_values_become_1(self, foreground: Any, expected: list[int]) -> None:
        merged = MergeLabels(foreground, names=NAMES)(tensor(VALUES, AFFINE_MM, file="a.nii"))
        assert merged.flatten().tolist() == expected
        assert merged.shape == (1, *VALUES.shape)

    def test_only_value_needs_no_choice(self) -> None:
        mask = np.array([[[0, 255]]], dtype=np.uint8)
        assert MergeLabels()(tensor(mask)).flatten().tolist() == [0, 1]
        assert MergeLabels()(tensor(0 * mask)).flatten().tolist() == [0, 0]

    @pytest.mark.parametrize("dtype", ["float32", "int16", "uint8", "int64"])
    def test_type_and_metadata_are_kept_and_the_input_unchanged(self, dtype: str) -> None:
        label = tensor(VALUES.astype(dtype), AFFINE_MM, file="a.nii")
        merged = MergeLabels(2)(label)
        assert isinstance(merged, MetaTensor)
        assert merged.dtype == label.dtype
        assert merged.meta["filename_or_obj"] == "a.nii"
        np.testing.assert_array_equal(merged.affine, AFFINE_MM)
        np.testing.assert_array_equal(label.numpy()[0], VALUES)

    def test_plain_tensor_stays_one(self) -> None:
        merged = MergeLabels(2)(torch.from_numpy(VALUES))
        assert type(merged) is torch.Tensor
        assert merged.flatten().tolist() == [0, 0, 1, 0, 1, 0]

    def test_agrees_with_monais_two_transforms_on_a_sound_label(self) -> None:
        label = torch.from_numpy(np.random.default_rng(0).integers(0, 6, (1, 5, 4, 3)).astype(np.float32))
        monai = Compose([LabelFilter([1, 2, 5]), AsDiscrete(threshold=0.5)])(label)
        np.testing.assert_array_equal(MergeLabels([1, 2, 5])(label), monai)

    @pytest.mark.parametrize(
        ("values", "fault"),
        [
            ([0, 0.5, 1], "label values must be whole, got fractions; is it a scan or a probability map?"),
            ([0, -1, 1], "label values must be 0 to 65535, got -1 to 1; is it a scan, not a label?"),
            ([0, np.nan, 1], "label values must be 0 to 65535, got nan to nan"),
            (range(300), "label must hold at most 256 values, got 300; is it a scan, not a label?"),
        ],
    )
    def test_what_is_no_label_is_refused(self, values: Any, fault: str) -> None:
        label = tensor(np.array(list(values), dtype=np.float32)[:, None, None], file="liver.nii")
        with pytest.raises(SourceError) as raised:
            MergeLabels(1)(label)
        assert str(raised.value).startswith(f"liver.nii: {fault}")

    def test_several_values_need_a_choice(self) -> None:
        with pytest.raises(SourceError, match=r"label \[1, 2, 3\]: label must have one class, got 3; choose"):
            MergeLabels()(torch.from_numpy(VALUES))

    def test_empty_mask_of_a_label_with_other_values_is_told_once(self, caplog: pytest.LogCaptureFixture) -> None:
        warn_once.cache_clear()
        with caplog.at_level(logging.WARNING):
            for name in ("a.nii", "b.nii"):
                assert not MergeLabels([7, 8])(tensor(VALUES, file=name)).any()
        message = "a label has nothing of its foreground 7, 8, only 1, 2, 3, so its mask is empty"
        assert [record.getMessage() for record in caplog.records] == [message]

    def test_empty_label_is_not(self, caplog: pytest.LogCaptureFixture) -> None:
        warn_once.cache_clear()
        assert not MergeLabels(1)(tensor(0 * VALUES)).any()
        assert not caplog.records

    @pytest.mark.parametrize(
        ("foreground", "names", "message"),
        [
            (0, None, "foreground must be label values from 1, got '0'"),
            ([1, -2], None, "foreground must be label values from 1, got '-2'"),
            ("liver", None, "foreground must be label values from 1, got 'liver'"),
            ("livr", NAMES, "foreground must be label values from 1 or liver, tumor, spleen, got 'livr'"),
            (1, {"liver": 1, "tumor": 1}, "names must give each name a value of its own, got {'liver': 1, 'tumor': 1}"),
            (1, {"whole": [1, 2]}, "names must give each name a value of its own, got {'whole': [1, 2]}"),
        ],
    )
    def test_wrong_choices_raise(self, foreground: Any, names: Any, message: str) -> None:
        with pytest.raises(UsageError) as raised:
            MergeLabels(foreground, names=names)
        assert str(raised.value) == message


class TestMergeLabelsd:
    def test_each_key(self) -> None:
        item = {"image": 1, "a": tensor(VALUES), "b": tensor(VALUES[..., ::-1])}
        merged = MergeLabelsd(["a", "b"], foreground=[1])(item)
        assert merged["a"].flatten().tolist() == [0, 1, 0, 0, 0, 0]
        assert merged["b"].flatten().tolist() == [0, 1, 0, 0, 0, 0]
        assert merged["image"] == 1

    def test_missing_keys_may_be_allowed(self) -> None:
        assert MergeLabelsd("label", 1, allow_missing_keys=True)({"image": 1}) == {"image": 1}
