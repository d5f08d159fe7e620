from __future__ import annotations

import os
import signal
from contextlib import suppress

import pytest

from medseg.errors import MedsegError
from medseg.io.processes import WorkerPool, usable_cores


def takes_interrupts() -> tuple[bool, bool]:
    """Whether SIGINT ends this process as the system does it, without a traceback, and is let through."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    return signal.getsignal(signal.SIGINT) == signal.SIG_DFL, signal.SIGINT not in blocked


def test_cores_are_those_that_a_batch_system_has_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5} if pid == 0 else set(), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert usable_cores() == 2


@pytest.mark.parametrize(("known", "expected"), [(64, 64), (None, 1)])
def test_where_no_system_tells_the_cores_of_a_process_they_are_the_machine_s(
    monkeypatch: pytest.MonkeyPatch, known: int | None, expected: int
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: known)
    assert usable_cores() == expected


def _lose_an_interrupt_and_raise(error: Exception) -> None:
    with suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    raise error


class TestInterrupts:
    @pytest.mark.parametrize("error", [RuntimeError("cannot release un-acquired lock"), MedsegError("a worker died")])
    def test_what_takes_the_place_of_an_interrupt_is_one(self, error: Exception) -> None:
        before = signal.getsignal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt) as raised, WorkerPool(1):
            _lose_an_interrupt_and_raise(error)
        assert raised.value.__cause__ is error
        assert signal.getsignal(signal.SIGINT) is before

    def test_an_error_by_itself_stays_one(self) -> None:
        with pytest.raises(MedsegError), WorkerPool(1):
            raise MedsegError("a worker died")

    def test_interrupts_go_through(self) -> None:
        with pytest.raises(KeyboardInterrupt), WorkerPool(1):
            signal.raise_signal(signal.SIGINT)

    def test_who_has_a_handler_keeps_it(self) -> None:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            with WorkerPool(1):
                assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        finally:
            signal.signal(signal.SIGINT, before)


class TestWorkerPool:
    def test_worker_ends_by_an_interrupt_and_its_parent_hears_of_it_as_before(self) -> None:
        before = takes_interrupts()
        with WorkerPool(1) as pool:
            assert pool.submit(takes_interrupts).result(timeout=60) == (True, True)
            assert takes_interrupts() == before

    def test_several_answer_in_order(self) -> None:
        with WorkerPool(2) as pool:
            assert [*pool.map(abs, [-3, 2, -1])] == [3, 2, 1]
