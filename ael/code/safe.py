"""The default executor of code steps: a sandboxed subset of Python in processes of its own."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import threading
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from ael.code.attempt import Attempt
from ael.code.failures import Place, error_of_problem
from ael.code.parse import parse
from ael.code.program import read_program
from ael.code.workers import Abandoned, Job, Workers
from ael.errors import CodeError, ErrorCategory
from ael.ports import CodeCall, CodeProblem
from ael.settings import Settings
from ael.types import JsonValue

if TYPE_CHECKING:
    import pydantic_monty

__all__ = ["SafeExecutor"]

_MISSING = CodeProblem(
    "CODE_UNAVAILABLE",
    "code steps need the sandbox, which is not installed",
    hint="pip install 'ael[code]'",
)
_GRACE_S = 1.0
_CLOSE_WAIT_S = 5.0

_programs = lru_cache(maxsize=512)(read_program)


class SafeExecutor:
    """Runs code in Monty: no files, network, environment or processes; time, memory and output bounded.

    Nothing is started before the first step. One executor serves all executions of an engine; as many steps
    run at once as there are processors, others wait their turn. Each attempt gets a fresh interpreter.

    Args:
        settings: ``code_cpu``, ``code_memory`` and ``code_output`` bound each attempt.
        sandbox: The module that must be importable.
    """

    name = "safe"

    def __init__(self, settings: Settings, *, sandbox: str = "pydantic_monty") -> None:
        self._sandbox = sandbox
        self._settings = settings
        self._size = max(os.cpu_count() or 1, 1)
        self._workers = Workers(self._size, "ael-code")
        self._lock = threading.Lock()
        self._pool: pydantic_monty.Monty | None = None

    def check(self, code: str, names: Collection[str] = ()) -> Sequence[CodeProblem]:
        """What is wrong with the code, in order of place; starts nothing."""
        problems = parse(code, names)[1]
        return problems if _installed(self._sandbox) else [_MISSING, *problems]

    async def run(self, call: CodeCall) -> JsonValue:
        """Run one attempt and return its normalised result. Cancelling kills the process it runs in.

        Raises:
            CodeError: With one of the ``CODE_*`` codes; ``details`` has ``file line column traceback`` as far as known.
        """
        program = _programs(call.code)
        if not _installed(self._sandbox):
            raise _unavailable(_MISSING.message)
        if program.problems:
            raise error_of_problem(program.problems[0], Place(call, program))

        def work(job: Job[JsonValue]) -> JsonValue:
            return Attempt(call, program, self._settings, job).run(self._open())

        try:
            return await self._workers.run(work)
        except Abandoned:
            raise CodeError("the engine is closed: the code cannot run", retryable=False) from None

    async def aclose(self) -> None:
        """Stop what runs, with its processes; idempotent."""
        await asyncio.to_thread(self._close)

    def _open(self) -> pydantic_monty.Monty:
        import pydantic_monty  # an extra, needed from the first step on

        with self._lock:
            if self._pool is None:
                pool = pydantic_monty.Monty(
                    max_processes=self._size,
                    request_timeout=self._settings.code_cpu + 2 * _GRACE_S,
                    feed_duration_limit_grace=_GRACE_S,
                )
                try:
                    self._pool = pool.__enter__()
                except (OSError, RuntimeError) as error:
                    raise _unavailable(f"the sandbox of code steps does not start: {error}") from error
            return self._pool

    def _close(self) -> None:
        self._workers.close(_CLOSE_WAIT_S)
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.__exit__(None, None, None)


def _unavailable(message: str) -> CodeError:
    return CodeError(message, code=_MISSING.code, category=ErrorCategory.CODE, retryable=False, hint=_MISSING.hint)


@lru_cache(maxsize=8)
def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
