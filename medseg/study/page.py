"""A study's page in MLflow, kept up to date while it runs; what goes wrong with it stops no training."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from medseg.manifest import Manifest
from medseg.report import log_report, places, write_report
from medseg.runs import Status
from medseg.study.folders import StudyFolder, WorkFolder
from medseg.study.local import Watcher
from medseg.study.overview import make_overview
from medseg.study.parent_run import ParentRun
from medseg.study.plan import StudyPlan
from medseg.study.planned import PlannedRun
from medseg.study.registry import register_best
from medseg.study.states import run_states
from medseg.study.training import Outcome
from medseg.tracking.store import few_retries, without_password

__all__ = ["StudyPage"]


_REPORT_OF = "medseg.report_of"


@dataclass(frozen=True)
class StudyPage:
    """The MLflow run of a study with all that it shows.

    Attributes:
        parent: The run.
        plan: The study.
        manifest: Its data.
        runs: All its trainings.
        folder: Its results.
        work: Its working files.
        say: Told in a line what happens.
        pictures: Whether the report shows images of the data.
    """

    parent: ParentRun
    plan: StudyPlan
    manifest: Manifest
    runs: Sequence[PlannedRun]
    folder: StudyFolder
    work: WorkFolder
    say: Callable[[str], None]
    pictures: bool = True

    def update(self) -> None:
        """Show what is finished by now."""
        with self._tolerant(), few_retries():
            states = run_states(self.runs, self.folder, self.work)
            experiment = self.parent.experiment
            overview = make_overview(self.plan, self.manifest, self.folder, states, experiment=experiment)
            self.parent.show(overview, self.folder.root / "study.yaml")

    def conclude(self) -> None:
        """Show the report, unless the run has that of the same results, and register the best models."""
        self.update()
        with self._tolerant():
            for line in register_best(self.parent, self.runs, self.folder, self.work):
                self.say(line)
        with self._tolerant():
            content = self._content()
            if content and self.parent.tag(_REPORT_OF) != content:
                self._report(content)

    def close(self, status: Status) -> None:
        """End the run."""
        with self._tolerant(), few_retries():
            self.parent.close(status)

    def watching(self, watcher: Watcher) -> Watcher:
        """``watcher``, with the page brought up to date after each training."""
        return _Watching(watcher, self.update)

    def _content(self) -> str:
        """Hash of what the report is made of, by names, which hold hashes; empty where there is nothing yet."""
        results = sorted(path.name for path in self.folder.results.glob("[!.]*") if path.is_dir())
        costs = sorted(path.name for path in self.folder.costs.glob("[!.]*.json"))
        plan = self.folder.root / "study.yaml"
        text = json.dumps([results, costs, self.pictures, plan.read_text(encoding="utf-8")])
        return hashlib.sha256(text.encode()).hexdigest() if results else ""

    def _report(self, content: str) -> None:
        # Not in the study's folder, which is committed: it has pictures of the data.
        place = places(self.folder.root, work=self.work.root, data=self.manifest.root, output=self.work.root / "report")
        write_report(place, pictures=self.pictures)
        log_report(self.parent.client, self.parent.run_id, place.output)
        # Last: killed before it, the next call makes the report again.
        self.parent.client.set_tag(self.parent.run_id, _REPORT_OF, content)

    @contextmanager
    def _tolerant(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # nothing about a page is worth hours of training
            logging.getLogger(__name__).debug("traceback", exc_info=error)
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            self.say(f"the study's page in MLflow lacks something: {without_password(reason)}")


@dataclass(frozen=True)
class _Watching:
    """A watcher, and something to do after each training.

    Attributes:
        watcher: Is told as before.
        then: Is called after a training ended.
    """

    watcher: Watcher
    then: Callable[[], None]

    def began(self, run: PlannedRun) -> None:
        self.watcher.began(run)

    def ended(self, outcome: Outcome) -> None:
        self.watcher.ended(outcome)
        if outcome.state in ("done", "failed"):
            self.then()

    def tick(self, epochs: dict[str, int]) -> None:
        self.watcher.tick(epochs)
