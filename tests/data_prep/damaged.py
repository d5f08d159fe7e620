"""Small scans to damage, the command in a process of its own, and a judge that reads damaged files by other means."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException
from pydicom.pixels import pixel_array

from tests.commands import ROOT, environment
from tests.medseg.io.dicom.encodings import J2K, JPEG_LS, RLE, j2k, jls, rle, save_encapsulated
from tests.medseg.io.dicom.references import LPS_TO_RAS, Read
from tests.medseg.io.dicom.writer import ROOT as UID_ROOT
from tests.medseg.io.dicom.writer import slice_dataset, slice_positions, write_series
from tests.medseg.io.volume_files import save_nifti

__all__ = ["Ended", "assert_bounded", "by_nibabel", "by_pydicom", "judge", "run", "write_dicom", "write_pair"]

SIZE = (32, 33, 4)
AFFINE_MM = LPS_TO_RAS @ np.array([[0.7, 0, 0, -10], [0, 0.8, 0, 20], [0, 0, 2.5, 30], [0, 0, 0, 1.0]])
TIMEOUT_S = 300
# Beyond what the same command takes for sound scans, which are of eight kilobytes.
MORE_MEMORY_KB = 32 * 1024
PIXEL_TAG = b"\xe0\x7f\x10\x00"

MEASURED = """
import resource, sys
from data_prep.cli import main
status = main(sys.argv[1:])
with open("/proc/self/status") as file:
    own = next(line.split()[1] for line in file if line.startswith("VmHWM"))
