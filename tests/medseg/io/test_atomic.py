from __future__ import annotations

import errno
import json
import os
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import IO

import pytest

from medseg.io.atomic import atomic_path, write_json, write_text


class TestAtomicPath:
    def test_file_appears_only_when_the_block_ends(self, tmp_path: Path) -> None:
        target = tmp_path / "a.txt"
        with atomic_path(target) as partial:
            partial.write_text("new")
            assert not target.exists()
        assert target.read_text() == "new"

    def test_an_error_leaves_the_old_file_and_nothing_else(self, tmp_path: Path) -> None:
        target = tmp_path / "a.txt"
        target.write_text("old")

        def write_half() -> None:
            with atomic_path(target) as partial:
                partial.write_text("ne")
                raise RuntimeError("half way")

        with pytest.raises(RuntimeError, match="half way"):
            write_half()
        assert target.read_text() == "old"
        assert list(tmp_path.iterdir()) == [target]

    def test_makes_the_folders(self, tmp_path: Path) -> None:
        with atomic_path(tmp_path / "a" / "b" / "c.txt") as partial:
            partial.touch()
        assert (tmp_path / "a" / "b" / "c.txt").is_file()

    def test_a_full_disk_is_told_of_with_the_file_s_name(self, tmp_path: Path) -> None:
        def write() -> None:
            with atomic_path(tmp_path / "a.txt") as partial:
                partial.touch()
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # as a write has it, without the name

        with pytest.raises(OSError, match=r"No space left on device: '.*/a\.txt'$"):
            write()
        assert list(tmp_path.iterdir()) == []

    def test_torch_s_word_for_a_full_disk_is_understood(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """And what its writer holds is let go, so that what comes next can be written."""
        held: list[weakref.ref[IO[bytes]]] = []

        def save(path: Path) -> None:
            writer = path.open("wb")
            held.append(weakref.ref(writer))
            raise RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed")

        def write() -> None:
            with atomic_path(tmp_path / "last.pt") as partial:
                save(partial)

        with pytest.raises(RuntimeError, match="PytorchStreamWriter"):
            write()
        monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=0))
        with pytest.raises(OSError, match=r"No space left on device: '.*/last\.pt'$") as told:
            write()
        assert told.value.errno == errno.ENOSPC
        assert held[1]() is None
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("name", ["case.nii.gz", "picture.png"])
    def test_temporary_name_is_hidden_and_keeps_the_suffix(self, tmp_path: Path, name: str) -> None:
        with atomic_path(tmp_path / name) as partial:
            partial.touch()
            assert partial.parent == tmp_path
            assert partial.name.startswith(".")
            assert partial.name.endswith(name)

    def test_a_block_that_writes_nothing_raises(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"a\.txt"), atomic_path(tmp_path / "a.txt"):
            pass


class TestWriteText:
    def test_is_utf_8(self, tmp_path: Path) -> None:
        write_text(tmp_path / "a.txt", "Leber µm")
        assert (tmp_path / "a.txt").read_bytes() == b"Leber \xc2\xb5m"


class TestWriteJson:
    def test_keeps_the_order_and_ends_in_a_newline(self, tmp_path: Path) -> None:
        write_json(tmp_path / "a.json", {"b": 1, "a": ["µ"]})
        assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "b": 1,\n  "a": [\n    "µ"\n  ]\n}\n'

    def test_what_is_no_json_leaves_the_old_file(self, tmp_path: Path) -> None:
        path = tmp_path / "a.json"
        write_json(path, {"kept": True})
        with pytest.raises(TypeError, match="not JSON serializable"):
            write_json(path, {"path": tmp_path})
        assert json.loads(path.read_text()) == {"kept": True}

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
    def test_numbers_that_json_does_not_know_raise(self, tmp_path: Path, value: float) -> None:
        with pytest.raises(ValueError, match="not JSON compliant"):
            write_json(tmp_path / "a.json", {"score": [value]})
        assert not list(tmp_path.iterdir())
