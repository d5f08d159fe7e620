from __future__ import annotations

import json
import platform
from dataclasses import replace
from mmap import mmap
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from pydicom.uid import ExplicitVRLittleEndian

from benchmarks.intake.cli import main
from benchmarks.intake.inputs import Inputs
from benchmarks.intake.machine import this_machine
from benchmarks.intake.material import Material, borrow, draw
from benchmarks.intake.memory import PeakMemory
from benchmarks.intake.rounds import TaskError, measure, run_task
from benchmarks.intake.sample import Sample, Samples
from benchmarks.intake.tasks import TASKS, Task, prepare_series
from data_prep.verify import verify
from medseg.manifest import read_manifest
from tests.nnunet import nnunet_python

MIB = 1 << 20


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return draw(tmp_path_factory.mktemp("intake"), slices=8, size_px=32, cases=2)


@pytest.fixture
def inputs(material: Material, tmp_path: Path) -> Inputs:
    out = tmp_path / "out"
    out.mkdir()
    return replace(material.inputs, out=out)


class TestDraw:
    def test_series_are_uncompressed_explicit_little_endian_of_signed_16_bits(self, material: Material) -> None:
        for case in ("case-1", "case-2"):
            files = [pydicom.dcmread(path) for path in (material.inputs.several / case / "ct").iterdir()]
            assert len(files) == 8
            assert {file.file_meta.TransferSyntaxUID for file in files} == {ExplicitVRLittleEndian}
            assert {(file.Rows, file.Columns, file.BitsStored, file.PixelRepresentation) for file in files} == {
                (32, 32, 16, 1)
            }
        assert material.shape == (32, 32, 8)
        assert material.volume_bytes == 32 * 32 * 8 * 2
        assert material.several_slices == 16

    def test_no_two_cases_have_the_same_pixels(self, material: Material) -> None:
        first, second = (
            {pydicom.dcmread(path).PixelData for path in (material.inputs.several / case / "ct").iterdir()}
            for case in ("case-1", "case-2")
        )
        assert first.isdisjoint(second)

    def test_label_is_an_ellipsoid_on_the_series_grid(self, material: Material) -> None:
        image, label = (sitk.ReadImage(str(path)) for path in (material.inputs.image, material.inputs.label))
        assert image.GetSize() == label.GetSize() == material.shape
        np.testing.assert_allclose(image.GetOrigin(), label.GetOrigin())
        np.testing.assert_allclose(image.GetSpacing(), label.GetSpacing())
        voxels = sitk.GetArrayFromImage(label)
        assert set(np.unique(voxels)) == {0, 1}
        assert voxels.mean() == pytest.approx(4 / 3 * np.pi * 0.2**3, rel=0.2)
        assert voxels[4, 16, 16] == 1

    def test_a_series_of_ones_own_is_taken_by_links(self, material: Material, tmp_path: Path) -> None:
        borrowed = borrow(tmp_path, material.inputs.series)
        assert borrowed.own
        assert borrowed.shape == material.shape
        assert all(path.is_symlink() for path in borrowed.inputs.series.iterdir())


class TestPeakMemory:
    def test_counts_what_was_held_at_most_and_not_what_was_held_before(self) -> None:
        _hold_for_a_moment(128 * MIB)
        memory = PeakMemory()
        _hold_for_a_moment(48 * MIB)
        extra_bytes = memory.extra_bytes()
        if not Path("/proc/self/status").exists():
            assert extra_bytes is None
        else:
            assert extra_bytes == pytest.approx(48 * MIB, rel=0.1)


