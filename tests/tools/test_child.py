"""Commands that the demo runs: how they end, and how an interrupt reaches them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import environment
from tools.child import CommandError, run_command

# Cleans up for a while when told to end, and would write "twice" if it were told again.
_CHILD = """
import pathlib, signal, sys, time
def end(number, frame):
    signal.signal(signal.SIGTERM, lambda *_: pathlib.Path("twice").touch())
    time.sleep(0.5)
    pathlib.Path("ended").write_text(str(number))
    sys.exit(7)
signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGINT, lambda *_: pathlib.Path("interrupt").touch())
print("ready", flush=True)
time.sleep(60)
"""
_PARENT = f"""
import sys
from tools.child import InterruptError, run_command
try:
    run_command([sys.executable, "-c", {_CHILD!r}])
except InterruptError as error:
    sys.exit(error.status)
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


class TestRunCommand:
    def test_success_returns_with_the_environment_added(self, tmp_path: Path) -> None:
        code = f"import os, pathlib; pathlib.Path({str(tmp_path / 'out')!r}).write_text(os.environ['ADDED'])"
        run_command(python(code), extra_env={"ADDED": "here"})
        assert (tmp_path / "out").read_text() == "here"

    def test_failure_names_command_and_status(self) -> None:
        with pytest.raises(CommandError, match=r"^status 3$") as caught:
            run_command(python("raise SystemExit(3)"))
        assert (caught.value.status, caught.value.command) == (3, tuple(python("raise SystemExit(3)")))

    def test_death_by_a_signal_is_128_and_its_number(self) -> None:
        with pytest.raises(CommandError) as caught:
            run_command(python("import os; os.kill(os.getpid(), 9)"))
        assert caught.value.status == 128 + 9

    def test_handlers_of_signals_are_as_before(self) -> None:
        before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
        run_command(python(""))
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_interrupt_is_passed_on_once_as_sigterm_and_waited_for(
        self, tmp_path: Path, number: signal.Signals
    ) -> None:
        parent = subprocess.Popen(
            python(_PARENT), cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, start_new_session=True
        )
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        # Twice, as `timeout` sends it to its child and to the child's group.
        for _ in range(2):
            parent.send_signal(number)
        assert parent.wait(timeout=60) == 128 + number
        parent.stdout.close()
        assert {path.name for path in tmp_path.iterdir()} == {"ended"}
        assert (tmp_path / "ended").read_text() == str(int(signal.SIGTERM))
