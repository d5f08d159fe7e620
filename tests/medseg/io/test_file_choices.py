from __future__ import annotations

from typing import Any

import pytest

from medseg.errors import UsageError
from medseg.io.file_choices import FileChoices


class TestFileChoices:
    def test_by_default_nothing_is_chosen(self) -> None:
        assert FileChoices() == FileChoices(trust_affine=None, nonfinite=None)

    def test_unknown_affine_is_refused(self) -> None:
        with pytest.raises(UsageError, match=r"--trust-affine must be qform or sform, got 'pixdim'"):
            FileChoices(trust_affine="pixdim")  # type: ignore[arg-type]

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), "air"])
    def test_value_for_nonfinite_voxels_must_be_finite(self, value: Any) -> None:
        with pytest.raises(UsageError, match=rf"--nonfinite must be a number, got {value!r}"):
            FileChoices(nonfinite=value)
