from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from monai.data import MetaTensor
from torch import nn

from medseg.deploy.bundle_config import bundle_network
from medseg.deploy.export import export_bundle
from medseg.deploy.formats import Engine
from medseg.deploy.runtimes import network_for
from medseg.errors import MedsegError, UsageError
from medseg.io.hashes import file_sha256
from tests.commands import ROOT, run_process
from tests.medseg.deploy.export_bundles import make_bundle, put_weights

ENGINES = get_args(Engine)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A narrow U-Net in every format; read only."""
    bundle = make_bundle(tmp_path_factory.mktemp("exported"))
    export_bundle(bundle, "torchscript,onnx,openvino")
    return bundle


@pytest.fixture
def copied(exported: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(exported, tmp_path / "unet")


def weights_of(bundle: Path) -> Path:
    return bundle / "models" / "model.pt"


def open_engine(engine: Any, bundle: Path) -> nn.Module:
    network = bundle_network(bundle)
    if engine == "torch":
        for parameter in network.parameters():
            nn.init.zeros_(parameter)
    return network_for(engine, network, weights_of(bundle), CPU)


class TestNetworkFor:
    @pytest.mark.parametrize("engine", ENGINES)
    def test_takes_and_gives_float32_tensors_of_any_size(self, exported: Path, engine: str) -> None:
        network, expected = open_engine(engine, exported), bundle_network(exported)
        for shape in ((1, 1, 16, 24), (4, 1, 9, 31), (1, 1, 1, 1)):
            image = torch.rand(shape)
            with torch.inference_mode():
                logits = network(image)
                torch.testing.assert_close(logits, expected(image), rtol=0, atol=1e-4)
            assert logits.dtype == torch.float32

    @pytest.mark.parametrize("engine", ENGINES)
    def test_is_in_evaluation_mode(self, exported: Path, engine: str) -> None:
        assert not any(module.training for module in open_engine(engine, exported).modules())

    @pytest.mark.parametrize("engine", ENGINES)
    def test_result_outlives_the_next_call(self, exported: Path, engine: str) -> None:
        network = open_engine(engine, exported)
        with torch.no_grad():
            first = network(torch.zeros(1, 1, 16, 16))
            kept = first.clone()
            network(torch.ones(1, 1, 16, 16))
        assert torch.equal(first, kept)

    @pytest.mark.parametrize("engine", ENGINES)
    def test_takes_slices_as_views_with_metadata(self, exported: Path, engine: str) -> None:
        volume = torch.rand(1, 16, 24, 5)
        slices = MetaTensor(volume).permute(3, 0, 1, 2)[1:3]
        with torch.inference_mode():
            expected = bundle_network(exported)(volume.permute(3, 0, 1, 2)[1:3].contiguous())
            logits = open_engine(engine, exported)(slices)
        torch.testing.assert_close(torch.as_tensor(logits), expected, rtol=0, atol=1e-4, check_stride=False)

    @pytest.mark.parametrize("engine", ENGINES[1:])
    def test_the_network_that_is_given_is_left_alone(self, exported: Path, engine: Any) -> None:
        other = nn.Conv2d(1, 1, 1)
        before = {name: value.clone() for name, value in other.state_dict().items()}
        network_for(engine, other, weights_of(exported), CPU)
        assert all(torch.equal(value, before[name]) for name, value in other.state_dict().items())


class TestThreads:
    """Engines take as many threads as torch has."""

    def test_onnx_and_openvino(self, exported: Path) -> None:
        threads = torch.get_num_threads()
        onnx: Any = open_engine("onnx", exported)
        openvino: Any = open_engine("openvino", exported)
        assert onnx.session.get_session_options().intra_op_num_threads == threads
        compiled = openvino.request.get_compiled_model()
        assert compiled.get_property("INFERENCE_NUM_THREADS") == threads

    def test_openvino_computes_in_32_bits(self, exported: Path) -> None:
        openvino: Any = open_engine("openvino", exported)
        assert "float" in str(openvino.request.get_compiled_model().get_property("INFERENCE_PRECISION_HINT"))


class TestRefusals:
    def test_unknown_engine(self, exported: Path) -> None:
        with pytest.raises(
            UsageError, match="engine must be one of torch, torchscript, onnx, openvino, got 'tensorrt'"
        ):
            open_engine("tensorrt", exported)

    @pytest.mark.parametrize("engine", ENGINES)
    def test_missing_weights(self, copied: Path, engine: Any) -> None:
        weights_of(copied).unlink()
        with pytest.raises(UsageError, match=r"model\.pt: weights must exist"):
            network_for(engine, nn.Conv2d(1, 1, 1), weights_of(copied), CPU)

    @pytest.mark.parametrize(
        ("engine", "missing", "file"),
        [
            ("torchscript", "model.ts", "model.ts"),
            ("onnx", "model.onnx", "model.onnx"),
            ("openvino", "model.xml", "model.xml"),
            ("openvino", "model.bin", "model.xml"),
            ("onnx", "exports.json", "model.onnx"),
        ],
    )
    def test_missing_export_names_the_command_that_makes_it(
        self, copied: Path, engine: str, missing: str, file: str
    ) -> None:
        (copied / "models" / missing).unlink()
        with pytest.raises(UsageError) as raised:
            open_engine(engine, copied)
        assert str(raised.value) == (
            f"{copied}/models/{file}: engine '{engine}' needs an export of the weights, got none;"
            f" make it: medseg export {copied} --to {engine}"
        )

    def test_run_s_weights_have_no_export(self, exported: Path, tmp_path: Path) -> None:
        weights = Path(shutil.copy(weights_of(exported), tmp_path))
        with pytest.raises(UsageError, match=r"got none; make it: medseg export BUNDLE --to onnx$"):
            network_for("onnx", bundle_network(exported), weights, CPU)

    @pytest.mark.parametrize("engine", ENGINES[1:])
    def test_export_of_other_weights(self, copied: Path, engine: str) -> None:
        put_weights(copied, seed=1)
        message = (
            rf"must be an export of model\.pt, got one of other weights; export again: medseg export \S+ --to {engine}"
        )
        with pytest.raises(MedsegError, match=message):
            open_engine(engine, copied)

    @pytest.mark.parametrize(
        ("engine", "file"),
        [("torchscript", "model.ts"), ("onnx", "model.onnx"), ("openvino", "model.xml"), ("openvino", "model.bin")],
    )
    def test_export_that_was_changed(self, copied: Path, engine: str, file: str) -> None:
        path = copied / "models" / file
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        with pytest.raises(MedsegError, match=rf"{file}: must be as it was exported, got another file; export again: "):
            open_engine(engine, copied)

    @pytest.mark.parametrize("content", ["{", "[]", '{"onnx": {}}', '{"onnx": 1}'])
    def test_damaged_record(self, copied: Path, content: str) -> None:
        (copied / "models" / "exports.json").write_text(content)
        with pytest.raises(MedsegError, match=r"exports\.json: must be a record of exports, got .*; delete it and"):
            open_engine("onnx", copied)

    @pytest.mark.parametrize(("engine", "file"), [("torchscript", "model.ts"), ("onnx", "model.onnx")])
    def test_file_that_the_engine_cannot_open(self, copied: Path, engine: str, file: str) -> None:
        path, record = copied / "models" / file, copied / "models" / "exports.json"
        path.write_bytes(b"of a later version")
        entries = json.loads(record.read_text())
        entries[engine]["files_sha256"][file] = file_sha256(path)
        record.write_text(json.dumps(entries))
        with pytest.raises(MedsegError, match=rf"{file}: must be a network that {engine} opens, got .*; export again$"):
            open_engine(engine, copied)

    @pytest.mark.parametrize(("engine", "package"), [("onnx", "onnxruntime"), ("openvino", "openvino")])
    def test_missing_package_names_the_extra(
        self, exported: Path, monkeypatch: pytest.MonkeyPatch, engine: str, package: str
    ) -> None:
        monkeypatch.setitem(sys.modules, package, None)  # type: ignore[arg-type]
        message = rf"engine '{engine}' needs {package}; install it with: pip install 'medseg\[export\]'"
        with pytest.raises(UsageError, match=message):
            open_engine(engine, exported)

    @pytest.mark.parametrize(
        ("format_", "package"), [("onnx", "onnx"), ("onnx", "onnxscript"), ("openvino", "openvino")]
    )
    def test_missing_package_of_an_export(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_: str, package: str
    ) -> None:
        monkeypatch.setitem(sys.modules, package, None)  # type: ignore[arg-type]
        message = rf"an export to .* needs {package}; install it with: pip install 'medseg\[export\]'"
        with pytest.raises(UsageError, match=message):
            export_bundle(make_bundle(tmp_path), format_)


def test_openvino_does_not_report_to_its_maker() -> None:
    code = (
        "import sys; from medseg.deploy.formats import import_extra; import_extra('openvino', purpose='a test');"
        "print([name for name in sys.modules if name.startswith('openvino_telemetry') and sys.modules[name]])"
    )
    assert run_process([sys.executable, "-c", code], cwd=ROOT).succeeded().stdout.strip() == "[]"
