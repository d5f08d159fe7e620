"""Damaged volume files: an error of one line or a right result; never another exception, a hang or much memory."""

from __future__ import annotations

import gzip
import logging
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from medseg.errors import SourceError
from medseg.io.itk_volume import read_itk_volume
from medseg.io.nifti_volume import read_nifti_volume
from medseg.io.volume import Volume
from tests.medseg.io.volume_files import affine_of, save_nifti, voxels

MUTANTS = 250
LARGEST_HEADER_BYTES = 2**20
AFFINE_MM = affine_of((1, 0, 2), (1, -1, 1), (0.7, 0.8, 2.0))
TEXT = np.frombuffer(b"0123456789-. ()e,:=\n", dtype=np.uint8)


def write(path: Path) -> Path:
    if ".nii" in path.name:
        return save_nifti(path, affine_mm=AFFINE_MM)
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels().T))
    image.SetSpacing((0.7, 0.8, 2.0))
    sitk.WriteImage(image, path, useCompression="z" in path.stem)
    return path


def mutant(content: bytes, head: int, seed: int) -> bytes:
    """One to three bytes changed, flipped, put in or taken out, mostly in the header; sometimes the end is cut off."""
    rng = np.random.default_rng(seed)
    damaged = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        place = int(rng.integers(0, min(head, len(damaged)) if rng.random() < 0.8 else len(damaged)))
        change = rng.integers(5)
        if change == 0:
            damaged[place] = int(rng.integers(256))
        elif change == 1:
            damaged[place] ^= 1 << int(rng.integers(8))
        elif change == 2:
            damaged[place : place + 4] = rng.choice([0, 0x7F, 0x80, 0xFF], 4).astype(np.uint8).tobytes()
        elif change == 3:
            damaged[place:place] = rng.choice(TEXT, int(rng.integers(1, 9))).tobytes()
        else:
            del damaged[place : place + int(rng.integers(1, 12))]
    return bytes(damaged[: int(rng.integers(len(damaged)))]) if rng.random() < 0.1 else bytes(damaged)


def read_or_refuse(read: Callable[[Path], Volume], path: Path) -> Volume | None:
    try:
        return read(path)
    except SourceError as error:
        refusal = error
    assert "\n" not in str(refusal)
    assert str(path.parent) not in refusal.fault
    return None


def assert_as_nibabel_reads_it(volume: Volume, path: Path) -> None:
    image = nib.load(path)
    expected = np.asarray(image.dataobj).reshape(volume.voxels.shape)
    np.testing.assert_allclose(volume.voxels, expected, rtol=1e-6)
    if not any("turned into mm" in warning for warning in volume.warnings):  # nibabel does not
        np.testing.assert_allclose(volume.affine_mm, image.affine, rtol=1e-5)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_nifti_headers(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("nibabel"), "disabled", True)
    content = write(tmp_path / "b.nii").read_bytes()
    path = tmp_path / name
    results = []
    for seed in range(MUTANTS):
        damaged = mutant(content, 348, seed)
        path.write_bytes(gzip.compress(damaged, 1) if name.endswith("gz") else damaged)
        results.append(read_or_refuse(read_nifti_volume, path))
        if results[-1] is not None:
            assert_as_nibabel_reads_it(results[-1], path)
    read = sum(result is not None for result in results)
    assert MUTANTS / 10 < read < MUTANTS * 9 / 10


@pytest.mark.parametrize("name", ["a.nrrd", "z.nrrd", "a.mha", "z.mha"])
def test_text_headers(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name)
    content = path.read_bytes()
    head = content.index(b"\n\n") if name.endswith("nrrd") else content.index(b"LOCAL")
    results = []
    for seed in range(MUTANTS):
        path.write_bytes(mutant(content, head, seed))
        results.append(read_or_refuse(read_itk_volume, path))
    read = [result for result in results if result is not None]
    assert MUTANTS / 50 < len(read) < MUTANTS * 9 / 10
    assert {result.voxels.size for result in read} == {voxels().size}


@pytest.mark.parametrize("name", ["a.nii.gz", "z.nrrd", "z.mha"])
def test_compressed_voxels(tmp_path: Path, name: str) -> None:
    """Sums are checked, so damage never gives other voxels."""
    path = write(tmp_path / name)
    read = read_nifti_volume if ".nii" in name else read_itk_volume
    content = path.read_bytes()
    start = {"a.nii.gz": 10, "z.nrrd": content.find(b"\n\n") + 12, "z.mha": content.find(b"LOCAL") + 8}[name]
    truth = read(path)
    refused = 0
    for place in range(start, len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :])
        result = read_or_refuse(read, path)
        refused += result is None
        if result is not None:
            np.testing.assert_array_equal(result.voxels, truth.voxels)
            np.testing.assert_array_equal(result.affine_mm, truth.affine_mm)
    assert refused > 20


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "z.mha"])
def test_memory_stays_within_what_the_file_can_hold(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name)
    content = path.read_bytes()
    read = read_nifti_volume if ".nii" in name else read_itk_volume
    tracemalloc.start()
    try:
        for seed in range(40):
            path.write_bytes(mutant(content, 348, seed))
            read_or_refuse(read, path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Two chunks of the reader and the largest text header; voxels of these files are at most 1032 x 500 bytes.
    assert peak < 4 * LARGEST_HEADER_BYTES
