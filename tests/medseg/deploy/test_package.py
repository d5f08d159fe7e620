from __future__ import annotations

import hashlib
import json
import shutil
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from medseg.deploy.package import package_bundle
from medseg.errors import MedsegError, UsageError
from medseg.io.hashes import file_sha256
from tests.commands import ROOT
from tests.factories import edit_json
from tests.medseg.deploy.export_bundles import put_weights
from tests.medseg.deploy.packages import FACTS, make_known_bundle

SCORES = {"mean": 0.75, "std": 0.1, "ci95_low": 0.5, "ci95_high": 1.0, "n": 3}
ONE = {"mean": 0.6, "std": None, "ci95_low": None, "ci95_high": None, "n": 1}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return make_known_bundle(tmp_path)


def packed(bundle: Path, **options: Any) -> dict[str, bytes]:
    """Content of the package by path below the bundle's folder."""
    package = package_bundle(bundle, bundle.parent / "packed" / "p.zip", **options)
    with zipfile.ZipFile(package) as archive:
        return {name.removeprefix("unet/"): archive.read(name) for name in archive.namelist()}


def read_json(content: bytes) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(content)
    return read


class TestPackageBundle:
    def test_has_the_zoo_s_layout(self, bundle: Path) -> None:
        files = packed(bundle)
        assert {name for name in files if not name.startswith("medseg/")} == {
            "LICENSE",
            "checksums.sha256",
            "configs/evaluate.json",
            "configs/inference.json",
            "configs/logging.conf",
            "configs/metadata.json",
            "configs/multi_gpu_evaluate.json",
            "configs/multi_gpu_train.json",
            "configs/train.json",
            "docs/README.md",
            "models/model.json",
            "models/model.pt",
        }
        for name in ("LICENSE", "models/model.pt", "models/model.json"):
            assert files[name] == (bundle / name).read_bytes()

    def test_has_all_code(self, bundle: Path) -> None:
        files = packed(bundle)
        code = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in (ROOT / "medseg").rglob("*.py")}
        assert {name: content for name, content in files.items() if name.startswith("medseg/")} == code

    def test_checksums_name_each_file(self, bundle: Path) -> None:
        files = packed(bundle)
        lines = files.pop("checksums.sha256").decode().splitlines()
        assert lines == [f"{hashlib.sha256(files[name]).hexdigest()}  {name}" for name in sorted(files)]

    def test_same_bundle_gives_the_same_bytes(self, bundle: Path, tmp_path: Path) -> None:
        first = package_bundle(bundle, tmp_path / "first.zip").read_bytes()
        other = tmp_path / "elsewhere" / "unet"
        shutil.copytree(bundle, other)
        time.sleep(2.1)  # a zip keeps times in steps of two seconds
        for path in other.rglob("*"):
            path.touch()
        assert package_bundle(other, tmp_path / "second.zip").read_bytes() == first

    def test_metadata_name_what_was_learnt(self, bundle: Path) -> None:
        metadata = read_json(packed(bundle)["configs/metadata.json"])
        formats = metadata["network_data_format"]
        assert formats["outputs"]["pred"]["channel_def"] == {"0": "background", "1": "disc"}
        assert formats["inputs"]["image"]["modality"] == "CT"
        assert metadata["data_source"] == "discs"
        assert "medseg" not in metadata["required_packages_version"]

    def test_card_names_data_window_and_limits(self, bundle: Path) -> None:
        card = packed(bundle)["docs/README.md"].decode()
        for line in (
            "# U-Net: disc",
            "| Data set | discs, 4 cases of fold 2 |",
            "| Modality | CT |",
            "| Window | -100 to 300 HU |",
            "| Weights | last epoch (7 of 7) |",
            "Not known to this package: it was made of installed weights, not of a run.",
            "Research on segmentation networks; not for clinical use. The network has seen the data set above and",
        ):
            assert line in card
        assert "{" not in card

    def test_card_marks_a_leaky_split(self, tmp_path: Path) -> None:
        card = packed(make_known_bundle(tmp_path, leaky=True))["docs/README.md"].decode()
        assert "fold 2 (random split: scores are too good)" in card

    def test_weights_and_scores_may_be_a_run_s(self, bundle: Path, tmp_path: Path) -> None:
        run = tmp_path / "run"
        (run / "weights" / "best").mkdir(parents=True)
        put_weights(bundle, seed=5)
        shutil.move(bundle / "models" / "model.pt", run / "weights" / "best" / "model.pt")
        (run / "weights" / "best" / "model.json").write_text(json.dumps({**FACTS, "dataset": "other", "which": "best"}))
        summary = {"chosen_on_these_cases": True, "volume_level": {"dice": SCORES, "iou": ONE, "hd95": {"mean": None}}}
        (run / "summary_best.json").write_text(json.dumps(summary))
        files = packed(bundle, run=str(run), which="best")
        assert files["models/model.pt"] == (run / "weights" / "best" / "model.pt").read_bytes()
        card = files["docs/README.md"].decode()
        assert "| Data set | other, 4 cases of fold 2 |" in card
        assert "| a volume | dice | 0.7500 | 0.5000 to 1.0000 | 3 |" in card
        assert "| a volume | iou | 0.6000 | none | 1 |" in card
        assert "The epoch was chosen on these cases." in card


