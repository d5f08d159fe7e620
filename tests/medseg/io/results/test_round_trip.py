"""Any mask comes back exactly through both kinds of DICOM results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from medseg.io.labels import read_rtstruct, read_seg
from medseg.io.results import segment_for, write_dicom_seg, write_rtstruct
from tests.medseg.io.results.sources import ALGORITHM, ORIENTATIONS, Written, written

SIZE = (6, 5, 3)


@pytest.fixture(scope="module")
def serieses(tmp_path_factory: pytest.TempPathFactory) -> list[Written]:
    root = tmp_path_factory.mktemp("round_trip")
    return [
        written(root / name, SIZE, orientation=orientation, spacing_mm=(0.9, 0.5))
        for name, orientation in ORIENTATIONS.items()
    ]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mask=arrays(np.uint8, SIZE, elements=st.integers(0, 1)), which=st.integers(0, len(ORIENTATIONS) - 1))
def test_of_any_mask(serieses: list[Written], tmp_path: Path, mask: NDArray[np.uint8], which: int) -> None:
    to = serieses[which]
    write_dicom_seg(tmp_path / "seg", mask, to.source, segment=segment_for("liver"), algorithm=ALGORITHM)
    write_rtstruct(tmp_path / "rtstruct", mask, to.source, name="Liver", algorithm=ALGORITHM)
    np.testing.assert_array_equal(read_seg(tmp_path / "seg", to.image).mask, mask)
    np.testing.assert_array_equal(read_rtstruct(tmp_path / "rtstruct", to.image).mask, mask)
