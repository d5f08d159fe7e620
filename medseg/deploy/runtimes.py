"""One network in several engines; each is a torch module from ``(B, 1, H, W)`` to ``(B, 1, H, W)``.

Exports compute in 32 bits, as torch does, with as many threads as torch has. All but torch's run on the CPU; ONNX
Runtime uses CUDA where it has that and the device is one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from medseg.deploy.export_record import check_export
from medseg.deploy.formats import FORMATS, Engine, check_engine, import_extra
from medseg.errors import MedsegError
from medseg.networks import fold_batch_norm
from medseg.runs import check_weights, load_weights

__all__ = ["network_for", "open_export"]


def network_for(engine: Engine, network_def: nn.Module, weights: Path | str, device: torch.device) -> nn.Module:
    """A network with weights in an engine, ready for evaluation.

    Args:
        engine: torch, or the format of an export that lies beside the weights.
        network_def: The network without weights. torch fills it and returns it, or a copy whose batch norms are merged
            into convolutions; other engines leave it alone.
        weights: State dict.
        device: Where torch computes.

    Returns:
        Module that takes and gives float32 tensors ``(B, 1, H, W)`` on ``device``.

    Raises:
        UsageError: If there is no such engine, a package is missing, or the weights or their export are.
        MedsegError: If the weights are another network's, or the export was made of other weights or was changed.
    """
    check_engine(engine)
    if engine == "torch":
        load_weights(weights, network_def)
        network = fold_batch_norm(network_def.eval())
        return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
    check_weights(Path(weights))
    path = check_export(Path(weights), FORMATS[engine])
    return open_export(engine, path, device)


def open_export(engine: str, path: Path, device: torch.device) -> nn.Module:
    """The export in a file, whatever weights it was made of.

    Raises:
        UsageError: If a package is missing.
        MedsegError: If the engine cannot open the file.
    """
    opening: dict[str, type[nn.Module]] = {
        "torchscript": _TorchScript,
        "onnx": _OnnxRuntime,
        "openvino": _OpenVino,
    }
    try:
        return opening[engine](path, device).eval()
    except MedsegError:
        raise
    except Exception as error:  # each engine has errors of its own
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise MedsegError(f"{path}: must be a network that {engine} opens, got {reason}; export again") from error


class _TorchScript(nn.Module):
    """TorchScript on any device."""

    def __init__(self, path: Path, device: torch.device) -> None:
        super().__init__()
        self.network = torch.jit.load(str(path), map_location=device)

    def forward(self, img: Tensor) -> Tensor:
        """Logits ``(B, 1, H, W)`` for ``img`` ``(B, 1, H, W)``."""
        return self.network(img)  # type: ignore[no-any-return]


class _OnnxRuntime(nn.Module):
    """ONNX Runtime, with CUDA where it has that."""

    def __init__(self, path: Path, device: torch.device) -> None:
        super().__init__()
        runtime = import_extra("onnxruntime", purpose="engine 'onnx'")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # errors only
        on_cuda = device.type == "cuda" and "CUDAExecutionProvider" in runtime.get_available_providers()
        providers = ["CUDAExecutionProvider"] * on_cuda + ["CPUExecutionProvider"]
        self.session: Any = runtime.InferenceSession(str(path), options, providers=providers)

    def forward(self, img: Tensor) -> Tensor:
        """Logits ``(B, 1, H, W)`` for ``img`` ``(B, 1, H, W)``."""
        (logits,) = self.session.run(["logits"], {"image": img.detach().cpu().contiguous().numpy()})
        return torch.from_numpy(logits).to(img.device)


class _OpenVino(nn.Module):
    """OpenVINO on the CPU."""

    def __init__(self, path: Path, _device: torch.device) -> None:
        super().__init__()
        openvino = import_extra("openvino", purpose="engine 'openvino'")
        settings = {
            # Processors with bfloat16 would compute with that, unasked.
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        }
        compiled = openvino.Core().compile_model(str(path), "CPU", settings)
        self.request: Any = compiled.create_infer_request()

    def forward(self, img: Tensor) -> Tensor:
        """Logits ``(B, 1, H, W)`` for ``img`` ``(B, 1, H, W)``."""
        result = self.request.infer({"image": img.detach().cpu().contiguous().numpy()})
        return torch.from_numpy(result["logits"]).to(img.device)
