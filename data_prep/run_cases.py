"""Cases one after the other, in several processes, or on a Dask cluster; with the same results."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any

from data_prep.options import How
from data_prep.prepare_case import CaseResult, CaseTask, attempt_case
from medseg.errors import MedsegError
from medseg.io.dask_client import connect
from medseg.io.processes import WorkerPool, usable_cores

__all__ = ["Done", "run_cases"]

Done = tuple[CaseTask, CaseResult | MedsegError]
"""A case with what became of it."""

# Ctrl-C ends the workers, too, and this process may hear of that before it hears of Ctrl-C itself.
_GRACE_S = 0.5
# 400 MB take a second, as long as it takes to start processes (docs/performance.md); each holds a scan in memory.
_PAYS_FROM_BYTES = 2 * 10**9
_MOST_UNASKED = 4
_ONE_AT_A_TIME = Lock()


def run_cases(tasks: Sequence[CaseTask], out: Path | None, how: How) -> Iterator[Done]:
    """Prepare cases, and give each as soon as it is done.

    No more cases are in memory than there are workers.

    Args:
        tasks: The cases.
        out: Folder of the prepared data set; None only looks at them.
        how: Number of processes, or address of a cluster.

    Raises:
        UsageError: If there is no such cluster.
        MedsegError: If a process dies; what was given until then is complete.
    """
    if how.dask is not None:
        yield from _on_cluster(tasks, out, how.dask)
    elif (workers := _workers(tasks, how)) < 2:
        for task in tasks:
            yield task, attempt_case(task, out)
    else:
        yield from _in_processes(tasks, out, workers)


def _workers(tasks: Sequence[CaseTask], how: How) -> int:
    """As many as were asked for, or a few where there is so much to read that their start pays."""
    asked = how.workers
    if asked is None:
        paths = (path for task in tasks for path in task.source.image.paths)
        size_bytes = sum(path.stat().st_size for path in paths if path.exists())
        asked = 1 if size_bytes < _PAYS_FROM_BYTES else min(_MOST_UNASKED, usable_cores())
    return min(asked, len(tasks))


def _in_processes(tasks: Sequence[CaseTask], out: Path | None, workers: int) -> Iterator[Done]:
    with WorkerPool(workers) as pool:
        running: dict[Future[CaseResult | MedsegError], CaseTask] = {}

        def take(futures: Sequence[Future[CaseResult | MedsegError]]) -> Iterator[Done]:
            for future in futures:
                yield running.pop(future), future.result()

        try:
            for task in tasks:
                if len(running) == workers:
                    yield from take([*wait(running, return_when=FIRST_COMPLETED).done])
                running[pool.submit(attempt_case, task, out)] = task
            while running:
                yield from take([*wait(running, return_when=FIRST_COMPLETED).done])
        except BrokenProcessPool as error:
            time.sleep(_GRACE_S)
            raise MedsegError(
                f"a worker process died, perhaps for want of memory, with {len(running) + 1} cases in work; finished"
                " cases are kept, so run it again with fewer --workers"
            ) from error
        finally:
            # Also when whoever asks for the results stops asking.
            pool.shutdown(cancel_futures=True)


def _on_cluster(tasks: Sequence[CaseTask], out: Path | None, address: str) -> Iterator[Done]:
    with connect(address) as client:
        from distributed import as_completed

        # Paths below the working directory mean another place on another machine's workers.
        target = None if out is None else out.resolve()
        most = max(1, sum(client.nthreads().values()))
        waiting = iter(tasks)
        futures = {_submit(client, task, target): task for task in islice(waiting, most)}
        done = as_completed(futures, loop=client.loop)
        try:
            for future in done:
                task = futures.pop(future)
                yield task, _result(task, future)
                following = next(waiting, None)
                if following is not None:
                    submitted = _submit(client, following, target)
                    futures[submitted] = following
                    done.add(submitted)
        finally:
            client.cancel([*futures])


def _submit(client: Any, task: CaseTask, out: Path | None) -> Any:
    # Pickled here, since what a scheduler cannot unpickle is never heard of again. Not pure: a case must be written
    # again even if the same was asked for before.
    return client.submit(_alone, pickle.dumps(task), out, pure=False)


def _alone(task: bytes, out: Path | None) -> CaseResult | MedsegError:
    """One case at a time in a process, so that its memory is bounded and pydicom's warnings can be silenced."""
    with _ONE_AT_A_TIME:
        return attempt_case(pickle.loads(task), out)


def _result(task: CaseTask, future: Any) -> CaseResult | MedsegError:
    from distributed import CancelledError, KilledWorker

    try:
        result: CaseResult | MedsegError = future.result()
    except (KilledWorker, CancelledError) as error:
        raise MedsegError(
            f"a Dask worker died on case {task.ordinal}, perhaps for want of memory; finished cases are kept, so run it"
            " again"
        ) from error
    except Exception as error:  # faults of cases are returned, so this is one of the worker's own
        raise MedsegError(
            f"a Dask worker must have the same medseg installed as this process, got {type(error).__name__} on case"
            f" {task.ordinal}; finished cases are kept, so mend it and run it again"
        ) from error
    return result
