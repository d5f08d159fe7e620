"""``mlflow ui`` as a person starts it: in the folder that holds ``mlflow.db``, told no store."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError

import psutil

from tests.commands import environment


@contextmanager
def mlflow_ui(folder: Path, log: Path, timeout: float = 240, *, store: str | None = None) -> Iterator[str]:
    """Address of ``mlflow ui`` started in ``folder``, ended afterwards with everything that it started.

    Args:
        folder: Working directory.
        log: File for what the server prints.
        timeout: Seconds in which it must answer.
        store: Address of a database; ``mlflow.db`` in ``folder`` where it is None.
    """
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "ui", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    # Jobs are for judging language models; their runner leaves folders in /dev/shm.
    env = environment(MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false")
    if store is not None:  # no option, since it holds a password
        env["MLFLOW_BACKEND_STORE_URI"] = store
    with log.open("w") as output:
        server = subprocess.Popen(command, cwd=folder, env=env, stdout=output, stderr=output)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(f"{address}/health", server, log, timeout)
        yield address
    finally:
        _end(server)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text(encoding="utf-8")
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"{address} did not answer within {timeout:.0f} s: {log.read_text(encoding='utf-8')}")


def _end(server: subprocess.Popen[bytes]) -> None:
    """Ask the server to end; what it started and left behind is made to."""
    family = psutil.Process(server.pid).children(recursive=True)
    server.terminate()
    try:
        server.wait(timeout=30)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait(timeout=30)
    _, alive = psutil.wait_procs(family, timeout=10)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
