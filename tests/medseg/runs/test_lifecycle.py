from __future__ import annotations

import gc
import signal
import subprocess
import sys
import weakref
from pathlib import Path

import pytest
from ignite.engine import Engine, Events

from medseg.runs import Lifecycle, Status

# A training that never ends; says what its two listeners are told.
ENDLESS = """
import sys, time
from ignite.engine import Engine
from medseg.runs import Lifecycle

engine = Engine(lambda _engine, _batch: (print("running", flush=True), time.sleep(60)))
for name in ("first", "second"):
    Lifecycle.of(engine).on_end(lambda status, name=name: print(name, status, flush=True))
engine.run([0])
"""


def training(*, fail: bool = False) -> tuple[Engine, list[tuple[str, Status]]]:
    """Engine that finishes or fails, and what its two listeners were told."""

    def step(_engine: Engine, _batch: object) -> None:
        if fail:
            raise RuntimeError("out of memory")

    engine, told = Engine(step), []
    for name in ("first", "second"):
        Lifecycle.of(engine).on_end(lambda status, name=name: told.append((name, status)))
    engine.add_event_handler(Events.COMPLETED, lambda: Lifecycle.of(engine).finish())
    return engine, told


class TestOf:
    def test_is_one_an_engine(self) -> None:
        first, second = Engine(lambda *_: None), Engine(lambda *_: None)
        assert Lifecycle.of(first) is Lifecycle.of(first)
        assert Lifecycle.of(first) is not Lifecycle.of(second)

    def test_does_not_keep_the_engine_alive(self) -> None:
        engine = Engine(lambda *_: None)
        Lifecycle.of(engine)
        gone = weakref.ref(engine)
        del engine
        gc.collect()
        assert gone() is None


class TestEnd:
    def test_finished_tells_all_in_order(self) -> None:
        engine, told = training()
        engine.run([0])
        assert told == [("first", "FINISHED"), ("second", "FINISHED")]

    def test_failure_tells_all_and_is_raised(self) -> None:
        engine, told = training(fail=True)
        with pytest.raises(RuntimeError, match="out of memory"):
            engine.run([0])
        assert told == [("first", "FAILED"), ("second", "FAILED")]

    def test_failure_of_a_handler_counts_too(self) -> None:
        engine, told = training()

        @engine.on(Events.EPOCH_COMPLETED)
        def full() -> None:
            raise OSError("disk full")

        with pytest.raises(OSError, match="disk full"):
            engine.run([0])
        assert {status for _, status in told} == {"FAILED"}

    def test_failure_before_the_first_step_counts_too(self) -> None:
        engine, told = training()

        @engine.on(Events.STARTED)
        def refuse() -> None:
            raise ValueError("other settings")

        with pytest.raises(ValueError, match="other settings"):
            engine.run([0])
        assert {status for _, status in told} == {"FAILED"}

    def test_interrupt_ends_as_killed(self) -> None:
        engine, told = training()

        @engine.on(Events.ITERATION_COMPLETED)
        def interrupt() -> None:
            signal.raise_signal(signal.SIGTERM)

        with pytest.raises(SystemExit, match="143"):
            engine.run([0])
        assert told == [("first", "KILLED"), ("second", "KILLED")]

    def test_is_told_once(self) -> None:
        engine, told = training()
        engine.add_event_handler(Events.COMPLETED, lambda: Lifecycle.of(engine).finish())
        engine.run([0])
        assert len(told) == 2

    def test_is_told_again_for_another_run(self) -> None:
        engine, told = training()
        engine.run([0])
        engine.run([0])
        assert len(told) == 4

    def test_listener_that_fails_keeps_none_from_being_told(self) -> None:
        engine = Engine(lambda *_: None)
        told: list[Status] = []

        def broken(_status: Status) -> None:
            raise OSError("store is gone")

        Lifecycle.of(engine).on_end(broken)
        Lifecycle.of(engine).on_end(told.append)
        engine.add_event_handler(Events.COMPLETED, lambda: Lifecycle.of(engine).finish())
        with pytest.raises(OSError, match="store is gone"):
            engine.run([0])
        assert told == ["FINISHED"]

    @pytest.mark.parametrize("fail", [False, True])
    def test_gives_the_signal_handlers_back(self, fail: bool) -> None:
        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        engine, _ = training(fail=fail)
        try:
            engine.run([0])
        except RuntimeError:
            assert fail
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


class TestSignals:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_process_tells_all_listeners_and_ends_with_the_signals_status(
        self, tmp_path: Path, number: signal.Signals
    ) -> None:
        process = subprocess.Popen(
            [sys.executable, "-c", ENDLESS],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 128 + number
        assert out.splitlines() == ["first KILLED", "second KILLED"]
        assert "Traceback" not in err
