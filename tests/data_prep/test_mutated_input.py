"""Damaged files through the whole intake: right results, or refusals in one line; no traceback, hang or much memory.

This is the pipeline's share: some hundreds of damaged scans in a few runs of the command. The readers alone meet
thousands in ``tests/medseg/io``. ``MEDSEG_MUTANT_ROUNDS=20`` makes that many times as many, with other seeds.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.data_prep.damaged import (
    Ended,
    assert_bounded,
    by_nibabel,
    by_pydicom,
    judge,
    run,
    write_dicom,
    write_pair,
)
from tests.data_prep.mutants import (
    ABSURD_NIFTI,
    ABSURD_TAGS,
    absurd_nifti,
    absurd_tag,
    changed_bytes,
    swapped_vr,
    wrong_length,
)
from tests.medseg.io.dicom.encodings import J2K, JPEG_LS, RLE

ROUNDS = range(int(os.environ.get("MEDSEG_MUTANT_ROUNDS", "1")))
# A slice that says that it is a segmentation would be a second kind of label, which stops everything.
DICOM, NIFTI = ("--labels", "files", "--foreground", "1"), ("--foreground", "1")


def damage_bytes(case: Path, rng: np.random.Generator) -> None:
    """Some bytes of a slice or, of one case in five, of the label."""
    files = sorted((case / "ct").iterdir())
    path = case / "label.nii.gz" if rng.random() < 0.2 else files[int(rng.integers(len(files)))]
    path.write_bytes(changed_bytes(path.read_bytes(), rng))


def damage_pixels(case: Path, rng: np.random.Generator) -> None:
    """Some bytes of the codestream, which is the last that a file holds."""
    files = sorted((case / "ct").iterdir())
    path = files[int(rng.integers(len(files)))]
    content = path.read_bytes()
    path.write_bytes(changed_bytes(content, rng, start=len(content) - 120))


def damage_structure(case: Path, rng: np.random.Generator) -> None:
    """The form of an element of a slice: its length or its kind."""
    files = sorted((case / "ct").iterdir())
    path = files[int(rng.integers(len(files)))]
    path.write_bytes((swapped_vr, wrong_length)[int(rng.integers(2))](path.read_bytes(), rng))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """The same command on scans that nobody damaged, of which some need a decoder."""
    home = tmp_path_factory.mktemp("sound")
    for number in range(4, 12):
        write_dicom(home / "raw" / f"p{number}", number, (RLE, J2K, JPEG_LS, "")[number % 4])
    ended = run(home / "raw", home, *DICOM)
    assert judge(ended, home / "raw", by_pydicom) == {"sound": 8, "as damaged": 0, "left out": 0}
    return ended


@pytest.mark.parametrize("round_number", ROUNDS)
class TestDicom:
    def damaged(
        self,
        home: Path,
        count: int,
        round_number: int,
        damage: Callable[[Path, np.random.Generator], None],
        *syntaxes: str,
    ) -> Ended:
        for number in range(1, count + 1):
            write_dicom(home / "raw" / f"p{number}", number, syntaxes[number % len(syntaxes)] if syntaxes else "")
            if number > 5:
                damage(home / "raw" / f"p{number}", np.random.default_rng([round_number, number]))
        return run(home / "raw", home, *DICOM)

    def test_changed_bytes(self, tmp_path: Path, sound: Ended, round_number: int) -> None:
        ended = self.damaged(tmp_path, 160, round_number, damage_bytes)
        counts = judge(ended, tmp_path / "raw", by_pydicom)
        assert min(counts.values()) >= 5
        assert_bounded(ended, sound)

    def test_codestreams(self, tmp_path: Path, sound: Ended, round_number: int) -> None:
        ended = self.damaged(tmp_path, 60, round_number, damage_pixels, RLE, J2K, JPEG_LS)
        counts = judge(ended, tmp_path / "raw", by_pydicom)
        assert counts["left out"] >= 30
        assert_bounded(ended, sound)

    def test_structure(self, tmp_path: Path, sound: Ended, round_number: int) -> None:
        ended = self.damaged(tmp_path, 120, round_number, damage_structure)
        counts = judge(ended, tmp_path / "raw", by_pydicom)
        assert counts["left out"] >= 15
        assert_bounded(ended, sound)

    @pytest.mark.parametrize("files", ["one", "all"])
    def test_absurd_tags(self, tmp_path: Path, sound: Ended, round_number: int, files: str) -> None:
        for number, (keyword, value) in enumerate(ABSURD_TAGS, 1):
            case = tmp_path / "raw" / f"p{number}"
            write_dicom(case, number)
            paths = sorted((case / "ct").iterdir())
            for path in paths if files == "all" else paths[round_number % 4 : round_number % 4 + 1]:
                path.write_bytes(absurd_tag(path.read_bytes(), keyword, value))
        ended = run(tmp_path / "raw", tmp_path, *DICOM)
        counts = judge(ended, tmp_path / "raw", by_pydicom)
        assert counts["left out"] >= 25
        assert_bounded(ended, sound)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
class TestNifti:
    @pytest.mark.parametrize("round_number", ROUNDS)
    def test_changed_bytes(self, tmp_path: Path, sound: Ended, round_number: int, ending: str) -> None:
        for number in range(1, 81):
            case, rng = tmp_path / "raw" / f"p{number}", np.random.default_rng([round_number, number])
            write_pair(case, number, ending)
            path = case / f"{'label' if rng.random() < 0.3 else 'ct'}{ending}"
            stop = 352 if ending == ".nii" and rng.random() < 0.7 else None
            if number > 5:
                path.write_bytes(changed_bytes(path.read_bytes(), rng, stop=stop))
        ended = run(tmp_path / "raw", tmp_path, *NIFTI)
        counts = judge(ended, tmp_path / "raw", lambda case: [by_nibabel(case / f"ct{ending}")])
        assert counts["sound"] >= 5
        assert counts["left out"] >= 20
        assert_bounded(ended, sound)

    @pytest.mark.parametrize("kind", ["ct", "label"])
    def test_absurd_headers(self, tmp_path: Path, sound: Ended, ending: str, kind: str) -> None:
        for number, fields in enumerate(ABSURD_NIFTI, 1):
            case = tmp_path / "raw" / f"p{number}"
            write_pair(case, number, ending)
            path = case / f"{kind}{ending}"
            path.write_bytes(absurd_nifti(path.read_bytes(), fields))
        ended = run(tmp_path / "raw", tmp_path, *NIFTI)
        counts = judge(ended, tmp_path / "raw", lambda case: [by_nibabel(case / f"ct{ending}")])
        assert counts["left out"] >= 15
        assert_bounded(ended, sound)
