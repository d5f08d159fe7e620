"""What bundle configs call."""

from medseg.bundle.begin import begin_evaluation, begin_inference, begin_training
from medseg.bundle.facts import run_facts
from medseg.bundle.workflow import by_name, executed_config, root

__all__ = [
    "begin_evaluation",
    "begin_inference",
    "begin_training",
    "by_name",
    "executed_config",
    "root",
    "run_facts",
]
