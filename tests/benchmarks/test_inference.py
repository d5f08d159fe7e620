from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.inference.cli import main
from benchmarks.inference.floor import sgemm_rate, slice_flops
from benchmarks.inference.material import Network, draw_volume, load_volume
from benchmarks.inference.report import Report
from benchmarks.inference.rounds import compare
from benchmarks.inference.sample import Sample, Samples
from benchmarks.inference.tasks import BASE, TASKS, prepare
from benchmarks.intake.machine import Machine
from medseg.deploy.bundle_config import bundle_network
from medseg.errors import UsageError
from medseg.io.nifti import write_nifti
from medseg.networks import FCN8s
from tests.medseg.deploy.export_bundles import make_bundle

EAGER = [key for key, task in TASKS.items() if task.engine == "torch" and not task.compiled]
MACHINE = Machine("a processor", 2, "Linux", "3.11.7")
NETWORK = Network("unet", Path("nowhere"), trained=False, slice_flops=4_000_000_000)


def samples(task: str, *seconds: float, rate: float = 1e9) -> Samples:
    runs = tuple(Sample(second, 0.5, 2**20, rate) for second in seconds)
    return Samples("unet", task, runs, None, 1e-6, 3, 0.999)


class TestFloor:
    def test_multiply_add_counts_as_two(self) -> None:
        # 5 x 7 pixels, 3 x 3 kernel, 1 to 4 channels.
        assert slice_flops(nn.Conv2d(1, 4, 3, padding=1), (5, 7)) == 2 * 5 * 7 * 9 * 4

    def test_vgg16_s_operations_are_the_published_ones(self) -> None:
        # VGG16's 13 convolutions take 15.3 G multiply-adds on 224 x 224 x 3; the grey input saves 2 of 3 first filters.
        network = FCN8s()
        features = nn.Sequential(*network.stages)
        assert slice_flops(features, (224, 224)) == pytest.approx(2 * 15.3e9, rel=0.01)

    def test_rate_is_positive_and_finite(self) -> None:
        threads = torch.get_num_threads()
        try:
            assert 1e6 < sgemm_rate(1, side=64, repeats=1) < 1e15
        finally:
            torch.set_num_threads(threads)


class TestCompare:
    def test_difference_pixels_and_dice(self) -> None:
        expected = np.array([-1.0, 1.0, 2.0, 3.0], dtype=np.float32)
        logits = np.array([0.5, 1.0, -2.0, 3.0], dtype=np.float32)
        # Masks 1101 and 0111: two of three pixels in common.
        assert compare(logits, expected, 0.5) == (4.0, 2, pytest.approx(2 * 2 / 6))

    def test_two_empty_masks_are_alike(self) -> None:
        empty = np.full(4, -1, dtype=np.float32)
        assert compare(empty, empty, 0.5) == (0.0, 0, 1.0)

    def test_threshold_is_a_probability(self) -> None:
        # 0.7 is a logit of 0.847.
        got = compare(np.array([0.9], np.float32), np.array([0.8], np.float32), 0.7)
        assert got[1:] == (1, 0.0)


class TestTasks:
    @pytest.mark.parametrize("key", EAGER)
    def test_torch_s_ways_agree(self, key: str, tmp_path: Path) -> None:
        bundle = make_bundle(tmp_path, "unet_early_skip")
        volume = torch.rand(1, 1, 21, 18, 5)
        threads = torch.get_num_threads()
        try:
            logits = prepare(TASKS[key], bundle)(volume)
        finally:
            torch.set_num_threads(threads)
        network = bundle_network(bundle)
        with torch.no_grad():
            expected = network(volume[0].permute(3, 0, 1, 2)).permute(1, 2, 3, 0)[None]
        torch.testing.assert_close(logits, expected, rtol=0, atol=1e-4, check_stride=False)


