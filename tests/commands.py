"""Bundle commands as a person would type them, with what they print and how they end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUNDLES = ("unet", "unet_early_skip", "unet_early_skip_concat", "fcn8s")


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def error(self) -> str:
        """The last line on standard error."""
        lines = [line.strip() for line in self.stderr.splitlines() if line.strip()]
        return lines[-1] if lines else ""

    def succeeded(self) -> Ended:
        """Itself, if the exit status is 0."""
        assert self.status == 0, f"{self.stdout}\n{self.stderr}"
        return self

    def refused(self, status: int = 2) -> str:
        """The error's line without ``error: ``, if the command ended with ``status``, that line and no traceback."""
        assert self.status == status, f"{self.status}\n{self.stdout}\n{self.stderr}"
        assert "Traceback" not in self.stdout + self.stderr, self.stderr
        assert self.error.startswith("error: "), self.stderr
        assert self.stderr.count("error: ") == 1, self.stderr
        assert "FutureWarning" not in self.stderr
        return self.error.removeprefix("error: ")


def environment(**extra: str) -> dict[str, str]:
    """Environment of a command: one thread, this checkout, and no store but the one in its folder."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "PYTEST_"))}
    return {**clean, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **extra}


def bundle_command(*args: str | Path) -> list[str]:
    """``python -m monai.bundle ARGS``."""
    return [sys.executable, "-m", "monai.bundle", *map(str, args)]


def run_process(command: list[str], cwd: Path, timeout: float = 300, **extra: str) -> Ended:
    """Run any command in a process of its own."""
    done = subprocess.run(
        command, cwd=cwd, env=environment(**extra), capture_output=True, encoding="utf-8", timeout=timeout, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def train(
    data: Path, *options: str | Path, bundle: str = "unet", bundles: Path = ROOT / "bundles", epochs: int = 1
) -> list[str]:
    """Arguments of a training that leaves runs in the working directory and installs nothing."""
    config = bundles / bundle / "configs" / "train.json"
    given = {str(option).split("=")[0] for option in options}
    install = [] if "--install" in given else ["--install", "False"]
    limits = [] if "--max_epochs" in given else ["--max_epochs", str(epochs)]
    known = ["--config_file", str(config), "--dataset_dir", str(data), "--runs_dir", "runs"]
    return ["run", *known, *install, *limits, *map(str, options)]


class Commands:
    """``python -m monai.bundle`` in forks of a prepared process (see :mod:`tests.fork_server`)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "fork_server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
            encoding="utf-8",
        )

    def __call__(self, *args: str | Path, cwd: Path, **extra: str) -> Ended:
        """Run ``python -m monai.bundle ARGS`` in ``cwd``, with ``extra`` in its environment."""
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        out, err = self.folder / "stdout", self.folder / "stderr"
        request = {
            "args": [str(arg) for arg in args],
            "cwd": str(cwd),
            "env": environment(**extra),
            "stdout": str(out),
            "stderr": str(err),
        }
        self.server.stdin.write(json.dumps(request) + "\n")
        self.server.stdin.flush()
        status = int(self.server.stdout.readline())
        return Ended(status, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))

    def close(self) -> None:
        """End the server."""
        assert self.server.stdin is not None
        self.server.stdin.close()
        self.server.wait(timeout=60)
