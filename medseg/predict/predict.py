"""Scans in, results out: one scan after another, each of which may fail without stopping the others."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Protocol

import torch
from monai.data import MetaTensor

from medseg.errors import MedsegError, SourceError, UsageError
from medseg.io.hashes import file_sha256
from medseg.predict.find_scans import Scan, item
from medseg.predict.formats import Format, default_formats, kind_of
from medseg.predict.load_bundle import Bundle
from medseg.predict.results import OutputError, ResultFolder, source_stamp
from medseg.predict.save_results import SaveImageResultsd

__all__ = ["Outcome", "Progress", "check_agreement", "predict_scans"]

log = logging.getLogger(__name__)

Advance = Callable[[int], None]


class Progress(Protocol):
    """Shows how far a prediction is."""

    def scan(self, name: str) -> AbstractContextManager[Callable[[int], Advance]]:
        """Show a scan; what it gives takes the number of slices, and gives what is told of slices that are done."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What became of a scan.

    Attributes:
        name: The scan's.
        fault: Why there is no result; None where there is one.
        skipped: Whether it was there before.
        row: Its measurements; empty with a fault.
    """

    name: str
    fault: MedsegError | None = None
    skipped: bool = False
    row: dict[str, Any] | None = None


def predict_scans(
    scans: Sequence[Scan],
    bundles: Sequence[Bundle],
    output: Path,
    *,
    progress: Progress,
    formats: tuple[Format, ...] | None = None,
    overwrite: bool = False,
) -> Iterator[Outcome]:
    """Predict scans, the average of several bundles' probabilities.

    Args:
        scans: As found.
        bundles: At least one, which agree (:func:`check_agreement`).
        output: Folder of the results.
        progress: Told of each scan.
        formats: As :class:`medseg.predict.SaveImageResultsd`.
        overwrite: Whether results that are there are made anew.

    Yields:
        What became of each scan, as it ends.

    Raises:
        UsageError: If the folder has results that were made by something else; nothing is predicted then.
    """
    results = ResultFolder(output)
    made_by = _made_by(bundles)
    _check_made_by(scans, results, made_by, overwrite=overwrite)
    _check_writable(output)
    for scan in scans:
        stamped = {**made_by, "source": source_stamp(scan.files)}
        wanted = formats or default_formats(kind_of(scan.files))
        record = None if overwrite else results.finished(scan.name)
        if record is not None and {**record["made_by"], "formats": None} == {**stamped, "formats": None}:
            there = record["made_by"].get("formats", [])
            if set(wanted) <= set(there):
                yield Outcome(scan.name, skipped=True, row=record["measurements"])
                continue
            wanted = tuple(dict.fromkeys([*there, *wanted]))
        try:
            with progress.scan(scan.name) as total, _faults_of(scan):
                if not overwrite:
                    _check_own(results, scan.name)
                _predict(scan, bundles, wanted, stamped, total)
        except OutputError:
            raise  # it would fail for the other scans, too, after the work of predicting them
        except MedsegError as error:
            yield Outcome(scan.name, error)
            continue
        done = results.finished(scan.name)
        yield Outcome(scan.name, row=None if done is None else done["measurements"])


def check_agreement(bundles: Sequence[Bundle]) -> None:
    """Check that the average of several bundles means something.

    Raises:
        UsageError: If they were trained on different foregrounds.
    """
    for other in bundles[1:]:
        if other.settings["foreground"] != bundles[0].settings["foreground"]:
            raise UsageError(
                f"bundles must segment the same to be averaged, got {bundles[0].settings['foreground']}"
                f" ({bundles[0].name}) and {other.settings['foreground']} ({other.name}); predict with one of them"
            )


def _predict(
    scan: Scan,
    bundles: Sequence[Bundle],
    formats: tuple[Format, ...],
    made_by: dict[str, Any],
    total: Callable[[int], Advance],
) -> None:
    if scan.fault is not None:
        raise scan.fault
    writer = _writer(bundles[0])
    writer.check(scan.files, formats)
    averaged: MetaTensor | None = None
    for bundle in bundles:
        probability = _probability(scan, bundle, lambda slices: total(slices * len(bundles)))
        averaged = probability if averaged is None else averaged + probability
    assert averaged is not None  # there is at least one bundle
    writer.formats, writer.made_by = formats, made_by
    writer.facts = [writer.known_of(bundle.weights) for bundle in bundles]
    writer.bundle_name = " + ".join(bundle.name for bundle in bundles)
    bundles[0].to_results({"pred": averaged / len(bundles) if len(bundles) > 1 else averaged, "name": scan.name})


def _writer(bundle: Bundle) -> SaveImageResultsd:
    writer = bundle.to_results.transforms[-1]
    assert isinstance(writer, SaveImageResultsd)
    return writer


def _probability(scan: Scan, bundle: Bundle, total: Callable[[int], Advance]) -> MetaTensor:
    """``(1, x, y, z)`` on the scan's own grid, on the CPU."""
    data = bundle.preprocessing(item(scan))
    image = data["image"]
    bundle.inferer.on_slices = total(image.shape[-1])
    with torch.inference_mode(), torch.autocast(bundle.device.type, enabled=bundle.amp):
        logits = bundle.inferer(image[None].to(bundle.device), bundle.network)[0]
    data["pred"] = MetaTensor(logits.float().cpu(), meta=image.meta)
    probability: MetaTensor = bundle.to_probabilities(data)["pred"]
    return probability