class TestReport:
    @pytest.fixture
    def report(self) -> Report:
        measured = (
            samples(BASE, 8.0, 16.0, 12.0),
            samples("ours", 4.0, 8.0, 6.0, rate=2e9),
            samples("ours-1", 8.0, 8.0, 8.0, rate=1e9),
            Samples("unet", "compiled", missing="failed"),
        )
        return Report(MACHINE, (NETWORK,), (512, 512, 2), False, 3, measured)

    def test_table(self, report: Report) -> None:
        lines = report.to_markdown().splitlines()
        assert lines[0] == (
            "a processor, 2 cores, Linux, Python 3.11.7. The phantom's slices: 2 of 512 x 512; 3 rounds."
            " Matrix product: at best 2 GFLOP/s."
        )
        assert "**unet**, 4 GFLOP a slice, drawn weights" in lines
        # Two slices at 2 GFLOP/s take 4 s, at 1 GFLOP/s with one thread 8 s.
        tail = "0.5 | 1 | 1.0e-06 | 3 | 0.999000 |"
        assert f"| naive: eager torch, slice by slice | 6.000 | 4.000 to 8.000 | 1.00 | 3.00 | {tail}" in lines
        assert f"| `SlicewiseInferer`, channels last | 3.000 | 2.000 to 4.000 | 0.50 | 1.50 | {tail}" in lines
        one_thread = "| `SlicewiseInferer`, channels last, 1 thread | 4.000 | 4.000 to 4.000 | 0.67 | 1.00"
        assert any(line.startswith(one_thread) for line in lines)
        assert "| … `torch.compile` | failed | | | | | | | | |" in lines

    def test_json_names_no_path(self, report: Report) -> None:
        content = json.dumps(report.to_json())
        assert "nowhere" not in content
        assert [run["task"] for run in json.loads(content)["runs"]] == [BASE, "ours", "ours-1", "compiled"]


class TestVolume:
    def test_phantom_s_slices_are_in_the_window(self) -> None:
        volume = draw_volume(8, 32)
        assert (volume.shape, volume.dtype) == ((1, 1, 32, 32, 8), np.float32)
        assert (volume.min(), volume.max()) == (-1, 1)

    def test_scans_give_as_many_slices_as_are_asked_for(self, tmp_path: Path) -> None:
        voxels = np.repeat(np.arange(5, dtype=np.uint8)[None, None] * 51, 16, axis=0).repeat(24, axis=1)
        write_nifti(tmp_path / "scan.nii", voxels, np.eye(4))
        volume = load_volume(make_bundle(tmp_path), tmp_path / "scan.nii", 3)
        assert volume.shape == (1, 1, 16, 24, 3)
        np.testing.assert_allclose(volume[0, 0, 0, 0], [-1, -0.2, 0.6], atol=1e-6)

    def test_too_few_slices_raise(self, tmp_path: Path) -> None:
        write_nifti(tmp_path / "scan.nii", np.zeros((16, 24, 2), np.uint8), np.eye(4))
        with pytest.raises(UsageError, match=r"scan\.nii: scans must have 3 slices of one size, got 2"):
            load_volume(make_bundle(tmp_path), tmp_path / "scan.nii", 3)


class TestCommand:
    def test_measures_each_task_in_a_process_of_its_own(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        bundle, result = make_bundle(tmp_path), tmp_path / "out" / "result.json"
        options = ["--slices", "8", "--size", "32", "--repeats", "1", "--tasks", "naive", "ours", "--json", str(result)]
        assert main([*options, "--bundle", str(bundle)]) == 0
        assert "**unet**, " in capsys.readouterr().out
        content = json.loads(result.read_text())
        assert content["networks"]["unet"]["trained"]
        runs = {run["task"]: run for run in content["runs"]}
        assert list(runs) == ["naive", "ours"]
        for run in runs.values():
            assert math.isfinite(run["samples"][0]["seconds"])
            assert run["max_abs_difference"] <= 1e-4
        assert [path.name for path in tmp_path.joinpath("unet", "models").iterdir() if path.suffix == ".xml"] == []

    def test_wrong_usage_is_one_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--repeats", "0"]) == 2
        assert capsys.readouterr().err == "error: --repeats must be at least 1, got 0\n"
