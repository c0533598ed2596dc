"""What old files say otherwise is written anew by its fix: each form, in block and in flow style and in JSON."""

from __future__ import annotations

import pytest

from ael.language import parse
from tests.edits import edited

STEPS = "steps: [{id: a, tool: t}]\n"
INPUTS = {
    "a name": ("inputs:\n  - url\n", "inputs:\n    url: string\n"),
    "a name with a comment": ("inputs:\n  - url  # of a page\n", "inputs:\n    url: string  # of a page\n"),
    "a name that looks like a value": ('inputs:\n  - "no"\n', 'inputs:\n    "no": string\n'),
    "not indented": ("inputs:\n- url\n", "inputs:\n  url: string\n"),
    "a default": ("inputs:\n  - n: 3\n", "inputs:\n    n: {default: 3}\n"),
    "a default of text": ("inputs:\n  - n: a, b\n", 'inputs:\n    n: {default: "a, b"}\n'),
    "a default in quotes": ("inputs:\n  - n: '3'\n", 'inputs:\n    n: {default: "3"}\n'),
    "a default of several lines": ("inputs:\n  - n:\n      - 1\n      - x\n", "inputs:\n    n: {default: [1, x]}\n"),
    "nothing as default": ("inputs:\n  - n:\n", "inputs:\n    n: {default: null}\n"),
    "a declaration": ("inputs:\n  - n: {type: integer}\n", "inputs:\n    n: {type: integer}\n"),
    "a declaration in lines": (
        "inputs:\n  - n:\n      type: integer # whole\n",
        "inputs:\n    n:\n      type: integer # whole\n",
    ),
    "a record": ("inputs:\n  - name: n\n    type: integer\n", "inputs:\n    n:\n      type: integer\n"),
    "a record with a block scalar": (
        "inputs:\n  - name: n  # i\n    description: |\n      One.\n\n      2.\n    type: integer\n  - m\n",
        "inputs:\n    n:  # i\n      description: |\n        One.\n\n        2.\n      type: integer\n    m: string\n",
    ),
    "a record with its name last": ("inputs:\n  - type: integer\n    name: n\n", "inputs:\n    n: {type: integer}\n"),
    "a record in braces": ("inputs:\n  - {name: n, type: integer}\n", "inputs:\n    n: {type: integer}\n"),
    "a record of a name": ("inputs:\n  - name: n\n", "inputs:\n    n: {}\n"),
    "a flow list": ("inputs: [url, {n: 3}]\n", "inputs: {url: string, n: {default: 3}}\n"),
    "dashes in several columns": ("inputs:\n  - a\n  -   b\n", "inputs:\n  {a: string, b: string}\n"),
    "a dash on a line of its own": ("inputs:\n  -\n    name: n\n", "inputs:\n  {n: {}}\n"),
}
OUTPUTS = {
    "a record": (
        "outputs:\n  - name: x\n    value: '{{ steps.a.output }}'\n",
        "outputs:\n    x:\n      value: '{{ steps.a.output }}'\n",
    ),
    "a flow list": (
        "outputs: [{name: x, from: steps.a.output, description: It is}]\n",
        'outputs: {x: {from: steps.a.output, description: "It is"}}\n',
    ),
}
PACKAGES = {
    "one line": ("packages: {profile: standard}\n", ""),
    "several lines": (
        "packages:\n  profile: standard\n  additional:\n    - requests # for http\n# steps\n",
        "# steps\n",
    ),
}
SERVERS = {
    "in lines": ("    tool: log\n    mcp: git\n    params: {}\n", "    tool: git.log\n    params: {}\n"),
    "in lines, with a comment": ("    mcp: git # ours\n    # log\n    tool: log\n", "    # log\n    tool: git.log\n"),
    "in quotes": ("    tool: 'log'\n    mcp: \"git\"\n", "    tool: 'git.log'\n"),
}
PYTHON_EXEC = {
    "in lines": (
        "    tool: python_exec\n    params:\n      code: |\n        return 1\n",
        "    code: |\n        return 1\n",
    ),
    "with a server": (
        "    tool: python_exec\n    mcp: system\n    params:\n      code: |\n        return 1\n    timeout: 5\n",
        "    code: |\n        return 1\n    timeout: 5\n",
    ),
    "with a timeout before": (
        "    tool: python_exec\n    params:\n      timeout: 5\n      code: return 1\n",
        "    code: return 1\n",
    ),
    "with a timeout behind": (
        "    tool: python_exec\n    params:\n      code: |\n        return 1\n      timeout: 5\n    on_error: skip\n",
        "    code: |\n        return 1\n    on_error: skip\n",
    ),
    "with params in braces": (
        '    tool: python_exec\n    params: {code: "return 1", timeout: 5}\n',
        '    code: "return 1"\n',
    ),
}
RESULTS = {
    "at the end": ("      result = 1\n", "      return 1\n"),
    "at the end, in lines": (
        "      x = 1\n      result = {\n        'x': x}\n",
        "      x = 1\n      return {\n        'x': x}\n",
    ),
    "before the end": (
        "      result = []\n      for i in range(3):\n        result.append(i)\n",
        "      result = []\n      for i in range(3):\n        result.append(i)\n      return result\n",
    ),
    "beside a function that returns": (
        "      def f():\n        return 1\n      result = f()\n",
        "      def f():\n        return 1\n      return f()\n",
    ),
    "twice": ("      result = 1\n      result = result + 1\n", "      result = 1\n      return result + 1\n"),
}
HEAD = "  - id: a\n"
TABLES = {
    "AEL192 inputs": {name: (f"{old}{STEPS}", f"{new}{STEPS}") for name, (old, new) in INPUTS.items()},
    "AEL192 outputs": {name: (f"{STEPS}{old}", f"{STEPS}{new}") for name, (old, new) in OUTPUTS.items()},
    "AEL193": {name: (f"{old}{STEPS}", f"{new}{STEPS}") for name, (old, new) in PACKAGES.items()},
    "AEL194": {name: (f"steps:\n{HEAD}{old}", f"steps:\n{HEAD}{new}") for name, (old, new) in SERVERS.items()}
    | {
        "in braces": ("steps: [{id: a, tool: t, mcp: m}]", "steps: [{id: a, tool: m.t}]"),
        "first in braces": ("steps: [{mcp: m, tool: t, id: a}]", "steps: [{tool: m.t, id: a}]"),
        "first in its item": ("steps:\n  - mcp: m\n    tool: t\n    id: a", "steps:\n  - tool: m.t\n    id: a"),
    },
    "AEL195": {name: (f"steps:\n{HEAD}{old}", f"steps:\n{HEAD}{new}") for name, (old, new) in PYTHON_EXEC.items()}
    | {
        "in braces": (
            'steps: [{id: a, tool: python_exec, params: {code: "return 1"}}]',
            'steps: [{id: a, code: "return 1"}]',
        ),
        "with a server behind": (
            'steps: [{id: a, params: {code: "return 1"}, tool: python_exec, mcp: system}]',
            'steps: [{id: a, code: "return 1"}]',
        ),
    },
    "AEL197": {
        name: (f"steps:\n{HEAD}    code: |\n{old}", f"steps:\n{HEAD}    code: |\n{new}")
        for name, (old, new) in RESULTS.items()
    }
    | {"in quotes": ('steps: [{id: a, code: "result = 1"}]', 'steps: [{id: a, code: "return 1"}]')},
    "AEL196": {
        "in quotes": (
            'steps: [{id: a, code: "context.log(1); return context.inputs"}]\ninputs: {}',
            'steps: [{id: a, code: "log(1); return inputs"}]\ninputs: {}',
        ),
        "a tool": (
            "steps: [{id: a, code: \"return await context.tools.call('t', {})\"}]",
            "steps: [{id: a, code: \"return await call_tool('t', {})\"}]",
        ),
    },
}
CASES = [(code.split()[0], *case) for code, cases in TABLES.items() for case in cases.values()]


