"""What the MONAI model zoo asks of a bundle: its metadata, network, exports and workflows."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import onnxruntime
import pytest
import torch
from monai.bundle import ConfigParser, create_workflow

from tests.bundles.conftest import Trained
from tests.bundles.test_predict import write_png
from tests.commands import BUNDLES, ROOT, Commands

SCHEMA = (ROOT / os.environ.get("MEDSEG_SHARED", "../shared")).resolve() / "monai" / "meta_schema_20240725.json"
with_schema = pytest.mark.skipif(not SCHEMA.is_file(), reason=f"no schema of the model zoo: {SCHEMA} does not exist")


def eager_network(trained: Trained) -> torch.nn.Module:
    parser = ConfigParser()
    parser.read_config(trained.config("inference"))
    network: torch.nn.Module = parser.get_parsed_content("network_def")
    network.load_state_dict(torch.load(trained.bundle / "models" / "model.pt", weights_only=True))
    return network.eval()


@pytest.mark.realdata
@with_schema
class TestMetadata:
    @pytest.mark.parametrize("bundle", BUNDLES)
    def test_metadata_fits_the_schema(self, bundle: str) -> None:
        metadata = json.loads((ROOT / "bundles" / bundle / "configs" / "metadata.json").read_text())
        jsonschema.validate(metadata, json.loads(SCHEMA.read_text()))
        assert metadata["version"] in metadata["changelog"]
        assert metadata["schema"].endswith(SCHEMA.name)

    @pytest.mark.parametrize("bundle", BUNDLES)
    def test_verify_metadata_accepts_it(self, bundle: str, commands: Commands, tmp_path: Path) -> None:
        # MONAI downloads the schema only where the file does not exist.
        shutil.copyfile(SCHEMA, tmp_path / "schema.json")
        meta_file = f"bundles/{bundle}/configs/metadata.json"
        args = ("--meta_file", meta_file, "--filepath", tmp_path / "schema.json")
        ended = commands("verify_metadata", *args, cwd=ROOT).succeeded()
        assert "metadata is verified with no error" in ended.stdout + ended.stderr


class TestNetwork:
    @pytest.mark.parametrize("bundle", BUNDLES)
    def test_verify_net_in_out_accepts_it_from_anywhere(self, bundle: str, commands: Commands, tmp_path: Path) -> None:
        for cwd, bundles in ((ROOT, Path("bundles")), (tmp_path, ROOT / "bundles")):
            configs = bundles / bundle / "configs"
            files = ("--meta_file", configs / "metadata.json", "--config_file", configs / "inference.json")
            ended = commands("verify_net_in_out", "network_def", *files, cwd=cwd).succeeded()
            assert "data shape of network is verified with no error" in ended.stdout + ended.stderr

    def test_torchscript_export_gives_the_same_logits(
        self, trained: Trained, commands: Commands, tmp_path: Path
    ) -> None:
        exported = tmp_path / "model.ts"
        commands(*export("ckpt_export", trained, exported), cwd=tmp_path).succeeded()
        extra = {"inference.json": "", "metadata.json": ""}
        script = torch.jit.load(str(exported), _extra_files=extra).eval()
        image = torch.rand(1, 1, 64, 96) * 2 - 1
        with torch.no_grad():
            torch.testing.assert_close(script(image), eager_network(trained)(image))
        assert json.loads(extra["inference.json"])["bundle_name"] == trained.bundle.name
        exported.unlink()

    def test_onnx_export_gives_the_same_logits(self, trained: Trained, commands: Commands, tmp_path: Path) -> None:
        exported = tmp_path / "model.onnx"
        args = export("onnx_export", trained, exported)
        commands(*args, "--input_shape", "[1,1,64,64]", cwd=tmp_path).succeeded()
        session = onnxruntime.InferenceSession(str(exported), providers=["CPUExecutionProvider"])
        image = torch.rand(1, 1, 64, 64) * 2 - 1
        (logits,) = session.run(None, {session.get_inputs()[0].name: image.numpy()})
        with torch.no_grad():
            expected = eager_network(trained)(image).numpy()
        np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=1e-4)
        for file in tmp_path.iterdir():
            file.unlink()


def export(command: str, trained: Trained, target: Path) -> list[str]:
    weights = trained.bundle / "models" / "model.pt"
    metadata = trained.bundle / "configs" / "metadata.json"
    files = ["--ckpt_file", weights, "--meta_file", metadata, "--config_file", trained.config("inference")]
    return [command, "network_def", "--filepath", str(target), *map(str, files)]


class TestWorkflows:
    """As the model zoo's unit tests: build, initialize, check properties, run, finalize, in the client's process."""

    def test_train(self, trained: Trained, tmp_path: Path) -> None:
        check(trained, ("train",), "train", {**limits(trained), "runs_dir": str(tmp_path / "runs")})
        (run,) = (tmp_path / "runs" / trained.bundle.name / "discs").iterdir()
        assert json.loads((run / "run.json").read_text())["status"] == "FINISHED"
        shutil.rmtree(run)

    def test_train_and_evaluate(self, trained: Trained, tmp_path: Path) -> None:
        settings = {"dataset_dir": str(trained.data), "output_dir": str(tmp_path / "out"), "run": str(trained.run)}
        check(trained, ("train", "evaluate"), "train", settings)
        assert (tmp_path / "out" / "summary.json").is_file()

    def test_inference(self, trained: Trained, tmp_path: Path) -> None:
        write_png(tmp_path / "cell.png", (40, 36))
        settings = {"dataset_dir": str(tmp_path), "output_dir": str(tmp_path / "out")}
        check(trained, ("inference",), "infer", settings)
        assert (tmp_path / "out" / "cell_mask.png").is_file()

    def test_unknown_ids_are_a_warning_to_clients(self, trained_unet: Trained, tmp_path: Path) -> None:
        settings = {**limits(trained_unet), "runs_dir": str(tmp_path), "max_epoch": 3}
        workflow_of(trained_unet, ("train",), "train", {**settings, "max_epoch": 3}, match="did you mean --max_epochs")


def limits(trained: Trained) -> dict[str, Any]:
    return {"dataset_dir": str(trained.data), "max_epochs": 1, "epoch_length": 1, "install": False}


def workflow_of(
    trained: Trained, configs: tuple[str, ...], kind: str, settings: Mapping[str, Any], match: str = "config_file"
) -> Any:
    files = [str(trained.bundle / "configs" / f"{name}.json") for name in configs]
    # MONAI warns at each workflow that configs execute code.
    with pytest.warns(UserWarning, match=match):
        return create_workflow(config_file=files, workflow_type=kind, logging_file=False, **settings)


def check(trained: Trained, configs: tuple[str, ...], kind: str, settings: Mapping[str, Any]) -> None:
    workflow = workflow_of(trained, configs, kind, settings)
    assert workflow.check_properties() == []
    workflow.run()
    workflow.finalize()
