"""Preparation's chain, rebuilt from MONAI's transforms and ours, against SimpleITK and nibabel alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from monai.data import DataLoader, Dataset
from monai.transforms import (
    Compose,
    CropForegroundd,
    Invertd,
    LoadImage,
    LoadImaged,
    MapTransform,
    Orientationd,
)
from nibabel.affines import apply_affine
from numpy.typing import NDArray

from medseg.errors import SourceError
from medseg.io.dicom import DicomSeriesError
from medseg.io.monai_reader import ScanReader
from medseg.io.orient import to_ras
from medseg.io.spacing import resample_spacing
from medseg.io.volume import Volume
from medseg.transforms import LabelOnImageGridd, MergeLabelsd, ResampleSpacingd, ToRasd
from tests.data_prep.phantom.reading import write_small
from tests.medseg.io.dicom.references import by_simpleitk

BOTH = ("image", "label")
Turn = Callable[[], MapTransform]


def by_monai() -> MapTransform:
    return Orientationd(BOTH, axcodes="RAS", labels=None)


def by_medseg() -> MapTransform:
    return ToRasd(BOTH)


@pytest.fixture(scope="module")
def item(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A phantom's series, which runs to L, P and S, and a label map of three values stored to A, S and R."""
    (patient,) = write_small(tmp_path_factory.mktemp("phantom")).folders
    truth = nib.load(patient / "liver.nii.gz")
    liver = np.asarray(truth.dataobj).astype(np.uint8)
    parts = liver * (1 + np.arange(liver.shape[0], dtype=np.uint8) % 3)[:, None, None]
    label = nib.Nifti1Image(parts, truth.affine)
    turn = nib.orientations.ornt_transform(nib.io_orientation(truth.affine), nib.orientations.axcodes2ornt("ASR"))
    nib.save(label.as_reoriented(turn), patient / "parts.nii.gz")
    return {"image": str(patient / "ct"), "label": str(patient / "parts.nii.gz")}


def expected_image(item: dict[str, str]) -> tuple[NDArray[Any], NDArray[np.float64]]:
    image = nib.as_closest_canonical(nib.Nifti1Image(*by_simpleitk(Path(item["image"]))))
    return np.asarray(image.dataobj), image.affine


def expected_mask(item: dict[str, str], values: list[int]) -> NDArray[Any]:
    label = nib.as_closest_canonical(nib.load(item["label"]))
    return np.isin(np.asarray(label.dataobj), values)


def chain(turn: Turn, *more: MapTransform) -> Compose:
    return Compose(
        [
            LoadImaged(BOTH, reader=ScanReader(), ensure_channel_first=True, dtype=None),
            LabelOnImageGridd("label"),
            turn(),
            MergeLabelsd("label", foreground=[1, 2]),
            *more,
        ]
    )


class TestPreparationsChain:
    @pytest.mark.parametrize("turn", [by_monai, by_medseg])
    def test_voxels_and_affines_are_those_of_other_libraries(self, item: dict[str, str], turn: Turn) -> None:
        out = chain(turn)(item)
        image, affine = expected_image(item)
        np.testing.assert_array_equal(out["image"].numpy()[0], image)
        np.testing.assert_allclose(out["image"].affine.numpy(), affine, atol=1e-4)
        mask = expected_mask(item, [1, 2])
        assert 0 < mask.sum() < expected_mask(item, [1, 2, 3]).sum()
        np.testing.assert_array_equal(out["label"].numpy()[0], mask)
        np.testing.assert_array_equal(out["label"].affine.numpy(), out["image"].affine.numpy())
        assert out["image"].meta["modality"] == "CT"

    @pytest.mark.parametrize("turn", [by_monai, by_medseg])
    def test_mask_comes_back_onto_the_series(self, item: dict[str, str], turn: Turn) -> None:
        pipeline = chain(turn)
        out = pipeline(item)
        out["pred"] = out["label"].clone()
        back = Invertd("pred", pipeline, orig_keys="image")(out)["pred"]
        voxels, affine = by_simpleitk(Path(item["image"]))
        assert back.shape[1:] == voxels.shape
        np.testing.assert_allclose(back.affine.numpy(), affine, atol=1e-4)
        turned = nib.as_closest_canonical(nib.Nifti1Image(back.numpy()[0].astype(np.uint8), affine))
        np.testing.assert_array_equal(np.asarray(turned.dataobj), expected_mask(item, [1, 2]))

    def test_label_comes_back_into_its_files_order(self, item: dict[str, str]) -> None:
        pipeline = chain(by_medseg)
        back = pipeline.inverse(pipeline(item))["label"]
        label = nib.load(item["label"])
        np.testing.assert_array_equal(back.numpy()[0], np.isin(np.asarray(label.dataobj), [1, 2]))
        np.testing.assert_allclose(back.affine.numpy(), label.affine, atol=1e-4)

    def test_resampled_as_prepared(self, item: dict[str, str]) -> None:
        out = chain(by_medseg, ResampleSpacingd(BOTH, (9, 9, 20), order=[1, 0]))(item)
        volume, _ = to_ras(Volume(*by_simpleitk(Path(item["image"]))))
        image = resample_spacing(volume, (9, 9, 20))
        mask = Volume(expected_mask(item, [1, 2]).astype(np.uint8), expected_image(item)[1])
        np.testing.assert_array_equal(out["image"].numpy()[0], image.voxels)
        np.testing.assert_array_equal(out["label"].numpy()[0], resample_spacing(mask, (9, 9, 20), 0).voxels)
        np.testing.assert_allclose(out["image"].affine.numpy(), image.affine_mm, atol=1e-4)

    def test_loads_in_batches_by_workers(self, item: dict[str, str]) -> None:
        (batch,) = DataLoader(Dataset([item, item], chain(by_medseg)), batch_size=2, num_workers=1)
        np.testing.assert_array_equal(batch["image"].numpy()[1, 0], expected_image(item)[0])
        assert batch["label"].meta["modality"] == ["", ""]

    def test_label_of_another_scan_ends_the_pipeline(self, item: dict[str, str], tmp_path: Path) -> None:
        label = nib.load(item["label"])
        affine = label.affine.copy()
        affine[2, 3] += 5
        nib.save(nib.Nifti1Image(np.asarray(label.dataobj), affine), tmp_path / "other.nii.gz")
        with pytest.raises(RuntimeError, match="applying transform") as raised:
            chain(by_medseg)({**item, "label": str(tmp_path / "other.nii.gz")})
        assert isinstance(raised.value.__cause__, SourceError)
        assert "label must stand on its image's grid, got one that" in str(raised.value.__cause__)


