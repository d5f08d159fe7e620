from __future__ import annotations

import os
import signal

import pytest

from medseg.study.signals import Interrupted, Signals

NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", NUMBERS)
def test_raises_where_the_signal_comes(number: signal.Signals) -> None:
    with Signals(), pytest.raises(Interrupted) as caught:
        os.kill(os.getpid(), number)
    assert caught.value.status == 128 + number


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_python_swallows_is_raised_when_asked() -> None:
    class Last:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    with Signals() as signals:
        signals.check()
        del (last := [Last()])[0]
        assert last == []
        with pytest.raises(Interrupted, match="signal 15"):
            signals.check()


def test_signals_are_collected_meanwhile_and_those_before_are_known() -> None:
    with Signals() as signals:
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGHUP)
        with signals.collected() as received:
            os.kill(os.getpid(), signal.SIGTERM)
            assert received == [signal.SIGHUP, signal.SIGTERM]
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGTERM)


def test_handlers_are_as_before() -> None:
    before = [signal.getsignal(number) for number in NUMBERS]
    with pytest.raises(ValueError, match="another"), Signals():
        raise ValueError("another")
    assert [signal.getsignal(number) for number in NUMBERS] == before
