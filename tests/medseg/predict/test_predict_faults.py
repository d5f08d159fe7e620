from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import medseg.predict.save_results
from medseg.errors import MedsegError
from medseg.predict import Scan
from medseg.predict.load_bundle import Bundle
from medseg.predict.results import ResultFolder
from tests.bundles.known_networks import Threshold
from tests.medseg.io.dicom.writer import stored_voxels, write_series
from tests.medseg.predict.predicting import MIDDLE, files_below, mask_of, other, predict, states
from tests.medseg.predict.tiny_bundles import CT, GREY, write_nifti

Fill = Callable[[str], None]


class TestFaults:
    def test_broken_scan_does_not_stop_the_rest(self, tmp_path: Path, bundle: Bundle) -> None:
        for name in ("a", "c"):
            write_nifti(tmp_path / "scans" / f"{name}.nii")
        (tmp_path / "scans" / "b.nii").write_bytes(b"no scan at all")
        (tmp_path / "scans" / "d.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
        outcomes = predict(tmp_path / "scans", bundle, out=tmp_path / "out")
        assert states(outcomes) == {"a": "new", "b": "fault", "c": "new", "d": "fault"}
        faults = [str(outcome.fault) for outcome in outcomes if outcome.fault]
        assert faults[0].startswith(f"{tmp_path}/scans/b.nii: must be a NIfTI file, got ")
        assert faults[1].startswith(f"{tmp_path}/scans/d.png: must be a readable image, got ")
        assert all("\n" not in fault for fault in faults)
        assert outcomes[1].row is None
        assert not [name for name in files_below(tmp_path / "out") if name.startswith(("b", "d", "overlays/b"))]
        assert states(predict(tmp_path / "scans", bundle, out=tmp_path / "out")) == {
            "a": "skipped", "b": "fault", "c": "skipped", "d": "fault",
        }  # fmt: skip

    def test_series_that_breaks_a_rule_is_named_with_the_way_out(self, tmp_path: Path) -> None:
        files = write_series(tmp_path / "scans" / "p1", stored_voxels((5, 4, 5)))
        files[2].unlink()
        write_series(tmp_path / "scans" / "p2", stored_voxels(), series=2)
        first, second = predict(tmp_path / "scans", other(tmp_path, facts=CT), out=tmp_path / "out")
        assert second.fault is None
        assert "1 slice missing of the usual 2.50 mm" in str(first.fault)

    def test_known_fault_is_told(self, tmp_path: Path, bundle: Bundle) -> None:
        write_nifti(tmp_path / "a.nii")
        fault = MedsegError("a: is damaged")
        scans = [Scan("a", (tmp_path / "a.nii",), fault), Scan("b", (tmp_path / "a.nii",))]
        first, second = predict(scans, bundle, out=tmp_path / "out")
        assert (first.fault, first.row) == (fault, None)
        assert second.fault is None

    def test_format_that_a_scan_does_not_allow(self, tmp_path: Path, bundle: Bundle) -> None:
        write_nifti(tmp_path / "scans" / "a.nii")
        (outcome,) = predict(tmp_path / "scans", bundle, out=tmp_path / "out", to="dicomseg")
        assert "dicomseg must refer to the images of a DICOM series, which this file is not" in str(outcome.fault)
        assert not (tmp_path / "out").exists()

    def test_ct_after_training_on_pictures_of_an_unknown_window(self, tmp_path: Path, bundle: Bundle) -> None:
        write_series(tmp_path / "scan", stored_voxels())
        (outcome,) = predict(tmp_path / "scan", bundle, out=tmp_path / "out")
        assert "is CT in HU, but the network was trained on pictures whose window in HU is not known" in str(
            outcome.fault
        )

    def test_error_of_a_library_is_one_line(
        self, tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_nifti(tmp_path / "scans" / "a.nii")

        def forward(_self: Threshold, _img: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied\nsecond line")

        monkeypatch.setattr(Threshold, "forward", forward)
        (outcome,) = predict(tmp_path / "scans", bundle, out=tmp_path / "out")
        assert str(outcome.fault) == (
            f"{tmp_path}/scans/a.nii: must be predictable, got RuntimeError: mat1 and mat2 shapes cannot be multiplied"
        )

    @pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
    def test_too_little_memory(
        self, tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        write_nifti(tmp_path / "scans" / "a.nii")

        def forward(_self: Threshold, _img: torch.Tensor) -> torch.Tensor:
            raise error

        monkeypatch.setattr(Threshold, "forward", forward)
        (outcome,) = predict(tmp_path / "scans", bundle, out=tmp_path / "out")
        assert str(outcome.fault) == (
            f"{tmp_path}/scans/a.nii: is too large for this machine's memory; use a smaller --batch-size"
        )


class TestFullDisk:
    @pytest.fixture
    def full(self, monkeypatch: pytest.MonkeyPatch) -> Fill:
        """Lets files whose names end in something run out of space when half of them is written."""

        def fill(end: str) -> None:
            replace = Path.replace

            def short_of_space(self: Path, target: Path) -> Path:
                if self.name.endswith(end):
                    self.write_bytes(self.read_bytes()[: self.stat().st_size // 2])
                    raise OSError(28, "No space left on device")
                return replace(self, target)

            monkeypatch.setattr(Path, "replace", short_of_space)

        return fill

    @pytest.mark.parametrize("end", ["_mask.nii.gz", "a.png", "_montage.png", "a.json", "measurements.csv"])
    def test_is_one_line_and_leaves_no_half_written_file(
        self, tmp_path: Path, bundle: Bundle, full: Fill, end: str
    ) -> None:
        write_nifti(tmp_path / "scans" / "a.nii")
        full(end)
        with pytest.raises(MedsegError) as stopped:
            predict(tmp_path / "scans", bundle, out=tmp_path / "out")
        assert str(stopped.value) == (
            f"{tmp_path}/out: results of a must be writable, got No space left on device; make room or choose another"
            " folder, and run it again"
        )
        assert not [name for name in files_below(tmp_path / "out") if name.endswith(end) or "partial" in name]
        assert ResultFolder(tmp_path / "out").finished("a") is None

    def test_scan_is_predicted_once_there_is_room(
        self, tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        volume = write_nifti(tmp_path / "scans" / "a.nii")
        with monkeypatch.context() as patch:
            patch.setattr(medseg.predict.save_results, "write_rgb", _raise_no_space)
            with pytest.raises(MedsegError, match="No space left"):
                predict(tmp_path / "scans", bundle, out=tmp_path / "out")
        assert states(predict(tmp_path / "scans", bundle, out=tmp_path / "out")) == {"a": "new"}
        np.testing.assert_array_equal(mask_of(tmp_path / "out", "a"), volume > MIDDLE)


def _raise_no_space(*_args: object) -> None:
    raise OSError(28, "No space left on device")


class TestWarnings:
    def test_of_each_bundle_are_told_and_kept(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        write_nifti(tmp_path / "scans" / "a.nii")
        spacing = {"spacing_mm_min": [0.7, 0.7, 9.0], "spacing_mm_max": [0.7, 0.7, 9.0]}
        facts = {**GREY, "modality": "MR", "training_set": spacing}
        bundles = [other(tmp_path, "one"), other(tmp_path, "two", facts=facts)]
        with caplog.at_level(logging.WARNING, "medseg"):
            (outcome,) = predict(tmp_path / "scans", *bundles, out=tmp_path / "out")
        (warning,) = outcome.row["warnings"]  # type: ignore[index]
        assert warning.startswith("spacing 2.5 mm along z, trained on 9 mm: ")
        assert f"a: {warning}" in [record.getMessage() for record in caplog.records]


class TestRecord:
    def test_says_what_decided_the_masks(self, tmp_path: Path, bundle: Bundle) -> None:
        write_nifti(tmp_path / "scans" / "a.nii")
        predict(tmp_path / "scans", bundle, other(tmp_path), out=tmp_path / "out")
        record = json.loads((tmp_path / "out" / ".finished" / "a.json").read_text())
        first, second = record["made_by"]["bundles"]
        assert (first["bundle"], second["bundle"]) == ("tiny", "other")
        assert first["weights"] == second["weights"]  # the same bytes
        assert first["threshold"] == 0.5
        assert record["made_by"]["formats"] == ["nifti", "png"]
        status = (tmp_path / "scans" / "a.nii").stat()
        assert record["made_by"]["source"]["files"] == [[status.st_size, status.st_mtime_ns]]
