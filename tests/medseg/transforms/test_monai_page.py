"""The code of docs/monai.md runs as it stands there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from monai.bundle import ConfigParser

from tests.commands import ROOT
from tests.data_prep.phantom.reading import nifti_truth, sitk_volume, write_small


def block(language: str) -> str:
    (code,) = re.findall(
        rf"```{language}\n(.*?)```", (ROOT / "docs" / "monai.md").read_text(encoding="utf-8"), re.DOTALL
    )
    return str(code)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    write_small(folder / "PHANTOM", patients=2)
    return folder


class TestMonaiPage:
    def test_python_gives_two_cropped_patients(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(folder)
        names: dict[str, object] = {}
        exec(compile(block("python"), "docs/monai.md", "exec"), names)
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 2
        assert all(re.match(r"\(1, 1, \d+, \d+, \d+\) \['CT'\] \['.*'\]", line) for line in lines)

    def test_json_gives_the_scan_and_its_mask(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text(json.dumps(json.loads(block("json"))))
        parser = ConfigParser()
        parser.read_config(tmp_path / "config.json")
        patient = folder / "PHANTOM" / "PHANTOM-01"
        item = {"image": str(patient / "ct"), "label": str(patient / "liver.nii.gz")}
        out = parser.get_parsed_content("preprocessing")(item)
        # The phantom's columns run to L, its rows to P.
        np.testing.assert_array_equal(out["image"].numpy()[0], sitk_volume(patient)[0][::-1, ::-1])
        np.testing.assert_array_equal(out["label"].numpy()[0], nifti_truth(patient)[0][::-1, ::-1])
