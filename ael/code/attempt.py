"""One attempt of one step in one process of the sandbox, on a thread of ours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from ael.code.delivery import RESULT_WALK, HostObject, deliver
from ael.code.failures import Frame, Limits, Place, Raised, failure
from ael.code.program import Program
from ael.code.workers import Job
from ael.errors import CodeError
from ael.ports import CodeCall
from ael.settings import Settings
from ael.types import JsonValue
from ael.values import NotDataError, format_path, normalise

if TYPE_CHECKING:
    import pydantic_monty

__all__ = ["Attempt"]

_LEVELS = frozenset({"debug", "info", "warning", "error"})
_ENTRY_COST = 64
"""Bytes that a printed line counts beside its text, so that a flood of empty lines ends too."""
_CALL_COST = 256
"""Likewise a call of ``log``, which is a round trip to us."""
_SLEEP_COST_S = 0.0005
"""Seconds a sleep counts at least; the round trip is on no other clock."""
_RECURSION = 1000
_OBJECT_TYPES = {kind: type(kind, (), {}) for kind in ("inputs", "steps", "step", "config", "workflow", "last")}


class _Exceeded(Exception):
    """A limit that is kept on our side was passed."""


class Attempt:
    """Runs one :class:`CodeCall` as one job; used once."""

    def __init__(self, call: CodeCall, program: Program, settings: Settings, job: Job[JsonValue]) -> None:
        self._job = job
        self._call = call
        self._program = program
        self._settings = settings
        self._delivery = deliver(call, program.uses)
        cpu_s = settings.code_cpu if call.timeout is None else min(settings.code_cpu, call.timeout)
        self._limits = Limits(cpu_s, settings.code_memory)
        self._place = Place(call, program, self._delivery.prelude.count("\n"))
        self._line = ""
        self._output = 0
        self._slept_s = 0.0
        self._passed: CodeError | None = None
        self._refused: str | None = None

    def run(self, pool: pydantic_monty.Monty) -> JsonValue:
        """The step's result, normalised.

        Raises:
            CodeError: It failed.
            Abandoned: Nobody waits for it any more.
        """
        import pydantic_monty as monty  # an extra, needed from the first step on

        try:
            with self._checkout(pool) as session, self._job.computing_in(session.worker_pid):
                return self._compute(session)
        except monty.MontyError as error:
            raise self._explain(error) from None
        except _Exceeded:
            assert self._passed is not None
            raise self._passed from None
        except NotDataError as error:
            raise self._no_data(error.path, error.why) from None
        except (TypeError, ValueError, RecursionError, OverflowError, MemoryError) as error:
            # The client refuses what it cannot carry across, either way.
            message = f"a value cannot cross into or out of the sandbox: {error}"
            raise self._passed or self._error(message) from error

    def _checkout(self, pool: pydantic_monty.Monty) -> pydantic_monty.MontySession:
        # Annotated assertions would show the values of variables.
        limits: pydantic_monty.ResourceLimits = {
            "max_feed_duration_secs": self._limits.cpu_s,
            "max_memory": self._limits.memory,
            "max_recursion_depth": _RECURSION,
            "max_suspensions": self._settings.code_output // _ENTRY_COST + 10_000,
        }
        return pool.checkout(limits=limits, os_policy={"sleep": "call_host"}, assert_message_annotations=False)

    def _compute(self, session: pydantic_monty.MontySession) -> JsonValue:
        import pydantic_monty as monty

        def on_os_call(*, name: str, args: tuple[JsonValue, ...], **_: object) -> object:
            if name.endswith(".sleep"):
                self._sleep(float(args[0]))
                return None
            self._refused = name
            return monty.NOT_HANDLED

        try:
            returned = session.feed_run(
                self._delivery.prelude + self._program.body,
                inputs={name: _wrap(value, monty.ClassInstance) for name, value in self._delivery.values.items()},
                external_lookup={"log": self._log},
                print_callback=self._print,
                os=on_os_call,
            )
        finally:
            self._flush()
        if self._passed is not None:  # the code caught what we raised into it
            raise self._passed
        if isinstance(returned, str):
            self._charge(len(returned))
            return normalise(json.loads(returned))
        if returned is not None:  # the code put something of its own in the way
            raise NotDataError("$", "something that did not pass through the prelude")
        return self._structured(session, {})

    def _structured(self, session: pydantic_monty.MontySession, fields: dict[str, list[str]]) -> JsonValue:
        """The result that is more than JSON; ``fields``: those of the dataclasses met so far."""
        match session.feed_run(RESULT_WALK, inputs={"__ael_fields": fields}):
            case ("data", value):
                result = normalise(value)
                self._charge(len(repr(result)))
                return result
            case ("no data", list() as path, str() as kind):
                parts = [part if isinstance(part, int) else str(part) for part in path]
                raise NotDataError(format_path(parts), _why(kind))
            case ("fields", str() as kind, instance) if kind not in fields and hasattr(instance, "attributes"):
                return self._structured(session, {**fields, kind: list(instance.attributes)})
        raise NotDataError("$", "something that did not pass through the prelude")

    def _print(self, stream: Literal["stdout", "stderr"], text: str) -> None:
        self._charge(len(text) + _ENTRY_COST * text.count("\n"))
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._say("info", line, {})

    def _flush(self) -> None:
        if self._line:
            self._say("info", self._line, {})
            self._line = ""

    def _log(self, message: object = "", **fields: object) -> None:
        level = fields.pop("level", "info")
        text = message if isinstance(message, str) else str(message)
        plain = {name: _loggable(value) for name, value in fields.items()}
        if level not in _LEVELS:
            plain["level"], level = _loggable(level), "info"
        self._charge(len(text) + len(repr(plain)) + _CALL_COST)
        self._say(str(level), text, plain)

    def _say(self, level: str, message: str, fields: dict[str, JsonValue]) -> None:
        if self._call.sink is not None:
            self._call.sink.log(level, message, fields)

    def _charge(self, size: int) -> None:
        self._output += size
        if self._output > self._settings.code_output:
            limit = self._settings.code_output
            message = f"the code prints, logs or returns more than the {limit:,} bytes it may"
            self._pass(self._error(message, "CODE_LIMIT"))

    def _sleep(self, seconds: float) -> None:
        """Sleep, at most as long as the step may take: its timeout, or else the time it may compute."""
        limit = self._settings.code_cpu if self._call.timeout is None else self._call.timeout
        self._slept_s += max(seconds, 0.0) + _SLEEP_COST_S
        if self._slept_s > limit + _SLEEP_COST_S:
            message = f"the code sleeps longer than the {limit:g} s it may take"
            self._pass(self._error(message, "CODE_TIMEOUT"))
        self._job.wait(max(seconds, 0.0))

    def _pass(self, error: CodeError) -> None:
        """End the code by an error of ours.

        It counts even if the code catches it. Printing goes on whatever its receiver raises, so the process ends.
        """
        self._passed = self._passed or error
        self._job.kill()
        raise _Exceeded(error.message)

    def _explain(self, error: pydantic_monty.MontyError) -> CodeError:
        import pydantic_monty as monty

        if self._passed is not None:
            return self._passed
        if isinstance(error, monty.MontyCrashedError):
            return self._crash(error)
        if not isinstance(error, monty.MontyRuntimeError | monty.MontySyntaxError):
            return self._error(f"a value cannot cross into the sandbox: {error}")
        raised = _raised(error)
        explained = failure(raised, self._place, self._limits)
        if self._refused is not None and raised.kind in {"PermissionError", "RuntimeError"}:
            message = f"code steps have no access to files, environment or processes: {self._refused}"
            return CodeError(message, code="CODE_SECURITY", details=explained.details)
        return explained

    def _crash(self, error: pydantic_monty.MontyCrashedError) -> CodeError:
        if error.timed_out:
            return self._error(self._limits.too_slow, "CODE_TIMEOUT")
        return self._error("the sandbox's process ended in the middle of the step")

    def _error(self, message: str, code: str = "CODE_RUNTIME") -> CodeError:
        return CodeError(message, code=code, details=self._place.details(None, None))

    def _no_data(self, path: str, why: str) -> CodeError:
        hint = "return texts, numbers, lists and dicts"
        if why.endswith(("dict_items", "dict_keys", "dict_values", "range")):
            hint = "wrap it in list(…)"
        return CodeError(f"the result is no data: {path} is {why}", details=self._place.details(None, None), hint=hint)


def _wrap(value: JsonValue, wrapper: type[pydantic_monty.ClassInstance]) -> object:
    """A value with its host objects, which are at most two levels down, in the sandbox's wrapper."""
    if isinstance(value, HostObject):
        instance = _OBJECT_TYPES[value.kind]()
        names = [name for name in value.attributes if name.isidentifier() and not name.startswith("__")]
        for name in names:
            setattr(instance, name, _wrap(value.attributes[name], wrapper))
        return wrapper(instance, eager_attrs=names)
    if isinstance(value, dict) and any(isinstance(item, HostObject) for item in value.values()):
        return {name: _wrap(item, wrapper) for name, item in value.items()}
    return value


def _why(kind: str) -> str:
    if kind == "nested":
        return "nested more than 200 levels deep, or contains itself"
    if kind.startswith("key "):
        return f"an object with a key of type {kind.removeprefix('key ')}"
    return f"a value of type {kind}"


def _loggable(value: object) -> JsonValue:
    try:
        return normalise(value)
    except NotDataError:
        return repr(value)


def _raised(error: pydantic_monty.MontyRuntimeError | pydantic_monty.MontySyntaxError) -> Raised:
    kind, _, message = error.display("type-msg").partition(": ")
    frames = [Frame(frame.line, frame.column, frame.function_name) for frame in error.traceback()]
    return Raised(kind, message, frames)
