from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from medseg.deploy.find_bundle import copy_bundle, find_bundle, shipped_bundles
from medseg.errors import UsageError
from tests.commands import BUNDLES, ROOT, run_process
from tests.medseg.deploy.export_bundles import make_bundle
from tests.medseg.deploy.without_medseg import python


class TestFindBundle:
    @pytest.mark.parametrize("name", BUNDLES)
    def test_name_is_a_shipped_bundle(self, name: str) -> None:
        assert json.loads((find_bundle(name) / "configs" / "inference.json").read_text())["bundle_name"] == name

    def test_folder_of_that_name_wins(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        own = make_bundle(tmp_path, "unet")
        assert find_bundle("unet").resolve() == own
        assert find_bundle(str(own)) == own

    def test_folder_of_something_else_does_not_hide_a_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "unet").mkdir()  # such as a folder of runs
        monkeypatch.chdir(tmp_path)
        assert find_bundle("unet") == shipped_bundles()["unet"]

    def test_template_is_no_bundle(self) -> None:
        assert "template" not in shipped_bundles()
        with pytest.raises(UsageError, match=r"^template: must be a bundle's folder .*, or one of fcn8s, unet, "):
            find_bundle("template")

    def test_misspelt_name_gets_the_names(self) -> None:
        with pytest.raises(UsageError, match=r"^unett: .*or one of fcn8s, unet, .*; list them with: medseg bundles$"):
            find_bundle("unett")

    def test_folder_without_config_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"must be a bundle's folder, but it has no configs/inference.json$"):
            find_bundle(str(tmp_path))

    def test_zip_is_to_be_unpacked(self, tmp_path: Path) -> None:
        (tmp_path / "unet.zip").touch()
        with pytest.raises(UsageError, match=r"unet.zip: must be .*, got a file; unpack it with: medseg unpack "):
            find_bundle(str(tmp_path / "unet.zip"))

    def test_other_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "model.pt").touch()
        with pytest.raises(UsageError, match=r"must be a bundle's folder, got a file; give its folder$"):
            find_bundle(str(tmp_path / "model.pt"))


class TestCopyBundle:
    def test_copies_all_but_the_weights(self, tmp_path: Path) -> None:
        bundle = make_bundle(tmp_path, "unet")
        (bundle / "models" / "README.md").touch()
        copy = copy_bundle(bundle, tmp_path / "new" / "mine")
        taken = {path.relative_to(copy) for path in copy.rglob("*") if path.is_file()}
        had = {path.relative_to(bundle) for path in bundle.rglob("*") if path.is_file()}
        assert had - taken == {Path("models/model.pt"), Path("models/model.json")}
        assert taken < had
        assert (copy / "configs" / "train.json").read_bytes() == (bundle / "configs" / "train.json").read_bytes()
        assert [path.name for path in copy.parent.iterdir()] == ["mine"]

    def test_existing_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"must not exist yet, as the copy is made there; give another folder$"):
            copy_bundle(find_bundle("unet"), tmp_path)

    def test_unwritable_place_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(UsageError, match=r"mine: must be a folder that can be written, got Not a directory$"):
            copy_bundle(find_bundle("unet"), tmp_path / "file" / "mine")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a wheel of this checkout holds, built with weights in one of its bundles."""
    source, lib = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("lib")
    for name in ("bundles", "data_prep", "medseg"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.pt", "model.json"))
    for name in ("LICENSE", "README.md", "pyproject.toml", "setup.py"):
        shutil.copy(ROOT / name, source)
    for name in ("model.pt", "model.json", "model.ts"):
        (source / "bundles" / "unet" / "models" / name).write_text("weights")
    run_process([sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(lib)], source).succeeded()
    return lib


class TestInstalled:
    def test_bundles_are_there_without_weights_and_template(self, installed: Path) -> None:
        shipped = installed / "medseg" / "shipped"
        assert sorted(path.name for path in shipped.iterdir()) == sorted(BUNDLES)
        for name in BUNDLES:
            assert (shipped / name / "LICENSE").is_file()
            assert len(list((shipped / name / "configs").iterdir())) == 7
            assert [path.name for path in (shipped / name / "models").iterdir()] == ["README.md"]

    def test_all_modules_are_there(self, installed: Path) -> None:
        for package in ("medseg", "data_prep"):
            expected = {path.relative_to(ROOT) for path in (ROOT / package).rglob("*.py")}
            assert {path.relative_to(installed) for path in (installed / package).rglob("*.py")} == expected

    def test_names_are_found_in_the_package(self, installed: Path, tmp_path: Path) -> None:
        code = "from medseg.deploy.find_bundle import find_bundle; print(find_bundle('unet'))"
        ended = python(tmp_path, code=code, first=(installed,)).succeeded()
        assert ended.stdout.strip() == str(installed / "medseg" / "shipped" / "unet")
