from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from medseg.errors import UsageError
from medseg.report import places, write_report
from medseg.report.content import Report
from medseg.report.drawing import drawing
from medseg.report.page import write_page
from tests.factories import edit_json
from tests.medseg.studies import MadeStudy, make_content, make_study

CHARTS = (
    "differences", "cases", "curve_train_loss", "curve_val_loss", "curve_val_dice", "pareto_time", "pareto_parameters",
    "reliability",
)  # fmt: skip
TABLES = ("paper_form", "scores_last", "scores_best", "pairs", "differences", "cost", "settings", "trainings")


class TestPlaces:
    def test_the_plan_says_where_things_are(self, pictures: MadeStudy) -> None:
        place = places(pictures.folder)
        assert place.work.root == Path("runs/studies/discs_study")
        assert place.output == pictures.folder / "report"
        assert place.data is None
        assert places(pictures.folder / "study.yaml").study == pictures.folder

    def test_the_plans_data_are_taken_where_they_are(self, tmp_path: Path) -> None:
        study = make_study(tmp_path, networks=("unet",), seeds=(0,))
        with (study.folder / "study.yaml").open("a") as file:
            file.write("data: ../data\n")
        found = places(study.folder).data
        assert found is not None
        assert found.resolve() == study.manifest.root.resolve()
        study.manifest.root.rename(tmp_path / "gone")
        assert places(study.folder).data is None


