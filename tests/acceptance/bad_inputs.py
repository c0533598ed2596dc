"""What users get wrong, and what they are told: a table, walked by ``test_cli.py`` and easy to read on its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["CHECKED", "RUN", "BadInput"]


class BadInput(NamedTuple):
    """One mistake.

    Attributes:
        what: What is wrong, in a word.
        text: The workflow file.
        code: The code that must be named.
        place: ``line:column`` that must be named; "" where the mistake has no place in the file.
        says: A part of what must be said: the name involved, or the way out.
        arguments: Behind ``ael run FILE``.
        exit: The exit code of ``ael run``.
    """

    what: str
    text: str
    code: str
    place: str = ""
    says: str = ""
    arguments: tuple[str, ...] = ()
    exit: int = 3


def _steps(steps: str, more: str = "") -> str:
    return f"name: w\n{more}steps:\n{steps}"


_STEP = "  - id: a\n    code: return 1\n"

CHECKED = [
    BadInput("empty-file", "", "AEL018", "1:1"),
    BadInput("not-yaml", "name: [w\nsteps: 1\n", "AEL005", "2:"),
    BadInput("tab", "name: w\nsteps:\n\t- id: a\n", "AEL006", "3:1"),
    BadInput("duplicate-key", _steps(_STEP, "name: v\n"), "AEL007", "2:1", "'name'"),
    BadInput("unknown-alias", "name: *other\nsteps: []\n", "AEL009", "1:7", "other"),
    BadInput("tag", "name: !!python/object:os.system w\nsteps: []\n", "AEL010", "1:7"),
    BadInput("merge-key", _steps("  - <<: {id: a}\n    code: return 1\n"), "AEL011", "3:5"),
    BadInput("two-documents", _steps(_STEP) + "---\nname: v\n", "AEL012", "5:1"),
    BadInput("nan", _steps(_STEP, "timeout: .nan\n"), "AEL013", "2:10"),
    BadInput(
        "unquoted-braces",
        _steps("  - id: a\n    tool: http.request\n    params: {url: {{ inputs.url }}}\n", "inputs: {url: string}\n"),
        "AEL014",
        "6:19",
        "quote",
    ),
    BadInput("list", "- id: a\n", "AEL101", "1:1"),
    BadInput("typo-in-key", _steps(_STEP + "    depend_on: b\n"), "AEL102", "5:5", "'depends_on'"),
    BadInput("typo-at-top", _steps(_STEP, "descripton: x\n"), "AEL102", "2:1", "'description'"),
    BadInput("no-name", "steps:\n" + _STEP, "AEL103", "1:1", "name"),
    BadInput("no-steps", "name: w\n", "AEL103", "1:1", "steps"),
    BadInput("later-stage", _steps(_STEP + "    cache: {ttl: 1h}\n"), "AEL104", "5:5", "cache"),
    BadInput("on-error-typo", _steps(_STEP + "    on_error: skpi\n"), "AEL105", "5:15", "'skip'"),
    BadInput("duration", _steps(_STEP + "    timeout: soon\n"), "AEL106", "5:14", "soon"),
    BadInput("negative-attempts", _steps(_STEP + "    retry: 0\n"), "AEL107", "5:12"),
    BadInput("bad-id", _steps("  - id: 1st\n    code: return 1\n"), "AEL108", "3:9", "1st"),
    BadInput("same-id", _steps(_STEP + _STEP), "AEL109", "5:9", "line 3"),
    BadInput("no-body", _steps("  - id: a\n"), "AEL111", "3:5"),
    BadInput("two-bodies", _steps(_STEP + "    tool: http.request\n"), "AEL112", "4:5"),
    BadInput("params-of-code", _steps(_STEP + "    params: {x: 1}\n"), "AEL113", "5:5", "params"),
    BadInput("useless-fallback", _steps(_STEP + "    fallback: 0\n"), "AEL114", "5:5"),
    BadInput("no-steps-in-list", "name: w\nsteps: []\n", "AEL117", "2:1"),
    BadInput("default-misfits", _steps(_STEP, "inputs:\n  n: {type: integer, default: many}\n"), "AEL118", "3:31"),
    BadInput("dependency", _steps(_STEP + "    depends_on: b\n"), "AEL201", "5:17", "'b'"),
    BadInput("itself", _steps(_STEP + "    depends_on: [a]\n"), "AEL202", "5:18"),
    BadInput(
        "cycle",
        _steps(
            "  - id: a\n    code: return steps.b.output\n  - id: b\n    code: return steps.c.output\n"
            "  - id: c\n    code: return 1\n    depends_on: a\n"
        ),
        "AEL204",
        "",
        "->",
    ),
    BadInput("template-syntax", _steps(_STEP + '    when: "inputs.x =="\n', "inputs: {x: string}\n"), "AEL301", "6:"),
    BadInput(
        "unknown-root", _steps(_STEP + '    when: "input.x"\n', "inputs: {x: string}\n"), "AEL302", "6:12", "inputs"
    ),
    BadInput(
        "unknown-step",
        _steps(_STEP + "  - id: b\n    tool: http.request\n    params: {url: '{{ steps.aa.output }}'}\n"),
        "AEL303",
        "7:29",
        "'a'",
    ),
    BadInput(
        "unknown-input", _steps(_STEP + '    when: "inputs.ulr"\n', "inputs: {url: string}\n"), "AEL304", "6:", "'url'"
    ),
    BadInput(
        "unknown-filter",
        _steps(_STEP + '    when: "inputs.x | uper"\n', "inputs: {x: {}}\n"),
        "AEL306",
        "6:23",
        "upper",
    ),
    BadInput("unknown-tool", _steps("  - id: a\n    tool: htp.request\n"), "AEL60", "4:11", "htp"),
    BadInput(
        "shell-is-off", _steps("  - id: a\n    tool: shell.run\n    params: {argv: [ls]}\n"), "AEL604", "4:11", "shell"
    ),
    BadInput("code-syntax", _steps("  - id: a\n    code: |\n      x = 1\n      return x +\n"), "AEL701", "6:"),
    BadInput("code-reads-nobody", _steps("  - id: a\n    code: return steps.b.output\n"), "AEL705", "4:", "'b'"),
    BadInput("param-missing", _steps("  - id: a\n    tool: http.request\n"), "AEL401", "4:5", "url"),
    BadInput(
        "param-typo", _steps("  - id: a\n    tool: http.request\n    params: {ulr: x}\n"), "AEL402", "5:14", "'url'"
    ),
    BadInput(
        "key-of-output",
        _steps(
            "  - id: a\n    code: 'return {\"items\": []}'\n  - id: b\n    tool: http.request\n"
            "    params: {url: '{{ steps.a.output.itms }}'}\n"
        ),
        "AEL411",
        "7:",
        "'items'",
    ),
]
"""Mistakes in the file: found by ``ael check`` and by ``ael run`` before anything runs."""

_INPUTS = _steps(
    '  - id: a\n    code: return inputs["n"]\n',
    "inputs:\n  n: {type: integer, minimum: 1}\n  url: {type: string, required: false}\n",
)

RUN = [
    BadInput("input-missing", _INPUTS, "INPUT_INVALID", says="'n' is required", exit=2),
    BadInput(
        "input-unknown",
        _INPUTS,
        "INPUT_INVALID",
        says="did you mean 'url'?",
        arguments=("-i", "n=1", "-i", "ulr=x"),
        exit=2,
    ),
    BadInput("input-type", _INPUTS, "INPUT_INVALID", says="'n'", arguments=("-i", "n=many"), exit=2),
    BadInput("input-constraint", _INPUTS, "INPUT_INVALID", says="'n'", arguments=("-i", "n=0"), exit=2),
    BadInput("input-form", _INPUTS, "NAME=VALUE", says="'n'", arguments=("-i", "n"), exit=2),
    BadInput("input-file", _INPUTS, "cannot read", says="nowhere", arguments=("-i", "n=@nowhere"), exit=2),
    BadInput("inputs-file", _INPUTS, "--inputs", says="nowhere.json", arguments=("--inputs", "nowhere.json"), exit=2),
    BadInput(
        "config-missing", _INPUTS, "--config", says="nowhere.toml", arguments=("--config", "nowhere.toml"), exit=2
    ),
    BadInput("mcp-missing", _INPUTS, "--mcp", says="nowhere.json", arguments=("--mcp", "nowhere.json"), exit=2),
    BadInput(
        "tools-missing",
        _INPUTS,
        "CONFIG_INVALID",
        says="no_such_module",
        arguments=("--tools", "no_such_module"),
        exit=2,
    ),
    BadInput("tools-file", _INPUTS, "CONFIG_INVALID", says="nowhere.py", arguments=("--tools", "nowhere.py"), exit=2),
    BadInput(
        "template-value",
        _steps(
            "  - id: a\n    tool: http.request\n    params: {url: '{{ inputs.page.adress }}'}\n",
            "inputs:\n  page: {type: object, default: {address: x}}\n",
        ),
        "TEMPLATE_ERROR",
        "7:",
        "address",
        exit=1,
    ),
    BadInput(
        "code-fails",
        _steps("  - id: a\n    code: |\n      x = 1\n      return x / 0\n"),
        "CODE_RUNTIME",
        "6:",
        "division",
        exit=1,
    ),
    BadInput(
        "param-schema",
        _steps(
            "  - id: a\n    tool: http.request\n    params: {url: '{{ inputs.page }}'}\n",
            "inputs:\n  page: {default: 1}\n",
        ),
        "PARAM_INVALID",
        "6:5",
        "url",
        exit=1,
    ),
    BadInput(
        "no-connection",
        _steps("  - id: a\n    tool: http.request\n    params: {url: 'http://127.0.0.1:9/'}\n"),
        "TOOL_FAILED",
        "4:5",
        "127.0.0.1",
        exit=1,
    ),
]
"""Mistakes outside the file, and what only shows while it runs."""

FILES: Mapping[str, bytes] = {
    "not-utf8": b"name: w\xff\nsteps: []\n",
    "huge": b"name: w\n" + b"# " + b"x" * 5_000_001,
    "deep": b"name: w\nsteps: " + b"[" * 5000,
    "nul": b"name: w\x00\nsteps: []\n",
    "bomb": b"name: w\na: &a [x, x, x, x, x, x, x, x, x, x]\n"
    + b"".join(b"%c: &%c [%s]\n" % (c, c, b", ".join([b"*%c" % (c - 1)] * 10)) for c in range(ord("b"), ord("k")))
    + b"steps: []\n",
}
"""Files that are hardly text: each is one or more diagnostics, quickly, and never a traceback."""