@pytest.mark.parametrize(
    ("code", "old", "new"), CASES, ids=[f"{code}: {name}" for code, cases in TABLES.items() for name in cases]
)
def test_the_fix_writes_it_anew(code: str, old: str, new: str) -> None:
    _, found = parse(f"name: w\n{old}")
    assert [problem.message for problem in found if problem.is_error] == []
    (note,) = (problem for problem in found if problem.code == code)
    assert note.fix is not None
    assert note.fix.safe
    text = edited(f"name: w\n{old}", note.fix.edits)
    assert text == f"name: w\n{new}"
    assert code not in {problem.code for problem in parse(text)[1]}


JSON = {
    "AEL190": ('"retry":{"delay_seconds":3}', '"retry":{"delay":3}'),
    "AEL191": ('"on_error":"continue"', '"on_error":"skip"'),
    "AEL194": ('"mcp":"m"', '"tool":"m.t"'),
}


@pytest.mark.parametrize(("code", "old", "new"), [(code, *case) for code, case in JSON.items()], ids=JSON)
def test_json_stays_json(code: str, old: str, new: str) -> None:
    text = f'{{"name":"w","steps":[{{"id":"a","tool":"t",{old}}}]}}'
    (note,) = parse(text)[1]
    assert note.code == code
    assert note.fix is not None
    fixed = edited(text, note.fix.edits)
    assert new in fixed
    assert parse(fixed)[1] == []


def test_a_list_in_json_becomes_an_object_of_json() -> None:
    text = '{"name": "w", "inputs": ["url", {"n": 3}], "steps": [{"id": "a", "tool": "t"}]}'
    (note,) = parse(text)[1]
    assert note.fix is not None
    new = '{"name": "w", "inputs": {"url": "string", "n": {"default": 3}}, "steps": [{"id": "a", "tool": "t"}]}'
    assert edited(text, note.fix.edits) == new


NO_FIX = {
    "a list with a problem": f"inputs: [a, a]\n{STEPS}",
    "an item that is an alias": f"description: &d x\ninputs:\n  - *d\n{STEPS}",
    "code whose indentation is given": (
        "steps:\n  - id: a\n    tool: python_exec\n    params:\n      code: |2\n          return 1\n"
    ),
    "a result in folded text": "steps:\n  - id: a\n    code: >\n      result = 1\n\n      x = 2\n",
}


@pytest.mark.parametrize("text", NO_FIX.values(), ids=NO_FIX)
def test_what_cannot_be_moved_has_no_fix(text: str) -> None:
    _, found = parse(f"name: w\n{text}")
    (note,) = (problem for problem in found if problem.code.startswith("AEL19"))
    assert note.fix is None