def _hold_for_a_moment(size: int) -> None:
    """From the system: an array may lie in memory that this process has kept of earlier ones."""
    with mmap(-1, size) as held:
        for _ in range(size // MIB):
            held.write(b"1" * MIB)


class TestMeasure:
    def test_runs_all_tasks_in_turn_and_does_not_count_the_first_round(self, material: Material) -> None:
        ran: list[str] = []

        def run(task: Task, inputs: Inputs) -> Sample:
            assert list(inputs.out.iterdir()) == []
            (inputs.out / "written").touch()
            ran.append(task.key)
            return Sample(float(len(ran)), None)

        tasks = [TASKS["read-medseg"], TASKS["read-simpleitk"]]
        first, second = measure(tasks, material, 2, run=run)
        assert ran == ["read-medseg", "read-simpleitk"] * 3
        assert (first.seconds, second.seconds) == ([3, 5], [4, 6])
        assert not material.inputs.out.exists()

    def test_a_task_that_failed_is_not_tried_again_and_the_others_go_on(self, material: Material) -> None:
        said: list[str] = []

        def run(task: Task, _inputs: Inputs) -> Sample:
            if task.key == "read-monai":
                raise TaskError("failed", "ValueError: a/path")
            return Sample(1.0, None)

        tasks = [TASKS["read-monai"], TASKS["read-medseg"]]
        failed, sound = measure(tasks, material, 3, run=run, say=said.append)
        assert failed == Samples("read-monai", missing="failed")
        assert sound.seconds == [1, 1, 1]
        assert said.count("read-monai: failed: ValueError: a/path") == 1

    def test_several_cases_are_not_measured_on_a_series_of_ones_own(self, material: Material) -> None:
        own = replace(material, cases=0, own=True)
        (found,) = measure([TASKS["several-1"]], own, 1, run=lambda _task, _inputs: pytest.fail("ran"))
        assert found.missing == "not measured on a series of one's own"


class TestRunTask:
    def test_readers_give_the_same_voxels(self, inputs: Inputs) -> None:
        found = [run_task(TASKS[key], inputs) for key in ("read-medseg", "read-simpleitk", "convert-dcm2niix")]
        voxels = sitk.GetArrayFromImage(sitk.ReadImage(str(inputs.image)))
        assert {(sample.voxels, sample.total) for sample in found} == {(voxels.size, float(voxels.sum()))}
        assert all(sample.seconds > 0 for sample in found)
        assert list(found[1].versions) == ["SimpleITK"]

    def test_a_failing_task_says_what_its_process_said(self, inputs: Inputs) -> None:
        with pytest.raises(TaskError, match=r"^failed$") as error:
            run_task(TASKS["read-medseg"], replace(inputs, series=inputs.out))
        assert error.value.detail.endswith("must hold DICOM images, got no files")

    def test_nnunet_preprocesses_the_case(self, inputs: Inputs) -> None:
        nnunet_python()
        sample = run_task(TASKS["save-nnunet"], inputs)
        assert sample.versions["nnunetv2"] == "2.8.1"
        assert [path.suffix for path in sorted(inputs.out.iterdir())] == [".b2nd", ".pkl", ".b2nd"]

    def test_without_its_environment_nnunet_is_not_measured(
        self, inputs: Inputs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MEDSEG_NNUNET_PYTHON", str(inputs.out / "python"))
        with pytest.raises(TaskError, match="make nnunet"):
            run_task(TASKS["case-nnunet"], inputs)


def test_the_prepared_case_is_whole(inputs: Inputs) -> None:
    prepare_series(inputs.several, inputs.out / "prepared", workers=2)
    assert verify(inputs.out / "prepared") == []
    manifest = read_manifest(inputs.out / "prepared")
    assert manifest.modality == "CT"
    assert [case.shape for case in manifest.cases] == [(32, 32, 8)] * 2
    expected = int(sitk.GetArrayFromImage(sitk.ReadImage(str(inputs.label))).sum())
    assert [case.foreground_px for case in manifest.cases] == [expected] * 2


class TestMain:
    def test_measures_prints_and_writes(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        tasks = ["read-medseg", "read-simpleitk"]
        options = ["--repeats", "1", "--slices", "8", "--size", "32", "--cases", "1"]
        assert main([*options, "--json", str(tmp_path / "a" / "intake.json"), "--tasks", *tasks]) == 0
        printed = capsys.readouterr().out
        text = (tmp_path / "a" / "intake.json").read_text(encoding="utf-8")
        content = json.loads(text)
        assert list(content["runs"]) == tasks
        assert all(len(content["runs"][task]["seconds"]) == 1 for task in tasks)
        assert content["series"] == {"shape": [32, 32, 8], "own": False}
        assert str(this_machine()) in printed
        for told in (text, printed):
            assert platform.node() not in told
            assert "/tmp" not in told

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--repeats", "0"], "error: --repeats must be at least 1, got 0"),
            (["--slices", "2"], "error: --slices must be at least 8, got 2"),
            (["--series", "nowhere"], "error: --series must be a folder, got nowhere"),
        ],
    )
    def test_wrong_options_are_one_line(
        self, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(options) == 2
        assert capsys.readouterr().err.splitlines() == [message]

    def test_a_folder_without_a_series_is_refused(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "notes.txt").write_text("no scan", encoding="utf-8")
        assert main(["--series", str(tmp_path)]) == 2
        assert f"--series must hold a DICOM series, got none in {tmp_path}" in capsys.readouterr().err
