from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from medseg.runs import peak_memory as module
from medseg.runs.peak_memory import peak_memory

CPU = torch.device("cpu")
CHILD = "import torch; from medseg.runs.peak_memory import peak_memory; print(peak_memory(torch.device('cpu'))[0])"


def peak() -> int:
    bytes_held, _ = peak_memory(CPU)
    assert bytes_held is not None
    return bytes_held


class TestPeakMemory:
    def test_is_no_less_than_what_is_held_now(self) -> None:
        held = psutil.Process().memory_info().rss
        assert 0.95 * held <= peak() < 64 * held

    def test_rises_with_what_is_held_and_stays(self) -> None:
        before, held = peak(), psutil.Process().memory_info().rss
        block = np.ones(before - held + 2**26, dtype=np.uint8)
        with_block = peak()
        # The kernel counts pages on each core, and so never to the last one.
        assert with_block > before + 2**25
        del block
        assert peak() > before + 2**25

    def test_is_the_process_s_own_and_not_its_parent_s(self) -> None:
        block = np.ones(2**30, dtype=np.uint8)
        ended = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)
        assert int(ended.stdout) < block.nbytes

    def test_goes_by_what_other_systems_tell(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(module, "_STATUS", tmp_path / "absent")
        held = psutil.Process().memory_info().rss
        assert peak_memory(CPU)[1] == "process"
        assert peak() > 0.9 * held

    def test_is_not_known_where_no_system_tells(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(module, "_STATUS", tmp_path / "absent")
        monkeypatch.setitem(sys.modules, "resource", None)
        assert peak_memory(CPU) == (None, "process")

    def test_of_a_gpu_is_what_torch_allocated_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 1000 + device.index)
        assert peak_memory(torch.device("cuda:1")) == (1001, "cuda")
