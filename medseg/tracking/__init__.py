"""Trainings in MLflow."""

from medseg.tracking.reaper import reap_dead_runs
from medseg.tracking.run_tracker import RunTracker
from medseg.tracking.store import default_uri, open_store

__all__ = ["RunTracker", "default_uri", "open_store", "reap_dead_runs"]
