"""A DICOM series through MONAI Deploy's bundle operator: ``python monai_deploy.py BUNDLE SERIES OUT``.

In an environment with monai-deploy-app-sdk and without medseg; BUNDLE is an unpacked package. Writes
``OUT/deploy_mask.nii.gz``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from monai.deploy.conditions import CountCondition
from monai.deploy.core import Application, Operator
from monai.deploy.core.domain import Image
from monai.deploy.core.io_type import IOType
from monai.deploy.operators.dicom_data_loader_operator import DICOMDataLoaderOperator
from monai.deploy.operators.dicom_series_selector_operator import DICOMSeriesSelectorOperator
from monai.deploy.operators.dicom_series_to_volume_operator import DICOMSeriesToVolumeOperator
from monai.deploy.operators.monai_bundle_inference_operator import IOMapping, MonaiBundleInferenceOperator

BUNDLE, SERIES, OUT = (Path(arg).resolve() for arg in sys.argv[1:])


class Save(Operator):
    """Writes the mask on the grid that the volume operator gave the series."""

    def setup(self, spec: Any) -> None:
        spec.input("mask")

    def compute(self, op_input: Any, _op_output: Any, _context: Any) -> None:
        mask = op_input.receive("mask")
        affine = np.asarray(mask.metadata()["nifti_affine_transform"], dtype=float)
        nib.save(nib.Nifti1Image(np.swapaxes(mask.asnumpy(), 0, 2), affine), OUT / "deploy_mask.nii.gz")


class Segment(Application):
    """The operators of the SDK's own segmentation apps, up to the mask."""

    def compose(self) -> None:
        load = DICOMDataLoaderOperator(self, CountCondition(self, 1), input_folder=SERIES, name="load")
        select = DICOMSeriesSelectorOperator(self, rules="", name="select")
        to_volume = DICOMSeriesToVolumeOperator(self, name="to_volume")
        infer = MonaiBundleInferenceOperator(
            self,
            app_context=Application.init_app_context([]),
            input_mapping=[IOMapping("image", Image, IOType.IN_MEMORY)],
            output_mapping=[IOMapping("pred", Image, IOType.IN_MEMORY)],
            bundle_path=BUNDLE,
            name="infer",
        )
        self.add_flow(load, select, {("dicom_study_list", "dicom_study_list")})
        self.add_flow(select, to_volume, {("study_selected_series_list", "study_selected_series_list")})
        self.add_flow(to_volume, infer, {("image", "image")})
        self.add_flow(infer, Save(self, name="save"), {("pred", "mask")})


if __name__ == "__main__":
    Segment().run()
    print("medseg:", sys.modules["medseg"].__file__)
