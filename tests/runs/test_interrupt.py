import gc
import signal
import sys
import threading
import time

import jax.numpy as jnp
import pytest

from accumbens.runs.interrupt import Interrupt, no_interrupt_lost, wait_for


def test_the_first_ctrl_c_is_a_request_and_the_second_is_at_once():
    told = []
    before = signal.getsignal(signal.SIGINT)
    with Interrupt(lambda: told.append("stopping")) as interrupt:
        assert not interrupt.requested
        signal.raise_signal(signal.SIGINT)
        assert interrupt.requested
        assert told == ["stopping"]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_without_ctrl_c_nothing_changes():
    before = signal.getsignal(signal.SIGINT)
    with Interrupt(pytest.fail) as interrupt:
        assert signal.getsignal(signal.SIGINT) is not before
    assert not interrupt.requested
    assert signal.getsignal(signal.SIGINT) is before


def test_another_thread_leaves_signals_alone():
    before, found = signal.getsignal(signal.SIGINT), []

    def train():
        with Interrupt(pytest.fail) as interrupt:
            found.extend([signal.getsignal(signal.SIGINT), interrupt.requested])

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert found == [before, False]
    assert signal.getsignal(signal.SIGINT) is before


def test_no_ctrl_c_is_lost_in_a_callback_of_the_garbage_collector(monkeypatch, capsys):
    before = sys.unraisablehook

    def called_back(phase, info):
        if phase == "start":
            gc.callbacks.remove(called_back)
            signal.raise_signal(signal.SIGINT)

    def work():
        with no_interrupt_lost():
            gc.collect()
            for _ in range(100):
                time.sleep(0.05)

    gc.disable()  # it must not be called back by a collection that begins by itself before
    gc.callbacks.append(called_back)
    try:
        with pytest.raises(KeyboardInterrupt):
            work()
    finally:
        gc.enable()
    assert sys.unraisablehook is before
    assert capsys.readouterr().err == ""


def test_what_else_cannot_be_raised_is_told_as_before(monkeypatch):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: told.append(unraisable.exc_type))

    class Fails:
        def __del__(self):
            raise ValueError

    with no_interrupt_lost():
        del [Fails()][0]
        gc.collect()
    assert told == [ValueError]


class Slow:
    """Ready when it has been asked often enough."""

    def __init__(self, questions):
        self.questions = questions

    def is_ready(self):
        self.questions -= 1
        return self.questions <= 0


def test_waiting_ends_when_every_array_is_ready():
    slow = [Slow(3), Slow(5)]
    wait_for({"a": slow, "b": jnp.ones(3) * 2})
    assert [leaf.questions for leaf in slow] == [0, 0]


def test_ctrl_c_is_heard_while_waiting():
    class Pressed(Slow):
        def is_ready(self):
            if self.questions == 2:
                signal.raise_signal(signal.SIGINT)
            return super().is_ready()

    with Interrupt(lambda: None) as interrupt:
        wait_for([Pressed(3)])
    assert interrupt.requested
