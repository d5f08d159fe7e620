"""Raw folders of every kind in which all names and texts are canaries, each with a broken case among the sound ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import SimpleITK as sitk  # noqa: N813
from nibabel.nifti1 import Nifti1Extension
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydicom.dataset import FileMetaDataset
from pydicom.uid import generate_uid

from data_prep.options import Track
from data_prep.phantom import write_phantom
from data_prep.phantom.canary import CANARY, fill
from tests.medseg.io.dicom.writer import ROOT, save, stored_voxels, write_series
from tests.medseg.io.labels.rtstruct_files import contour, structure_set

__all__ = ["PHANTOM_FAULTS", "TREES", "Tree", "write_phantoms"]

SIZE = (6, 5, 4)
PHANTOM_FAULTS = ("canary", "localizer@1", "truncated-pixels@2", "padding@3", "no-rescale@4", "tilt@5")


@dataclass(frozen=True)
class Tree:
    """A raw folder.

    Attributes:
        make: Writes it.
        options: Of ``prepare``, none of which holds a canary unless it is a pattern or a UID.
        sound: Cases that are prepared.
        broken: Cases that are left out.
    """

    make: Callable[[Path], Any]
    options: tuple[str, ...]
    sound: int
    broken: int


def write_phantoms(raw: Path) -> None:
    """Six patients with DICOM SEG and NIfTI: a localizer, a cut file, padding, no rescale, a tilted gantry, nothing."""
    write_phantom(raw, patients=6, slices=6, size_px=32, seed=5, faults=PHANTOM_FAULTS, track=Track())


def write_chaos(raw: Path) -> None:
    """The mask of the last patient's last slice is cut."""
    for number in (1, 2, 3):
        patient = raw / f"{CANARY}^{number}"
        _write_ct(patient / "DICOM_anon", number)
        for z in range(SIZE[2]):
            _write_png(patient / "Ground" / f"{CANARY}_{z:03d}.png", _box()[..., z].T * 255)
    (mask,) = patient.glob(f"Ground/*_{SIZE[2] - 1:03d}.png")
    _cut(mask)


def write_ircadb(raw: Path) -> None:
    """A mask of the last patient is cut."""
    for number in (1, 2, 3):
        patient = raw / f"{CANARY}.{number}"
        _write_ct(patient / "PATIENT_DICOM", number)
        _write_ct(patient / "MASKS_DICOM" / f"{CANARY}", number, voxels=_box().astype(np.uint8) * 255)
    _cut(next((patient / "MASKS_DICOM").rglob("*_0.dcm")))


def write_lits(raw: Path) -> None:
    """The last segmentation is cut."""
    for number in (0, 1, 2):
        _write_nifti(raw / f"{CANARY} Batch" / f"volume-{number}.nii", _hu(number))
        _write_nifti(raw / f"{CANARY} Batch" / f"segmentation-{number}.nii", _box())
    _cut(raw / f"{CANARY} Batch" / "segmentation-2.nii")


def write_pairs(raw: Path) -> None:
    """NIfTI, NRRD and MetaImage; the last label lies elsewhere."""
    for number, suffix in enumerate((".nii.gz", ".nrrd", ".mha", ".nii"), 1):
        for folder, voxels in (("images", _hu(number)), ("labels", _box())):
            path = raw / folder / f"{CANARY}_{number}{suffix}"
            _write_nifti(path, voxels) if ".nii" in suffix else _write_itk(path, voxels)
    _write_nifti(path, _box(), shift_mm=1)


def write_msd(raw: Path) -> None:
    """A decathlon folder; the second image is cut."""
    names = [f"{CANARY}_{number:03d}.nii.gz" for number in (1, 2, 3)]
    texts = dict.fromkeys(("name", "description", "reference", "licence", "release"), CANARY)
    entries = [{"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"} for name in names]
    tests = [f"./imagesTs/{CANARY}_{number:03d}.nii.gz" for number in (8, 9)]
    content = {"modality": {"0": CANARY}, "labels": {"0": "background", "1": CANARY, "2": f"{CANARY}-2"}}
    for number, name in enumerate(names):
        _write_nifti(raw / "imagesTr" / name, _hu(number))
        _write_nifti(raw / "labelsTr" / name, _box())
    for number, test in enumerate(tests, len(names)):
        _write_nifti(raw / test, _hu(number))
    (raw / "dataset.json").write_text(json.dumps({**texts, **content, "training": entries, "test": tests}))
    _cut(raw / "imagesTr" / names[1])


def write_rtstructs(raw: Path) -> None:
    """A structure set a patient; the last one's contour lies beside the slices."""
    for number in (1, 2, 3):
        _write_ct(raw / f"{CANARY}-{number}" / "CT", number)
        # (column 1 to 4, row 1 to 3) of slices 1 and 2, which stand 2.5 mm apart.
        corners = np.array([(1, 1), (4, 1), (4, 3), (1, 3)]) * (0.7, 0.8) + (-10, 20)
        heights = [30 + 2.5 * z + (0.9 if number == 3 else 0) for z in (1, 2)]
        drawn = [contour(np.column_stack([corners, np.full(4, height)])) for height in heights]
        data = structure_set({CANARY: drawn}, [f"{ROOT}.{number}"])
        data.file_meta = FileMetaDataset()
        fill(data)
        save(data, raw / f"{CANARY}-{number}" / f"{CANARY}.dcm")