class TestWriteReport:
    def test_leaves_every_figure_and_table(self, report: Report, report_dir: Path) -> None:
        found = {path.relative_to(report_dir).as_posix() for path in report_dir.rglob("*") if path.is_file()}
        figures = {f"figures/{name}.{suffix}" for name in CHARTS for suffix in ("png", "svg")}
        figures |= {f"figures/case_{rank}.png" for rank in ("best", "middle", "worst")}
        tables = {f"tables/{name}.{suffix}" for name in TABLES for suffix in ("csv", "tex")}
        assert found == {"index.html", "report.md"} | figures | tables

    def test_tables_hold_all_digits(self, report: Report, report_dir: Path) -> None:
        written = pd.read_csv(report_dir / "tables" / "pairs.csv", float_precision="round_trip")
        pd.testing.assert_frame_equal(written, report.tables["pairs"].data, check_dtype=False, check_exact=True)

    def test_the_same_results_give_the_same_bytes(
        self, report: Report, report_dir: Path, pictures: MadeStudy, tmp_path: Path
    ) -> None:
        place = places(pictures.folder, work=pictures.work, data=pictures.manifest.root, output=tmp_path)
        write_report(place)
        for path in report_dir.rglob("*"):
            if path.is_file():
                assert (tmp_path / path.relative_to(report_dir)).read_bytes() == path.read_bytes(), path.name

    def test_no_path_of_the_machine_is_written(self, report: Report, report_dir: Path, pictures: MadeStudy) -> None:
        for path in (*report_dir.rglob("*.html"), *report_dir.rglob("*.md"), *report_dir.rglob("tables/*")):
            assert str(pictures.folder.parent) not in path.read_text(encoding="utf-8"), path.name

    def test_without_pictures_not_even_former_ones_stay(self, pictures: MadeStudy, tmp_path: Path) -> None:
        place = places(pictures.folder, work=pictures.work, data=pictures.manifest.root, output=tmp_path)
        (tmp_path / "figures").mkdir()
        (tmp_path / "figures" / "case_best.png").write_bytes(b"a picture of the data")
        report = write_report(place, pictures=False)
        assert report.pictures == ()
        assert "<img" not in (tmp_path / "index.html").read_text(encoding="utf-8")
        assert not list((tmp_path / "figures").glob("case_*"))
        assert "--no-pictures" in (tmp_path / "report.md").read_text(encoding="utf-8")

    def test_what_a_former_report_had_and_this_one_lacks_is_deleted(self, tmp_path: Path) -> None:
        output = tmp_path / "report"
        for name in (
            "figures/differences.svg",
            "figures/pareto_time.png",
            "figures/curve_old.png",
            "tables/pairs.csv",
            "tables/pairs.tex",
        ):
            (output / name).parent.mkdir(parents=True, exist_ok=True)
            (output / name).write_text("of two networks")
        own = output / "tables" / "own.csv"
        own.write_text("the user's")
        study = make_study(tmp_path, networks=("unet",), seeds=(0,))
        report = write_report(places(study.folder, output=output))
        assert {path.stem for path in (output / "figures").iterdir()} == {plot.name for plot in report.plots}
        assert {path.stem for path in (output / "tables").iterdir()} == {*report.tables, "own"}
        assert own.read_text() == "the user's"

    def test_without_data_says_how_to_get_pictures(self, pictures: MadeStudy, tmp_path: Path) -> None:
        report = make_content(pictures)
        wanted = "Pictures of the cases need the prepared data set: medseg report STUDY --data PREPARED."
        assert report.picture_note == wanted
        with drawing():
            write_page(tmp_path / "index.html", report)
        assert wanted in (tmp_path / "index.html").read_text(encoding="utf-8")

    def test_without_masks_says_how_to_get_pictures(self, pictures: MadeStudy, tmp_path: Path) -> None:
        report = make_content(pictures, data=True, work=tmp_path)
        assert report.pictures == ()
        assert report.picture_note.startswith("No masks of fcn8s-fold")
        assert report.picture_note.endswith("working folder (--work) has them on the machine that trained.")

    def test_one_network_has_nothing_to_be_compared_with(self, tmp_path: Path) -> None:
        study = make_study(tmp_path, networks=("unet",), seeds=(0,))
        report = write_report(places(study.folder, work=study.work, output=tmp_path / "report"))
        assert report.verdict == "Only unet was scored, so there is nothing to compare it with."
        assert report.forest is None
        assert "pairs" not in report.tables
        assert 'href="#pairs"' not in (tmp_path / "report" / "index.html").read_text(encoding="utf-8")

    def test_two_equal_networks_are_no_evidence(self, tmp_path: Path) -> None:
        study = make_study(tmp_path, networks=("unet", "fcn8s"), seeds=(0,))
        for folder in study.results("unet"):
            other = folder.with_name(folder.name.replace("unet", "fcn8s"))
            fold = folder.name.split("fold")[1][0]
            target = study.result("fcn8s", int(fold))
            for name in ("volumes_last.csv", "scores_last.csv"):
                (target / name).write_bytes((folder / name).read_bytes())
            assert not other.exists()
        report = make_content(study)
        assert report.verdict.lower().startswith("no evidence of a difference between unet and fcn8s")

    def test_another_score_may_decide(self, pictures: MadeStudy) -> None:
        report = make_content(pictures, metric="hd95_px")
        assert report.tables["pairs"].caption == "Differences in HD95 between every two networks"
        assert report.commands[1] == "medseg report discs_study --data PREPARED --metric hd95_px"
        assert "lower is better" in report.spread.figure.axes[0].get_xlabel()

    def test_metric_must_have_a_direction(self, pictures: MadeStudy, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"metric must be one of dice, iou, .* got 'area_error_px2'"):
            write_report(places(pictures.folder, output=tmp_path), metric="area_error_px2")
        assert list(tmp_path.iterdir()) == []

    def test_a_metric_without_values(self, tmp_path: Path) -> None:
        study = make_study(tmp_path, networks=("unet",), seeds=(0,))
        for folder in study.results("unet"):
            path = folder / "volumes_last.csv"
            pd.read_csv(path).assign(hd95_px=float("nan")).to_csv(path, index=False)
        with pytest.raises(UsageError, match="metric must be one that cases have values of, got 'hd95_px'"):
            write_report(places(study.folder), metric="hd95_px")

    def test_different_data_never_share_a_table(self, tmp_path: Path) -> None:
        study = make_study(tmp_path, networks=("unet", "fcn8s"), seeds=(0,))
        edit_json(study.result("unet") / "run.json", lambda facts: facts.update(fingerprint="e" * 64))
        with pytest.raises(UsageError, match="must be of the same data"):
            write_report(places(study.folder))
        assert not (study.folder / "report").exists()


class TestMarkdown:
    def test_names_figures_that_are_there(self, report: Report, report_dir: Path) -> None:
        text = (report_dir / "report.md").read_text(encoding="utf-8")
        named = [part.split(")")[0] for part in text.split("](")[1:]]
        assert len(named) == len(report.plots) + len(report.pictures)
        assert all((report_dir / name).is_file() for name in named)
        assert text.index(report.verdict) < text.index("## What was compared")
