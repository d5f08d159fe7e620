"""Bundles that were trained once and are shared by all tests of this folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from medseg.manifest import Manifest
from tests.commands import BUNDLES, ROOT, Commands, Ended, train


@dataclass(frozen=True)
class Trained:
    """A copy of a bundle with the weights that its training installed; read only.

    Attributes:
        bundle: The copy's folder.
        run: The training's folder.
        data: Prepared data set it was trained on, fold 0.
        ended: The training's command.
    """

    bundle: Path
    run: Path
    data: Path
    ended: Ended

    def config(self, *names: str) -> str:
        """Value of ``--config_file`` for configs such as ``train``."""
        paths = [str(self.bundle / "configs" / f"{name}.json") for name in names]
        return paths[0] if len(paths) == 1 else str(paths)


@pytest.fixture(scope="session")
def train_once(
    tmp_path_factory: pytest.TempPathFactory, commands: Commands, prepared: Manifest
) -> Iterator[Callable[[str], Trained]]:
    """Trains a bundle when it is first asked for."""
    made: dict[str, Trained] = {}

    def get(name: str) -> Trained:
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            bundle = folder / "bundles" / name
            shutil.copytree(ROOT / "bundles" / name, bundle, ignore=shutil.ignore_patterns("*.pt", "model.json"))
            options = ("--install", "True", "--run_name", "once", "--epoch_length", "1" if name == "fcn8s" else "None")
            args = train(prepared.root, *options, bundle=name, bundles=bundle.parent)
            ended = commands(*args, cwd=folder).succeeded()
            made[name] = Trained(bundle, folder / "runs" / name / "discs" / "once", prepared.root, ended)
        return made[name]

    yield get
    for trained in made.values():
        shutil.rmtree(trained.bundle.parent.parent, ignore_errors=True)


@pytest.fixture(scope="session", params=BUNDLES)
def trained(request: pytest.FixtureRequest, train_once: Callable[[str], Trained]) -> Trained:
    """Each of the four bundles, trained."""
    return train_once(request.param)


@pytest.fixture(scope="session")
def trained_unet(train_once: Callable[[str], Trained]) -> Trained:
    """The U-Net bundle, trained."""
    return train_once("unet")
