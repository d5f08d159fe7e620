from __future__ import annotations

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
            ("plane", "axial or coronal or sagittal"),
        ],
    )
    def test_other_values_raise(self, name: str, allowed: str) -> None:
        with pytest.raises(UsageError, match=f"--{name} must be {allowed}, got 'guess'"):
            Choices(**{name: "guess"})
