"""``mlflow ui`` as a researcher sees it: four networks side by side with settings, curves, scores and pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from selenium.webdriver.common.keys import Keys

from medseg.manifest import Manifest
from tests.browser.chromium import Browser
from tests.commands import BUNDLES

pytestmark = pytest.mark.browser

_NAMES = [f"{bundle}-first" for bundle in reversed(BUNDLES)]  # newest first
_NOT_OURS = (
    # MLflow asks who has signed in, which only a server with user accounts can answer.
    "/ajax-api/2.0/mlflow/users/current",
    # Chromium's remark that a page's layout took another round, as MLflow's charts do while they fit their cards.
    "ResizeObserver loop completed with undelivered notifications",
)
_COLUMN = ".du-bois-light-tree-title"
# Values that the charts draw, by metric and run.
_CURVES = """
return Object.fromEntries([...document.querySelectorAll('[data-testid=experiment-view-compare-runs-card]')]
  .filter(card => card.querySelector('.js-plotly-plot'))
  .map(card => [card.innerText.split('\\n')[0], Object.fromEntries(
    card.querySelector('.js-plotly-plot').data.map(line => [line.name, Array.from(line.y)]))]))
"""


@pytest.fixture(autouse=True)
def no_errors(browser: Browser) -> Iterator[None]:
    """No page writes an error to the console, those aside that have nothing to do with what it shows."""
    yield
    assert browser.errors(ignore=_NOT_OURS) == []


@pytest.fixture
def runs_page(browser: Browser, address: str) -> Browser:
    """The experiment's list of runs."""
    open_runs(browser, address, "TABLE")
    return browser


def open_runs(browser: Browser, address: str, mode: str) -> None:
    """The experiment's runs as someone sees them who has never set anything, without MLflow's assistant beside them."""
    browser.open(f"{address}/#/")
    browser.driver.execute_script("localStorage.clear(); sessionStorage.clear()")
    browser.open("about:blank")  # the same page with another fragment would not be loaded anew
    browser.open(f"{address}/#/experiments/1/runs?workflowType=machine_learning&compareRunsMode={mode}")
    browser.wait_for_text("4 matching runs", timeout=120)
    browser.click("[aria-label=Close]")


def cells(browser: Browser, column: str) -> list[str]:
    """Texts of a column of the list of runs."""
    return browser.texts(f"[role=gridcell][col-id='{column}']")


def loaded_widths_px(browser: Browser, selector: str, at_least: int) -> list[int]:
    """Widths of the pictures that a selector finds, when so many have arrived with pixels."""

    def arrived() -> list[int]:
        widths = [int(image.get_attribute("naturalWidth") or 0) for image in browser.all(selector)]
        return widths if len(widths) >= at_least and all(widths) else []

    return browser.until(arrived, f"{at_least} pictures {selector!r} with pixels", timeout=60)


def run_folder(four_runs: Path, bundle: str) -> Path:
    return four_runs / "runs" / bundle / "discs" / "first"


def scores(four_runs: Path, bundle: str) -> pd.DataFrame:
    return pd.read_csv(run_folder(four_runs, bundle) / "scores_last.csv")


class TestFirstPage:
    def test_tells_where_the_trainings_are(self, browser: Browser, address: str) -> None:
        browser.open(address)
        browser.click_text("Experiments")
        browser.click_text("discs")
        browser.wait_for_text("choose Model training at the top left, then Runs.", timeout=120)
        browser.click_text("Got it")  # MLflow's advertisement, over everything
        browser.click_text("Model training")
        browser.wait_for_text("4 matching runs", timeout=120)


class TestListOfRuns:
    def test_names_and_colours_networks_and_says_on_what_data(self, runs_page: Browser, prepared: Manifest) -> None:
        colours, names = zip(*(text.splitlines() for text in cells(runs_page, "attributes.`Run Name`")), strict=True)
        assert list(names) == _NAMES
        assert len(set(colours)) == 4
        assert cells(runs_page, "attributes.`Source`") == list(reversed(BUNDLES))
        assert cells(runs_page, "attributes.`Dataset`") == [f"discs ({prepared.fingerprint[:8]})\nFold 0"] * 4

    def test_columns_of_settings_and_scores_can_be_added(self, runs_page: Browser, four_runs: Path) -> None:
        runs_page.click_text("Columns")
        search = runs_page.click("input[placeholder='Search columns']")
        for name in ("val_dice", "parameters"):
            search.send_keys(Keys.CONTROL, "a")
            search.send_keys(name)
            runs_page.press(lambda name=name: [e for e in runs_page.all(_COLUMN) if e.text == name], name)
        search.send_keys(Keys.ESCAPE)
        runs_page.until(lambda: len(cells(runs_page, "params.`parameters`")) == 4, "the added columns")
        shown = [float(text) for text in cells(runs_page, "metrics.`val_dice`")]
        assert shown == pytest.approx([scores(four_runs, bundle).dice.mean() for bundle in reversed(BUNDLES)])


