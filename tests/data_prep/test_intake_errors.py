"""What a person sees when a raw folder is not as it should be: one line, the right status, nothing half made."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep.cli import main

SIDE_PX = 32
PAIRS = 6


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Six images with masks of 0 and 255, in folders ``image`` and ``label``."""
    folder = tmp_path / "raw"
    rng = np.random.default_rng(0)
    for kind in ("image", "label"):
        (folder / kind).mkdir(parents=True)
    for index in range(PAIRS):
        mask = np.zeros((SIDE_PX, SIDE_PX), dtype=np.uint8)
        mask[4 : 12 + index, 6:20] = 255
        Image.fromarray(rng.integers(0, 256, mask.shape, dtype=np.uint8)).save(folder / "image" / f"{index}.png")
        Image.fromarray(mask).save(folder / "label" / f"{index}.png")
    return folder


def _prepare(raw: Path, out: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    status = main(["prepare", str(raw), str(out), *options])
    captured = capsys.readouterr()
    return status, captured.out, captured.err.strip()


class TestGoodFolder:
    def test_is_prepared_and_verifies(self, raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert _prepare(raw, tmp_path / "out", capsys)[0] == 0
        assert main(["verify", str(tmp_path / "out")]) == 0
        content = json.loads((tmp_path / "out" / "dataset.json").read_text(encoding="utf-8"))
        assert content["numTraining"] == PAIRS
        # The mask of image 0 is 8 rows by 14 columns.
        assert content["medseg"]["cases"][0]["foreground_px"] == 8 * 14

    def test_same_input_gives_same_bytes(self, raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        for name in ("a", "b"):
            assert _prepare(raw, tmp_path / name, capsys, "--name", "set")[0] == 0
        files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
        assert len(files) > 2 * PAIRS
        for file in files:
            assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file

    def test_takes_no_torch(self) -> None:
        code = "import sys, data_prep.cli; sys.exit('torch' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestOddFolder:
    def test_stray_file_is_a_warning(self, raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (raw / "image" / "notes.txt").write_text("note", encoding="utf-8")
        status, shown, _ = _prepare(raw, tmp_path / "out", capsys)
        assert status == 0
        assert "files that are no images were ignored (1: image/notes.txt)" in " ".join(shown.split())

    def test_random_split_is_marked_leaky(self, raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        status, shown, _ = _prepare(raw, tmp_path / "out", capsys, "--split", "random")
        assert status == 0
        assert "LEAKY" in shown
        assert json.loads((tmp_path / "out" / "dataset.json").read_text(encoding="utf-8"))["medseg"]["split"]["leaky"]


class TestWrongFolder:
    def _left_out(self, raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], *parts: str) -> None:
        status, _, error = _prepare(raw, tmp_path / "out", capsys)
        first, last = error.splitlines()
        assert status == 1
        assert first.startswith("error: ")
        for part in parts:
            assert part in first
        assert last == ("error: 1 of 6 cases were left out; mend them and run it again, which reads only those")
        assert main(["verify", str(tmp_path / "out")]) == 0
        content = json.loads((tmp_path / "out" / "dataset.json").read_text(encoding="utf-8"))
        assert content["numTraining"] == PAIRS - 1

    def _fails(self, raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], status: int, *parts: str) -> None:
        got, _, error = _prepare(raw, tmp_path / "out", capsys)
        assert got == status
        assert error.startswith("error: ")
        assert len(error.splitlines()) == 1
        for part in parts:
            assert part in error
        assert not (tmp_path / "out" / "dataset.json").exists()

    def test_missing_mask(self, raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (raw / "label" / "3.png").unlink()
        self._fails(raw, tmp_path, capsys, 1, f"{raw}/image/3.png", "image has no label")

    def test_mask_of_another_size(self, raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        Image.fromarray(np.zeros((20, 10), dtype=np.uint8)).save(raw / "label" / "2.png")
        rule = "mask must have the size of its image, 32 x 32, got 10 x 20"
        self._left_out(raw, tmp_path, capsys, f"{raw}/label/2.png", rule)

    def test_truncated_png(self, raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = raw / "image" / "2.png"
        file.write_bytes(file.read_bytes()[:500])
        self._left_out(raw, tmp_path, capsys, f"{file}", "the file is damaged or cut short")

    def test_mask_with_three_values(self, raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        mask = np.asarray(Image.open(raw / "label" / "1.png")).copy()
        mask[:2] = 128
        Image.fromarray(mask).save(raw / "label" / "1.png")
        self._left_out(raw, tmp_path, capsys, f"{raw}/label/1.png", "got 0, 128, 255", "--foreground")

    def test_empty_folder(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "empty").mkdir()
        self._fails(tmp_path / "empty", tmp_path, capsys, 2, "must have a known layout, got an empty folder")

    def test_folder_that_is_no_data_set(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "texts").mkdir()
        (tmp_path / "texts" / "a.txt").write_text("a", encoding="utf-8")
        self._fails(tmp_path / "texts", tmp_path, capsys, 2, "must have a known layout, got 1 x .txt")

    def test_no_folder(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._fails(tmp_path / "nowhere", tmp_path, capsys, 2, "RAW must be a folder, but there is none")


@pytest.mark.realdata
class TestRealData:
    def test_isbi2012_has_the_papers_fingerprint(
        self, shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from medseg.paper import paper_rows

        assert _prepare(shared_data / "isbi2012", tmp_path / "out", capsys)[0] == 0
        content = json.loads((tmp_path / "out" / "dataset.json").read_text(encoding="utf-8"))
        assert content["numTraining"] == 30
        assert paper_rows(content["medseg"]["fingerprint"])["unet"].dice == 0.946975

    def test_dsb2018_is_prepared(self, shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert _prepare(shared_data / "dsb2018", tmp_path / "out", capsys)[0] == 0
        content = json.loads((tmp_path / "out" / "dataset.json").read_text(encoding="utf-8"))
        assert content["numTraining"] == 63
        assert len({tuple(case["shape"]) for case in content["medseg"]["cases"]}) == 9
