"""Close runs whose process was killed with ``kill -9``: no handler can, so the next command does."""

from __future__ import annotations

import platform

import psutil
from mlflow import MlflowClient
from mlflow.entities import Run

__all__ = ["is_of_another_process", "process_tags", "reap_dead_runs"]


def process_tags() -> dict[str, str]:
    """Tags by which a run's process is found again: host, process id, and start time against reused ids."""
    process = psutil.Process()
    return {
        "medseg.host": platform.node(),
        "medseg.pid": str(process.pid),
        "medseg.process_started": f"{process.create_time():.2f}",
    }


def reap_dead_runs(client: MlflowClient) -> list[str]:
    """End as KILLED each run of this host that is RUNNING in the store while its process is gone.

    Returns:
        Names of the runs that were ended.
    """
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    reaped = []
    for run in client.search_runs(experiments, filter_string="attributes.status = 'RUNNING'", max_results=1000):
        if run.data.tags.get("medseg.host") == platform.node() and not _is_alive(run):
            now = client.get_run(run.info.run_id)  # its process may have ended it since, or another one gone on with it
            if now.info.status == "RUNNING" and not _is_alive(now):
                client.set_terminated(run.info.run_id, "KILLED")
                reaped.append(str(run.info.run_name))
    return reaped


def is_of_another_process(run: Run) -> bool:
    """Whether a process of this host that is alive, and not this one, is at a run."""
    tags = run.data.tags
    own = tags.get("medseg.host") == platform.node() and tags.get("medseg.pid") != str(psutil.Process().pid)
    return run.info.status == "RUNNING" and own and _is_alive(run)


def _is_alive(run: Run) -> bool:
    try:
        process = psutil.Process(int(run.data.tags["medseg.pid"]))
        started = f"{process.create_time():.2f}"
    except (KeyError, ValueError, psutil.NoSuchProcess):
        return False
    return started == run.data.tags.get("medseg.process_started") and process.status() != psutil.STATUS_ZOMBIE
