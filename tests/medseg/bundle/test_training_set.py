from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from medseg.bundle.training_set import training_set
from medseg.manifest import Case, Fold, Manifest, SliceRow, read_slices, write_manifest
from tests.factories import make_prepared


def a_case(name: str, shape: tuple[int, int, int], foreground_px: int, spacing: tuple[float, float, float]) -> Case:
    return Case(name, "g", shape, "", foreground_px, spacing)


@pytest.fixture
def scans(tmp_path: Path) -> Manifest:
    """Three scans to train on, one of them empty, and one to validate, which is unlike them."""
    cases = (
        a_case("a", (100, 90, 40), 1000, (0.5, 0.5, 2.0)),  # 1000 x 0.5 mm3 = 0.5 mL
        a_case("b", (80, 95, 60), 3000, (1.0, 1.0, 1.0)),  # 3 mL
        a_case("c", (90, 90, 50), 0, (0.7, 0.6, 5.0)),
        a_case("val", (512, 512, 900), 9_000_000, (3.0, 3.0, 9.0)),
    )
    made = make_prepared(tmp_path, cases=3, size=(8, 8), modality="CT")
    return dataclasses.replace(made, cases=cases, folds=(Fold(("a", "b", "c"), ("val",)),))


class TestTrainingSet:
    def test_training_scans_are_summed_up_without_those_of_validation(self, scans: Manifest) -> None:
        got = training_set(scans, scans.fold(0))
        assert got["cases"] == 3
        assert (got["shape_min"], got["shape_max"]) == ([80, 90, 40], [100, 95, 60])
        assert (got["spacing_mm_min"], got["spacing_mm_max"]) == ([0.5, 0.5, 1.0], [1.0, 1.0, 5.0])
        assert got["foreground_ml"] == {"min": 0.5, "median": 1.75, "max": 3.0}
        assert (got["foreground_px2"], got["without_foreground"]) == (None, 1)

    def test_values_are_the_data_sets(self, scans: Manifest) -> None:
        got = training_set(scans, scans.fold(0))["intensity"]
        assert (got["dtype"], got["percentile_99_5"]) == ("uint8", scans.intensity.percentile_99_5)

    def test_pictures_have_areas_of_slices_and_no_spacing(self, tmp_path: Path) -> None:
        made = make_prepared(tmp_path, cases=3, size=(8, 8), slices=2, placed=False)
        names = [case.name for case in made.cases]
        areas = {names[0]: [0, 10], names[1]: [20, 60], names[2]: [7, 7]}
        rows = [SliceRow(name, index, area) for name in names for index, area in enumerate(areas[name])]
        write_manifest(made.root, made, rows)
        assert read_slices(made.root) == rows
        got = training_set(made, Fold((names[0], names[1]), (names[2],)))
        assert got["foreground_px2"] == {"min": 10, "median": 20, "max": 60}
        assert (got["foreground_ml"], got["without_foreground"]) == (None, 1)
        assert (got["spacing_mm_min"], got["spacing_mm_max"]) == (None, None)

    def test_without_any_foreground_nothing_is_said_of_its_size(self, scans: Manifest) -> None:
        got = training_set(scans, Fold(("c",), ("val",)))
        assert (got["foreground_ml"], got["without_foreground"]) == (None, 1)
