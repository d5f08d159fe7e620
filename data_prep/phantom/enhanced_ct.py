"""The phantom's series as one multi-frame Enhanced CT image (PS3.3 A.38)."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedCTImageStorage

from data_prep.phantom.acquisition import Acquisition, Plane
from data_prep.phantom.dicom_ct import (
    Instance,
    add_frame_of_reference,
    add_pixels,
    decimals,
    new_dataset,
    stored_values,
)
from data_prep.phantom.scanner import Scanner
from data_prep.phantom.uids import make_uid

__all__ = ["enhanced_series"]

_IMAGE_TYPE = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
_COMMON = {
    "PixelPresentation": "MONOCHROME",
    "VolumetricProperties": "VOLUME",
    "VolumeBasedCalculationTechnique": "NONE",
}


def enhanced_series(scanner: Scanner) -> list[Instance]:
    """Scan all planes into one image, a frame a plane, in their order along the normal."""
    scan = scanner.acquisition
    dataset = new_dataset(scan, EnhancedCTImageStorage, 1)
    add_frame_of_reference(dataset, scan)
    dataset.ImageType = _IMAGE_TYPE
    dataset.PatientPosition = scan.position
    dataset.AcquisitionNumber = 1
    dataset.AcquisitionDateTime = dataset.StudyDate + dataset.StudyTime
    dataset.AcquisitionDuration = 10.0
    dataset.ContentQualification = "RESEARCH"
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.BurnedInAnnotation, dataset.LossyImageCompression = "NO", "00"
    dataset.AcquisitionContextSequence = []
    for keyword, value in _COMMON.items():
        setattr(dataset, keyword, value)
    _add_dimensions(dataset, scan)
    dataset.SharedFunctionalGroupsSequence = [_shared_groups(scan)]
    dataset.PerFrameFunctionalGroupsSequence = [
        _frame_groups(dataset, plane, index) for index, plane in enumerate(scan.planes, start=1)
    ]
    dataset.NumberOfFrames = len(scan.planes)
    frames = np.stack([stored_values(scan, scanner.image(plane)) for plane in scan.planes])
    add_pixels(dataset, frames, bits_stored=scan.bits_stored, signed=scan.signed)
    return [Instance("IM0001.dcm", dataset)]


def _add_dimensions(dataset: Dataset, scan: Acquisition) -> None:
    """Frames are indexed by their position."""
    organization = make_uid(scan.identity, scan.patient, scan.series, "dimensions")
    dataset.DimensionOrganizationSequence = [_item(DimensionOrganizationUID=organization)]
    # ImagePositionPatient within PlanePositionSequence.
    index = _item(
        DimensionOrganizationUID=organization, DimensionIndexPointer=0x00200032, FunctionalGroupPointer=0x00209113
    )
    dataset.DimensionIndexSequence = [index]
    dataset.DimensionOrganizationType = "3D"


def _shared_groups(scan: Acquisition) -> Dataset:
    """What holds for all frames."""
    plane = scan.planes[0]
    groups = {
        "PixelMeasuresSequence": _item(
            PixelSpacing=decimals((plane.pixel_mm, plane.pixel_mm)), SliceThickness=decimals([scan.thickness_mm])[0]
        ),
        "PlaneOrientationSequence": _item(ImageOrientationPatient=decimals((*plane.row, *plane.column))),
        "PixelValueTransformationSequence": _item(RescaleIntercept=scan.intercept_hu, RescaleSlope=1, RescaleType="HU"),
        "FrameVOILUTSequence": _item(WindowCenter=40, WindowWidth=350),
        "FrameAnatomySequence": _item(FrameLaterality="U", AnatomicRegionSequence=[_code("818981001", "Abdomen")]),
        "IrradiationEventIdentificationSequence": _item(
            IrradiationEventUID=make_uid(scan.identity, scan.patient, scan.series, "irradiation")
        ),
        "CTImageFrameTypeSequence": _item(FrameType=_IMAGE_TYPE, **_COMMON),
        **_ct_groups(scan, plane),
    }
    return _item(**{keyword: [group] for keyword, group in groups.items()})


def _ct_groups(scan: Acquisition, plane: Plane) -> dict[str, Dataset]:
    """The functional groups of CT alone (PS3.3 C.8.15.3)."""
    diameter = plane.width_mm
    return {
        "CTAcquisitionTypeSequence": _item(AcquisitionType="SEQUENCED", ConstantVolumeFlag="NO", FluoroscopyFlag="NO"),
        "CTAcquisitionDetailsSequence": _item(
            RotationDirection="CW",
            RevolutionTime=0.5,
            SingleCollimationWidth=float(scan.thickness_mm),
            TotalCollimationWidth=float(scan.thickness_mm),
            TableHeight=0.0,
            GantryDetectorTilt=float(scan.tilt_degrees),
            DataCollectionDiameter=diameter,
        ),
        "CTReconstructionSequence": _item(
            ReconstructionAlgorithm="FILTER_BACK_PROJ",
            ConvolutionKernel=scan.kernel,
            ConvolutionKernelGroup="SOFT_TISSUE",
            ReconstructionDiameter=diameter,
            ReconstructionPixelSpacing=[float(plane.pixel_mm)] * 2,
            ReconstructionAngle=360.0,
            ImageFilter="NONE",
        ),
        "CTExposureSequence": _item(
            ExposureTimeInms=500.0, XRayTubeCurrentInmA=200.0, ExposureInmAs=100.0, ExposureModulationType="NONE"
        ),
        "CTXRayDetailsSequence": _item(KVP=120.0, FocalSpots=[1.0], FilterType="FLAT", FilterMaterial="ALUMINUM"),
        "CTTableDynamicsSequence": _item(),
        "CTGeometrySequence": _item(DistanceSourceToDetector=1040.0, DistanceSourceToDataCollectionCenter=570.0),
    }


def _frame_groups(dataset: Dataset, plane: Plane, index: int) -> Dataset:
    content = _item(
        FrameAcquisitionNumber=plane.acquisition,
        FrameAcquisitionDateTime=dataset.AcquisitionDateTime,
        FrameReferenceDateTime=dataset.AcquisitionDateTime,
        FrameAcquisitionDuration=500.0,
        StackID="1",
        InStackPositionNumber=index,
        DimensionIndexValues=[index],
    )
    position = _item(ImagePositionPatient=decimals(plane.position_mm))
    centre = [float(value) for value in plane.centre_mm]
    table = _item(TablePosition=centre[2], DataCollectionCenterPatient=centre, ReconstructionTargetCenterPatient=centre)
    return _item(FrameContentSequence=[content], PlanePositionSequence=[position], CTPositionSequence=[table])


def _code(value: str, meaning: str) -> Dataset:
    return _item(CodeValue=value, CodingSchemeDesignator="SCT", CodeMeaning=meaning)


def _item(**values: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset
