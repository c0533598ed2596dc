"""The back ends that the conformance suite runs on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import pytest

from ael.definition import WorkflowDefinition
from ael.engine import WorkflowEngine
from ael.testing import make_engine
from tests.conformance.tools import Script

EngineFactory: TypeAlias = Callable[[Sequence[WorkflowDefinition], Script], WorkflowEngine]
"""An engine of these workflows and tools, made and used within one virtual loop."""


def in_memory(definitions: Sequence[WorkflowDefinition], script: Script) -> WorkflowEngine:
    """Keeps nothing."""
    return make_engine(*definitions, tools=script.tools)


BACK_ENDS: tuple[EngineFactory, ...] = (in_memory,)


@pytest.fixture(params=BACK_ENDS, ids=[make.__name__ for make in BACK_ENDS])
def conformance_engine(request: pytest.FixtureRequest) -> EngineFactory:
    """Makes the engine that a file is run on; the suite runs once for each entry of ``BACK_ENDS``."""
    make: EngineFactory = request.param
    return make
