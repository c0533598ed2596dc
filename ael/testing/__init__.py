"""For tests of workflows: virtual time, tools that are plain functions, captured events.

Three hours of backoff take no time at all::

    def test_polls_until_done():
        tools = FakeTools(status=lambda params: {"ok": True})
        result = run_virtual(run_workflow("poll.yaml", {"id": 7}, tools=tools))
        assert result.ok
"""

from ael.testing.fakes import FakeTools, Seen, make_engine
from ael.testing.virtual_time import VirtualClock, VirtualLoop, run_virtual

__all__ = ["FakeTools", "Seen", "VirtualClock", "VirtualLoop", "make_engine", "run_virtual"]
