"""Trainings of a study on a Dask cluster whose workers see the same folders."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from threading import Lock
from typing import Any

from medseg.errors import UsageError
from medseg.io.dask_client import connect
from medseg.study.local import Watcher
from medseg.study.planned import PlannedRun
from medseg.study.training import Outcome, Setting, train

__all__ = ["check_cluster", "train_on_cluster"]

_ONE_AT_A_TIME = Lock()


def train_on_cluster(runs: Sequence[PlannedRun], setting: Setting, watcher: Watcher, address: str) -> list[Outcome]:
    """Train one at a time on each worker.

    Data, study and work must be at the same paths for all workers. If this process ends before, trainings that have
    begun go on and install their results; the others are not begun.

    Args:
        runs: What to train.
        setting: How; the number of jobs is the cluster's.
        watcher: Told of begins and ends.
        address: Of the scheduler.

    Raises:
        UsageError: If Dask is not installed, or there is no scheduler or worker.
    """
    with connect(address) as client:
        from distributed import as_completed

        waiting, futures, outcomes = deque(runs), {}, []
        for _ in range(min(_workers(client, address), len(runs))):
            run = waiting.popleft()
            futures[_submit(client, run, setting, watcher)] = run
        done = as_completed(list(futures), loop=client.loop)
        for future in done:
            outcome = _outcome(future, futures.pop(future))
            watcher.ended(outcome)
            if outcome.state == "elsewhere":
                waiting.append(outcome.run)
            else:
                outcomes.append(outcome)
            if waiting:
                following = waiting.popleft()
                submitted = _submit(client, following, setting, watcher)
                futures[submitted] = following
                done.add(submitted)
        return outcomes


def check_cluster(address: str) -> int:
    """Number of workers of a cluster.

    Raises:
        UsageError: If Dask is not installed, or there is no scheduler or worker.
    """
    with connect(address) as client:
        return _workers(client, address)


def _submit(client: Any, run: PlannedRun, setting: Setting, watcher: Watcher) -> Any:
    watcher.began(run)
    # Pickled here, since what a scheduler cannot unpickle is never heard of again. Not pure: a training that failed is
    # tried again when it is asked for again.
    return client.submit(_alone, pickle.dumps((run, setting)), pure=False, retries=0)


def _alone(task: bytes) -> Outcome:
    """One training at a time in a worker, whatever its number of threads."""
    from distributed import get_worker

    with _ONE_AT_A_TIME:
        run, setting = pickle.loads(task)
        # The plan's threads, or the share of its machine that the worker was given.
        return train(run, replace(setting, threads=setting.threads or get_worker().state.nthreads))


def _outcome(future: Any, run: PlannedRun) -> Outcome:
    try:
        outcome: Outcome = future.result()
    except Exception as error:  # a training's own failure is an outcome, so this is the worker's
        reason = f"a Dask worker must live and have the same medseg installed, got {type(error).__name__}: {error}"
        return Outcome(run, "failed", reason)
    return outcome


def _workers(client: Any, address: str) -> int:
    workers = len(client.nthreads())
    if workers == 0:
        raise UsageError(f"--dask {address}: must have workers, got none; start some with: dask worker {address}")
    return workers
