"""A bundle's network with its weights as TorchScript, ONNX and OpenVINO, each checked against torch.

A file gets its final name only after its check. The bound on the difference is absolute, on logits, whatever their
size: 1e-4 moves a probability by at most 2.5e-5, so that a mask changes only where torch's probability is as close to
the threshold. Engines add up in other orders, which in 32 bits costs about 1e-6 of the largest logit; a network whose
logits go beyond 50 or so may miss the bound for that alone, which the message lets see.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from medseg.deploy.agreement import Agreement, agreement, random_images, torch_logits
from medseg.deploy.bundle_config import bundle_network, bundle_slices
from medseg.deploy.convert import convert
from medseg.deploy.export_record import forget, remember
from medseg.deploy.formats import Format, formats_called
from medseg.deploy.runtimes import open_export
from medseg.errors import MedsegError
from medseg.io.hashes import file_sha256
from medseg.runs import find_weights, trained_with

__all__ = ["TOLERANCE", "ExportResult", "export_bundle"]

TOLERANCE = 1e-4
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class ExportResult:
    """An export that was checked and installed.

    Attributes:
        format: Its name.
        path: The file that is opened.
        size_bytes: Of all its files.
        random: Beside torch on random images.
        slices: Beside torch on slices of scans; None if no scans were given.
        tolerance: The bound that was kept.
    """

    format: str
    path: Path
    size_bytes: int
    random: Agreement
    slices: Agreement | None
    tolerance: float


def export_bundle(
    bundle_root: Path, formats: str | Iterable[str], *, scans: Path | None = None, tolerance: float = TOLERANCE
) -> list[ExportResult]:
    """Export a bundle's installed weights into its ``models``; all formats or, if one fails, none.

    Args:
        bundle_root: Bundle with ``models/model.pt``.
        formats: Of torchscript, onnx, openvino.
        scans: Images whose slices are compared as well, after the bundle's preprocessing.
        tolerance: Largest absolute difference of logits that is let through.

    Returns:
        One result a format, in their order; the same is in ``models/exports.json``.

    Raises:
        UsageError: If the folder is no bundle or has no weights, a format is unknown, a package is missing, or there
            are no scans.
        MedsegError: If an export differs from torch by more than ``tolerance``, or cannot be made.
    """
    wanted = formats_called(formats)
    network = bundle_network(bundle_root)
    weights = find_weights(str(bundle_root))
    threshold = float(trained_with(weights, "threshold", 0.5))
    references = [_Reference.of("random images", network, random_images(), threshold)]
    if scans is not None:
        references.append(_Reference.of("slices", network, bundle_slices(bundle_root, scans), threshold))
    try:
        with TemporaryDirectory(prefix=".partial-export-", dir=weights.parent) as name:
            folder = Path(name)
            results = []
            for format_ in wanted:
                _convert(network, format_, folder, bundle_root)
                results.append(_check(format_, folder, references, tolerance))
            return [_install(format_, result, folder, weights) for format_, result in zip(wanted, results, strict=True)]
    except OSError as error:
        raise MedsegError(
            f"{weights.parent}: exports must be writable there, got {error.strerror or error}; make room, or copy the"
            " bundle to a folder of your own: medseg bundles copy"
        ) from error


@dataclass(frozen=True)
class _Reference:
    """Images with torch's logits."""

    what: str
    images: list[Tensor]
    logits: list[Tensor]
    threshold: float

    @classmethod
    def of(cls, what: str, network: nn.Module, images: list[Tensor], threshold: float) -> _Reference:
        return cls(what, images, torch_logits(network, images), threshold)


def _convert(network: nn.Module, format_: Format, folder: Path, bundle_root: Path) -> None:
    try:
        convert(network, format_, folder, bundle_root)
    except (MedsegError, OSError):
        raise
    except Exception as error:  # each exporter has errors of its own
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise MedsegError(
            f"{bundle_root}: its network must be one that {format_.name} can hold, got {reason}"
        ) from error


def _check(format_: Format, folder: Path, references: list[_Reference], tolerance: float) -> ExportResult:
    path = folder / format_.file
    export = open_export(format_.name, path, _CPU)
    found = [agreement(reference.logits, export, reference.images, reference.threshold) for reference in references]
    for reference, against in zip(references, found, strict=True):
        if not against.max_abs_difference <= tolerance:
            raise MedsegError(
                f"{format_.file}: logits must differ from torch's by at most {tolerance:g}, got"
                f" {against.max_abs_difference:.3g} on {reference.what} whose logits reach"
                f" {against.max_abs_logit:.3g}; not exported; --tolerance lets more through"
            )
    size_bytes = sum((folder / name).stat().st_size for name in format_.files)
    return ExportResult(format_.name, path, size_bytes, found[0], found[1] if len(found) > 1 else None, tolerance)


def _install(format_: Format, result: ExportResult, folder: Path, weights: Path) -> ExportResult:
    """Give the files their final names; between the two of OpenVINO no record vouches for either."""
    models = weights.parent
    forget(models, format_)
    for name in format_.files:
        shutil.move(folder / name, models / name)
    remember(
        models,
        format_,
        {
            "weights_sha256": file_sha256(weights),
            "files_sha256": {name: file_sha256(models / name) for name in format_.files},
            "tolerance": result.tolerance,
            "random_images": asdict(result.random),
            "slices": None if result.slices is None else asdict(result.slices),
            "versions": {name: version(name) for name in format_.packages},
        },
    )
    return ExportResult(**{**vars(result), "path": models / format_.file})
