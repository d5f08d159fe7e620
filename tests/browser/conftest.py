"""A browser, and MLflow's pages over the runs of four bundles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from medseg.manifest import Manifest
from tests.browser.chromium import Browser, missing_programs, start_browser
from tests.browser.server import mlflow_ui
from tests.commands import BUNDLES, ROOT, Commands, train

# Widths of a network that trains in seconds. What MLflow shows of a run does not depend on them, and FCN-8s, whose
# widths are fixed, has to be replaced; everything else is the shipped bundles' own.
_WIDTHS = "[8, 8, 8, 8, 8]"
_NARROW = f"{{'_target_': 'medseg.networks.UNet', 'in_channels': 1, 'out_channels': 1, 'widths': {_WIDTHS}}}"
_EPOCHS = 5


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium; skips where there is none."""
    missing = missing_programs()
    if missing:
        pytest.skip(missing)
    # MLflow's tables draw only the columns that fit the window.
    with start_browser(width_px=2400) as started:
        yield started


@pytest.fixture(scope="session")
def four_runs(
    browser: Browser, commands: Commands, prepared: Manifest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Folder with ``mlflow.db`` in which the four bundles were trained for a few epochs; ``browser`` skips first."""
    folder = tmp_path_factory.mktemp("four_runs")
    for seed, bundle in enumerate(BUNDLES):
        network = ("--network_def", _NARROW) if bundle == "fcn8s" else ("--network_def::widths", _WIDTHS)
        options = (*network, "--learning_rate", "0.03", "--seed", str(seed), "--run_name", "first")
        args = train(prepared.root, "--tracking", ROOT / "mlflow.yaml", *options, bundle=bundle, epochs=_EPOCHS)
        commands(*args, cwd=folder).succeeded()
    return folder


@pytest.fixture(scope="session")
def address(four_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of ``mlflow ui``, started in that folder."""
    with mlflow_ui(four_runs, tmp_path_factory.mktemp("mlflow_ui") / "log.txt") as answering:
        yield answering
