from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import medseg.predict.save_results
from medseg.errors import UsageError
from medseg.predict.load_bundle import Bundle, load_bundle
from medseg.predict.results import ResultFolder
from tests.medseg.predict.predicting import MIDDLE, files_below, mask_of, other, predict, states
from tests.medseg.predict.tiny_bundles import Shown, tiny_bundle, write_nifti


class TestSecondRun:
    @pytest.fixture
    def scans(self, tmp_path: Path) -> Path:
        write_nifti(tmp_path / "scans" / "a.nii")
        write_nifti(tmp_path / "scans" / "b.nii", seed=1)
        return tmp_path / "scans"

    @pytest.fixture
    def run(self, tmp_path: Path, scans: Path, bundle: Bundle) -> Callable[..., dict[str, str]]:
        """Predicts the scans, and says what became of each."""

        def again(*bundles: Bundle, **options: Any) -> dict[str, str]:
            return states(predict(scans, *(bundles or [bundle]), out=tmp_path / "out", **options))

        assert again() == {"a": "new", "b": "new"}
        return again

    def test_skips_what_is_there(self, tmp_path: Path, run: Callable[..., dict[str, str]]) -> None:
        before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
        assert run() == {"a": "skipped", "b": "skipped"}
        assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before

    def test_gives_the_rows_of_what_is_there(self, tmp_path: Path, scans: Path, bundle: Bundle, run: Any) -> None:
        first = ResultFolder(tmp_path / "out").finished("a")
        assert predict(scans, bundle, out=tmp_path / "out")[0].row == first["measurements"]  # type: ignore[index]

    def test_overwrite_makes_all_anew(self, tmp_path: Path, run: Callable[..., dict[str, str]]) -> None:
        (tmp_path / "out" / "a_mask.nii.gz").write_bytes(b"spoilt")
        assert run(overwrite=True) == {"a": "new", "b": "new"}
        assert mask_of(tmp_path / "out", "a").shape == (7, 5, 3)

    def test_scan_whose_result_was_removed_is_predicted_again(
        self, tmp_path: Path, run: Callable[..., dict[str, str]]
    ) -> None:
        (tmp_path / "out" / "b_mask.nii.gz").unlink()
        assert run() == {"a": "skipped", "b": "new"}

    def test_scan_that_changed_is_predicted_again(
        self, tmp_path: Path, scans: Path, run: Callable[..., dict[str, str]]
    ) -> None:
        changed = write_nifti(scans / "b.nii", seed=2)
        os.utime(scans / "b.nii", ns=(1, 1))
        assert run() == {"a": "skipped", "b": "new"}
        np.testing.assert_array_equal(mask_of(tmp_path / "out", "b"), changed > MIDDLE)

    def test_new_scan_is_predicted(self, scans: Path, run: Callable[..., dict[str, str]]) -> None:
        write_nifti(scans / "c.nii")
        assert run() == {"a": "skipped", "b": "skipped", "c": "new"}

    def test_fewer_formats_are_there(self, run: Callable[..., dict[str, str]]) -> None:
        assert run(to="nifti") == {"a": "skipped", "b": "skipped"}

    def test_more_formats_join_those_that_are_there(self, tmp_path: Path, scans: Path, bundle: Bundle) -> None:
        for formats, state in (("nifti", "new"), ("png", "new"), ("nifti,png", "skipped")):
            assert set(states(predict(scans, bundle, out=tmp_path / "out", to=formats)).values()) == {state}
        assert {"a_mask.nii.gz", "overlays/a.png"} <= files_below(tmp_path / "out")

    def test_what_was_changed_since_is_not_replaced(self, tmp_path: Path, scans: Path, bundle: Bundle) -> None:
        out = tmp_path / "out"
        predict(scans, bundle, out=out, to="nifti")
        corrected = out / "a_mask.nii.gz"
        corrected.write_bytes(b"by hand")
        outcomes = predict(scans, bundle, out=out, to="png")
        assert states(outcomes) == {"a": "fault", "b": "new"}
        assert str(outcomes[0].fault) == (
            f"{corrected}: must be as it was written here, but someone made or changed it; move it away, or replace it"
            " with --overwrite"
        )
        assert corrected.read_bytes() == b"by hand"
        assert states(predict(scans, bundle, out=out, to="png", overwrite=True)) == {"a": "new", "b": "new"}

    def test_file_of_someone_else_is_not_replaced(self, tmp_path: Path, scans: Path, bundle: Bundle) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "b_mask.nii.gz").write_bytes(b"by hand")
        assert states(predict(scans, bundle, out=tmp_path / "out")) == {"a": "new", "b": "fault"}

    def test_another_scan_of_one_name_is_refused(self, tmp_path: Path, bundle: Bundle, run: Any) -> None:
        write_nifti(tmp_path / "others" / "a.nii", seed=5)
        with pytest.raises(UsageError, match=r"out: has results of another scan called a than .*/others/a\.nii; give"):
            predict(tmp_path / "others", bundle, out=tmp_path / "out")

    def test_results_of_other_weights_are_not_joined_in_one_table(self, tmp_path: Path, run: Any) -> None:
        write_nifti(tmp_path / "others" / "c.nii", seed=5)
        changed = other(tmp_path / "changed", "tiny", gain=5.0)
        for overwrite, way_out in ((False, "replace them with --overwrite, or give"), (True, "give another")):
            with pytest.raises(UsageError, match=way_out):
                predict(tmp_path / "others", changed, out=tmp_path / "out", overwrite=overwrite)

    def test_other_reader_choices_are_refused(self, tmp_path: Path, run: Any) -> None:
        chosen = load_bundle(tmp_path / "tiny", {"reader::trust_affine": "qform"})
        with pytest.raises(UsageError, match="got others \\(reader "):
            run(chosen)

    def test_probabilities_are_written_where_they_are_missing(
        self, tmp_path: Path, run: Callable[..., dict[str, str]]
    ) -> None:
        overrides = {"probabilities": True, "output_dir": str(tmp_path / "out")}
        with_probabilities = load_bundle(tmp_path / "tiny", overrides)
        assert run(with_probabilities) == {"a": "new", "b": "new"}
        assert (tmp_path / "out" / "b_probability.nii.gz").is_file()
        assert run(with_probabilities) == {"a": "skipped", "b": "skipped"}

    def test_damaged_record_is_no_result(self, tmp_path: Path, run: Callable[..., dict[str, str]]) -> None:
        (tmp_path / "out" / ".finished" / "a.json").write_text("{")
        assert run() == {"a": "new", "b": "skipped"}

    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ({"overrides": {"threshold": 0.7}}, "threshold 0.5, now 0.7"),
            ({"overrides": {"tta": True}}, "tta False, now True"),
            ({"overrides": {"keep_components": 1}}, "keep_components 0, now 1"),
            ({"gain": 5.0}, r"weights [0-9a-f]{12}\.\.\., now [0-9a-f]{12}\.\.\."),
        ],
    )
    def test_of_other_weights_or_settings_is_refused_before_any_work(
        self, tmp_path: Path, run: Callable[..., dict[str, str]], options: dict[str, Any], named: str
    ) -> None:
        before = files_below(tmp_path / "out")
        message = (
            rf"^{tmp_path}/out: must have results of the same weights and settings, got others \({named}\); replace"
            " them with --overwrite, or give another --output$"
        )
        changed = other(tmp_path / "changed", "tiny", **options)
        shown = Shown()
        with pytest.raises(UsageError, match=message):
            run(changed, progress=shown)
        assert not shown.names
        assert files_below(tmp_path / "out") == before

    def test_of_another_bundle_is_refused(
        self, tmp_path: Path, bundle: Bundle, run: Callable[..., dict[str, str]]
    ) -> None:
        with pytest.raises(UsageError, match=r"got others \(bundle tiny, now other\)"):
            run(other(tmp_path))
        with pytest.raises(UsageError, match=r"got others \(of 1 bundles, now 2\)"):
            run(bundle, other(tmp_path, "second"))

    def test_overwrite_takes_other_settings(self, tmp_path: Path, run: Callable[..., dict[str, str]]) -> None:
        changed = load_bundle(tmp_path / "tiny", {"threshold": 0.7, "output_dir": str(tmp_path / "out")})
        assert run(changed, overwrite=True) == {"a": "new", "b": "new"}
        assert run(changed) == {"a": "skipped", "b": "skipped"}

    def test_overwrite_leaves_no_file_of_other_settings(
        self, tmp_path: Path, run: Callable[..., dict[str, str]]
    ) -> None:
        changed = load_bundle(tmp_path / "tiny", {"threshold": 0.7, "output_dir": str(tmp_path / "out")})
        run(changed, overwrite=True, to="nifti")
        assert {name for name in files_below(tmp_path / "out") if not name.startswith(".")} == {
            "a_mask.nii.gz",
            "b_mask.nii.gz",
            "measurements.csv",
        }

    def test_same_weights_elsewhere_are_the_same(self, tmp_path: Path, run: Callable[..., dict[str, str]]) -> None:
        moved = load_bundle(tiny_bundle(tmp_path / "moved"), {"output_dir": str(tmp_path / "out")})
        assert run(moved) == {"a": "skipped", "b": "skipped"}

    def test_batch_size_and_threads_decide_nothing(self, tmp_path: Path, run: Callable[..., dict[str, str]]) -> None:
        batched = load_bundle(tmp_path / "tiny", {"batch_size": 2, "output_dir": str(tmp_path / "out")})
        assert run(batched) == {"a": "skipped", "b": "skipped"}


class TestInterrupted:
    def test_run_goes_on_where_it_was(self, tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
        for seed, name in enumerate("abc"):
            write_nifti(tmp_path / "scans" / f"{name}.nii", seed=seed)
        write_rgb = medseg.predict.save_results.write_rgb

        def interrupted(path: Path, picture: NDArray[np.uint8]) -> None:
            if path.name == "b.png":
                raise KeyboardInterrupt
            write_rgb(path, picture)

        with monkeypatch.context() as patch:
            patch.setattr(medseg.predict.save_results, "write_rgb", interrupted)
            with pytest.raises(KeyboardInterrupt):
                predict(tmp_path / "scans", bundle, out=tmp_path / "out")
        results = ResultFolder(tmp_path / "out")
        assert [results.finished(name) is not None for name in "abc"] == [True, False, False]
        outcomes = predict(tmp_path / "scans", bundle, out=tmp_path / "out")
        assert states(outcomes) == {"a": "skipped", "b": "new", "c": "new"}
        assert [line.split(",")[0] for line in (tmp_path / "out" / "measurements.csv").read_text().splitlines()] == [
            "scan", "a", "b", "c",
        ]  # fmt: skip
