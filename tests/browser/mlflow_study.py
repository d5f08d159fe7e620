"""MLflow's pages of a study of four networks on drawn discs.

``python -m tests.browser.mlflow_study docs/images`` makes the pictures of the docs.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import yaml
from mlflow import MlflowClient
from mlflow.entities import Run
from PIL import Image
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.chromium import Browser, start_browser
from tests.browser.server import mlflow_ui
from tests.commands import BUNDLES, ROOT, run_process
from tests.factories import make_prepared
from tests.medseg.study.commands import study_command

# Networks that train in seconds; what MLflow shows does not depend on their widths.
_WIDTHS = {"widths": [8, 8, 8, 8, 8]}
_FOR_FCN8S = {"_target_": "medseg.networks.UNet", "in_channels": 1, "out_channels": 1, "widths": [6, 6, 6, 6, 6]}
_COLUMN = ".du-bois-light-tree-title"


def train_study(folder: Path, data: Path, *, folds: Sequence[int], epochs: int) -> None:
    """Run a study of the four bundles, two at a time, tracked in ``mlflow.db`` in ``folder``."""
    plan = {
        "name": "discs-four",
        "bundles": list(BUNDLES),
        "folds": list(folds),
        "threads": 1,
        "settings": {"max_epochs": epochs, "learning_rate": 0.01},
        "per_bundle": {bundle: {"network_def": _narrow(bundle)} for bundle in BUNDLES},
    }
    (folder / "study").mkdir(parents=True)
    (folder / "study/study.yaml").write_text(yaml.safe_dump(plan))
    run_process(study_command("run", "study", "--data", data, "--jobs", "2", "--no-costs"), folder, 1800).succeeded()


def _narrow(bundle: str) -> dict[str, object]:
    if bundle == "fcn8s":  # whose widths are fixed
        return _FOR_FCN8S
    config = json.loads((ROOT / "bundles" / bundle / "configs" / "train.json").read_text())
    return {**config["network_def"], **_WIDTHS}


def study_runs(folder: Path) -> tuple[Run, list[Run]]:
    """The study's run and those of its trainings, by name."""
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    runs = client.search_runs(["1"], order_by=["attributes.run_name ASC"])
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    return parent, [run for run in runs if run is not parent]


def open_page(browser: Browser, address: str, page: str, *texts: str) -> None:
    """A page as someone sees it who has never set anything, without MLflow's assistant beside it."""
    browser.open(f"{address}/#/")
    browser.driver.execute_script("localStorage.clear(); sessionStorage.clear()")
    browser.open("about:blank")  # the same page with another fragment would not be loaded anew
    browser.open(f"{address}/#/{page}")
    browser.wait_for_text(*texts, timeout=120)
    for cross in browser.all("[aria-label=Close]"):
        cross.click()


def open_runs(browser: Browser, address: str, mode: str, runs: int) -> None:
    """The experiment's runs as list (``TABLE``) or charts (``CHART``)."""
    page = f"experiments/1/runs?workflowType=machine_learning&compareRunsMode={mode}"
    open_page(browser, address, page, f"{runs} matching runs")


def unfold(browser: Browser) -> None:
    """Show the runs below the only one."""
    browser.click("[role=gridcell][col-id='attributes.`Run Name`'] button")


def add_columns(browser: Browser, *names: str) -> None:
    """Add columns to the list of runs."""
    browser.click_text("Columns")
    field = browser.click("input[placeholder='Search columns']")
    for name in names:
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(name)
        browser.press(lambda name=name: [e for e in browser.all(_COLUMN) if e.text == name], name)  # type: ignore[misc]
    field.send_keys(Keys.ESCAPE)


def open_comparison(browser: Browser, address: str, runs: Sequence[Run]) -> None:
    """MLflow's page of several runs beside each other."""
    ids = quote(json.dumps([run.info.run_id for run in runs]))
    page = f"compare-runs?runs={ids}&experiments={quote(json.dumps(['1']))}"
    open_page(browser, address, page, f"Comparing {len(runs)} Runs from 1 Experiment", "Run details")


def open_study(browser: Browser, address: str, parent: Run) -> None:
    """The page of the study's own run, with all of its description."""
    open_page(browser, address, f"experiments/1/runs/{parent.info.run_id}?workflowType=machine_learning", "Show more")
    browser.click_text("Show more")


def follow(browser: Browser, link: str) -> None:
    """Go where a link of the study's description leads."""
    browser.open(browser.until(lambda: browser.driver.find_element(By.LINK_TEXT, link), link).get_attribute("href"))


def draw(folder: Path) -> None:
    """Make the docs' pictures in ``folder``."""
    with TemporaryDirectory() as temporary:
        root = Path(temporary)
        train_study(
            root / "runs", make_prepared(root / "discs", cases=12, groups=2, placed=False).root, folds=(0, 1), epochs=6
        )
        parent, trainings = study_runs(root / "runs")
        with mlflow_ui(root / "runs", root / "log.txt") as address, start_browser(1400, 900) as browser:
            open_runs(browser, address, "TABLE", 1 + len(trainings))
            unfold(browser)
            add_columns(browser, "fold", "val_dice", "val_iou")
            browser.driver.set_window_size(1800, 700)
            _save(browser, folder / "mlflow-study-list.png")
            browser.driver.set_window_size(1400, 900)
            open_study(browser, address, parent)
            _save(browser, folder / "mlflow-study-page.png")
            follow(browser, "charts")
            browser.wait_for_text(f"{len(trainings)} matching runs", timeout=120)
            browser.click("input[placeholder='Search metric charts']").send_keys("^(val_dice|val_iou|train_loss)$")
            _save(browser, folder / "mlflow-study-charts.png")


def _save(browser: Browser, path: Path) -> None:
    time.sleep(5)  # for charts that draw themselves
    browser.screenshot(path)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(128).save(path, optimize=True)


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
