from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from medseg.errors import UsageError
from medseg.io.dicom import DicomSeriesError, group_series, read_headers, read_series, select_series
from tests.medseg.io.dicom.writer import AXIAL, ROOT, stored_voxels, write_series


class TestSelectSeries:
    @pytest.fixture
    def serieses(self, tmp_path: Path) -> Any:
        write_series(tmp_path / "a", stored_voxels((5, 4, 3)), series=1)
        write_series(tmp_path / "b", stored_voxels((5, 4, 3)), series=2)
        turned = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
        write_series(tmp_path / "c", stored_voxels((5, 4, 2)), series=3, orientation=turned)
        write_series(tmp_path / "c2", stored_voxels((5, 4, 2)), series=3, orientation=AXIAL)
        write_series(tmp_path / "l", stored_voxels(), series=4, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
        return group_series(read_headers(tmp_path).headers)

    def test_all_leaves_localizers_out(self, serieses: Any) -> None:
        keys = [series.key for series in select_series(serieses, "all")]
        assert keys == [f"{ROOT}.1", f"{ROOT}.2", f"{ROOT}.3:1", f"{ROOT}.3:2"]

    def test_a_part_of_a_uid_can_be_named(self, serieses: Any) -> None:
        (series,) = select_series(serieses, f"{ROOT}.3:2")
        assert series.headers[0].orientation == AXIAL

    def test_a_uid_of_several_volumes_raises_and_names_what_parts_them(self, serieses: Any) -> None:
        message = r"must hold one series, got 2, one series UID \(0020,000e\) being parted by orientation \(0020,0037\)"
        with pytest.raises(DicomSeriesError, match=message):
            select_series(serieses, f"{ROOT}.3")

    def test_two_largest_raise(self, serieses: Any) -> None:
        with pytest.raises(DicomSeriesError, match="must hold one largest series, got 2; choose with --series"):
            select_series(serieses, "largest")

    def test_unknown_uid_raises_and_lists_what_is_there(self, serieses: Any) -> None:
        with pytest.raises(UsageError, match=rf"got '1\.2\.3'; there are {ROOT}\.1, {ROOT}\.2, {ROOT}\.3:1"):
            select_series(serieses, "1.2.3")

    def test_a_localizer_named_is_refused_by_the_checks(self, serieses: Any) -> None:
        (series,) = select_series(serieses, f"{ROOT}.4")
        with pytest.raises(DicomSeriesError, match=r"image type \(0008,0008\) must be that of slices, got LOCALIZER"):
            read_series(series)

    def test_nothing_raises(self) -> None:
        with pytest.raises(DicomSeriesError, match="folder: must hold DICOM images, got none"):
            select_series((), "only")