@contextmanager
def _faults_of(scan: Scan) -> Iterator[None]:
    """What a scan makes a library raise is one line, and no reason to stop the other scans."""
    where = scan.files[0]
    try:
        yield
    except (MedsegError, KeyboardInterrupt):
        raise
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise SourceError(where, "is too large for this machine's memory; use a smaller --batch-size") from error
    except Exception as error:
        cause: BaseException = error
        while cause.__cause__ is not None or cause.__context__ is not None:
            cause = cause.__cause__ or cause.__context__  # type: ignore[assignment]
            if isinstance(cause, MedsegError):
                raise cause from error
        log.debug("traceback", exc_info=error)
        reason = str(cause).splitlines()[0] if str(cause) else type(cause).__name__
        raise SourceError(where, f"must be predictable, got {type(cause).__name__}: {reason}") from error


def _made_by(bundles: Sequence[Bundle]) -> dict[str, Any]:
    of_bundles = [
        {"bundle": bundle.name, "weights": file_sha256(bundle.weights), **bundle.settings} for bundle in bundles
    ]
    made_by: dict[str, Any] = json.loads(json.dumps({"bundles": of_bundles, "probabilities": bundles[0].probabilities}))
    return made_by


def _check_made_by(scans: Sequence[Scan], results: ResultFolder, made_by: dict[str, Any], *, overwrite: bool) -> None:
    """Refuse to put results of other weights, settings or scans into one folder and table."""
    named = {scan.name: scan for scan in scans}
    for record in results.all_finished():
        name, before = str(record["name"]), record["made_by"]
        if overwrite and name in named:
            continue
        if before.get("bundles") != made_by["bundles"]:
            way_out = (
                "give another --output" if overwrite else "replace them with --overwrite, or give another --output"
            )
            raise UsageError(
                f"{results.root}: must have results of the same weights and settings, got others"
                f" ({_difference(before.get('bundles') or [], made_by['bundles'])}); {way_out}"
            )
        if name in named and before.get("source", {}).get("where") != source_stamp(named[name].files)["where"]:
            raise UsageError(
                f"{results.root}: has results of another scan called {name} than {named[name].files[0]}; give each"
                " patient an --output of its own or predict their common folder, or replace them with --overwrite"
            )


def _check_own(results: ResultFolder, name: str) -> None:
    foreign = results.foreign(name)
    if foreign is not None:
        raise MedsegError(
            f"{foreign}: must be as it was written here, but someone made or changed it; move it away, or replace it"
            " with --overwrite"
        )


def _check_writable(output: Path) -> None:
    """Find out before the first scan's work."""
    new = not output.exists()
    try:
        output.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=output):
            pass
        if new:
            output.rmdir()  # it may be that no scan gives a result
    except OSError as error:
        raise OutputError(f"{output}: output must be writable, got {error.strerror or error}") from error


def _difference(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> str:
    if len(before) != len(now):
        return f"of {len(before)} bundles, now {len(now)}"
    for old, new in zip(before, now, strict=True):
        for name, value in new.items():
            if old.get(name) != value:
                return f"{name} {_short(old.get(name))}, now {_short(value)}"
    return "of an earlier version"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 20 else f"{text[:12]}..."
