"""Results on real series, with the masks that come with them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from medseg.errors import SourceError
from medseg.io.dicom import group_series, read_headers, read_series
from medseg.io.labels import read_png_slices, read_rtstruct, read_seg
from medseg.io.results import read_source_series, segment_for, write_dicom_seg, write_rtstruct
from tests.dicom_validator import validator_errors
from tests.medseg.io.results.peers import by_dcmqi, by_plastimatch
from tests.medseg.io.results.sources import ALGORITHM, Written, headers_of

pytestmark = pytest.mark.realdata


def real(folder: Path) -> Written:
    (series,) = group_series(read_headers(folder).headers)
    return Written(folder, read_series(series), read_source_series(headers_of(folder)))


def assert_all_read_back(to: Written, mask: NDArray[np.uint8], folder: Path) -> None:
    seg, rtstruct, affine_mm = folder / "seg.dcm", folder / "rtstruct.dcm", to.image.affine_mm
    write_dicom_seg(seg, mask, to.source, segment=segment_for("liver"), algorithm=ALGORITHM)
    write_rtstruct(rtstruct, mask, to.source, name="Liver", algorithm=ALGORITHM)
    assert validator_errors(seg) + validator_errors(rtstruct) == []
    np.testing.assert_array_equal(read_seg(seg, to.image).mask, mask)
    np.testing.assert_array_equal(read_rtstruct(rtstruct, to.image).mask, mask)
    for found, affine in (
        by_dcmqi(seg, folder / "dcmqi", affine_mm),
        by_plastimatch(rtstruct, to.folder, folder / "plastimatch", affine_mm),
    ):
        np.testing.assert_array_equal(found, mask)
        np.testing.assert_allclose(affine, affine_mm, atol=1e-3)


def test_liver_of_chaos(shared_data: Path, tmp_path: Path) -> None:
    to = real(shared_data / "chaos_ct" / "DICOM_anon")
    pngs = sorted((shared_data / "chaos_ct" / "Ground").iterdir())
    mask = read_png_slices(pngs, [header.path for header in to.source.headers], to.image).mask
    assert mask.any()
    assert to.source.warnings == ()
    assert_all_read_back(to, mask, tmp_path)


def test_liver_of_a_series_with_an_empty_character_set(shared_data: Path, tmp_path: Path) -> None:
    (tmp_path / "ct").mkdir()
    for path in (shared_data / "ct_seg").glob("*.dcm"):
        shutil.copy(path, tmp_path / "ct")
    to = real(tmp_path / "ct")
    mask = read_seg(shared_data / "ct_seg" / "seg" / "liver.dcm", to.image).mask
    assert mask.any()
    assert_all_read_back(to, mask, tmp_path)


def test_series_without_uids_is_refused_by_name(shared_data: Path) -> None:
    message = r"SOP instance UID \(0008,0018\) must be there for DICOM results to refer to, got none; write it with"
    with pytest.raises(SourceError, match=message):
        read_source_series(headers_of(shared_data / "ct_j2k"))
