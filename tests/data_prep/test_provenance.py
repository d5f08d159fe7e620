from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from data_prep.cli import main
from data_prep.options import Options
from data_prep.prepare import prepare
from tests.data_prep.raw_folders import image_rows, make_pairs, make_suffixed, mask_rows, save

CANARY = "Meyer-Annelise"


def written(out: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads((out / "provenance.json").read_text(encoding="utf-8"))
    return content


class TestProvenance:
    def test_every_decision_is_told(self, tmp_path: Path) -> None:
        make_suffixed(tmp_path / "raw", ["p1_0", "p1_1", "p2_0"])
        options = Options(name="set", groups=r"(p\d)", orientation="LA", foreground=("255",), seed=4)
        prepare(tmp_path / "raw", tmp_path / "out", options)
        content = written(tmp_path / "out")
        assert content["decisions"] == [
            "layout: mask-suffix, detected",
            "intensities: kept as uint8; colour to grey by ITU-R BT.601 luma",
            "orientation: columns to L, rows to A, brought to RAS+",
            "spacing: unknown; the affine's 1 mm is a placeholder",
            "masks: values 0, 255 found; foreground is 255",
            "groups: known",
            "split: group, 2 folds, seed 4",
        ]
        assert content["options"] == {
            "layout": "auto",
            "labels": "auto",
            "foreground": ["255"],
            "modality": None,
            "orientation": "LA",
            "window_hu": None,
            "plane": "axial",
            "spacing": None,
            "series": "only",
            "tilt": "refuse",
            "irregular": "refuse",
            "duplicates": "refuse",
            "assume_hu": False,
            "trust_affine": None,
            "nonfinite": None,
            "groups": "given",
            "split": None,
            "folds": 5,
            "seed": 4,
        }
        assert content["warnings"] == [{"text": "2 folds instead of 5: there are no more groups", "cases": []}]

    def test_what_was_not_known_is_told(self, tmp_path: Path) -> None:
        prepare(make_pairs(tmp_path / "raw"), tmp_path / "out", Options(name="set", layout="folder-pairs"))
        content = written(tmp_path / "out")
        assert isinstance(content["decisions"], list)
        assert content["decisions"][0] == "layout: folder-pairs"
        assert content["decisions"][4] == "masks: values 0, 255 found; foreground is all but 0"
        assert content["decisions"][2] == "orientation: none; x = column, y = row"
        assert content["decisions"][5] == "groups: not known; all images count as one group"

    def test_sources_can_be_checked_by_who_has_them(self, tmp_path: Path) -> None:
        make_suffixed(tmp_path / "raw", ["a/0", "a/1", "b/0"])
        prepare(tmp_path / "raw", tmp_path / "out", Options(name="set"))
        content = written(tmp_path / "out")
        salt = content["fingerprint"]

        def of_file(name: str) -> str:
            return hashlib.sha256((tmp_path / "raw" / f"{name}.png").read_bytes()).hexdigest()

        assert content["cases"] == [
            {
                "case": f"case_{ordinal:04d}",
                "ordinal": ordinal,
                "group": "g00",
                "source_sha256": hashlib.sha256(f"{salt}/{name}/{of_file(name)}".encode()).hexdigest(),
                "source_shape": [16, 16, 1],
                "source_axes": None,
            }
            for ordinal, name in enumerate(["a/0", "a/1", "b/0"])
        ]

    def test_source_that_cannot_be_opened_is_left_out_without_a_hash(self, tmp_path: Path) -> None:
        raw = make_pairs(tmp_path / "raw", 4)
        (raw / "image" / "2.png").unlink()
        (raw / "image" / "2.png").symlink_to(tmp_path / "nowhere.png")
        assert len(prepare(raw, tmp_path / "out", Options(name="set")).manifest.cases) == 3
        (left_out,) = written(tmp_path / "out")["left_out"]  # type: ignore[misc]
        assert (left_out["ordinal"], left_out["source_sha256"]) == (2, None)


class TestPrivacy:
    @pytest.mark.parametrize("by", ["pattern", "table"])
    def test_no_name_of_the_source_is_written(self, tmp_path: Path, by: str) -> None:
        raw = tmp_path / f"ward-{CANARY}"
        names = [f"{CANARY}/{CANARY}_{index}" for index in range(3)] + [f"Schulz/{CANARY}{index}" for index in range(2)]
        make_suffixed(raw, names)
        # Everything that is odd, so that every warning has names to tell.
        save(raw / f"{CANARY}/{CANARY}_0_mask.png", mask_rows(0))
        save(raw / f"{CANARY}/{CANARY}_1_mask.png", mask_rows(16))
        save(raw / f"{CANARY}/{CANARY}_2.png", image_rows(1))
        (raw / f"{CANARY}.txt").write_text(CANARY, encoding="utf-8")
        table = tmp_path / f"{CANARY}.csv"
        table.write_text("name,group\n" + "".join(f"{name},{name.split('/')[0]}\n" for name in names), encoding="utf-8")
        groups = f"^({CANARY}/|Schulz)" if by == "pattern" else str(table)
        done = prepare(raw, tmp_path / "out", Options(name="set", groups=groups))
        told = "\n".join(done.found.warnings.for_terminal())
        assert told.count(CANARY) >= 5
        words = [CANARY, "Meyer", "ward", "Schulz", str(tmp_path), str(Path.home())]
        # A short name of this machine stands in some picture's text by chance.
        words += [name for name in [os.uname().nodename] if len(name) > 5]
        for path in (tmp_path / "out").rglob("*"):
            assert CANARY not in path.name
            if path.is_file():
                content = path.read_bytes()
                for word in words:
                    assert word.encode() not in content, (path, word)

    def test_names_that_are_no_text_are_taken(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        raw = tmp_path / "raw"
        make_pairs(raw, 3)
        save(raw / "label" / "0.png", mask_rows(0))
        for kind in ("image", "label"):
            # Latin-1, as old archives hold it.
            (raw / kind / "0.png").rename(raw / kind / os.fsdecode(b"\xe4.png"))
        assert main(["prepare", str(raw), str(tmp_path / "out")]) == 0
        shown = capfd.readouterr()
        assert r"masks without foreground (1: \udce4)" in shown.out
        assert "Traceback" not in shown.err
