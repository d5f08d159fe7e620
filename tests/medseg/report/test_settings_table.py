from __future__ import annotations

from pathlib import Path

from medseg.report.content import Report
from medseg.report.gather import gather
from medseg.report.settings_table import settings_table
from tests.factories import edit_json
from tests.medseg.studies import make_study


class TestSettingsTable:
    def test_only_what_differs(self, report: Report) -> None:
        assert report.tables["settings"].rows == (
            ("learning_rate", "0.001", "0.001", "0.001", "0.0001"),
            ("dropout", "0.0", "0.1", "0.1", "0.0"),
        )

    def test_nothing_differs(self, tmp_path: Path) -> None:
        study = make_study(tmp_path, networks=("unet", "fcn8s"), seeds=(0,))
        for folder in study.results("fcn8s"):
            edit_json(folder / "run.json", lambda facts: facts.update(learning_rate=0.001))
        assert settings_table(gather(study.folder)) is None
