from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from PIL import Image

import medseg.predict.save_results
from medseg.once import warn_once
from tests.commands import Ended, run_process
from tests.medseg.io.dicom.writer import MR_CLASS, stored_voxels, write_series
from tests.medseg.predict.tiny_bundles import CT, GREY, tiny_bundle, write_nifti, write_png

Medseg = Callable[..., Ended]


@pytest.fixture(autouse=True)
def wide_terminal(medseg: Medseg, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    warn_once.cache_clear()


@pytest.fixture
def predict(medseg: Medseg) -> Medseg:
    """Runs ``medseg predict``."""
    return lambda *args: medseg("predict", *args)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """``./tiny``: thresholds grey values at 127.5."""
    return tiny_bundle(tmp_path)


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """``scans/a.nii`` and ``scans/b.png``."""
    write_nifti(tmp_path / "scans" / "a.nii")
    write_png(tmp_path / "scans" / "b.png")
    return tmp_path / "scans"


def rows(out: str) -> dict[str, list[str]]:
    """The table's lines by their first cell."""
    lines = [line.strip().strip("│").split("│") for line in out.splitlines() if line.strip().startswith("│")]
    table: dict[str, list[str]] = {}
    for name, *cells in ([cell.strip() for cell in line] for line in lines):
        if name:
            table[name] = cells
        else:  # a long cell goes on
            last = list(table)[-1]
            table[last] = [" ".join(filter(None, parts)) for parts in zip(table[last], cells, strict=True)]
    return table


@pytest.mark.usefixtures("bundle", "scans")
class TestOutput:
    def test_table_says_what_there_is_now(self, predict: Medseg, tmp_path: Path) -> None:
        ended = predict("scans", "--bundle", "./tiny", "--output", "out").succeeded()
        mask = np.asarray(nib.load(tmp_path / "out" / "a_mask.nii.gz").dataobj)
        with Image.open(tmp_path / "out" / "b_mask.png") as image:
            area_px2 = int((np.asarray(image) > 0).sum())
        table = rows(ended.stdout)
        assert list(table) == ["a", "b"]
        # Voxels of 0.7 x 0.7 x 2.5 mm.
        assert table["a"][:2] == [f"{mask.sum() * 0.7 * 0.7 * 2.5 / 1000:.1f} mL", "3"]
        assert table["b"][:2] == [f"{area_px2} px2", "1"]
        assert ended.stdout.splitlines()[-1] == "2 predicted, 0 were there, 0 left out; results in out"

    def test_results_go_to_predictions_by_default(self, predict: Medseg, tmp_path: Path) -> None:
        predict("scans", "--bundle", "tiny").succeeded()
        files = {str(path.relative_to(tmp_path / "predictions")) for path in (tmp_path / "predictions").rglob("*.*")}
        assert files == {
            "a_mask.nii.gz",
            "b_mask.png",
            "overlays/a.png",
            "overlays/a_montage.png",
            "overlays/b.png",
            "measurements.csv",
            ".finished",
            ".finished/a.json",
            ".finished/b.json",
        }

    def test_second_run_says_what_was_there(self, predict: Medseg) -> None:
        predict("scans", "--bundle", "./tiny").succeeded()
        ended = predict("scans", "--bundle", "./tiny").succeeded()
        assert list(rows(ended.stdout)) == ["a (was there)", "b (was there)"]
        assert "0 predicted, 2 were there, 0 left out; results in predictions" in ended.stdout
        ended = predict("scans", "--bundle", "./tiny", "--overwrite").succeeded()
        assert "2 predicted, 0 were there, 0 left out" in ended.stdout

    def test_warnings_go_to_standard_error_and_into_the_table(self, predict: Medseg, scans: Path) -> None:
        Image.new("L", (4, 4)).save(scans / "empty.png")
        ended = predict("scans", "--bundle", "./tiny").succeeded()
        assert "warning: empty: empty" in ended.stderr.splitlines()
        assert rows(ended.stdout)["empty"][3] == "empty"

    def test_several_scans_and_formats(self, predict: Medseg, tmp_path: Path) -> None:
        predict("scans/a.nii", "scans/b.png", "--bundle", "tiny", "--to", "nifti").succeeded()
        assert {path.name for path in (tmp_path / "predictions").glob("*.gz")} == {"a_mask.nii.gz", "b_mask.nii.gz"}
        assert not (tmp_path / "predictions" / "overlays").exists()

    def test_narrow_terminal_cuts_no_path(self, predict: Medseg, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "40")
        out = predict("scans", "--bundle", "tiny", "--output", "a_folder_with_a_long_name").succeeded().stdout
        assert out.splitlines()[-1] == ("2 predicted, 0 were there, 0 left out; results in a_folder_with_a_long_name")

    def test_brackets_in_names_are_no_markup(self, predict: Medseg, scans: Path) -> None:
        write_png(scans / "[red]c.png")
        (scans / "[b]d.png").write_bytes(b"nothing")
        ended = predict("scans", "--bundle", "./tiny")
        assert "[red]c" in rows(ended.stdout)
        assert "left out: scans/[b]d.png: must be a readable image" in ended.stderr


class TestDicom:
    def test_all_formats_of_a_series(self, predict: Medseg, tmp_path: Path) -> None:
        tiny_bundle(tmp_path, facts=CT)
        write_series(tmp_path / "p1", stored_voxels(), SliceThickness=2.5)
        predict("p1", "--bundle", "tiny", "--to", "nifti,dicomseg,rtstruct,png").succeeded()
        files = {str(path.relative_to(tmp_path / "predictions")) for path in (tmp_path / "predictions").rglob("p1*.*")}
        assert files == {
            "p1_mask.nii.gz",
            "p1_seg.dcm",
            "p1_rtstruct.dcm",
            "overlays/p1.png",
            "overlays/p1_montage.png",
            ".finished/p1.json",
        }

    def test_series_aside_are_told_of(self, predict: Medseg, tmp_path: Path) -> None:
        tiny_bundle(tmp_path, facts=CT)
        write_series(tmp_path / "scans" / "p1", stored_voxels())
        write_series(tmp_path / "scans" / "p2", stored_voxels(), series=2, Modality="MR", SOPClassUID=MR_CLASS)
        ended = predict("scans", "--bundle", "tiny").succeeded()
        assert list(rows(ended.stdout)) == ["p1"]
        assert "1 series of another modality than CT set aside" in ended.stderr.splitlines()
        ended = predict("scans", "--bundle", "tiny", "--modality", "MR", "--output", "mr").succeeded()
        assert list(rows(ended.stdout)) == ["p2"]

    def test_choices_reach_the_reader(self, predict: Medseg, tmp_path: Path) -> None:
        tiny_bundle(tmp_path, facts=CT)
        places = [(-10.0, 20.0, height) for height in (0.0, 3.0, 3.0, 6.0)]
        write_series(tmp_path / "p1", stored_voxels((5, 4, 4)), positions_mm=places)
        ended = predict("p1", "--bundle", "tiny", "--to", "nifti")
        assert ended.status == 1
        assert "take the first of each with --duplicates first" in ended.stderr
        predict("p1", "--bundle", "tiny", "--to", "nifti", "--duplicates", "first").succeeded()
        assert nib.load(tmp_path / "predictions" / "p1_mask.nii.gz").shape == (5, 4, 3)

    def test_window_in_hu_for_a_network_of_pictures(self, predict: Medseg, tmp_path: Path) -> None:
        tiny_bundle(tmp_path, facts={**GREY, "foreground": "liver"})
        stored = stored_voxels((5, 4, 3))
        write_series(tmp_path / "p1", stored)
        ended = predict("p1", "--bundle", "tiny")
        assert ended.status == 1
        assert "give it, such as --window-hu -100,400" in ended.stderr
        predict("p1", "--bundle", "tiny", "--window-hu", "-100,400", "--to", "nifti").succeeded()
        mask = np.asarray(nib.load(tmp_path / "predictions" / "p1_mask.nii.gz").dataobj)
        np.testing.assert_array_equal(mask, stored.astype(int) - 1024 > 150)


@pytest.mark.usefixtures("bundle", "scans")
class TestOptions:
    def test_threshold_and_probabilities(self, predict: Medseg, tmp_path: Path) -> None:
        tiny_bundle(tmp_path, "soft", gain=1.0)
        predict("scans/a.nii", "--bundle", "./soft", "--threshold", "0.7", "--probabilities").succeeded()
        probability = np.asarray(nib.load(tmp_path / "predictions" / "a_probability.nii.gz").dataobj)
        mask = np.asarray(nib.load(tmp_path / "predictions" / "a_mask.nii.gz").dataobj)
        np.testing.assert_array_equal(mask, probability > 0.7)
        assert 0 < mask.sum() < mask.size

    def test_settings_that_change_a_mask_are_refused_over_others(self, predict: Medseg) -> None:
        predict("scans", "--bundle", "./tiny").succeeded()
        for option, named in (
            (("--tta",), "tta False, now True"),
            (("--largest", "1"), "keep_components 0, now 1"),
            (("--fill-holes",), "fill_holes False, now True"),
            (("--min-size", "3"), "min_size_voxels 0, now 3"),
            (("--threshold", "0.25"), "threshold 0.5, now 0.25"),
        ):
            assert predict("scans", "--bundle", "./tiny", *option).refused() == (
                f"predictions: must have results of the same weights and settings, got others ({named}); replace them"
                " with --overwrite, or give another --output"
            )

    def test_batch_size_and_device_change_nothing(self, predict: Medseg) -> None:
        predict("scans", "--bundle", "./tiny").succeeded()
        ended = predict("scans", "--bundle", "./tiny", "--batch-size", "2", "--device", "cpu").succeeded()
        assert "2 were there" in ended.stdout

    def test_several_bundles_are_averaged(self, predict: Medseg, tmp_path: Path) -> None:
        tiny_bundle(tmp_path, "corner", network="LowCorner")
        bundles = ("--bundle", "./tiny", "--bundle", "./corner")
        predict("scans/a.nii", *bundles, "--probabilities").succeeded()
        probability = np.asarray(nib.load(tmp_path / "predictions" / "a_probability.nii.gz").dataobj)
        bright = (np.asarray(nib.load("scans/a.nii").dataobj) > 127.5).astype(float)
        # In RAS the columns run the other way round; the corner is a quarter of 7 x 5 pixels.
        corner = np.zeros((7, 5, 3))
        corner[-3:, :2] = 1
        np.testing.assert_allclose(probability, (bright + corner) / 2, atol=0.011)  # 127 lies next to the threshold

    def test_run_names_a_training(self, predict: Medseg, tmp_path: Path) -> None:
        weights = tmp_path / "run" / "weights" / "last" / "model.pt"
        weights.parent.mkdir(parents=True)
        torch.save({"gain": torch.tensor(-1000.0)}, weights)
        predict("scans/a.nii", "--bundle", "./tiny", "--run", "run", "--to", "nifti").succeeded()
        values = np.asarray(nib.load("scans/a.nii").dataobj)
        mask = np.asarray(nib.load(tmp_path / "predictions" / "a_mask.nii.gz").dataobj)
        np.testing.assert_array_equal(mask, values < 127.5)

    def test_orientation_of_pictures(self, predict: Medseg, tmp_path: Path) -> None:
        predict("scans/b.png", "--bundle", "tiny", "--orientation", "LP", "--to", "nifti").succeeded()
        assert nib.aff2axcodes(nib.load(tmp_path / "predictions" / "b_mask.nii.gz").affine) == ("L", "P", "S")


@pytest.mark.usefixtures("bundle")
class TestLeftOut:
    def test_one_broken_scan_does_not_stop_the_rest(self, predict: Medseg, scans: Path) -> None:
        (scans / "c.nii").write_bytes(b"no scan at all")
        ended = predict("scans", "--bundle", "./tiny")
        assert ended.refused(status=1) == (
            "1 of 3 scans could not be predicted; mend them and run it again, which predicts only those"
        )
        assert list(rows(ended.stdout)) == ["a", "b"]
        assert "2 predicted, 0 were there, 1 left out; results in predictions" in ended.stdout
        (told,) = [line for line in ended.stderr.splitlines() if line.startswith("left out: ")]
        assert told.startswith("left out: scans/c.nii: must be a NIfTI file, got ")
        write_nifti(scans / "c.nii")
        assert "1 predicted, 2 were there, 0 left out" in predict("scans", "--bundle", "./tiny").succeeded().stdout

    def test_no_table_where_there_is_no_result(self, predict: Medseg, tmp_path: Path) -> None:
        (tmp_path / "c.nii").write_bytes(b"no scan at all")
        ended = predict("c.nii", "--bundle", "./tiny")
        assert ended.refused(status=1).startswith("1 of 1 scans could not be predicted")
        assert not rows(ended.stdout)
        assert not (tmp_path / "predictions").exists()

    def test_full_disk(self, predict: Medseg, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_args: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(medseg.predict.save_results, "write_grey", full)
        ended = predict("scans", "--bundle", "./tiny")
        ended.refused(status=1)
        assert (
            "error: predictions: results of b must be writable, got No space left on device; make room or choose"
            " another folder, and run it again" in ended.stderr.splitlines()
        )
        assert not list((tmp_path / "predictions").rglob("*b_mask*"))
        assert not list((tmp_path / "predictions").rglob(".partial*"))

    @pytest.mark.parametrize("formats", ["dicomseg", "rtstruct,nifti"])
    def test_dicom_of_other_scans(self, predict: Medseg, scans: Path, formats: str) -> None:
        ended = predict("scans/a.nii", "--bundle", "./tiny", "--to", formats)
        ended.refused(status=1)
        assert (
            "must refer to the images of a DICOM series, which this file is not; give the DICOM series, or --to"
            " nifti,png" in ended.stderr
        )


@pytest.mark.usefixtures("bundle", "scans")
class TestUsage:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (("--to", "dicom"), "--to must be of nifti, png, dicomseg, rtstruct, joined by commas, got 'dicom'"),
            (
                ("--window-hu", "wide"),
                "--window-hu must be two rising numbers of HU, such as -100,400, got 'wide'",
            ),
            (
                ("--window-hu", "400,-100"),
                "--window-hu must be two rising numbers of HU, such as -100,400, got '400,-100'",
            ),
            (
                ("--window-hu", "0,nan"),
                "--window-hu must be two rising numbers of HU, such as -100,400, got '0,nan'",
            ),
            (
                ("--window-hu", "-inf,400"),
                "--window-hu must be two rising numbers of HU, such as -100,400, got '-inf,400'",
            ),
            (("--threshold", "2"), "--threshold must be a number in [0, 1], got 2"),
            (("--threshold", "nan"), "--threshold must be a number in [0, 1], got nan"),
            (("--batch-size", "0"), "--batch-size must be a whole number from 1, got 0"),
            (("--largest", "-1"), "--largest must be a whole number from 1, got -1"),
            (("--min-size", "0"), "--min-size must be a whole number from 1, got 0"),
            (("--tilt", "yes"), "--tilt must be refuse or resample, got 'yes'"),
            (("--irregular", "yes"), "--irregular must be refuse or resample, got 'yes'"),
            (("--duplicates", "last"), "--duplicates must be refuse or first, got 'last'"),
            (("--trust-affine", "both"), "--trust-affine must be qform or sform, got 'both'"),
            (("--run", "scans"), "scans: run must be the folder of a finished training, but it has no weights/last/"),
            (("--output", "scans"), "scans: output must be another folder than the images', or a mask may replace one"),
            (("--output", "scans/a.nii"), "scans/a.nii: output must be a folder, got a file"),
            (("--engine", "tensorflow"), "engine must be one of torch, torchscript, onnx, openvino, got 'tensorflow'"),
            (("--orientation", "LX"), "orientation must be two letters of R, L, A, P, S, I along different axes"),
            (("--device", "abacus"), "--device must be one that is here, such as cpu, got 'abacus': "),
        ],
    )
    def test_wrong_options_are_refused_before_any_work(
        self, predict: Medseg, tmp_path: Path, options: tuple[str, ...], message: str
    ) -> None:
        given = () if "--output" in options else ("--output", "out")
        assert predict("scans", "--bundle", "./tiny", *given, *options).refused().startswith(message)
        assert not (tmp_path / "out").exists()

    def test_unknown_bundle(self, predict: Medseg) -> None:
        error = predict("scans", "--bundle", "unnet").refused()
        assert re.match(r"unnet: must be a bundle's folder with configs/inference\.json, or one of .*unet.*; ", error)

    def test_missing_weights(self, predict: Medseg, bundle: Path) -> None:
        (bundle / "models" / "model.pt").unlink()
        assert predict("scans", "--bundle", "./tiny").refused() == (
            "tiny/models/model.pt: weights must exist; train the bundle first, or name a training with --run"
        )

    def test_weights_of_another_network(self, predict: Medseg, bundle: Path) -> None:
        torch.save(torch.nn.Conv2d(1, 1, 1).state_dict(), bundle / "models" / "model.pt")
        error = predict("scans", "--bundle", "./tiny").refused(status=1)
        assert error.startswith("tiny/models/model.pt: must be this network's state dict, got Error(s) in loading")

    def test_damaged_facts(self, predict: Medseg, bundle: Path) -> None:
        (bundle / "models" / "model.json").write_text("{")
        error = predict("scans", "--bundle", "./tiny").refused(status=1)
        assert error.startswith("tiny/models/model.json: must be JSON, got ")

    def test_run_with_two_bundles(self, predict: Medseg) -> None:
        error = predict("scans", "--bundle", "./tiny", "--bundle", "./tiny", "--run", "run").refused()
        assert error == "--run must go with one --bundle, got 2"

    def test_bundles_of_different_foregrounds(self, predict: Medseg, tmp_path: Path) -> None:
        tiny_bundle(tmp_path, "liver", facts=CT)
        error = predict("scans", "--bundle", "./tiny", "--bundle", "./liver").refused()
        assert error == (
            "bundles must segment the same to be averaged, got cell nucleus (tiny) and liver (liver); predict with one"
            " of them"
        )

    def test_no_scans(self, predict: Medseg, tmp_path: Path) -> None:
        (tmp_path / "notes").mkdir()
        (tmp_path / "notes" / "notes.txt").touch()
        assert predict("notes", "--bundle", "./tiny").refused() == (
            "notes: must hold scans or images (DICOM in any folders; NIfTI, NRRD, MetaImage, PNG, TIFF, JPEG or BMP"
            " directly in it), but none was found"
        )

    def test_missing_scan(self, predict: Medseg) -> None:
        assert predict("nowhere", "--bundle", "./tiny").refused() == (
            "nowhere: must be a scan, an image or a folder of them, but there is no such path"
        )

    def test_two_scans_of_one_name(self, predict: Medseg, scans: Path) -> None:
        write_png(scans / "a.png")
        assert "scans must have different names" in predict("scans", "--bundle", "./tiny").refused()

    def test_table_of_terms_that_is_not_there(self, predict: Medseg, tmp_path: Path) -> None:
        options = ("--to", "dicomseg", "--terms", "nowhere.csv")
        assert predict("scans", "--bundle", "./tiny", *options).refused().startswith("nowhere.csv: --terms must be ")
        assert not (tmp_path / "predictions").exists()

    def test_foreground_without_a_term(self, predict: Medseg, tmp_path: Path) -> None:
        tiny_bundle(tmp_path, "blobs", facts={**GREY, "foreground": "blob"})
        error = predict("scans", "--bundle", "./blobs", "--to", "nifti,dicomseg").refused()
        assert error.startswith("foreground 'blob' must have a coded term in DICOM, got none for it; say which with")
        assert not (tmp_path / "predictions").exists()

    def test_unknown_option_is_wrong_usage(self, predict: Medseg) -> None:
        ended = predict("scans", "--bundle", "./tiny", "--treshold", "0.5")
        assert ended.status == 2
        assert "No such option: --treshold" in ended.stderr

    @pytest.mark.parametrize("args", [("--bundle", "./tiny"), ("scans",)])
    def test_scans_and_bundle_must_be_given(self, predict: Medseg, args: tuple[str, ...]) -> None:
        assert predict(*args).status == 2


def test_without_extras_the_command_that_installs_them_is_named(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules.update(dict.fromkeys(['torch', 'mlflow', 'monai', 'ignite'])); "
    command = [sys.executable, "-c", f"{hidden}from medseg.cli import main; main()", "predict", "a", "--bundle", "b"]
    error = run_process(command, cwd=tmp_path).refused()
    assert error in [
        f"predict needs {name}; install it with: pip install 'medseg[train]'" for name in ("torch", "monai")
    ]
