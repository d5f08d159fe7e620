"""Real data sets; isbi2012 and dsb2018 are in ``test_intake_errors``."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from data_prep.cli import main
from data_prep.verify import verify
from medseg.manifest import Manifest, read_manifest

# Where the content of liver400 breaks, and some images between.
TRAIN = sorted({*range(0, 400, 20), 161, 162, 370, 371, 399})
VAL = [0, 19]
GROUPS = "first,last,group\ntrain/0,train/161,a\ntrain/162,train/370,b\ntrain/371,train/399,c\nval/0,val/19,d\n"


@pytest.fixture(scope="module")
def some_livers(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every 20th image of liver400 and those at its breaks, as links."""
    raw = tmp_path_factory.mktemp("liver400") / "raw"
    for part, numbers in (("train", TRAIN), ("val", VAL)):
        (raw / part).mkdir(parents=True)
        for number in numbers:
            for name in (f"{number:03d}.png", f"{number:03d}_mask.png"):
                (raw / part / name).symlink_to(shared_data / "liver400" / part / name)
    return raw


@pytest.fixture(scope="module")
def livers(some_livers: Path) -> Manifest:
    """These, prepared with groups and orientation."""
    out = some_livers.parent / "liver400"
    groups = some_livers.parent / "groups.csv"
    groups.write_text(GROUPS, encoding="utf-8")
    options = ["--orientation", "LA", "--groups", str(groups), "--foreground-name", "liver"]
    assert main(["prepare", str(some_livers), str(out), *options]) == 0
    return read_manifest(out)


@pytest.mark.realdata
class TestLiver400:
    def test_each_volume_is_a_group(self, livers: Manifest) -> None:
        expected = ["g00" if n <= 161 else "g01" if n <= 370 else "g02" for n in TRAIN] + ["g03"] * len(VAL)
        assert [case.group for case in livers.cases] == expected
        assert livers.layout == "mask-suffix"
        assert verify(livers.root) == []

    def test_no_volume_stands_on_both_sides(self, livers: Manifest) -> None:
        group_of = {case.name: case.group for case in livers.cases}
        assert len(livers.folds) == 4
        for fold in livers.folds:
            assert len({group_of[name] for name in fold.val}) == 1
            assert {group_of[name] for name in fold.train}.isdisjoint({group_of[name] for name in fold.val})

    def test_first_axis_runs_to_the_right_and_second_to_the_front(self, livers: Manifest, some_livers: Path) -> None:
        case = livers.cases[TRAIN.index(60)]
        grey = np.asarray(Image.open(some_livers / "train" / "060.png").convert("RGB"))
        mask = np.asarray(Image.open(some_livers / "train" / "060_mask.png").convert("L"))
        # Source: [row, column], columns to L, rows to A.
        image = np.asarray(nib.load(livers.root / case.image).dataobj)[..., 0]
        label = np.asarray(nib.load(livers.root / case.label).dataobj)[..., 0]
        for x, y in ((0, 0), (100, 30), (300, 200), (511, 511)):
            assert image[x, y] == grey[y, 511 - x, 0]
        assert label.sum() == (mask == 255).sum() == case.foreground_px
        # The liver lies in the right half of the body.
        assert label[256:].sum() > label[:256].sum()
