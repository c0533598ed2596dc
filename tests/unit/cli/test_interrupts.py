"""Ctrl-C, once and twice."""

from __future__ import annotations

import asyncio
import signal

import pytest

from ael.cli.interrupts import Interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_first_signal_cancels_second_leaves(number, capsys):
    cancelled = asyncio.Event()
    left: list[int] = []
    with Interrupts(cancelled.set, leave=left.append) as interrupts:
        signal.raise_signal(number)
        await cancelled.wait()
        assert (interrupts.count, left) == (1, [])
        signal.raise_signal(number)
        assert left == [130]
    assert capsys.readouterr().err == "cancelling; once more leaves at once\n"


async def test_signals_mean_what_they_did_before_once_it_is_left():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with Interrupts(lambda: None):
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


async def test_what_is_cancelled_may_be_replaced_meanwhile():
    first, second = asyncio.Event(), asyncio.Event()
    with Interrupts(first.set) as interrupts:
        interrupts.cancel = second.set
        signal.raise_signal(signal.SIGINT)
        await second.wait()
    assert not first.is_set()
