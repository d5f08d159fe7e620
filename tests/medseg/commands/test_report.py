from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands import Ended
from tests.medseg.studies import MadeStudy, make_study

Medseg = Callable[..., Ended]


@pytest.fixture
def study(tmp_path: Path) -> MadeStudy:
    return make_study(tmp_path, networks=("unet", "fcn8s"), seeds=(0,))


class TestReport:
    def test_tells_the_verdict_and_where_the_page_is(self, medseg: Medseg, study: MadeStudy) -> None:
        lines = medseg("report", "discs_study", "--data", "data", "--work", "work").succeeded().stdout.splitlines()
        assert "unet" in lines[0]
        assert lines[-1] == "wrote discs_study/report/index.html"
        assert (study.folder / "report" / "figures" / "case_best.png").is_file()

    def test_names_what_is_missing_and_takes_the_plan_for_its_folder(
        self, medseg: Medseg, study: MadeStudy, tmp_path: Path
    ) -> None:
        for file in study.result("fcn8s").iterdir():
            file.unlink()
        out = medseg("report", "discs_study/study.yaml", "--output", "out", "--no-pictures").succeeded().stdout
        assert "missing: Not finished: fcn8s, fold 0, seed 0.\n" in out
        assert (tmp_path / "out" / "report.md").is_file()

    def test_no_study(self, medseg: Medseg) -> None:
        error = medseg("report", "none").refused()
        assert error == (
            "none: study must be a folder with study.yaml and results/, but it has neither;"
            " make one with: medseg study run"
        )

    def test_unknown_metric(self, medseg: Medseg, study: MadeStudy) -> None:
        assert "metric must be one of dice, iou," in medseg("report", "discs_study", "--metric", "dcie").refused()

    def test_output_that_cannot_be_written(self, medseg: Medseg, study: MadeStudy, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        error = medseg("report", "discs_study", "--output", "file").refused()
        assert error.startswith("file: output must be a folder that can be written, got ")

    def test_tracking_needs_a_tracked_study(self, medseg: Medseg, study: MadeStudy) -> None:
        error = medseg("report", "discs_study", "--tracking-uri", "sqlite:///mlflow.db").refused()
        assert "remembers no MLflow run" in error
        assert not (study.folder / "report").exists()

    def test_says_what_to_install(self, medseg: Medseg, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in [name for name in sys.modules if name.startswith("medseg.report")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        error = medseg("report", "none").refused()
        assert error == "report needs matplotlib; install it with: pip install 'medseg[train]'"