class TestExports:
    @pytest.fixture
    def exported(self, bundle: Path) -> Path:
        """A bundle with an export of its weights, and an older one of others."""
        models = bundle / "models"
        for name in ("model.ts", "model.onnx"):
            (models / name).write_text(name)
        record = {
            "torchscript": {
                "weights_sha256": file_sha256(models / "model.pt"),
                "files_sha256": {"model.ts": file_sha256(models / "model.ts")},
            },
            "onnx": {"weights_sha256": "0" * 64, "files_sha256": {"model.onnx": file_sha256(models / "model.onnx")}},
        }
        (models / "exports.json").write_text(json.dumps(record))
        return bundle

    def test_those_of_the_weights_go_in(self, exported: Path) -> None:
        files = packed(exported)
        assert files["models/model.ts"] == b"model.ts"
        assert "models/model.onnx" not in files
        assert list(read_json(files["models/exports.json"])) == ["torchscript"]
        card = files["docs/README.md"].decode()
        assert "chosen by `--engine`: `torchscript` (`models/model.ts`)." in card

    def test_none_of_other_weights_go_in(self, exported: Path) -> None:
        put_weights(exported, seed=9)
        (exported / "models" / "model.json").write_text(json.dumps(FACTS))
        assert {name for name in packed(exported) if name.startswith("models/")} == {
            "models/model.json",
            "models/model.pt",
        }

    def test_a_changed_one_is_refused(self, exported: Path) -> None:
        (exported / "models" / "model.ts").write_text("changed")
        with pytest.raises(MedsegError, match=r"model.ts: must be as it was exported, got another file"):
            packed(exported)


class TestRefusals:
    def test_bundle_without_weights(self, bundle: Path) -> None:
        (bundle / "models" / "model.pt").unlink()
        with pytest.raises(UsageError, match=r"model.pt: a package must hold weights, but there are none; train "):
            packed(bundle)
        assert not (bundle.parent / "packed").exists()

    def test_weights_of_unknown_origin(self, bundle: Path) -> None:
        (bundle / "models" / "model.json").unlink()
        with pytest.raises(UsageError, match="must say what the weights were trained on, but it does not exist; "):
            packed(bundle)

    def test_weights_of_which_too_little_is_known(self, bundle: Path) -> None:
        edit_json(bundle / "models" / "model.json", lambda facts: facts.pop("modality"))
        with pytest.raises(UsageError, match=r"model.json: must say .* trained on, but it has no 'modality'; train "):
            packed(bundle)

    def test_damaged_facts(self, bundle: Path) -> None:
        (bundle / "models" / "model.json").write_text("{")
        with pytest.raises(MedsegError, match=r"model.json: must be JSON, got "):
            packed(bundle)

    def test_another_network_s_weights(self, bundle: Path) -> None:
        torch.save({"layer": torch.zeros(1)}, bundle / "models" / "model.pt")
        with pytest.raises(MedsegError, match=r"model.pt: must be this network's state dict, got "):
            packed(bundle)

    @pytest.mark.parametrize("path", ["/home/doe/scans", "~/scans", "C:\\scans", "\\\\server\\scans", "file:///scans"])
    @pytest.mark.parametrize("file", ["models/model.json", "configs/inference.json", "configs/metadata.json"])
    def test_path_of_this_machine(self, bundle: Path, file: str, path: str) -> None:
        edit_json(bundle / file, lambda content: content.update(extra={"deep": [path]}))
        with pytest.raises(MedsegError, match="a package must hold no path of this machine, got ") as raised:
            packed(bundle)
        assert str(raised.value).startswith(f"{bundle / file}: ")

    @pytest.mark.parametrize(("text", "got"), [("{", "must be JSON, got "), ("[]", "must be a JSON object, got list")])
    def test_damaged_config(self, bundle: Path, text: str, got: str) -> None:
        (bundle / "configs" / "evaluate.json").write_text(text)
        with pytest.raises(MedsegError, match=f"evaluate.json: {got}"):
            packed(bundle)

    def test_name_that_no_client_could_take(self, bundle: Path) -> None:
        odd = bundle.rename(bundle.parent / "my unet")
        with pytest.raises(UsageError, match=r"bundle's name must consist of letters, digits, .*, got 'my unet'$"):
            packed(odd)

    def test_output_that_cannot_be_written(self, bundle: Path, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(UsageError, match=r"p.zip: must be a file that can be written, got "):
            package_bundle(bundle, tmp_path / "file" / "p.zip")

    def test_full_disk_leaves_nothing(self, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_args: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("medseg.deploy.package._add", full)
        with pytest.raises(UsageError, match=r"p.zip: must be .* written, got No space left on device$"):
            package_bundle(bundle, tmp_path / "out" / "p.zip")
        assert list((tmp_path / "out").iterdir()) == []