@pytest.mark.realdata
class TestRealScan:
    def test_multi_organ_label_with_a_mirrored_axis(self, shared_data: Path) -> None:
        """A CT in JPEG 2000 whose label map is stored with its rows in the other order; 5 is the liver."""
        item = {"image": str(shared_data / "ct_j2k/dicom"), "label": str(shared_data / "ct_j2k/labels.nii.gz")}
        out = Compose(
            [
                LoadImaged(BOTH, reader=ScanReader(), ensure_channel_first=True, dtype=None),
                LabelOnImageGridd("label"),
                ToRasd(BOTH),
                MergeLabelsd("label", foreground=["liver", 6], names={"liver": 5}),
            ]
        )(item)
        image, affine = expected_image(item)
        np.testing.assert_array_equal(out["image"].numpy()[0], image)
        np.testing.assert_allclose(out["image"].affine.numpy(), affine, atol=1e-4)
        np.testing.assert_array_equal(out["label"].numpy()[0], expected_mask(item, [5, 6]))
        assert out["label"].meta["warnings"].startswith("label is mirrored along y as its own affine says")

    @pytest.mark.parametrize("name", ["gantrytilting", "notavolume", "sliceincrement", "sliceorientation"])
    def test_faulty_series_that_monais_reader_takes_end_in_an_error(self, shared_data: Path, name: str) -> None:
        folder = shared_data / "dicom_faults" / name / "001"
        assert LoadImage(reader="PydicomReader")(folder).ndim == 3
        with pytest.raises(DicomSeriesError):
            LoadImage(reader=ScanReader())(folder)


class TestMonaisCropping:
    """MONAI's own serves: voxels keep their place, and a mask comes back where it was."""

    @pytest.mark.parametrize("margin", [0, 3])
    def test_body_keeps_its_place(self, item: dict[str, str], margin: int) -> None:
        crop = CropForegroundd(BOTH, source_key="image", select_fn=is_body, margin=margin, allow_smaller=True)
        whole, cropped = chain(by_medseg)(item)["image"], chain(by_medseg, crop)(item)["image"]
        assert cropped.numel() < whole.numel()
        corner = apply_affine(cropped.affine.numpy(), (0, 0, 0))
        start = np.rint(apply_affine(np.linalg.inv(whole.affine.numpy()), corner)).astype(int)
        np.testing.assert_allclose(apply_affine(whole.affine.numpy(), start), corner, atol=1e-9)
        part = tuple(slice(low, low + size) for low, size in zip(start, cropped.shape[1:], strict=True))
        np.testing.assert_array_equal(cropped.numpy()[0], whole.numpy()[0][part])
        np.testing.assert_array_equal(cropped.affine[:3, :3], whole.affine[:3, :3])

    def test_mask_comes_back_onto_the_series(self, item: dict[str, str]) -> None:
        pipeline = chain(by_medseg, CropForegroundd(BOTH, source_key="image", select_fn=is_body))
        out = pipeline(item)
        out["pred"] = out["label"].clone()
        back = Invertd("pred", pipeline, orig_keys="image")(out)["pred"]
        turned = nib.as_closest_canonical(nib.Nifti1Image(back.numpy()[0].astype(np.uint8), back.affine.numpy()))
        np.testing.assert_array_equal(np.asarray(turned.dataobj), expected_mask(item, [1, 2]))


def is_body(hu: Any) -> Any:
    return hu > -500
