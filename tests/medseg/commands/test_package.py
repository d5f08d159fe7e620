from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands import BUNDLES, Ended
from tests.medseg.deploy.packages import make_known_bundle

Medseg = Callable[..., Ended]


@pytest.fixture(autouse=True)
def wide_terminal(medseg: Medseg, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def line_of(name: str, text: str) -> str:
    """The words after a bundle's name."""
    return next(" ".join(line.split()[1:]) for line in text.splitlines() if line.split()[:1] == [name])


class TestBundles:
    def test_lists_networks_and_their_weights(
        self, medseg: Medseg, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        bundle = make_known_bundle(tmp_path / "trained")
        monkeypatch.setattr("medseg.deploy.find_bundle.shipped_bundles", lambda: {"unet": bundle})
        out = medseg("bundles").succeeded().stdout
        network = "Classical U-Net without batch norm, 7,759,521 parameters"
        assert line_of("unet", out) == f"{network} discs: disc in CT, fold 2"
        (bundle / "models" / "model.json").unlink()
        assert line_of("unet", medseg("bundles").stdout) == f"{network} of unknown origin"
        (bundle / "models" / "model.pt").unlink()
        assert line_of("unet", medseg("bundles").stdout) == f"{network} none"

    def test_lists_all_that_are_shipped(self, medseg: Medseg) -> None:
        out = medseg("bundles").succeeded().stdout
        assert [line.split()[0] for line in out.splitlines()[1:-1]] == sorted(BUNDLES)

    def test_damaged_bundle_is_named(self, medseg: Medseg, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        bundle = make_known_bundle(tmp_path)
        monkeypatch.setattr("medseg.deploy.find_bundle.shipped_bundles", lambda: {"unet": bundle})
        (bundle / "configs" / "metadata.json").write_text("{}")
        metadata = bundle / "configs" / "metadata.json"
        assert medseg("bundles").refused(1).startswith(f"{metadata}: must describe the bundle, got KeyError(")

    def test_copies_one(self, medseg: Medseg, tmp_path: Path) -> None:
        out = medseg("bundles", "copy", "fcn8s", "mine").succeeded().stdout
        assert out == f"written: {tmp_path / 'mine'}\n"
        assert json.loads((tmp_path / "mine" / "configs" / "train.json").read_text())["bundle_name"] == "fcn8s"
        assert medseg("bundles", "copy", "fcn8s", "mine").refused().startswith("mine: must not exist yet")


class TestPackageAndUnpack:
    def test_one_gives_what_the_other_takes(self, medseg: Medseg, tmp_path: Path) -> None:
        bundle = make_known_bundle(tmp_path / "trained")
        assert medseg("package", str(bundle)).succeeded().stdout == f"written: {tmp_path / 'unet.zip'}\n"
        assert medseg("unpack", "unet.zip", "out").succeeded().stdout == f"written: {tmp_path / 'out' / 'unet'}\n"
        packed, own = (folder / "models" / "model.pt" for folder in (tmp_path / "out" / "unet", bundle))
        assert packed.read_bytes() == own.read_bytes()

    def test_output_may_be_named(self, medseg: Medseg, tmp_path: Path) -> None:
        bundle = make_known_bundle(tmp_path / "trained")
        medseg("package", str(bundle), "--output", "deep/liver.zip").succeeded()
        assert (tmp_path / "deep" / "liver.zip").is_file()

    def test_no_weights(self, medseg: Medseg, tmp_path: Path) -> None:
        medseg("bundles", "copy", "unet", "mine").succeeded()
        message = medseg("package", "mine").refused()
        assert message.startswith("mine/models/model.pt: a package must hold weights, but there are none; train")

    def test_no_package(self, medseg: Medseg) -> None:
        assert medseg("unpack", "no.zip").refused().startswith("no.zip: must be a package made by medseg package")
