"""A raw folder to a prepared data set; after a kill, running it again finishes."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.conclude import SAME_PIXELS, Conclusion, conclude
from data_prep.mapping import check_mapping, write_mapping
from data_prep.options import How, Options, Track
from data_prep.plan import Plan, make_plan
from data_prep.prepare_case import CaseResult, CaseTask, OutError
from data_prep.provenance import describe, fault_of, has_same_source, request_hash
from data_prep.report import ReportFacts, write_report
from data_prep.run_cases import run_cases
from data_prep.target import REPORT, abandon, check_apart, claim, finish, hold, is_finished, refuse, remove_strays
from data_prep.work_folder import WorkFolder, holds_case
from medseg.errors import MedsegError, SourceError
from medseg.io.atomic import write_json
from medseg.manifest import Manifest, read_manifest, write_manifest

__all__ = ["InterruptError", "Prepared", "inspect", "prepare"]

Results = dict[int, CaseResult | MedsegError]


class InterruptError(MedsegError):
    """A person stopped the run."""

    exit_status = 130


@dataclass(frozen=True)
class Prepared:
    """What a run has done.

    Attributes:
        manifest: The data set.
        found: The source, with warnings and cases that were left out.
        written: Cases that this run wrote; the others were complete.
    """

    manifest: Manifest
    found: Conclusion
    written: int


def prepare(
    raw: Path,
    out: Path,
    options: Options,
    *,
    how: How | None = None,
    overwrite: bool = False,
    track: Track | None = None,
) -> Prepared:
    """Prepare ``raw`` into ``out``.

    Broken cases are left out and told of in what is returned; the others make the data set.

    Args:
        raw: Folder in one of the layouts; it is not changed.
        out: Folder of the prepared data set; made where there is none.
        options: What to read, and how to split.
        how: How to work through the cases.
        overwrite: Whether another prepared data set in ``out`` may be replaced.
        track: Shows progress.

    Raises:
        UsageError: If folders or options are wrong.
        MedsegError: If the folder has errors, in which case nothing is written; no case could be read; or the cases do
            not make a data set.
    """
    how, track = how or How(), track or Track()
    check_apart(raw, out)
    check_mapping(how.mapping, raw, out)
    raw = _reachable(raw, how)
    plan = make_plan(raw, options, how.workers)
    if plan.errors:
        raise MedsegError(_summed_up(plan.errors, raw))
    try:
        with hold(out):
            if is_finished(out) and has_same_source(out, plan, options):
                done = _finished_again(raw, out, plan, options, how, overwrite=overwrite, track=track)
            else:
                claim(out, request_hash(plan, options), _names(plan), overwrite=overwrite)
                done = _write(raw, out, plan, options, how, track)
            write_mapping(how.mapping, plan)
    except OSError as error:
        where = error.filename or out
        raise MedsegError(
            f"{where}: must be writable, got {error.strerror or error}; make room or choose another place, and run it"
            " again"
        ) from error
    return done


def inspect(raw: Path, options: Options, *, how: How | None = None, track: Track | None = None) -> Conclusion:
    """Read a raw folder without writing anything; problems are collected, not raised.

    Raises:
        UsageError: If folder, layout, groups or split cannot be what the options say.
    """
    how, track = how or How(), track or Track()
    raw = _reachable(raw, how)
    plan = make_plan(raw, options, how.workers)
    results = _run(plan.tasks, None, how, track, "Checking")
    found = conclude(raw, plan, options, results)
    found.errors[:0] = [*plan.errors, *(str(error) for _, error in found.left_out)]
    return found


def _reachable(raw: Path, how: How) -> Path:
    """A folder's name that means the same in a cluster's processes, which work in other folders."""
    return raw if how.dask is None else raw.absolute()


def _write(raw: Path, out: Path, plan: Plan, options: Options, how: How, track: Track) -> Prepared:
    """Write all cases that no earlier run has finished, then the tables."""
    work = WorkFolder(out, request_hash(plan, options))
    kept = {task.ordinal: result for task in plan.tasks if (result := work.load(task)) is not None}
    left = [task for task in plan.tasks if task.ordinal not in kept]
    try:
        new = _run(left, out, how, track, "Preparing", work.save)
        found = _concluded(raw, plan, options, {**kept, **new})
    except BaseException:
        abandon(out)
        raise
    manifest = found.manifest(options, out)
    _conclude(out, found, options, manifest, work)
    return Prepared(manifest, found, sum(isinstance(result, CaseResult) for result in new.values()))


def _finished_again(
    raw: Path,
    out: Path,
    plan: Plan,
    options: Options,
    how: How,
    *,
    overwrite: bool,
    track: Track,
) -> Prepared:
    """Compare a finished data set with its source, and write what differs; nothing if all is equal."""
    request = request_hash(plan, options)
    work = WorkFolder(out, request)
    for task in plan.tasks:
        work.note(task)
    results = _run(plan.tasks, None, how, track, "Comparing")
    found = _concluded(raw, plan, options, results)
    manifest = found.manifest(options, out)
    if not _holds(out, manifest, describe(found, options, manifest)):
        if not overwrite:
            refuse(out)
        claim(out, request, _names(plan), overwrite=True, keep_cases=True)
    damaged = [
        plan.tasks[facts.ordinal]
        for case, facts in zip(found.cases, found.facts, strict=True)
        if not holds_case(out, case)
    ]
    again = _run(damaged, out, how, track, "Preparing") if damaged else {}
    for ordinal, result in again.items():
        if isinstance(result, MedsegError):
            raise result
        if result.facts != found.facts[[facts.ordinal for facts in found.facts].index(ordinal)]:
            raise SourceError(plan.tasks[ordinal].source.name, "changed while it was prepared; run it again")
    if found.left_out:
        for ordinal, result in results.items():
            if isinstance(result, CaseResult):
                work.save(plan.tasks[ordinal], result)
    # Also where nothing differs: tables may be damaged, and equal bytes change nothing.
    _conclude(out, found, options, manifest, work)
    return Prepared(manifest, found, len(again))


def _conclude(out: Path, found: Conclusion, options: Options, manifest: Manifest, work: WorkFolder) -> None:
    """Write the tables, once every case has its files."""
    remove_strays(out, _names(found.plan), found.cases)
    _write_tables(out, found, options, manifest)
    if not found.left_out:
        # With some left out, the next run may still find them mended.
        work.remove()
        finish(out)


def _names(plan: Plan) -> list[str]:
    return [task.name for task in plan.tasks]


def _run(
    tasks: Sequence[CaseTask],
    out: Path | None,
    how: How,
    track: Track,
    description: str,
    save: Callable[[CaseTask, CaseResult], None] | None = None,
) -> Results:
    results: Results = {}
    try:
        with track.cases(len(tasks), description) as advance:
            for task, result in run_cases(tasks, out, how):
                if isinstance(result, CaseResult) and save is not None:
                    save(task, result)
                if isinstance(result, OutError) or (isinstance(result, MedsegError) and how.strict):
                    raise result
                advance(result.facts.shape[2] if isinstance(result, CaseResult) else 0)
                results[task.ordinal] = result
    except KeyboardInterrupt as stop:
        kept = "" if out is None else "; finished cases are kept, run it again to go on"
        raise InterruptError(f"interrupted{kept}") from stop
    return results


def _concluded(raw: Path, plan: Plan, options: Options, results: Results) -> Conclusion:
    found = conclude(raw, plan, options, results)
    if not found.cases:
        faults = [str(error) for _, error in found.left_out]
        if len(faults) == 1:
            raise MedsegError(faults[0])
        raise MedsegError(f"no case could be prepared: {_summed_up(faults, raw)}")
    if found.errors:
        raise MedsegError(_summed_up(found.errors, raw))
    return found


def _summed_up(errors: Sequence[str], raw: Path) -> str:
    if len(errors) == 1:
        return errors[0]
    command = f"python -m data_prep inspect {shlex.quote(str(raw))}"
    return f"{errors[0]}; and {len(errors) - 1} more; see, with the same options: {command}"


def _write_tables(out: Path, found: Conclusion, options: Options, manifest: Manifest) -> None:
    """Write provenance, report and last ``dataset.json``, without which a folder is not finished."""
    provenance = describe(found, options, manifest)
    pictures = {case.name: picture for case, picture in zip(found.cases, found.pictures, strict=True)}
    report = ReportFacts(
        manifest=manifest,
        cases=tuple(zip(found.cases, found.facts, strict=True)),
        pictures=pictures.__getitem__,
        duplicates=found.duplicates,
        left_out=tuple((task.ordinal, fault_of(error)) for task, error in found.left_out),
        # The report has a section of its own for these.
        warnings=found.warnings.by_case([task.name for task in found.plan.tasks], without=SAME_PIXELS),
        notes=tuple(provenance["decisions"]),
    )
    write_json(out / "provenance.json", provenance)
    write_report(out / REPORT, report)
    write_manifest(out, manifest, found.slices())


def _holds(out: Path, manifest: Manifest, provenance: dict[str, object]) -> bool:
    """Whether ``out`` was finished by an equal run; tables that were damaged since then do not make it another."""
    if _stored(out / "provenance.json") == provenance and _has_names(out, manifest):
        return True
    try:
        return read_manifest(out) == manifest
    except MedsegError:
        return False


def _has_names(out: Path, manifest: Manifest) -> bool:
    """Whether ``dataset.json`` has the names that do not stand in ``provenance.json``."""
    stored = _stored(out / "dataset.json")
    names = [stored.get(key) for key in ("name", "channel_names", "labels")]
    return names == [manifest.name, {"0": manifest.modality}, {"background": 0, manifest.foreground: 1}]


def _stored(path: Path) -> dict[str, object]:
    """A JSON object; empty if it cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
