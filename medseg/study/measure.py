"""Time a bundle's own trainer and evaluator for some steps: ``python -m medseg.study.measure``, a process of its own.

A process's peak memory only rises, so prediction is measured before training.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.bundle import ConfigParser
from monai.utils import set_determinism
from torch.utils.flop_counter import FlopCounterMode

from medseg.bundle.one_line import known_cause, print_error
from medseg.errors import MedsegError
from medseg.runs.peak_memory import peak_memory
from medseg.study.identity import read_config

__all__ = ["main"]

_WARM_UP = 2


def main() -> int:
    """Measure, and print a line of JSON.

    Returns:
        Exit status.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--settings", default="{}", help="overrides of train.json, as JSON")
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--steps", type=int, default=5, help="timed ones")
    options = parser.parse_args()
    logging.disable(logging.INFO)
    try:
        print(
            json.dumps(measure(options.bundle, options.data, json.loads(options.settings), options.fold, options.steps))
        )
    except Exception as error:
        known = known_cause(error) or MedsegError(_origin(error))
        print_error(known)
        return known.exit_status
    return 0


def _origin(error: BaseException) -> str:
    """The first line of what MONAI wrapped its own errors around."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"


def measure(bundle: Path, data: Path, settings: dict[str, Any], fold: int, steps: int) -> dict[str, Any]:
    """Cost of a network: counts, seconds and bytes.

    Args:
        bundle: Its folder.
        data: Prepared data set.
        settings: Overrides of ``train.json``.
        fold: Whose slices are taken.
        steps: Timed steps of each kind, after some that are not.
    """
    config = read_config(bundle, settings)
    # Without what records: nothing is written.
    config.update({"dataset_dir": str(data), "fold": fold, "train::handlers": [], "validate::handlers": []})
    set_determinism(0)
    device = config.get_parsed_content("device")
    predicted = _predict(config, steps)
    predict_bytes = peak_memory(device)[0]
    validate_seconds = _time_engine(config, "validate", steps)
    train_seconds = _time_engine(config, "train", steps)
    return {
        **predicted,
        "infer_peak_bytes": predict_bytes,
        "validate_seconds": validate_seconds,
        "train_step_seconds": train_seconds,
        "train_peak_bytes": peak_memory(device)[0],
        "peak_memory_of": peak_memory(device)[1],
        "batch_size": config.get_parsed_content("batch_size"),
        "train_steps": config.get_parsed_content("steps_per_epoch"),
        "val_interval": config.get_parsed_content("val_interval"),
        "validate_slices": len(config.get_parsed_content("validate::dataset")),
        "repeats": steps,
        "threads": torch.get_num_threads(),
        "device": str(device),
    }


def _predict(config: ConfigParser, steps: int) -> dict[str, Any]:
    """Time the bare network on slices that lie in memory, one at a time."""
    network, device = config.get_parsed_content("network"), config.get_parsed_content("device")
    dataset = config.get_parsed_content("validate::dataset")
    images = [dataset[index % len(dataset)]["image"].as_tensor()[None].to(device) for index in range(steps)]
    network.eval()
    seconds = []
    with torch.no_grad(), torch.autocast(device.type, enabled=bool(config.get_parsed_content("amp"))):
        for image in [images[0]] * _WARM_UP + images:
            begin = time.perf_counter()
            network(image)
            _wait(device)
            seconds.append(time.perf_counter() - begin)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(images[0])
    return {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "multiply_adds": counter.get_total_flops() // 2,  # it counts both
        "slice_px": list(images[0].shape[2:]),
        "infer_seconds": statistics.median(seconds[_WARM_UP:]),
    }


def _time_engine(config: ConfigParser, which: str, steps: int) -> float:
    """Median seconds of an iteration of the bundle's own engine, loading and scoring included."""
    engine: Engine = config.get_parsed_content("train::trainer" if which == "train" else "validate::evaluator")
    device = config.get_parsed_content("device")
    seconds: list[float] = []
    began = time.perf_counter()

    def note(_engine: Engine) -> None:
        nonlocal began
        _wait(device)
        now = time.perf_counter()
        seconds.append(now - began)
        began = now
        if len(seconds) >= _WARM_UP + steps:
            engine.terminate()

    engine.add_event_handler(Events.ITERATION_COMPLETED, note)
    began = time.perf_counter()
    engine.run()
    timed = seconds[_WARM_UP:] or seconds  # a fold may have fewer slices than the warm-up
    return statistics.median(timed)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    raise SystemExit(main())
