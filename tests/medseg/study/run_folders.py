"""Finished trainings as folders, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import torch

from medseg.io.atomic import write_json
from medseg.runs import RunFolder

FACTS = {
    "bundle_name": "unet",
    "fold": 0,
    "seed": 0,
    "max_epochs": 2,
    "epochs_done": 2,
    "fingerprint": "f" * 64,
    "split_sha256": "5" * 64,
    "dataset": "discs",
    "image_size": None,
    "seconds": 12.5,
    "status": "FINISHED",
    "pid": 17,
    "host": "a-machine",
}


def make_run(root: Path, *, dice: tuple[float, ...] = (0.8, 0.9), **facts: Any) -> RunFolder:
    """A training that scored ``case_0``, ``case_1``, ... with these Dice values."""
    folder = RunFolder(root)
    write_json(folder.facts, {**FACTS, **facts})
    cases = [f"case_{index}" for index in range(len(dice))]
    table = pd.DataFrame({"group": "001", "case": cases, "dice": dice})
    pd.DataFrame({"epoch": [1, 2], "val_dice": [0.5, 0.6]}).to_csv(folder.history, index=False)
    for which in ("last", "best"):
        table.assign(slice=0).to_csv(folder.scores(which), index=False)
        table.to_csv(folder.volumes(which), index=False)
        pd.DataFrame({"bin_low": [0.0]}).to_csv(folder.calibration(which), index=False)
    for path in (folder.weights("last"), folder.weights("best"), folder.checkpoint):
        path.parent.mkdir(parents=True)
        torch.save({"dice": torch.tensor(dice)}, path)
    write_json(folder.weights("last").with_suffix(".json"), {"which": "last"})
    folder.masks("last").write_bytes(b"masks")
    return folder
