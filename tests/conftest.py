"""For every test: where nothing may be missing, a skip is a failure; and how many examples properties try.

``HYPOTHESIS_PROFILE=thorough`` tries many times as many as a developer waits for.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

import pytest
from hypothesis import settings

from tests.needs import nothing_may_be_missing

# No deadline: how long one example takes says something of the machine, not of the code.
settings.register_profile("quick", max_examples=30, deadline=None)
settings.register_profile("thorough", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

_OTHER_PYTHON = "needs Python"
"""How the reason of a skip begins that no installation can repair."""


Report = pytest.TestReport | pytest.CollectReport


def _forbid_skip(report: Report) -> None:
    expected_failure = hasattr(report, "wasxfail")
    if report.outcome != "skipped" or expected_failure or not nothing_may_be_missing():
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if _OTHER_PYTHON not in reason:
        report.outcome = "failed"
        report.longrepr = f"{reason}: a skip, in a run where nothing may be missing"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Report, Report]:
    report = yield
    _forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Report, Report]:
    report = yield
    _forbid_skip(report)
    return report


_REPEATED_S = 2.0


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_timeout_set_timer() -> Generator[None, object, object]:
    """A loop logs what a callback raises and goes on, so a timeout that strikes there is lost: it strikes again."""
    answer = yield
    left, _ = signal.getitimer(signal.ITIMER_REAL)
    if left:
        signal.setitimer(signal.ITIMER_REAL, left, _REPEATED_S)
    return answer
