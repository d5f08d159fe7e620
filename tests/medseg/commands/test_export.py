from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from medseg.io.nifti import write_nifti
from tests.commands import ROOT, Ended, run_process
from tests.medseg.deploy.export_bundles import files_of, make_bundle

Medseg = Callable[..., Ended]


@pytest.fixture(autouse=True)
def wide_terminal(medseg: Medseg, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr("medseg.commands.export._LATENCY_PX", 32)


def test_shows_differences_and_times_and_says_what_was_written(medseg: Medseg, tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path)
    write_nifti(tmp_path / "scan.nii", np.zeros((20, 30, 3), dtype=np.uint8), np.eye(4))
    out = medseg("export", "./unet", "--scans", "scan.nii").succeeded().stdout
    rows = {line.split()[1]: line for line in out.splitlines() if line.startswith("│")}
    assert list(rows) == ["torch", "torchscript", "onnx", "openvino"]
    assert re.search(r"│\s+\d+ │$", rows["torch"])
    for name in ("torchscript", "onnx", "openvino"):
        assert re.search(
            r"│\s+\d+\.\d │ +\S+e\S+ \(n = 9\) │ +\S+e\S+ \(n = 3\) │ +0 of 1,800 │ +\d+ │$", rows[name]
        ), rows[name]
    written = [line for line in out.splitlines() if line.startswith("written: ")]
    assert written == [f"written: {bundle}/models/model.{end}" for end in ("ts", "onnx", "xml")]
    assert {"model.ts", "model.onnx", "model.xml", "model.bin", "exports.json"} <= files_of(bundle)


def test_tolerance_is_kept(medseg: Medseg, tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path)
    error = medseg("export", bundle, "--to", "openvino", "--tolerance", "0").refused(status=1)
    assert error.startswith("model.xml: logits must differ from torch's by at most 0, got ")
    assert files_of(bundle) == {"model.pt", "model.json"}


def test_format_that_is_not_known(medseg: Medseg, tmp_path: Path) -> None:
    error = medseg("export", make_bundle(tmp_path), "--to", "onnx,tflite").refused()
    assert error == "formats must be of torchscript, onnx, openvino, got 'tflite'"


def test_folder_that_is_no_bundle(medseg: Medseg, tmp_path: Path) -> None:
    error = medseg("export", tmp_path).refused()
    assert error.startswith(f"{tmp_path}: must be a bundle's folder")


def test_without_extras_the_command_that_installs_them_is_named(tmp_path: Path) -> None:
    code = "import sys; sys.modules['torch'] = None; from medseg.cli import main; main()"
    error = run_process([sys.executable, "-c", code, "export", str(ROOT / "bundles" / "unet")], cwd=tmp_path).refused()
    assert error == "export needs torch; install it with: pip install 'medseg[train,export]'"


@pytest.mark.parametrize("scans", ["nowhere", "broken.nii"])
def test_scans_that_cannot_be_read_are_named_in_one_line(medseg: Medseg, tmp_path: Path, scans: str) -> None:
    make_bundle(tmp_path)
    (tmp_path / "broken.nii").write_bytes(b"no scan")
    ended = medseg("export", "./unet", "--to", "torchscript", "--scans", scans)
    assert ended.status in (1, 2)
    (line,) = ended.stderr.strip().splitlines()
    assert line.startswith(f"error: {scans}: must be ")
    assert not (tmp_path / "unet" / "models" / "model.ts").exists()


def test_full_disk_is_one_line_and_leaves_no_export(
    medseg: Medseg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    bundle = make_bundle(tmp_path)
    monkeypatch.setattr("medseg.deploy.export.convert", full)
    ended = medseg("export", "./unet", "--to", "torchscript")
    assert ended.refused(status=1) == (
        "unet/models: exports must be writable there, got No space left on device; make room, or copy the bundle to a"
        " folder of your own: medseg bundles copy"
    )
    assert "model.ts" not in files_of(bundle)
