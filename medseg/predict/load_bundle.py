"""A trained bundle's own parts, from its ``inference.json``."""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser
from monai.transforms import Compose

from medseg.bundle.one_line import known_cause
from medseg.errors import MedsegError, UsageError
from medseg.inferers import SlicewiseInferer

__all__ = ["Bundle", "load_bundle"]

log = logging.getLogger(__name__)

# What decides a mask, beside scan and weights; kept with results, so that a second run does not mix two kinds.
_DECIDING = (
    "engine",
    "tta",
    "window",
    "window_hu",
    "image_size",
    "spacing_mm",
    "plane",
    "orientation",
    "threshold",
    "keep_components",
    "fill_holes",
    "min_size_voxels",
    "foreground",
)


@dataclass(frozen=True, eq=False)
class Bundle:
    """What predicts.

    Attributes:
        name: The bundle's.
        weights: Its state dict.
        preprocessing: ``image``, a path or paths, to a tensor for the network.
        network: On its device, in evaluation mode.
        inferer: Runs slices through it.
        to_probabilities: Logits under ``pred`` to probabilities on the scan's grid.
        to_results: Masks and files from these.
        settings: What decides a mask, in JSON types.
        modality: What the weights were trained on, such as CT; None where nobody knows or it was pictures.
        probabilities: Whether probabilities are written, too.
        device: Where the network runs.
        amp: Whether it runs in mixed precision.
    """

    name: str
    weights: Path
    preprocessing: Compose
    network: torch.nn.Module
    inferer: SlicewiseInferer
    to_probabilities: Compose
    to_results: Compose
    settings: dict[str, Any]
    modality: str | None
    probabilities: bool
    device: torch.device
    amp: bool


def load_bundle(root: Path, overrides: Mapping[str, Any], run: Path | None = None) -> Bundle:
    """Load a bundle with its weights.

    Args:
        root: Bundle folder.
        overrides: Ids of ``inference.json`` with their values.
        run: Folder of a training whose weights are taken in place of the bundle's own.

    Raises:
        UsageError: If it is no bundle of ours, has no weights, or an override has a value that it cannot have.
        MedsegError: If the weights are another network's, or a file of the bundle is damaged.
    """
    config = root / "configs" / "inference.json"
    with _quiet_readers(), _in_one_line(config):
        return _made(_parser(config, {**overrides, "bundle_root": str(root), "trained_run": run and str(run)}))


def _parser(config: Path, overrides: Mapping[str, Any]) -> ConfigParser:
    parser = ConfigParser()
    parser.read_config(str(config))
    missing = [name for name in ("to_probabilities", "to_results", "preprocessing", "inferer") if name not in parser]
    if missing:
        raise UsageError(
            f"{config}: must be a medseg bundle's, but it has no {missing[0]}; copy it anew: medseg bundles"
        )
    for name, value in overrides.items():
        parser[name] = value
    parser.parse(reset=True)
    return parser


def _made(parser: ConfigParser) -> Bundle:
    get = parser.get_parsed_content
    return Bundle(
        name=str(get("bundle_name")),
        weights=Path(get("weights")),
        preprocessing=get("preprocessing"),
        network=get("network"),
        inferer=get("inferer"),
        to_probabilities=get("to_probabilities"),
        to_results=get("to_results"),
        settings=_settings(parser),
        modality=get("modality"),
        probabilities=bool(get("probabilities")),
        device=get("device"),
        amp=bool(get("amp")),
    )


def _settings(parser: ConfigParser) -> dict[str, Any]:
    settings = {name: _plain(parser.get_parsed_content(name)) for name in _DECIDING}
    terms = parser.get_parsed_content("terms")
    return {
        **settings,
        "reader": asdict(parser.get_parsed_content("reader").choices),
        "terms": hashlib.sha256(Path(terms).read_bytes()).hexdigest() if terms and Path(terms).is_file() else None,
    }


@contextmanager
def _in_one_line(config: Path) -> Iterator[None]:
    """MONAI wraps what a component raises in errors of many lines."""
    try:
        yield
    except Exception as error:
        known = known_cause(error)
        if known is not None:
            raise known from None
        log.debug("traceback", exc_info=error)
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise MedsegError(
            f"{config}: must be a config that MONAI resolves, got {type(error).__name__}: {reason}; copy the bundle"
            " anew: medseg bundles"
        ) from error


@contextmanager
def _quiet_readers() -> Iterator[None]:
    """``LoadImaged`` makes all of MONAI's readers, one of which warns that it has no GPU to decode with."""
    logger = logging.getLogger("monai.data.nvimgcodec_pydicom_plugin")
    before = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="NvImgCodecPydicomReader")
            yield
    finally:
        logger.disabled = before


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
