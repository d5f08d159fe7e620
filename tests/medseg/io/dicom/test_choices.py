from __future__ import annotations

from typing import Any

import pytest

from medseg.errors import UsageError
from medseg.io.dicom import Choices


class TestChoices:
    def test_nothing_is_chosen_by_default(self) -> None:
        choices = Choices()
        assert (choices.tilt, choices.irregular, choices.duplicates, choices.assume_hu) == ("refuse",) * 3 + (False,)

    @pytest.mark.parametrize(
        ("name", "allowed"),
        [
            ("tilt", "refuse or resample"),
            ("irregular", "refuse or resample"),
            ("duplicates", "refuse or first"),
            ("plane", "axial or coronal or sagittal or source"),
        ],
    )
    def test_other_values_raise(self, name: str, allowed: str) -> None:
        with pytest.raises(UsageError, match=f"--{name} must be {allowed}, got 'guess'"):
            Choices(**{name: "guess"})

    @pytest.mark.parametrize("value", ["false", 1, None])
    def test_assumption_must_be_true_or_false(self, value: Any) -> None:
        with pytest.raises(UsageError, match=f"--assume-hu must be true or false, got {value!r}"):
            Choices(assume_hu=value)