def write_odd_texts(raw: Path) -> None:
    """Canaries where a reader looks for codes or numbers; in the image type they are allowed."""
    odd = ({"PhotometricInterpretation": CANARY}, {"RescaleType": CANARY}, {}, {"ImageType": ["ORIGINAL", CANARY]}, {})
    for number, tags in enumerate(odd, 1):
        folder = raw / f"{CANARY}-{number}"
        _write_ct(folder / f"{CANARY}", number, **tags)
        _write_nifti(folder / f"{CANARY}.nii.gz", _box())
    for path in (raw / f"{CANARY}-3").rglob("*.dcm"):
        # Pixel spacing, a decimal string.
        path.write_bytes(path.read_bytes().replace(b"0.8\\0.7 ", b"CANARY  "))


def write_pictures(raw: Path) -> None:
    """PNG with texts and EXIF; the last mask is cut."""
    for number in range(4):
        rows = np.random.default_rng(number).integers(0, 256, (16, 16)).astype(np.uint8)
        mask = np.zeros((16, 16), dtype=np.uint8)
        mask[:5] = 255
        _write_png(raw / f"{CANARY}_{number}.png", rows)
        _write_png(raw / f"{CANARY}_{number}_mask.png", mask)
    _cut(raw / f"{CANARY}_3_mask.png")


TREES: dict[str, Tree] = {
    "dicom-tree, SEG": Tree(write_phantoms, ("--labels", "seg", "--foreground", "1", "--tilt", "resample"), 4, 2),
    "dicom-tree, NIfTI": Tree(write_phantoms, ("--labels", "files"), 3, 3),
    "dicom-tree, RTSTRUCT": Tree(
        write_rtstructs,
        (
            "--spacing",
            "1",
        ),
        2,
        1,
    ),
    "dicom-tree, odd texts": Tree(write_odd_texts, ("--modality", "CT"), 2, 3),
    "chaos": Tree(write_chaos, ("--foreground", "255,7"), 2, 1),
    "ircadb": Tree(write_ircadb, ("--workers", "2"), 2, 1),
    "lits": Tree(write_lits, ("--foreground", "1,2"), 2, 1),
    "volume-pairs": Tree(write_pairs, ("--modality", "CT"), 3, 1),
    "msd": Tree(write_msd, ("--foreground", "1", "--plane", "coronal"), 4, 1),
    "mask-suffix": Tree(write_pictures, ("--groups", rf"{CANARY}_(\d)", "--orientation", "LP"), 3, 1),
}


def _write_ct(folder: Path, number: int, *, voxels: Any = None, **tags: Any) -> None:
    """A series whose every text is a canary, under its own UIDs."""
    stored = stored_voxels(SIZE, seed=number) if voxels is None else voxels
    own = {"PatientID": f"{number}", "StudyInstanceUID": generate_uid(), **tags}
    for path in write_series(folder, stored, series=number, name=f"{CANARY}_{{}}.dcm".format, **own):
        data = pydicom.dcmread(path)
        fill(data)
        data.save_as(path)


def _box() -> np.ndarray:
    """``(x, y, z)``: a box of 3 x 2 x 2 voxels."""
    mask = np.zeros(SIZE, dtype=np.uint8)
    mask[1:4, 1:3, 1:3] = 1
    return mask


def _hu(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-1000, 1000, SIZE).astype(np.int16)


def _affine_mm() -> np.ndarray:
    """That of :func:`_write_ct`."""
    affine = np.diag([-0.7, -0.8, 2.5, 1.0])
    affine[:3, 3] = (10, -20, 30)
    return affine


def _write_nifti(path: Path, voxels: np.ndarray, *, shift_mm: float = 0) -> None:
    affine = _affine_mm()
    affine[0, 3] += shift_mm
    image = nib.Nifti1Image(voxels, affine)
    image.set_qform(affine, 1)
    image.header.set_xyzt_units("mm")
    for name in ("descrip", "aux_file", "intent_name", "db_name"):
        image.header[name] = CANARY
    image.header.extensions.append(Nifti1Extension("comment", CANARY.encode()))
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)


def _write_itk(path: Path, voxels: np.ndarray) -> None:
    image = sitk.GetImageFromArray(voxels.T)
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetOrigin((-10, 20, 30))
    image.SetMetaData(CANARY, CANARY)
    sitk.WriteImage(image, path)


def _write_png(path: Path, rows: np.ndarray) -> None:
    texts = PngInfo()
    texts.add_text(CANARY, CANARY)
    texts.add_text("Comment", CANARY, zip=True)
    picture = Image.fromarray(rows)
    exif = picture.getexif()
    exif[0x010E] = CANARY  # ImageDescription
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, pnginfo=texts, exif=exif)


def _cut(path: Path) -> None:
    """Leave less than the half, which holds all texts of a header."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 5])
