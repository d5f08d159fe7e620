from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.splits.cli import main
from tests.factories import edit_json
from tests.medseg.studies import MadeStudy, make_study

GAINS = {"g0": 0.03, "g1": 0.01, "g2": 0.02}


def two_studies(root: Path) -> tuple[MadeStudy, MadeStudy]:
    """The same study twice, the second under another split that scores lower by so much in each group."""
    first, second = (
        make_study(root / name, networks=("unet", "fcn8s"), seeds=(0,), cases=12, name=name)
        for name in ("leaky", "clean")
    )
    for path in second.folder.glob("results/*"):
        edit_json(path / "run.json", lambda facts: facts.update(split_sha256="6" * 64))
        scores = pd.read_csv(path / "volumes_last.csv", dtype={"group": str})
        scores["dice"] -= scores.group.map(GAINS)
        scores.to_csv(path / "volumes_last.csv", index=False)
    return first, second


def refused(capsys: pytest.CaptureFixture[str], *studies: MadeStudy, status: int = 2) -> str:
    assert main([str(study.folder) for study in studies]) == status
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    return line.removeprefix("error: ")


class TestTable:
    def test_gains_by_network_and_group(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        studies = two_studies(tmp_path)
        assert main([str(study.folder) for study in studies]) == 0
        caption, _, head, _, *rows = capsys.readouterr().out.splitlines()[:6]
        assert caption == "**Dice of the same images under both splits**"
        assert head == (
            "| Network | Images | leaky | clean | Difference | 95 % within-block interval |"
            " g0 (n 4) | g1 (n 4) | g2 (n 4) |"
        )
        for network, row in zip(("unet", "fcn8s"), rows, strict=True):
            cells = row.strip("| ").split(" | ")
            scores = pd.concat(pd.read_csv(path / "volumes_last.csv") for path in studies[0].results(network))
            assert cells[:2] == [network, "12"]
            assert float(cells[2]) == pytest.approx(scores.dice.mean(), abs=5e-5)
            assert float(cells[3]) == pytest.approx(scores.dice.mean() - 0.02, abs=1e-4)
            assert cells[4] == "0.0200"
            # Each group's gain is the same in all its cases.
            assert cells[5] == "0.0200 to 0.0200"
            assert cells[6:] == ["0.0300", "0.0100", "0.0200"]

    def test_only_cases_that_both_have_scored_count(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        first, second = two_studies(tmp_path)
        table = second.result("fcn8s", 0) / "volumes_last.csv"
        pd.read_csv(table).iloc[1:].to_csv(table, index=False)
        assert main([str(first.folder), str(second.folder)]) == 0
        rows = capsys.readouterr().out.splitlines()[4:6]
        assert [row.split(" | ")[1] for row in rows] == ["12", "11"]


class TestRefusals:
    def test_other_data(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        first, second = two_studies(tmp_path)
        for path in second.folder.glob("results/*"):
            edit_json(path / "run.json", lambda facts: facts.update(fingerprint="0" * 64))
        assert refused(capsys, first, second) == (
            f"studies beside each other must be of the same data, got fingerprints {first.manifest.fingerprint[:12]}"
            " (leaky) and 000000000000 (clean); prepare both from the same images"
        )

    def test_one_split(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        first, _ = two_studies(tmp_path)
        assert refused(capsys, first, first) == (
            "studies beside each other must have two splits, got the same one in leaky and leaky;"
            " trainings of one split are compared by: medseg report"
        )

    def test_other_settings(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        first, second = two_studies(tmp_path)
        for path in second.results("fcn8s"):
            edit_json(path / "run.json", lambda facts: facts.update(config_sha256="9" * 64))
        assert refused(capsys, first, second).startswith(
            "trainings of fcn8s must have the same settings in both studies, got config_sha256 "
        )

    def test_other_groups(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        first, second = two_studies(tmp_path)
        for path in second.folder.glob("results/*/volumes_last.csv"):
            scores = pd.read_csv(path).assign(group="g0")
            scores.to_csv(path, index=False)
        line = refused(capsys, first, second)
        assert line.startswith("cases must be of the same group in both studies, got ")
        assert line.endswith("in g1 (leaky) and g0 (clean); prepare both with the same --groups")

    def test_nothing_in_common(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        first, second = two_studies(tmp_path)
        (second.folder / "study.yaml").unlink()
        for path in second.folder.glob("results/*/run.json"):
            edit_json(path, lambda facts: facts.update(seed=7))
        assert "must have scored the same cases with the same networks and seeds, got none" in refused(
            capsys, first, second
        )

    def test_unknown_metric(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        first, second = two_studies(tmp_path)
        assert main([str(first.folder), str(second.folder), "--metric", "dise"]) == 2
        assert capsys.readouterr().err.startswith("error: metric must be one of dice, ")

    def test_no_study(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        first, _ = two_studies(tmp_path)
        assert main([str(first.folder), str(tmp_path / "nowhere")]) == 2
        assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'nowhere'}: study must be a folder with ")

    def test_damaged_result(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        first, second = two_studies(tmp_path)
        broken = second.result("unet") / "run.json"
        broken.write_text("{")
        assert refused(capsys, first, second, status=1).startswith(f"{broken}: must be a training's facts as JSON")
