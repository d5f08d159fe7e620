"""Real series through the command, against SimpleITK, dcm2niix, nibabel and Pillow."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from PIL import Image

from tests.data_prep.runs import Run, assert_same, prepare
from tests.medseg.io.dicom.references import by_dcm2niix, by_simpleitk, onto_axes

pytestmark = pytest.mark.realdata


class TestChaos:
    @pytest.fixture(scope="class")
    def run(self, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
        return prepare(shared_data / "chaos_ct", tmp_path_factory.mktemp("chaos"), "--foreground-name", "liver")

    def test_image_is_simpleitks_and_dcm2niixs(self, shared_data: Path, run: Run, tmp_path: Path) -> None:
        folder = shared_data / "chaos_ct" / "DICOM_anon"
        assert_same(run.image(), by_simpleitk(folder))
        assert_same(run.image(), by_dcm2niix(folder, tmp_path / "out"))

    def test_spacing_is_that_of_the_positions(self, run: Run) -> None:
        np.testing.assert_allclose(nib.affines.voxel_sizes(run.image()[1]), (0.7265625, 0.7265625, 2.0), atol=1e-6)

    def test_label_is_that_of_the_pictures_and_lies_on_the_liver(self, shared_data: Path, run: Run) -> None:
        (image, _), (label, _) = run.image(), run.label()
        # Files run down the body; columns run to the left and rows to the back.
        pictures = [np.asarray(Image.open(path)).T for path in sorted((shared_data / "chaos_ct" / "Ground").iterdir())]
        np.testing.assert_array_equal(label, np.stack(pictures[::-1], axis=-1)[::-1, ::-1])
        assert image[label == 1].mean() == pytest.approx(141.0, abs=0.5)
        assert run.provenance("warnings")[0]["text"].startswith("no folds: all labelled cases (1) are of one patient")


class TestCtJ2k:
    """No UIDs, JPEG 2000, and a label map of many organs."""

    @pytest.fixture(scope="class")
    def run(self, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
        return prepare(shared_data / "ct_j2k", tmp_path_factory.mktemp("j2k"), "--foreground", "5")

    def test_image_is_simpleitks_and_dcm2niixs(self, shared_data: Path, run: Run, tmp_path: Path) -> None:
        assert_same(run.image(), by_simpleitk(shared_data / "ct_j2k" / "dicom"))
        assert_same(run.image(), by_dcm2niix(shared_data / "ct_j2k" / "dicom", tmp_path / "out"))

    def test_label_is_the_chosen_organ(self, shared_data: Path, run: Run) -> None:
        organs = nib.load(shared_data / "ct_j2k" / "labels.nii.gz")
        assert_same(run.label(), (np.asarray(organs.dataobj) == 5, organs.affine))
        assert run.label()[0].sum() == 366708


class TestCtSeg:
    """A DICOM SEG, and the same mask as NRRD."""

    @pytest.mark.parametrize("labels", ["seg", "files"])
    def test_image_and_label_are_simpleitks_and_dcm2niixs(self, shared_data: Path, tmp_path: Path, labels: str) -> None:
        raw = shared_data / "ct_seg"
        run = prepare(raw, tmp_path, "--labels", labels)
        (tmp_path / "ct").mkdir()
        for path in raw.glob("0*.dcm"):
            shutil.copy(path, tmp_path / "ct")
        assert_same(run.image(), by_simpleitk(tmp_path / "ct"))
        assert_same(run.image(), by_dcm2niix(tmp_path / "ct", tmp_path / "dcm2niix"))
        mask, affine_mm = by_simpleitk(raw / "seg" / "liver_seg.nrrd")
        assert_same(run.label(), (mask != 0, affine_mm))


class TestSliceCount:
    """Two sagittal slices, with a label that SimpleITK writes on their grid."""

    @pytest.fixture
    def raw(self, shared_data: Path, tmp_path: Path) -> Path:
        shutil.copytree(shared_data / "dicom_faults" / "slicecount" / "001", tmp_path / "raw" / "head" / "mr")
        files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path / "raw" / "head" / "mr"))
        sitk.WriteImage(sitk.ReadImage(files) > 200, tmp_path / "raw" / "head" / "label.nii.gz")
        return tmp_path / "raw"

    @pytest.mark.parametrize("plane", ["axial", "sagittal"])
    def test_image_and_label_are_simpleitks_and_dcm2niixs(self, raw: Path, tmp_path: Path, plane: str) -> None:
        run = prepare(raw, tmp_path, "--plane", plane)
        assert_same(run.image(), by_simpleitk(raw / "head" / "mr"))
        assert_same(run.image(), by_dcm2niix(raw / "head" / "mr", tmp_path / "dcm2niix"))
        assert_same(run.label(), by_simpleitk(raw / "head" / "label.nii.gz"))
        assert np.argmin(run.image()[0].shape) == (0 if plane == "axial" else 2)

    def test_gets_the_warnings_that_it_deserves(self, raw: Path, tmp_path: Path) -> None:
        warnings = [item["text"] for item in prepare(raw, tmp_path).provenance("warnings")]
        assert "2 slices only, so nothing confirms their gap of 1 mm" in warnings
        cut = "slices (0020,0037) are sagittal, so axial ones are cut across them; --plane sagittal keeps them"
        assert cut in warnings


# What follows 1.2.840.10008.1.2 in a transfer syntax; largest and mean difference from the uncompressed file in HU.
LOSSY = {"4.50": (65, 20), "4.51": (36, 3.9), "4.81": (1, 0.7), "4.91": (5, 0.6)}
LOSSLESS = ("plain", "implicit", "1", "1.99", "2", "4.57", "4.70", "4.80", "4.90", "5")
REFUSED = {"4.53": "JPEG Spectral Selection", "4.55": "JPEG Full Progression"}


class TestCodecs:
    """One slice in many transfer syntaxes, each alone in its folder with a label that SimpleITK writes."""

    @pytest.fixture(scope="class")
    def label(self, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
        path = tmp_path_factory.mktemp("codecs") / "label.nii.gz"
        sitk.WriteImage(sitk.ReadImage(shared_data / "dicom_codecs" / "CTImage.dcm") > 0, path)
        return path

    def run(self, shared_data: Path, label: Path, home: Path, name: str, *, status: int = 0) -> Run:
        syntax = "" if name == "implicit" else f".{name}"
        ending = "" if name == "plain" else f"*_1.2.840.10008.1.2{syntax}.dcm"
        (file,) = (shared_data / "dicom_codecs").glob(f"CTImage.dcm{ending}")
        (home / "raw" / "case").mkdir(parents=True)
        shutil.copy(file, home / "raw" / "case" / "ct")
        shutil.copy(label, home / "raw" / "case")
        return prepare(home / "raw", home, status=status)

    def test_all_files_are_known_here(self, shared_data: Path) -> None:
        files = [*(shared_data / "dicom_codecs").glob("CTImage.dcm*")]
        assert len(files) == len({*LOSSLESS, *LOSSY, *REFUSED})

    @pytest.mark.parametrize("name", LOSSLESS)
    def test_lossless_is_what_simpleitk_reads_uncompressed(
        self, shared_data: Path, label: Path, tmp_path: Path, name: str
    ) -> None:
        run = self.run(shared_data, label, tmp_path, name)
        assert_same(run.image(), by_simpleitk(shared_data / "dicom_codecs" / "CTImage.dcm"))
        assert_same(run.label(), by_simpleitk(label))

    @pytest.mark.parametrize("name", LOSSY)
    def test_lossy_is_within_its_bound(self, shared_data: Path, label: Path, tmp_path: Path, name: str) -> None:
        run = self.run(shared_data, label, tmp_path, name)
        expected, affine_mm = by_simpleitk(shared_data / "dicom_codecs" / "CTImage.dcm")
        voxels, own_mm = onto_axes(run.image(), affine_mm)
        difference = np.abs(voxels.astype(float) - expected)
        np.testing.assert_allclose(own_mm, affine_mm, atol=1e-3)
        assert 0 < difference.max() <= LOSSY[name][0]
        assert difference.mean() <= LOSSY[name][1]
        assert_same(run.label(), by_simpleitk(label))

    @pytest.mark.parametrize("name", REFUSED)
    def test_retired_is_refused_by_name(self, shared_data: Path, label: Path, tmp_path: Path, name: str) -> None:
        (line,) = self.run(shared_data, label, tmp_path, name, status=1).errors
        rule = rf"must be one that a maintained decoder reads, got {REFUSED[name]}.*\(1\.2\.840\.10008\.1\.2\.{name}\)"
        assert re.search(rule, line), line
        assert not (tmp_path / "out").exists()
