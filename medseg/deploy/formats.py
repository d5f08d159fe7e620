"""The formats that a network is exported to, and the packages that they need."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Literal, get_args

from medseg.errors import UsageError

__all__ = ["FORMATS", "Engine", "Format", "check_engine", "formats_called", "import_extra"]

Engine = Literal["torch", "torchscript", "onnx", "openvino"]


@dataclass(frozen=True)
class Format:
    """What an export consists of.

    Attributes:
        name: As the command line and ``engine`` call it.
        files: In ``models``; the file that is opened comes last, so that it is never there without what it needs.
        packages: Distributions that make and run it; their versions are recorded.
    """

    name: str
    files: tuple[str, ...]
    packages: tuple[str, ...]

    @property
    def file(self) -> str:
        """The file that is opened."""
        return self.files[-1]


# model.ts is the name that MONAI gives to TorchScript in a bundle.
FORMATS = {
    format_.name: format_
    for format_ in (
        Format("torchscript", ("model.ts",), ("torch",)),
        Format("onnx", ("model.onnx",), ("torch", "onnx", "onnxscript", "onnxruntime")),
        Format("openvino", ("model.bin", "model.xml"), ("torch", "onnx", "onnxscript", "openvino")),
    )
}


def formats_called(names: str | Iterable[str]) -> tuple[Format, ...]:
    """Formats by their names, as a list or joined by commas; a name that is given twice counts once.

    Raises:
        UsageError: If there is no name, or one that no format has.
    """
    listed = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    unknown = [name for name in listed if name not in FORMATS]
    if unknown or not listed:
        raise UsageError(f"formats must be of {', '.join(FORMATS)}, got {unknown[0] if unknown else 'none'!r}")
    return tuple(FORMATS[name] for name in dict.fromkeys(listed))


def check_engine(engine: str) -> None:
    """Refuse a name that no engine has.

    Raises:
        UsageError: If it is not one of torch, torchscript, onnx, openvino.
    """
    if engine not in get_args(Engine):
        raise UsageError(f"engine must be one of {', '.join(get_args(Engine))}, got {engine!r}")


def import_extra(name: str, *, purpose: str) -> ModuleType:
    """Import one of the extra packages.

    Args:
        name: Module.
        purpose: What it is needed for; begins the message.

    Raises:
        UsageError: If it is not installed.
    """
    if name == "openvino":
        # Its Python package reports each import and conversion to its maker unless this module is missing.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise UsageError(f"{purpose} needs {error.name}; install it with: pip install 'medseg[export]'") from error
