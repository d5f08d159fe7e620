"""A network written in other formats, with height, width and batch left open."""

from __future__ import annotations

import contextlib
import json
import logging
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch
from monai.data import save_net_with_metadata
from torch import nn

from medseg.deploy.formats import Format, import_extra

__all__ = ["convert"]

# The first with every operation the networks have; runtimes of several years read it.
_OPSET = 18
_AXES = ("batch", "channel", "height", "width")
# No side is a multiple of a network's padding, and none is 1, which the exporter would take for fixed.
_EXAMPLE_SHAPE = (2, 1, 75, 107)


def convert(network: nn.Module, format_: Format, folder: Path, bundle_root: Path) -> None:
    """Write ``network`` in a format into ``folder``; OpenVINO is made of an ONNX file that then is there as well.

    Args:
        network: In evaluation mode, on the CPU; takes and gives ``(B, 1, H, W)``.
        format_: Format.
        folder: Where its files are written.
        bundle_root: Bundle whose metadata and configs TorchScript carries along, as MONAI's ``ckpt_export`` does.

    Raises:
        UsageError: If a package is missing.
    """
    with _quiet(), torch.no_grad():
        if format_.name == "torchscript":
            _write_torchscript(network, folder / format_.file, bundle_root / "configs")
            return
        onnx_file = folder / "model.onnx"
        if not onnx_file.is_file():
            _write_onnx(network, onnx_file)
        if format_.name == "openvino":
            _write_openvino(onnx_file, folder / format_.file)


def _write_torchscript(network: nn.Module, path: Path, configs: Path) -> None:
    meta = json.loads((configs / "metadata.json").read_text(encoding="utf-8"))
    config = json.loads((configs / "inference.json").read_text(encoding="utf-8"))
    extra = {"inference.json": json.dumps(config).encode()}
    scripted = torch.jit.script(network)
    full = path.with_name(f"full-{path.name}")
    save_net_with_metadata(scripted, str(full), include_config_vals=False, meta_values=meta, more_extra_files=extra)
    _drop_source_paths(full, path)
    full.unlink()


def _drop_source_paths(full: Path, path: Path) -> None:
    """Copy a TorchScript archive without the records that say in which files of this machine its code was written."""
    with zipfile.ZipFile(full) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as target:
        for record in source.namelist():
            if not record.endswith(".debug_pkl"):
                target.writestr(zipfile.ZipInfo(record), source.read(record))


def _write_onnx(network: nn.Module, path: Path) -> None:
    onnx = import_extra("onnx", purpose="an export to ONNX or OpenVINO")
    import_extra("onnxscript", purpose="an export to ONNX or OpenVINO")
    open_axes = dict.fromkeys((0, 2, 3), torch.export.Dim.DYNAMIC)
    torch.onnx.export(
        network,
        (torch.zeros(_EXAMPLE_SHAPE),),
        str(path),
        dynamo=True,
        opset_version=_OPSET,
        input_names=["image"],
        output_names=["logits"],
        dynamic_shapes=(open_axes,),
        external_data=False,
        verbose=False,
    )
    model = onnx.load(str(path))
    for value in (*model.graph.input, *model.graph.output):
        for name, dim in zip(_AXES, value.type.tensor_type.shape.dim, strict=True):
            if dim.dim_param:
                dim.dim_param = name
    # Neither names of sizes that are gone, nor stack traces, which hold paths of the machine.
    del model.graph.value_info[:]
    for node in model.graph.node:
        del node.metadata_props[:]
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _write_openvino(onnx_file: Path, path: Path) -> None:
    openvino = import_extra("openvino", purpose="an export to OpenVINO")
    model = openvino.Core().read_model(str(onnx_file))
    # OpenVINO halves weights to 16 bits unless it is told not to.
    openvino.save_model(model, str(path), compress_to_fp16=False)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch's remarks on its own exporters off the terminal."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
