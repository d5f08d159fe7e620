"""dicom3tools' ``dciodvfy``, which checks DICOM files against the standard."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

__all__ = ["validator_errors"]


def validator_errors(path: Path) -> list[str]:
    """Lines of what ``dciodvfy`` says that tell of an error.

    It is a Debian program, which ``.ci/run`` installs and pip cannot: elsewhere a test that needs it is skipped.
    """
    if shutil.which("dciodvfy") is None:
        pytest.skip("needs dciodvfy: apt-get install dicom3tools")
    done = subprocess.run(["dciodvfy", path], capture_output=True, encoding="utf-8", check=False)
    said = done.stdout + done.stderr
    assert said.strip(), "dciodvfy says what it found, if only the kind of object"
    return [line for line in said.splitlines() if line.startswith("Error")]
