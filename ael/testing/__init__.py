"""For tests of workflows: virtual time, and tools that are plain functions.

Three hours of backoff take no time at all::

    async def main():
        tools = FakeTools({"status": lambda params: {"ok": params["id"] == 7}})
        engine = make_engine(ael.load_workflow("poll.ael.yaml"), tools=tools)
        result = await engine.execute("poll", {"id": 7})
        assert result.ok and len(tools.calls) == 1

    run_virtual(main())
"""

from ael.testing.fakes import FakeTools, Seen, make_engine
from ael.testing.virtual_time import VirtualClock, VirtualLoop, run_virtual

__all__ = ["FakeTools", "Seen", "VirtualClock", "VirtualLoop", "make_engine", "run_virtual"]