print(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


@dataclass(frozen=True)
class Ended:
    """What the command made of a tree.

    Attributes:
        status: Exit status.
        errors: Lines of standard error.
        peaks_kb: Memory at most, of the command itself and of the processes that it started.
        cases: Made name of each case.
        prepared: Cases that were prepared.
        out: The data set.
    """

    status: int
    errors: tuple[str, ...]
    peaks_kb: tuple[int, int]
    cases: dict[str, str]
    prepared: frozenset[str]
    out: Path

    def read(self, name: str) -> tuple[Read, Read]:
        """Image and label by nibabel."""
        case = self.cases[name]
        return load(self.out / "imagesTr" / f"{case}_0000.nii"), load(self.out / "labelsTr" / f"{case}.nii")


def load(path: Path) -> Read:
    image = nib.load(path)
    return np.asarray(image.dataobj), image.affine


def run(raw: Path, home: Path, *options: str) -> Ended:
    """The command in a process of its own."""
    mapping, out = home / "mapping.csv", home / "out"
    arguments = ["prepare", raw, out, "--workers", "1", "--keep-mapping", mapping, "--modality", "CT", *options]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *map(str, arguments)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        timeout=TIMEOUT_S,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    assert done.returncode in (0, 1), done.stderr
    assert (out / "dataset.json").is_file(), done.stderr
    with mapping.open(encoding="utf-8") as file:
        cases = {row["name"]: row["case"] for row in csv.DictReader(file)}
    made = {case["name"] for case in json.loads((out / "dataset.json").read_text())["medseg"]["cases"]}
    own, children = done.stdout.split()[-2:]
    return Ended(
        done.returncode,
        tuple(line for line in done.stderr.splitlines() if line.strip()),
        (int(own), int(children)),
        cases,
        frozenset(name for name, case in cases.items() if case in made),
        out,
    )


def stored(number: int) -> NDArray[np.uint16]:
    return np.random.default_rng(number).integers(900, 1500, SIZE).astype(np.uint16)


def mask(number: int) -> NDArray[np.uint8]:
    return (np.random.default_rng([number, 1]).random(SIZE) < 0.4).astype(np.uint8)


def write_dicom(folder: Path, number: int, syntax: str = "") -> None:
    """``FOLDER/ct`` and ``FOLDER/label.nii.gz``."""
    tags = {"series": number, "PatientID": f"P{number}", "StudyInstanceUID": f"{UID_ROOT}.{number}.0"}
    if syntax:
        codecs = {RLE: rle, J2K: lambda pixels: j2k(pixels, bits=16), JPEG_LS: lambda pixels: jls(pixels, bits=16)}
        for z, place in enumerate(slice_positions(SIZE[2])):
            pixels = stored(number)[..., z]
            dataset = slice_dataset(pixels, place, instance=z + 1, **tags)
            save_encapsulated(dataset, folder / "ct" / f"{z}.dcm", syntax, [codecs[syntax](pixels.T)])
    else:
        # Half of the patients' files have no suffix, so that only their content tells what they are.
        write_series(folder / "ct", stored(number), name=(f"{{}}{'.dcm' * (number % 2)}").format, **tags)
    save_nifti(folder / "label.nii.gz", mask(number), affine_mm=AFFINE_MM)


def write_pair(folder: Path, number: int, ending: str) -> None:
    """``FOLDER/ct`` and ``FOLDER/label``, NIfTI."""
    folder.mkdir(parents=True)
    save_nifti(folder / f"ct{ending}", stored(number).astype(np.int16) - 1024, affine_mm=AFFINE_MM)
    save_nifti(folder / f"label{ending}", mask(number), affine_mm=AFFINE_MM)


def by_pydicom(folder: Path) -> Iterator[Read]:
    """Voxels and affine to RAS+ of a series: each file by its own tags, in the order of their places.

    Where the form of an element is damaged, pydicom gives up or misses what follows, so there are two answers: by the
    files as they are, and with the header of the sound file before their pixels.
    """
    files = [*(folder / "ct").iterdir()]
    with suppress(AttributeError, NotImplementedError, BytesLengthException):
        yield _by_pydicom([dcmread(path, force=True) for path in files])
    with TemporaryDirectory() as sound:
        write_dicom(Path(sound), int(folder.name[1:]))
        repaired = [_under_header(path, Path(sound) / "ct" / path.name) for path in files]
    yield _by_pydicom([dcmread(BytesIO(content)) for content in repaired])


def _under_header(damaged: Path, sound: Path) -> bytes:
    head, _, tail = sound.read_bytes().partition(PIXEL_TAG)
    _, _, pixels = damaged.read_bytes().partition(PIXEL_TAG)
    return head + PIXEL_TAG + tail[:8] + pixels[8:]


def _by_pydicom(images: list[Dataset]) -> Read:
    columns, rows = np.reshape(np.asarray(images[0].ImageOrientationPatient, dtype=float), (2, 3))
    images.sort(key=lambda image: float(np.dot(np.cross(columns, rows), image.ImagePositionPatient)))
    first, last = (np.asarray(image.ImagePositionPatient, dtype=float) for image in (images[0], images[-1]))
    planes = [pixel_array(one).T * float(one.RescaleSlope) + float(one.RescaleIntercept) for one in images]
    affine = np.eye(4)
    affine[:3, 0] = columns * images[0].PixelSpacing[1]
    affine[:3, 1] = rows * images[0].PixelSpacing[0]
    affine[:3, 2], affine[:3, 3] = (last - first) / (len(images) - 1), first
    return np.stack(planes, axis=-1), LPS_TO_RAS @ affine


def by_nibabel(path: Path) -> Read:
    """As NIfTI says, with lengths in mm, which nibabel leaves in the file's own unit."""
    image = nib.load(path)
    unit = {1: 1000.0, 3: 0.001}.get(int(image.header["xyzt_units"]) & 7, 1.0)
    return np.asarray(image.dataobj).reshape(SIZE), np.diag([unit, unit, unit, 1]) @ image.affine


def as_prepared(voxels: NDArray[Any], affine_mm: NDArray[np.float64]) -> Read:
    """In RAS+."""
    turned = nib.as_closest_canonical(nib.Nifti1Image(np.asarray(voxels, dtype=np.float64), affine_mm))
    return np.asarray(turned.dataobj), turned.affine


def is_same(own: Read, other: Read, *, apart_mm: float = 1e-3) -> bool:
    if own[0].shape != other[0].shape:
        return False
    on_place = np.allclose(own[1], other[1], atol=apart_mm, rtol=1e-6)
    return bool(on_place and (own[0] == other[0].astype(own[0].dtype)).all())


def judge(ended: Ended, raw: Path, images_of: Callable[[Path], Iterable[Read]]) -> dict[str, int]:
    """Check every case; how many came out as if nothing had been damaged, as the damaged file says, and were left out.

    Args:
        ended: The command.
        raw: Folder of the cases' folders.
        images_of: Reads a case's image without the project, in all ways that may be right.
    """
    left_out = ended.cases.keys() - ended.prepared
    assert ended.status == int(bool(left_out))
    assert len(ended.errors) == len(left_out) + bool(left_out), ended.errors
    assert all(line.startswith("error: ") for line in ended.errors), ended.errors
    counts = {"sound": 0, "as damaged": 0, "left out": len(left_out)}
    for name in ended.prepared:
        number = int(name[1:])
        image, label = ended.read(name)
        if is_same(image, as_prepared(stored(number) - 1024.0, AFFINE_MM)) and is_same(
            label, as_prepared(mask(number), AFFINE_MM)
        ):
            counts["sound"] += 1
            continue
        answers = (as_prepared(*answer) for answer in images_of(raw / name))
        assert any(is_same(image, answer) for answer in answers), f"{name}: image is not what its files say"
        (path,) = (raw / name).glob("label.nii*")
        voxels, affine_mm = by_nibabel(path)
        # A label takes its image's place, beside which it may lie by 5 micrometres.
        told = as_prepared(voxels == 1, affine_mm)
        assert is_same(label, told, apart_mm=6e-3), f"{name}: label is not what its file says"
        counts["as damaged"] += 1
    return counts


def assert_bounded(ended: Ended, sound: Ended) -> None:
    """Damage takes next to no memory."""
    for peak_kb, usual_kb in zip(ended.peaks_kb, sound.peaks_kb, strict=True):
        assert peak_kb < usual_kb + MORE_MEMORY_KB
