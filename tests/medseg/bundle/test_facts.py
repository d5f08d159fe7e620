from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from medseg.bundle import run_facts
from medseg.bundle.training_set import training_set
from medseg.errors import UsageError
from medseg.manifest import Manifest, read_slices, write_manifest
from tests.factories import make_prepared


def facts(prepared: Manifest, **settings: object) -> dict[str, object]:
    network = torch.nn.Conv2d(1, 2, 3)
    return run_facts({"fold": 1, **settings}, str(prepared.root), network, torch.device("cpu"))


class TestRunFacts:
    def test_data_code_and_machine_are_there(self, prepared: Manifest) -> None:
        got = facts(prepared, window=(0.0, 255.0))
        assert got["window"] == [0.0, 255.0]
        assert (got["parameters"], got["device"]) == (20, "cpu")
        assert (got["dataset"], got["fingerprint"]) == ("discs", prepared.fingerprint)
        assert (got["train_cases"], got["val_cases"]) == (4, 2)
        assert got["train_cases_sha256"] == [prepared.case(name).sha256 for name in prepared.fold(1).train]
        assert (got["split"], got["leaky"], got["foreground"]) == ("group", False, "disc")
        assert got["torch_version"] is not None
        assert got["threads"] == torch.get_num_threads()

    def test_what_prediction_needs_of_the_data_is_there(self, prepared: Manifest) -> None:
        known = dataclasses.replace(prepared, plane="coronal", spacing_mm=(1.0, 1.0, 2.5), window_hu=(-100.0, 400.0))
        write_manifest(prepared.root, known, read_slices(prepared.root))
        got = facts(known)
        assert (got["plane"], got["spacing_mm"]) == ("coronal", [1.0, 1.0, 2.5])
        assert (got["picture_window_hu"], got["picture_levels"]) == ([-100.0, 400.0], [0, 255])
        assert got["training_set"] == training_set(known, known.fold(1))
        assert json.loads(json.dumps(got)) == got

    def test_without_a_window_there_are_no_levels(self, tmp_path: Path) -> None:
        got = facts(make_prepared(tmp_path, size=(8, 8)))
        assert (got["plane"], got["spacing_mm"], got["picture_window_hu"]) == ("axial", None, None)
        assert got["picture_levels"] is None

    def test_is_json(self, prepared: Manifest) -> None:
        got = facts(prepared, window=(0.0, 255.0), image_size=None)
        assert json.loads(json.dumps(got)) == got

    def test_split_is_known_by_its_folds_pixels(self, tmp_path: Path) -> None:
        folders = {"three": {}, "again": {"name": "other"}, "two": {"groups": 2}}
        hashes = {
            name: facts(make_prepared(tmp_path / name, size=(8, 8), **options))["split_sha256"]  # type: ignore[arg-type]
            for name, options in folders.items()
        }
        assert hashes["three"] == hashes["again"] != hashes["two"]

    def test_fold_that_does_not_exist(self, prepared: Manifest) -> None:
        with pytest.raises(UsageError, match="fold must be 0 to 2, got 3"):
            facts(prepared, fold=3)
