from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from medseg.errors import SourceError
from medseg.io.dicom import Choices, DicomSeriesError, read_dicom
from medseg.io.dicom.files import read_dicom_files, series_of_files
from tests.data_prep.phantom.reading import write_small
from tests.medseg.io.dicom.references import by_simpleitk
from tests.medseg.io.dicom.writer import stored_voxels, write_series

OBLIQUE = (0.8, 0.6, 0.0, 0.0, 0.0, -1.0)


class TestReadDicomFiles:
    @pytest.mark.parametrize("orientation", [(1.0, 0.0, 0.0, 0.0, 1.0, 0.0), OBLIQUE, (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0)])
    def test_order_of_the_files_does_not_matter(self, tmp_path: Path, orientation: tuple[float, ...]) -> None:
        files = write_series(tmp_path, stored_voxels((5, 4, 6)), orientation=orientation)
        expected, affine = by_simpleitk(tmp_path)
        for seed in range(3):
            shuffled = [files[index] for index in np.random.default_rng(seed).permutation(6)]
            volume = read_dicom_files(shuffled)
            np.testing.assert_array_equal(volume.voxels, expected)
            np.testing.assert_allclose(volume.affine_mm, affine, atol=1e-6)
            assert volume.modality == "CT"

    def test_files_may_lie_in_several_folders(self, tmp_path: Path) -> None:
        files = write_series(tmp_path, stored_voxels(), name="{}/image".format)
        np.testing.assert_array_equal(read_dicom_files(files).voxels, stored_voxels().astype(int) - 1024)

    def test_other_files_beside_them_do_not_matter(self, tmp_path: Path) -> None:
        files = write_series(tmp_path, stored_voxels())
        write_series(tmp_path, stored_voxels((9, 9, 2)), series=2, name="other-{}.dcm".format)
        (tmp_path / "damaged.dcm").write_bytes(files[0].read_bytes()[:300])
        np.testing.assert_array_equal(read_dicom_files(files).voxels, stored_voxels().astype(int) - 1024)

    def test_one_multi_frame_file(self, tmp_path: Path) -> None:
        (patient,) = write_small(tmp_path / "phantom", "enhanced-multiframe").folders
        (file,) = (patient / "ct").iterdir()
        np.testing.assert_array_equal(read_dicom_files([file]).voxels, read_dicom(file).voxels)

    def test_rules_are_those_of_a_folder(self, tmp_path: Path) -> None:
        files = write_series(tmp_path, stored_voxels((5, 4, 5)))
        with pytest.raises(DicomSeriesError, match=r"1 slice missing of the usual 2\.50 mm"):
            read_dicom_files([file for file in files if file != files[2]])

    def test_choices_count(self, tmp_path: Path) -> None:
        places = [(-10.0, 20.0, height) for height in (0, 3, 3, 6)]
        files = write_series(tmp_path, stored_voxels((5, 4, 4)), positions_mm=places)
        with pytest.raises(DicomSeriesError, match="take the first of each with --duplicates first"):
            read_dicom_files(files)
        assert read_dicom_files(files, Choices(duplicates="first")).voxels.shape == (5, 4, 3)


class TestSeriesOfFiles:
    def test_headers_are_in_the_order_of_the_slices(self, tmp_path: Path) -> None:
        files = write_series(tmp_path, stored_voxels())
        assert [header.path for header in series_of_files(files[::-1]).headers] == files

    def test_files_of_two_series_are_refused(self, tmp_path: Path) -> None:
        files = write_series(tmp_path, stored_voxels())
        files += write_series(tmp_path, stored_voxels(), series=2, name="other-{}.dcm".format)
        message = "files must be of one DICOM series, got 2; give each series its own files"
        with pytest.raises(DicomSeriesError, match=f"^{tmp_path}: {message}$"):
            series_of_files(files)

    def test_file_that_is_no_image_is_named(self, tmp_path: Path) -> None:
        files = write_series(tmp_path, stored_voxels())
        (tmp_path / "notes.txt").write_text("these are notes, not an image\n" * 20)
        with pytest.raises(SourceError, match=r"notes\.txt: must be an image of a DICOM series, but it is no DICOM"):
            series_of_files([*files, tmp_path / "notes.txt"])

    def test_damaged_file_is_named(self, tmp_path: Path) -> None:
        files = write_series(tmp_path, stored_voxels())
        files[1].write_bytes(files[1].read_bytes()[:500])
        message = r"001\.dcm: must be an image of a DICOM series, but it has no pixel data .*; the file is cut short"
        with pytest.raises(SourceError, match=message):
            series_of_files(files)

    def test_missing_file_is_named(self, tmp_path: Path) -> None:
        files = write_series(tmp_path, stored_voxels())
        files[2].unlink()
        message = r"002\.dcm: must be an image of a DICOM series, but it cannot be read, No such file or directory"
        with pytest.raises(SourceError, match=message):
            series_of_files(files)

    def test_pipe_is_not_opened(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(SourceError, match="pipe: must be an image of a DICOM series, but it is no regular file"):
            series_of_files([tmp_path / "pipe"])
