"""Raw folder to prepared folder against readers that share no code with it: SimpleITK, dcm2niix, nibabel."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from tests.data_prep.runs import Run, assert_same, prepare
from tests.data_prep.scans import SCANS, write_scan
from tests.medseg.io.dicom.references import Read, by_dcm2niix, by_simpleitk


@dataclass(frozen=True)
class Prepared:
    """Phantoms, and what was made of them.

    Attributes:
        patients: Folder of each scan.
        run: What the command made of all.
    """

    patients: dict[str, Path]
    run: Run

    def image(self, name: str) -> Read:
        return self.run.image(self.patients[name].name)

    def label(self, name: str) -> Read:
        return self.run.label(self.patients[name].name)

    def files(self, name: str) -> Path:
        """What other readers are given: the folder of images, or the only image."""
        files = [*(self.patients[name] / "ct").iterdir()]
        return files[0] if len(files) == 1 else self.patients[name] / "ct"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """All scans as patients of one DICOM tree, prepared by the command."""
    home = tmp_path_factory.mktemp("agreement")
    scans = enumerate(SCANS.items(), 1)
    patients = {name: write_scan(home / "raw", home / "truth", number, scan) for number, (name, scan) in scans}
    return Prepared(patients, prepare(home / "raw", home, "--labels", "seg", "--foreground", "liver"))


class TestPhantoms:
    # SimpleITK turns the values of inverse images round, see test_faulty_series.
    @pytest.mark.parametrize("name", [name for name in SCANS if name != "inverse"])
    def test_image_is_simpleitks(self, prepared: Prepared, name: str) -> None:
        assert_same(prepared.image(name), by_simpleitk(prepared.files(name)))

    @pytest.mark.parametrize("name", [name for name in SCANS if name != "deflated"])
    def test_image_is_dcm2niixs(self, prepared: Prepared, name: str, tmp_path: Path) -> None:
        assert_same(prepared.image(name), by_dcm2niix(prepared.patients[name] / "ct", tmp_path / "out"))

    @pytest.mark.parametrize("name", SCANS)
    def test_label_is_the_truth(self, prepared: Prepared, name: str) -> None:
        truth = nib.load(prepared.run.out.parent / "truth" / f"{prepared.patients[name].name}.nii.gz")
        liver = np.asarray(truth.dataobj)
        assert liver.sum() > 100
        assert_same(prepared.label(name), (liver, truth.affine))

    @pytest.mark.parametrize("name", SCANS)
    def test_axes_run_to_the_right_the_front_and_the_head(self, prepared: Prepared, name: str) -> None:
        (_, image_mm), (_, label_mm) = prepared.image(name), prepared.label(name)
        assert nib.aff2axcodes(image_mm) == ("R", "A", "S")
        np.testing.assert_array_equal(image_mm, label_mm)

    def test_dcm2niix_reads_no_deflated_files(self, prepared: Prepared, tmp_path: Path) -> None:
        with pytest.raises(subprocess.CalledProcessError):
            by_dcm2niix(prepared.patients["deflated"] / "ct", tmp_path / "out")
