from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from scipy.ndimage import gaussian_filter

from tests.data_prep.phantom.reading import images, liver_voxels, nifti_truth, seg_truth, sitk_volume, write_small

PATIENTS = pytest.mark.parametrize("patient", range(1, 7))


class TestNifti:
    @PATIENTS
    def test_liver_is_as_bright_as_a_liver(self, patients: tuple[Path, ...], patient: int) -> None:
        hu, _ = sitk_volume(patients[patient - 1])
        liver, _ = nifti_truth(patients[patient - 1])
        assert set(np.unique(liver)) == {0, 1}
        # A flipped or shifted mask would take in fat, air or bone.
        assert 80 < hu[liver > 0].mean() < 130
        assert hu[liver > 0].std() < 40

    @PATIENTS
    def test_outermost_slices_are_without_liver(self, patients: tuple[Path, ...], patient: int) -> None:
        liver, _ = nifti_truth(patients[patient - 1])
        assert not liver[..., 0].any()
        assert not liver[..., -1].any()

    @PATIENTS
    def test_no_threshold_finds_the_liver(self, patients: tuple[Path, ...], patient: int) -> None:
        hu, _ = sitk_volume(patients[patient - 1])
        liver = nifti_truth(patients[patient - 1])[0] > 0
        smooth = gaussian_filter(hu.astype(np.float32), sigma=(1, 1, 0))
        best = max(
            2 * ((smooth > threshold) & liver).sum() / ((smooth > threshold).sum() + liver.sum())
            for threshold in range(-50, 250, 5)
        )
        assert 0.3 < best < 0.7


class TestSeg:
    @PATIENTS
    def test_is_the_nifti_truth_voxel_for_voxel(self, patients: tuple[Path, ...], patient: int) -> None:
        seg, nifti = (liver_voxels(patients[patient - 1], read) for read in (seg_truth, nifti_truth))
        assert len(nifti) == nifti_truth(patients[patient - 1])[0].sum() > 500
        assert seg == nifti

    def test_names_the_liver_in_snomed(self, patients: tuple[Path, ...]) -> None:
        segment = pydicom.dcmread(patients[0] / "seg" / "liver.dcm").SegmentSequence
        assert len(segment) == 1
        kind = segment[0].SegmentedPropertyTypeCodeSequence[0]
        assert (kind.CodeValue, kind.CodingSchemeDesignator, kind.CodeMeaning) == ("10200004", "SCT", "Liver")

    def test_refers_to_the_series(self, patients: tuple[Path, ...]) -> None:
        for patient in patients:
            seg = pydicom.dcmread(patient / "seg" / "liver.dcm")
            series = images(patient)
            assert seg.StudyInstanceUID == series[0].StudyInstanceUID
            assert seg.FrameOfReferenceUID == series[0].FrameOfReferenceUID
            referenced = seg.ReferencedSeriesSequence[0]
            assert referenced.SeriesInstanceUID == series[0].SeriesInstanceUID
            named = {item.ReferencedSOPInstanceUID for item in referenced.ReferencedInstanceSequence}
            assert named == {image.SOPInstanceUID for image in series}

    def test_each_frame_lies_on_the_image_it_is_derived_from(self, patients: tuple[Path, ...]) -> None:
        for patient in patients:
            positions = {image.SOPInstanceUID: image.ImagePositionPatient for image in images(patient)}
            for frame in pydicom.dcmread(patient / "seg" / "liver.dcm").PerFrameFunctionalGroupsSequence:
                source = frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
                assert frame.PlanePositionSequence[0].ImagePositionPatient == positions[source]

    def test_of_a_tilted_series_lies_on_its_tilted_images(self, tmp_path: Path) -> None:
        patient = write_small(tmp_path, "tilt").folders[0]
        seg = pydicom.dcmread(patient / "seg" / "liver.dcm")
        orientation = seg.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0].ImageOrientationPatient
        assert orientation == images(patient)[0].ImageOrientationPatient
        positions = {tuple(image.ImagePositionPatient) for image in images(patient)}
        for frame in seg.PerFrameFunctionalGroupsSequence:
            assert tuple(frame.PlanePositionSequence[0].ImagePositionPatient) in positions

    def test_of_a_series_with_a_missing_slice_lacks_that_slice_only(self, tmp_path: Path) -> None:
        patient = write_small(tmp_path, "missing-slice").folders[0]
        nifti = liver_voxels(patient, nifti_truth)
        lacking = {voxel for voxel in nifti if voxel[2] == 4}
        assert lacking
        assert liver_voxels(patient, seg_truth) == nifti - lacking

    def test_of_an_enhanced_image_is_the_nifti_truth(self, tmp_path: Path) -> None:
        patient = write_small(tmp_path, "enhanced-multiframe").folders[0]
        assert liver_voxels(patient, seg_truth) == liver_voxels(patient, nifti_truth)
