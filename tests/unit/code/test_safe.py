"""Code steps in the sandbox: what they see, what they give back, and how they fail."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from ael.code import SafeExecutor
from ael.errors import CodeError
from ael.ports import CodeCall
from ael.settings import Settings

Run = Callable[..., Awaitable[Any]]


def step(output: Any, **fields: Any) -> dict[str, Any]:
    plain = {"status": "completed", "success": True, "error": None, "duration_ms": 1.5, "attempt": 1}
    return {"output": output, **plain, **fields}


ROWS = [{"id": number, "tags": ["a", None, True]} for number in range(1000)]
DATACLASSES = "from dataclasses import dataclass\n@dataclass\nclass P:\n  x: int\n@dataclass\nclass Q:\n  p: P\n"
WORLD: dict[str, Any] = {
    "inputs": {"n": 3, "name": "Ada", "user-id": 7, "get": "got", "rows": ROWS},
    "steps": {
        "log": step("a\nb"),
        "get-user": step({"k": [1]}),
        "gone": step(None, status="skipped", success=False),
        "rows": step(ROWS),
    },
    "config": {"region": "eu"},
    "workflow": {"name": "w", "version": "1"},
    "execution_id": "e1",
}


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("return inputs.n + 1", 4),
        ("return inputs['user-id']", 7),
        ("return inputs.get('nope', 5)", 5),
        ("return inputs.n, inputs['n'], inputs.get('n')", [3, 3, 3]),
        ("return inputs.get", "got"),
        ("i = inputs\nreturn i.name, i['name'], 'n' in i, [k for k in i][0]", ["Ada", "Ada", True, "n"]),
        ("return len(inputs), sorted(dict(inputs))[0]", [5, "get"]),
        ("return inputs", WORLD["inputs"]),
        ("return [inputs], inputs.n", [[WORLD["inputs"]], 3]),
        ("return steps.log.output.splitlines()", ["a", "b"]),
        ("return steps['get-user'].output['k'], steps.log.status", [[1], "completed"]),
        ("return steps['get-user']['output']", {"k": [1]}),
        ("return steps.gone.output, steps.gone.success", [None, False]),
        ("return steps.get('nope')", None),
        ("s = steps.get('log')\nreturn s.output, s['attempt']", ["a\nb", 1]),
        ("return {name: s.status for name, s in steps.items()}['gone']", "skipped"),
        ("return len(steps.rows.output), len(inputs.rows)", [1000, 1000]),
        ("return steps['rows'].output", ROWS),
        ("return config.region, config['region'], workflow.name", ["eu", "eu", "w"]),
        ("return context.inputs.n, context.steps['log'].output, context.config.get('region')", [3, "a\nb", "eu"]),
        ("return context.workflow.name, context.execution_id", ["w", "e1"]),
        ("return item['a'], index", [5, 0]),
    ],
)
async def test_code_sees(run: Run, code: str, result: Any) -> None:
    assert await run(code, names={"item": {"a": 5}, "index": 0}, **WORLD) == result


ROUND = {"output": {"n": 1, "rows": ROWS}, "status": "completed", "round": 2}


@pytest.mark.parametrize(
    ("code", "first", "later"),
    [
        ("return last.output", None, ROUND["output"]),
        ("return last['output'], last.round, last['status']", [None, None, None], [ROUND["output"], 2, "completed"]),
        ("return last.output['n'] if last.output else 0", 0, 1),
        ("return last.get('round')", None, 2),
        ("return last['output']['n'] if last else 0", 0, 1),
        ("return 0 if last is None else last.output['n']", 0, 1),
        ("if last and last.output['n']: return last.round", None, 2),
        ("before = last\nreturn before and before.round", None, 2),
        ("return last", None, ROUND),
        ("return {'before': last}", {"before": None}, {"before": ROUND}),
        ("first, last = 'Ada Byron'.split()\nreturn last", "Byron", "Byron"),
        ("def f():\n  return last.round\nreturn f()", None, 2),
    ],
)
async def test_code_sees_the_round_before(run: Run, code: str, first: Any, later: Any) -> None:
    assert await run(code, names={"last": None}) == first
    assert await run(code, names={"last": ROUND}) == later


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("return item['tags'], index, page, output", [["a"], 3, "p", None]),
        ("return [item['id'] for item in rows]", list(range(1000))),
        ("rows.append(item)\nreturn len(rows)", 1001),
        ("item = item['id']\nreturn item", 7),
        ("def f():\n  return item['id'] + index\nreturn f()", 10),
        ("return f'{item[\"id\"]}'", "7"),
        ("return -index", -3),
    ],
)
async def test_code_sees_its_locals_as_plain_data(run: Run, code: str, result: Any) -> None:
    names = {"item": {"id": 7, "tags": ["a"]}, "index": 3, "page": "p", "output": None, "rows": ROWS}
    assert await run(code, names=names) == result
    assert len(ROWS) == 1000


ITEM = {"key": None, "status": "completed", "output": {"n": 1}, "error": None}


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("return steps.pages.items[0]['output']['n']", 1),
        ("return steps['pages']['items'][0]['status']", "completed"),
        ("s = steps.pages\nreturn s.items[0]['status'], s['items'][0]['key']", ["completed", None]),
        ("return [i['status'] for i in steps.pages.items]", ["completed"]),
        ("return len(steps.many.items), steps.many.items[999]['output']", [1000, {"n": 1}]),
        ("s = steps.plain\nreturn sorted(k for k, v in s.items())[0], s['output']", ["attempt", 5]),
    ],
)
async def test_code_sees_the_items_of_loops(run: Run, code: str, result: Any) -> None:
    steps = {"pages": step([1], items=[ITEM]), "many": step([], items=[ITEM] * 1000), "plain": step(5)}
    assert await run(code, steps=steps) == result


async def test_a_name_of_its_own_needs_no_round(run: Run) -> None:
    assert await run("first, last = 'Ada Byron'.split()\nreturn last") == "Byron"


async def test_what_code_does_not_name_stays_out(run: Run) -> None:
    assert await run("return 1", names={"item": object(), "last": object()}) == 1


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("x = 5", None),
        ("5", None),
        ("result = 5", 5),
        ("result = 5\nreturn 6", 6),
        ("result = 5\nreturn", None),
        ("result = 5\nif False:\n  return 6", 5),
        ("async def f():\n  return 2\nreturn await f()", 2),
        ("import asyncio\nasync def f(x):\n  return x\nreturn await asyncio.gather(f(1), f(2))", [1, 2]),
        ("try:\n  return 1 / 0\nexcept ZeroDivisionError as e:\n  return str(e)", "division by zero"),
        ("def f(x):\n  return x * 2\nreturn f(\n  2\n)  # twice", 4),
        ("return {1: 'a', None: (1, 2), True: {3}}", {"true": [3], "null": [1, 2]}),
        ("from collections import Counter, namedtuple\nreturn Counter('a'), namedtuple('P', 'x')(1)", [{"a": 1}, [1]]),
        ("return 2 ** 100, 0.1 + 0.2, -0.0, 'é\\u2028'", [2**100, 0.1 + 0.2, -0.0, "é\u2028"]),
        (
            DATACLASSES + "return [Q(P({1})), P(b'x')]",
            [{"p": {"x": [1]}}, {"x": b"x"}],
        ),
        ("return \"<function 'f' at 0xc>\"", "<function 'f' at 0xc>"),
    ],
)
async def test_result(run: Run, code: str, result: Any) -> None:
    value = await run(code)
    assert value == result
    assert type(value) is type(result)


@pytest.mark.parametrize(
    "value",
    [
        datetime(2020, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        datetime(2020, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        datetime(2020, 1, 2, 3, 4),  # noqa: DTZ001 - naive on purpose
        date(2020, 2, 29),
        Decimal("1.10"),
        b"\x00\xff",
        {"deep": [Decimal("-0"), {"when": date(1, 1, 1)}, None, True, 1.5]},
        [[Decimal(number)] for number in range(1500)],
        "🙂" * 1000,
        2**70,
        [2**70, Decimal(1)],
        {"a-b": {"": [[]]}},
    ],
    ids=lambda value: type(value).__name__,
)
async def test_values_cross_both_ways_unchanged(run: Run, value: Any) -> None:
    back = await run("return inputs.x, steps.a.output", inputs={"x": value}, steps={"a": step(value)})
    assert back == [value, value]
    assert [type(item) for item in back] == [type(value)] * 2
    assert repr(back[0]) == repr(value)


async def test_what_code_does_to_its_inputs_stays_inside(run: Run) -> None:
    inputs = {"x": {"a": [1]}}
    assert await run("inputs.x['a'].append(2)\nreturn inputs.x", inputs=inputs) == {"a": [1, 2]}
    assert inputs == {"x": {"a": [1]}}


async def test_attempts_share_nothing(run: Run) -> None:
    await run("left = 5")
    with pytest.raises(CodeError, match="'left' is not defined"):
        await run("return left")


@pytest.mark.parametrize(
    ("code", "path", "kind"),
    [
        ("def f(): pass\nreturn f", r"\$", "function"),
        ("return {'a': [1, lambda: 1]}", r"\$\.a\[1\]", "function"),
        ("class A: pass\nreturn A", r"\$", "type"),
        ("class A: pass\nreturn {'x y': A()}", r'\$\["x y"\]', "A"),
        ("from dataclasses import dataclass\n@dataclass\nclass P:\n  f: int\nreturn P(print)", r"\$\.f", "builtin"),
        ("return {}.items()", r"\$", "dict_items"),
        ("return range(3)", r"\$", "range"),
        ("import re\nreturn [re.compile('a')]", r"\$\[0\]", "Pattern"),
        ("return float('nan')", r"\$", "nan"),
        ("return [float('inf')]", r"\$\[0\]", "inf"),
        ("return 1j", r"\$", "complex"),
        ("return {(1, 2): 3}", r"\$", "key of type tuple"),
        ("a = []\na.append(a)\nreturn a", r"\$\[0\]\[0\]\[0\]", "contains itself"),
        ("a = []\nfor i in range(300): a = [a]\nreturn a", r"\$\[0\]\[0\]\[0\]", "200 levels"),
        ("a = []\nfor i in range(5000): a = [a]\nreturn a", r"\$\[0\]\[0\]\[0\]", "200 levels"),
        ("return Exception('x')", r"\$", "Exception"),
        ("async def f(): pass\nreturn f()", r"\$", "coroutine"),
    ],
)
async def test_a_result_that_is_no_data(run: Run, code: str, path: str, kind: str) -> None:
    with pytest.raises(CodeError, match=f"no data: {path}.* is .*{kind}") as caught:
        await run(code)
    assert caught.value.code == "CODE_RUNTIME"


@pytest.mark.parametrize(
    ("code", "expected", "message"),
    [
        ("x =", "CODE_SYNTAX", "syntax error"),
        ("nonlocal x", "CODE_SYNTAX", "nonlocal"),
        ("x = " + "-" * 230 + "1", "CODE_SYNTAX", "nested"),
        ("class A(B): pass", "CODE_UNSUPPORTED", "inheritance"),
        ("import nosuch", "CODE_UNSUPPORTED", "'nosuch'"),
        (
            "try:\n  import nosuch\nexcept KeyError: pass\nexcept ImportError:\n  import other",
            "CODE_UNSUPPORTED",
            "'other'",
        ),
        ("from collections import OrderedDict", "CODE_UNSUPPORTED", "collections.OrderedDict"),
        ("raise ValueError(5)", "CODE_UNSUPPORTED", "exceptions take one text"),
        ("raise SystemExit(3)", "CODE_UNSUPPORTED", "SystemExit"),
        ("import subprocess", "CODE_SECURITY", "'subprocess'"),
        ("open('/etc/passwd')", "CODE_SECURITY", "'open'"),
        ("from pathlib import Path\nPath('/etc/passwd').read_text()", "CODE_SECURITY", "Path.read_text"),
        ("from os import environ\nenviron", "CODE_SECURITY", "os.environ"),
        ("return 'a' * 10**10", "CODE_LIMIT", "memory"),
        ("x = []\nwhile True: x.append('a' * 10_000)", "CODE_LIMIT", "memory"),
        ("while True: print('x' * 500)", "CODE_LIMIT", "prints"),
        ("while True: print()", "CODE_LIMIT", "prints"),
        ("while True: log('')", "CODE_LIMIT", "logs"),
        ("return 'x' * 300_000", "CODE_LIMIT", "returns"),
        ("return {b'x' * 300_000}", "CODE_LIMIT", "returns"),
        ("try:\n  while True: print('x' * 500)\nexcept BaseException: pass", "CODE_LIMIT", "prints"),
        ("try:\n  while True: log('x' * 500)\nexcept BaseException: pass", "CODE_LIMIT", "logs"),
        ("while True: pass", "CODE_TIMEOUT", "0.3 s"),
        ("while True:\n  try:\n    while True: pass\n  except BaseException: pass", "CODE_TIMEOUT", "0.3 s"),
        ("sum(range(10**10))", "CODE_TIMEOUT", "0.3 s"),
        ("import time\ntime.sleep(100)", "CODE_TIMEOUT", "sleeps longer than the 0.3 s"),
        ("import asyncio\nawait asyncio.sleep(100)", "CODE_TIMEOUT", "sleeps"),
        ("import time\nwhile True: time.sleep(0)", "CODE_TIMEOUT", "sleeps"),
        ("import time\ntry: time.sleep(100)\nexcept BaseException: pass", "CODE_TIMEOUT", "sleeps"),
        ("1 / 0", "CODE_RUNTIME", "ZeroDivisionError in line 1: division by zero"),
        ("assert 1 == 2", "CODE_RUNTIME", "^AssertionError in line 1$"),
        ("raise TimeoutError('feed time limit exceeded')", "CODE_RUNTIME", "TimeoutError in line 1"),
        ("raise MemoryError('mine')", "CODE_RUNTIME", "MemoryError in line 1: mine"),
        ("raise NotImplementedError('later')", "CODE_RUNTIME", "NotImplementedError in line 1: later"),
        ("raise PermissionError('mine')", "CODE_RUNTIME", "PermissionError in line 1: mine"),
        ("def f(): f()\nf()", "CODE_RUNTIME", "RecursionError"),
        ("return 10 ** 5000", "CODE_RUNTIME", "cannot cross"),
        ("i = inputs\ni.nope", "CODE_RUNTIME", "this object has no attribute 'nope'"),
        ("def __ael_out(x): return 5\nreturn 1", "CODE_RUNTIME", "no data"),
        ("return eval('(' * 3000 + ')' * 3000)", "CODE_RUNTIME", "SyntaxError"),
    ],
)
async def test_failure(run: Run, code: str, expected: str, message: str) -> None:
    with pytest.raises(CodeError, match=message) as caught:
        await run(code)
    assert caught.value.code == expected
    assert "__ael" not in str(caught.value.to_dict())
    assert await run("return 1") == 1


async def test_a_step_that_cannot_be_interrupted_from_inside_is_killed() -> None:
    executor = SafeExecutor(Settings(code_cpu=0.05))
    with pytest.raises(CodeError, match=r"0\.05 s") as caught:
        await executor.run(CodeCall(code="return 10 ** 10 ** 8", inputs={}, steps={}))
    assert caught.value.code == "CODE_TIMEOUT"
    await executor.aclose()


async def test_places_are_of_the_workflow_file(run: Run) -> None:
    code = "def g(a):\n    return a / 0\n\ndef f(b):\n    return g(b)\n\nreturn  f(1)\n"
    with pytest.raises(CodeError) as caught:
        await run(code, file="wf.ael.yaml", first_line=11, first_column=7)
    assert caught.value.details == {
        "file": "wf.ael.yaml",
        "line": 12,
        "column": 18,
        "traceback": (
            "Traceback (most recent call last):\n"
            '  File "wf.ael.yaml", line 17, in <module>\n    return  f(1)\n'
            '  File "wf.ael.yaml", line 15, in f\n    return g(b)\n'
            '  File "wf.ael.yaml", line 12, in g\n    return a / 0\n'
            "ZeroDivisionError: division by zero"
        ),
    }


@pytest.mark.parametrize(
    ("code", "line", "column"),
    [
        ("return 'ä', nope", 1, 13),
        ("return (1 +\n  nope)", 2, 3),
        ("x = inputs['a']\nreturn (\n  nope,\n)", 3, 3),
        ("if True: return nope", 1, 17),
        ("context.log('x')\nnope", 2, 1),
        ("x = steps\nnope", 2, 1),
        ("x =", 1, 4),
        ("import nosuch", 1, 1),
    ],
)
async def test_columns_are_the_users(run: Run, code: str, line: int, column: int) -> None:
    with pytest.raises(CodeError) as caught:
        await run(code, inputs={"a": 1})
    assert (caught.value.details["line"], caught.value.details["column"]) == (line, column)


async def test_a_long_traceback_is_cut(run: Run) -> None:
    with pytest.raises(CodeError) as caught:
        await run("def f(): return f()\nf()")
    text = caught.value.details["traceback"]
    assert text.startswith('Traceback (most recent call last):\n  File "<code>", line 2, in <module>\n    f()\n')
    assert text.endswith("RecursionError: maximum recursion depth exceeded")
    assert "more …" in text
    assert len(text.splitlines()) < 30


async def test_print_and_log_go_to_the_log_of_the_step(run: Run, sink: Any, capfd: pytest.CaptureFixture[str]) -> None:
    await run(
        "import sys\nprint('a', 'b')\nprint('c\\nd')\nprint('e', file=sys.stderr)\nlog('m', n=1, level='warning')\n"
        "log({'x': 1}, level='loud', f=print)\ncontext.log('o', t=(1,))\nprint('end', end='')"
    )
    messages = [(level, message) for level, message, _ in sink.lines]
    assert messages == [
        ("info", "a b"),
        ("info", "c"),
        ("info", "d"),
        ("info", "e"),
        ("warning", "m"),
        ("info", "{'x': 1}"),
        ("info", "o"),
        ("info", "end"),
    ]
    assert sink.lines[4][2] == {"n": 1}
    assert sink.lines[5][2]["level"] == "loud"
    assert sink.lines[6][2] == {"t": [1]}
    assert capfd.readouterr() == ("", "")


async def test_calls_of_the_host_are_counted(run: Run) -> None:
    with pytest.raises(CodeError, match="more often than it may") as caught:
        await run("import time\nwhile True: time.sleep(0)", timeout=1000)
    assert caught.value.code == "CODE_LIMIT"


async def test_any_number_can_be_logged(run: Run, sink: Any) -> None:
    await run("log(5, n=2 ** 70, when=None)")
    assert sink.lines == [("info", "5", {"n": 2**70, "when": None})]


async def test_an_input_may_have_any_name(run: Run) -> None:
    inputs = {"__class__": 1, "get": 2, "a-b": 3, "class": 4, "items": 5}
    assert await run("return inputs.get, inputs.items", inputs=inputs) == [2, 5]
    assert await run("return [inputs[name] for name in inputs]", inputs=inputs) == [1, 2, 3, 4, 5]


async def test_output_before_a_failure_is_kept(run: Run, sink: Any) -> None:
    with pytest.raises(CodeError):
        await run("print('before', end='')\n1 / 0")
    assert [line[1] for line in sink.lines] == ["before"]


async def test_nobody_has_to_listen(run: Run) -> None:
    assert await run("log('x')\nprint('y')\nreturn 1", sink=None) == 1


async def test_a_short_sleep_is_slept_within_the_timeout(run: Run) -> None:
    assert await run("import time\ntime.sleep(0.001)\nreturn 1") == 1
    with pytest.raises(CodeError, match=r"longer than the 0\.2 s") as caught:
        await run("import time\ntime.sleep(0.25)", timeout=0.2)
    assert caught.value.code == "CODE_TIMEOUT"


ENDLESS = {"computing": "log('on')\nwhile True: pass", "sleeping": "log('on')\nimport time\ntime.sleep(3000)"}


class Signal:
    """Sets an event on the loop when the step says something."""

    def __init__(self) -> None:
        self.loop, self.event = asyncio.get_running_loop(), asyncio.Event()

    def log(self, level: str, message: str, fields: object) -> None:
        self.loop.call_soon_threadsafe(self.event.set)


@pytest.mark.parametrize("code", ENDLESS.values(), ids=ENDLESS)
async def test_cancelling_frees_the_worker_at_once(code: str) -> None:
    executor = SafeExecutor(Settings(code_cpu=3000.0))
    for _ in range(2 * executor._size):
        signal = Signal()
        task = asyncio.create_task(executor.run(CodeCall(code=code, inputs={}, steps={}, sink=signal)))  # type: ignore[arg-type]
        await signal.event.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with asyncio.timeout(30):
        assert await executor.run(CodeCall(code="return 1", inputs={}, steps={})) == 1
    await executor.aclose()


async def test_what_waits_for_a_worker_can_be_cancelled() -> None:
    executor = SafeExecutor(Settings(code_cpu=3000.0))
    busy = []
    for _ in range(executor._size):
        signal = Signal()
        call = CodeCall(code=ENDLESS["computing"], inputs={}, steps={}, sink=signal)  # type: ignore[arg-type]
        busy.append(asyncio.create_task(executor.run(call)))
        await signal.event.wait()
    waiting = asyncio.create_task(executor.run(CodeCall(code="return 1", inputs={}, steps={})))
    await asyncio.sleep(0)
    for task in (waiting, *busy):
        task.cancel()
    assert [type(end) for end in await asyncio.gather(waiting, *busy, return_exceptions=True)] == (
        [asyncio.CancelledError] * (1 + len(busy))
    )
    await executor.aclose()


async def test_more_steps_than_workers(run: Run) -> None:
    assert await asyncio.gather(*[run(f"return {number}") for number in range(50)]) == list(range(50))


async def test_closing_ends_what_runs_and_refuses_what_comes() -> None:
    executor = SafeExecutor(Settings(code_cpu=3000.0))
    signal = Signal()
    call = CodeCall(code=ENDLESS["computing"], inputs={}, steps={}, sink=signal)  # type: ignore[arg-type]
    task = asyncio.create_task(executor.run(call))
    await signal.event.wait()
    await executor.aclose()
    await executor.aclose()
    with pytest.raises(CodeError, match="ended in the middle"):
        await task
    with pytest.raises(CodeError, match="engine is closed"):
        await executor.run(call)


def test_one_executor_serves_one_loop_after_another(executor: SafeExecutor) -> None:
    call = CodeCall(code="return 1", inputs={}, steps={})
    assert [asyncio.run(executor.run(call)), asyncio.run(executor.run(call))] == [1, 1]


async def test_a_missing_extra_names_the_command() -> None:
    executor = SafeExecutor(Settings(), sandbox="no_such_module")
    with pytest.raises(CodeError) as caught:
        await executor.run(CodeCall(code="return 1", inputs={}, steps={}))
    assert (caught.value.code, caught.value.retryable, caught.value.category) == ("CODE_UNAVAILABLE", False, "code")
    assert caught.value.hint == "pip install 'ael[code]'"


async def test_a_sandbox_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONTY_BIN", "/nonexistent")
    with pytest.raises(CodeError, match="does not start") as caught:
        await SafeExecutor(Settings()).run(CodeCall(code="return 1", inputs={}, steps={}))
    assert caught.value.code == "CODE_UNAVAILABLE"


EXITING = """
import asyncio, os, sys
from ael.code import SafeExecutor
from ael.ports import CodeCall
from ael.settings import Settings
class Sink:
    def log(self, level, message, fields):
        loop.call_soon_threadsafe(on.set)
async def main():
    global loop, on
    loop, on = asyncio.get_running_loop(), asyncio.Event()
    executor = SafeExecutor(Settings(code_cpu=3000.0))
    code = "log('on')\\n" + {code!r}
    task = loop.create_task(executor.run(CodeCall(code=code, inputs={{}}, steps={{}}, sink=Sink())))
    await on.wait()
    {end}
loop = asyncio.new_event_loop()
loop.run_until_complete(main())
"""


@pytest.mark.parametrize("code", ["while True: pass", "import time\ntime.sleep(3000)"], ids=["computing", "sleeping"])
@pytest.mark.parametrize("end", ["pass", "task.cancel()"], ids=["running", "cancelled"])
def test_the_interpreter_ends_while_a_step_runs(code: str, end: str) -> None:
    script = EXITING.format(code=code, end=end)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr


def test_importing_the_executor_imports_nothing_heavy() -> None:
    heavy = {"pydantic_monty", "jinja2", "structlog", "cattrs", "rich"}
    script = f"import sys, ael.code; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
