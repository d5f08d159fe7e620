"""Ways to take a volume through a network.

What a task needs is imported when it runs, in a process of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = ["BASE", "TASKS", "Task", "prepare"]

Inferer = Literal["naive", "monai", "medseg"]


@dataclass(frozen=True)
class Task:
    """One way.

    Attributes:
        key: Short name.
        title: For the table.
        inferer: What cuts the volume into slices.
        engine: As ``medseg.deploy.network_for`` takes it.
        batch_size: Slices at a time.
        channels_last: Memory format of torch's network; slices come in the inferer's.
        folded: Whether batch norms are merged into convolutions.
        compiled: Whether torch compiles the network.
        inference_mode: Whether ``torch.inference_mode`` takes the place of ``torch.no_grad``.
        threads: None for all cores.
        core: Whether it is measured for every network.
    """

    key: str
    title: str
    inferer: Inferer = "medseg"
    engine: str = "torch"
    batch_size: int = 1
    channels_last: bool = True
    folded: bool = False
    compiled: bool = False
    inference_mode: bool = False
    threads: int | None = None
    core: bool = False


BASE = "naive"
_TASKS = (
    Task(BASE, "naive: eager torch, slice by slice", "naive", channels_last=False, core=True),
    Task("monai", "MONAI `SliceInferer`, channels last", "monai", core=True),
    Task("ours", "`SlicewiseInferer`, channels last", core=True),
    Task("batch-2", "… 2 slices at a time", batch_size=2),
    Task("batch-4", "… 4 slices at a time", batch_size=4, core=True),
    Task("batch-8", "… 8 slices at a time", batch_size=8),
    Task("contiguous", "… network in torch's default format", channels_last=False),
    Task("folded", "… batch norm folded: the default", folded=True, core=True),
    Task("inference-mode", "… `torch.inference_mode`", inference_mode=True),
    Task("compiled", "… `torch.compile`", compiled=True),
    Task("torchscript", "… TorchScript", engine="torchscript"),
    Task("onnx", "… ONNX Runtime", engine="onnx", core=True),
    Task("onnx-4", "… ONNX Runtime, 4 slices at a time", engine="onnx", batch_size=4),
    Task("openvino", "… OpenVINO", engine="openvino", core=True),
    Task("openvino-4", "… OpenVINO, 4 slices at a time", engine="openvino", batch_size=4),
    Task("ours-1", "`SlicewiseInferer`, channels last, 1 thread", threads=1),
    Task("onnx-1", "… ONNX Runtime, 1 thread", engine="onnx", threads=1),
    Task("openvino-1", "… OpenVINO, 1 thread", engine="openvino", threads=1),
)
TASKS = {task.key: task for task in _TASKS}


def prepare(task: Task, bundle: Path) -> Callable[[Any], Any]:
    """What predicts a volume: logits ``(1, 1, x, y, z)`` for ``(1, 1, x, y, z)``.

    Args:
        task: Way.
        bundle: With weights, and the task's export.
    """
    import torch

    if task.threads is not None:
        torch.set_num_threads(task.threads)
    network = _network(task, bundle)
    inferer = _inferer(task)
    mode = torch.inference_mode if task.inference_mode else torch.no_grad

    def predict(volume: Any) -> Any:
        with mode():
            return inferer(volume, network)

    return predict


def _network(task: Task, bundle: Path) -> Any:
    import torch

    from medseg.deploy.bundle_config import bundle_network
    from medseg.deploy.runtimes import network_for
    from medseg.networks import fold_batch_norm

    network = bundle_network(bundle)
    if task.engine != "torch":
        return network_for(task.engine, network, bundle / "models" / "model.pt", torch.device("cpu"))  # type: ignore[arg-type]
    if task.folded:
        network = fold_batch_norm(network)
    if task.channels_last:
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return torch.compile(network, dynamic=False) if task.compiled else network


def _inferer(task: Task) -> Callable[[Any, Any], Any]:
    import torch
    from monai.inferers import SliceInferer

    from medseg.inferers import SlicewiseInferer

    if task.inferer == "monai":
        inferer: Any = SliceInferer(roi_size=(-1, -1), sw_batch_size=task.batch_size, spatial_dim=2)
        return inferer  # type: ignore[no-any-return]
    if task.inferer == "medseg":
        return SlicewiseInferer(batch_size=task.batch_size)

    def naive(volume: Any, network: Any) -> Any:
        return torch.stack([network(volume[..., z]) for z in range(volume.shape[-1])], dim=-1)

    return naive
