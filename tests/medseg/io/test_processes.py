from __future__ import annotations

import signal

from medseg.io.processes import WorkerPool


def takes_interrupts() -> tuple[bool, bool]:
    """Whether SIGINT ends this process as the system does it, without a traceback, and is let through."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    return signal.getsignal(signal.SIGINT) == signal.SIG_DFL, signal.SIGINT not in blocked


class TestWorkerPool:
    def test_worker_ends_by_an_interrupt_and_its_parent_hears_of_it_as_before(self) -> None:
        before = takes_interrupts()
        with WorkerPool(1) as pool:
            assert pool.submit(takes_interrupts).result(timeout=60) == (True, True)
            assert takes_interrupts() == before

    def test_several_answer_in_order(self) -> None:
        with WorkerPool(2) as pool:
            assert [*pool.map(abs, [-3, 2, -1])] == [3, 2, 1]
