"""MLflow's pages of a study as a researcher sees them: trainings below it, beside each other, and what was found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from medseg.manifest import Manifest
from medseg.study import read_results
from tests.browser.chromium import Browser
from tests.browser.mlflow_study import (
    add_columns,
    follow,
    open_comparison,
    open_runs,
    open_study,
    study_runs,
    train_study,
    unfold,
)
from tests.browser.server import mlflow_ui
from tests.commands import BUNDLES

pytestmark = [pytest.mark.browser, pytest.mark.slow]

_NAMES = sorted(f"{bundle}-fold0-seed0" for bundle in BUNDLES)
_NOT_OURS = ("/ajax-api/2.0/mlflow/users/current", "ResizeObserver loop completed with undelivered notifications")
_RUN_NAME = "attributes.`Run Name`"


@pytest.fixture(scope="module")
def folder(browser: Browser, prepared: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Working directory of a study of the four bundles; ``browser`` skips first."""
    folder: Path = tmp_path_factory.mktemp("four") / "work"
    train_study(folder, prepared.root, folds=(0,), epochs=3)
    return folder


@pytest.fixture(scope="module")
def address(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of ``mlflow ui``, started in that folder."""
    with mlflow_ui(folder, tmp_path_factory.mktemp("ui") / "log.txt") as answering:
        yield answering


@pytest.fixture(autouse=True)
def no_errors(browser: Browser) -> Iterator[None]:
    """No page writes an error to the console, those aside that have nothing to do with what it shows."""
    browser.errors(_NOT_OURS)  # what earlier pages wrote
    known = len(browser.errors(_NOT_OURS))
    yield
    assert browser.errors(_NOT_OURS)[known:] == []


def names(browser: Browser) -> list[str]:
    """Names in the list of runs, without their colours."""
    return [text.splitlines()[-1] for text in browser.texts(f"[role=gridcell][col-id='{_RUN_NAME}']")]


class TestListOfRuns:
    def test_trainings_unfold_below_the_study(self, browser: Browser, address: str, folder: Path) -> None:
        open_runs(browser, address, "TABLE", 5)
        browser.until(lambda: names(browser) == ["discs-four"], "the study alone")
        unfold(browser)
        browser.until(lambda: sorted(names(browser)[1:]) == _NAMES, "its trainings")
        add_columns(browser, "architecture", "val_dice")
        found = dict(
            zip(names(browser)[1:], browser.texts("[role=gridcell][col-id='tags.`architecture`']")[1:], strict=True)
        )
        assert found == {f"{bundle}-fold0-seed0": bundle for bundle in BUNDLES}
        shown = browser.texts("[role=gridcell][col-id='metrics.`val_dice`']")[1:]
        results = {result.bundle: result for result in read_results(folder / "study")}
        for bundle, text in zip(found.values(), shown, strict=True):
            assert float(text) == pytest.approx(results[bundle].images().dice.mean(), abs=1e-3)


class TestStudyPage:
    def test_says_what_was_found_and_links_to_trainings(self, browser: Browser, address: str, folder: Path) -> None:
        parent, trainings = study_runs(folder)
        open_study(browser, address, parent)
        browser.wait_for_text("4 of 4 trainings done:", "Study discs-four of unet, unet_early_skip", "Child runs")
        assert "dice.unet_early_skip_concat" in browser.text
        for training in trainings:
            assert training.info.run_name in browser.text

    @pytest.mark.parametrize("link", ["charts", "list"])
    def test_links_show_the_trainings_alone(self, browser: Browser, address: str, folder: Path, link: str) -> None:
        open_study(browser, address, study_runs(folder)[0])
        follow(browser, link)
        browser.wait_for_text("4 matching runs", *_NAMES, timeout=120)
        assert "\ndiscs-four\n" not in browser.text


class TestComparison:
    def test_trainings_stand_beside_each_other(self, browser: Browser, address: str, folder: Path) -> None:
        _, trainings = study_runs(folder)
        open_comparison(browser, address, trainings)
        # The list of metrics draws the first ones alone until it is scrolled.
        browser.wait_for_text("Run Name:", "bundle_name", "Metrics", "best_val_dice", "architecture", *_NAMES)
        for result in read_results(folder / "study"):
            assert f"\n{round(result.history().val_dice.max(), 3)}\n" in browser.text


class TestModelRegistry:
    def test_each_network_has_a_best_model(self, browser: Browser, address: str) -> None:
        browser.open("about:blank")
        browser.open(f"{address}/#/models")
        browser.wait_for_text(*(f"medseg-discs-{bundle}" for bundle in BUNDLES), "best", timeout=120)
