"""A run in two processes that never end by themselves, as a script that tests kill or interrupt."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from data_prep.image_sources import Acquired
from data_prep.options import How
from data_prep.prepare_case import CaseTask, Reading
from data_prep.run_cases import run_cases
from data_prep.sources import SourceCase
from medseg.io.scans import ScanChoices


@dataclass(frozen=True)
class Endless:
    """An image whose reading says that it has begun, by a file, and takes for ever."""

    folder: Path
    paths: tuple[Path, ...] = ()

    def read(self, choices: ScanChoices, orientation: str | None) -> Acquired:
        """Take for ever."""
        (self.folder / str(os.getpid())).touch()
        while True:
            time.sleep(60)


if __name__ == "__main__":
    source = SourceCase("endless", Endless(Path(sys.argv[1])), None)
    tasks = [CaseTask(index, f"case_{index}", source, Reading(ScanChoices())) for index in range(4)]
    try:
        list(run_cases(tasks, None, How(workers=2)))
    except KeyboardInterrupt:
        print("stopped")
