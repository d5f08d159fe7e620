"""A PostgreSQL server on loopback, which asks for a password."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import psycopg
from psycopg.sql import SQL, Identifier

from tests.browser.server import free_port

PASSWORD = "sesame-1001"
_DEBIAN = Path("/usr/lib/postgresql")  # not on the search path


def postgres_programs() -> Path | None:
    """Folder of ``initdb`` and ``postgres``; None where there is none."""
    on_path = shutil.which("initdb")
    folders = sorted(_DEBIAN.glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True)
    known = [Path(on_path).resolve().parent] if on_path else folders
    return next((folder for folder in known if (folder / "postgres").is_file()), None)


@contextmanager
def postgres() -> Iterator[str]:
    """Address of an empty database with its password, gone afterwards."""
    programs, user = postgres_programs(), _owner()
    assert programs is not None
    folder = Path(mkdtemp(prefix="postgres"))  # pytest's own may be entered by their owner alone
    server = None
    try:
        (folder / "password").write_text(PASSWORD)
        if user is not None:
            for path in (folder, folder / "password"):
                shutil.chown(path, user)
        wish = ("--username=medseg", "--auth=scram-sha-256", f"--pwfile={folder / 'password'}", "--locale=C.UTF-8")
        command = [programs / "initdb", f"--pgdata={folder / 'data'}", "--no-sync", *wish]
        subprocess.run(command, user=user, cwd=folder, check=True, capture_output=True)
        port = free_port()
        server = _start(programs, folder, port, user)
        address = f"postgresql://medseg:{PASSWORD}@127.0.0.1:{port}/postgres"
        _wait_for(address, server, folder / "log.txt")
        yield address
    finally:
        if server is not None:
            server.send_signal(signal.SIGINT)  # ends it without waiting for its clients
            server.wait(timeout=60)
        shutil.rmtree(folder)


def another_database(address: str, name: str) -> str:
    """Address of a new database on the same server."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    return f"{address.rpartition('/')[0]}/{name}"


def _owner() -> str | None:
    """Who is to run the server, since it refuses root; None is whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _start(programs: Path, folder: Path, port: int, user: str | None) -> subprocess.Popen[bytes]:
    settings = (f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={folder}", "fsync=off")
    options = [word for setting in settings for word in ("-c", setting)]
    with (folder / "log.txt").open("wb") as log:
        command = [programs / "postgres", "-D", folder / "data", *options]
        return subprocess.Popen(command, user=user, cwd=folder, stdout=log, stderr=log)


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path, timeout: float = 60) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            psycopg.connect(address).close()
            return
        except psycopg.OperationalError:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