class TestCharts:
    def test_curves_of_the_networks_have_an_epoch_a_point(
        self, browser: Browser, address: str, four_runs: Path
    ) -> None:
        open_runs(browser, address, "CHART")
        browser.click("input[placeholder='Search metric charts']").send_keys("^(val_dice|train_loss)$")
        recorded = {bundle: pd.read_csv(run_folder(four_runs, bundle) / "history.csv") for bundle in BUNDLES}
        expected = {
            metric: {f"{bundle}-first": pytest.approx(history[metric].tolist()) for bundle, history in recorded.items()}
            for metric in ("val_dice", "train_loss")
        }
        browser.until(lambda: browser.driver.execute_script(_CURVES) == expected, "four curves of two metrics", 120)

    def test_image_grid_sets_predictions_side_by_side(self, browser: Browser, address: str) -> None:
        open_runs(browser, address, "CHART")
        browser.click_text("Add chart")
        browser.click_text("Image grid")
        browser.click("[role=dialog] [aria-label^='Images,']")
        for name in ("disc_000_000", "disc_003_000"):
            browser.press(lambda name=name: [o for o in browser.all("[role=option]") if name in o.text], name)
        browser.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
        assert len(loaded_widths_px(browser, "[role=dialog] img[src*='get-artifact']", at_least=8)) == 8


class TestTable:
    def test_dice_of_each_image_side_by_side(self, browser: Browser, address: str, four_runs: Path) -> None:
        open_runs(browser, address, "ARTIFACT")
        browser.wait_for_text("scores_last.json", "disc_003, slice 0", timeout=60)
        for bundle in BUNDLES:
            for value in scores(four_runs, bundle).dice.round(4):
                browser.wait_for_text(f"{value:g}")


class TestComparePage:
    def test_settings_and_scores_side_by_side(self, runs_page: Browser) -> None:
        runs_page.click(":has(> input[aria-label='Select all runs'])")
        runs_page.click_text("Compare")
        runs_page.wait_for_text("Comparing 4 Runs from 1 Experiment", timeout=60)
        runs_page.wait_for_text(*_NAMES, "learning_rate", "val_dice")
        rows = {row.text.split()[0]: row.text.split()[1:] for row in runs_page.all("tr") if len(row.text.split()) > 1}
        assert rows["bundle_name"] == list(reversed(BUNDLES))
        assert rows["seed"] == ["3", "2", "1", "0"]
        assert rows["learning_rate"] == ["0.03"] * 4


class TestRun:
    @pytest.fixture
    def artifacts(self, runs_page: Browser) -> Browser:
        """The artifacts of the U-Net's run."""
        runs_page.click_text("unet-first")
        runs_page.wait_for_text("About this run", "on discs (microscopy, disc): fold 0 of a group split", timeout=60)
        runs_page.click_text("Artifacts")
        return runs_page

    def test_shows_an_overlay(self, artifacts: Browser) -> None:
        artifacts.click("[artifact-name='overlays']")
        artifacts.click("[artifact-name='disc_003_000.png']")
        assert loaded_widths_px(artifacts, "img[alt='overlays/disc_003_000.png']", at_least=1) == [48]

    def test_shows_the_scores_an_image_a_row(self, artifacts: Browser, four_runs: Path) -> None:
        artifacts.click("[artifact-name='scores_last.csv']")
        for row in scores(four_runs, "unet").itertuples():
            artifacts.until(
                lambda row=row: any(
                    row.case in line.text and f"{row.dice:g}"[:6] in line.text
                    for line in artifacts.all("tr, [role=row]")
                ),
                f"a row of {row.case}",
            )
