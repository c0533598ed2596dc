"""What cannot be composed so: every rule with files that break it, and with near misses that do not."""

from __future__ import annotations

import pytest

from ael.definition import Path
from ael.diagnostics import Diagnostic, Severity
from ael.language import parse
from ael.language.naming import name_of
from ael.types import JsonValue

HEAD = "name: w\nlimits: {p: 1}\non_failure: undo\nsteps:\n  - {id: x, tool: t}\n  - {id: y, tool: t}\n"


def problems_of(text: str) -> list[Diagnostic]:
    return parse(text)[1]


def codes_of(step: str, *, above_note: bool = True) -> list[str]:
    """The problems of a step, given as the keys after its id; ``x`` and ``y`` stand before it."""
    found = problems_of(f"{HEAD}  - {{id: a, {step}}}\n")
    return [problem.code for problem in found if not above_note or problem.severity is not Severity.NOTE]


BLOCK = "[{id: b, tool: t}]"

BROKEN = {
    # loops
    "for_each over a number": ("tool: t, for_each: 3", "AEL101"),
    "for_each over nothing": ("tool: t, for_each: ", "AEL101"),
    "for_each over a blank text": ('tool: t, for_each: " "', "AEL125"),
    "for_each without in": ("tool: t, for_each: {as: i}", "AEL103"),
    "in of a mapping": ("tool: t, for_each: {in: {a: 1}}", "AEL101"),
    "an unknown key of for_each": ("tool: t, for_each: {in: [1], sa: i}", "AEL102"),
    "no items at once": ("tool: t, for_each: {in: [1], max_parallel: 0}", "AEL107"),
    "an item named with a minus": ("tool: t, for_each: {in: [1], as: my-item}", "AEL127"),
    "an item that begins with a digit": ("tool: t, for_each: {in: [1], as: 1st}", "AEL127"),
    "an item that is no text": ("tool: t, for_each: {in: [1], as: 1}", "AEL101"),
    "an item named as a root": ("tool: t, for_each: {in: [1], as: steps}", "AEL128"),
    "an item named as the number": ("tool: t, for_each: {in: [1], as: index}", "AEL128"),
    "an item named as a word of Python": ("tool: t, for_each: {in: [1], as: class}", "AEL128"),
    "an item named as a word of Jinja": ('tool: t, for_each: {in: [1], as: "true"}', "AEL128"),
    "an item that cannot be read": ("tool: t, for_each: {in: [1], as: __item}", "AEL128"),
    "an item of two loops": ("for_each: [1], steps: [{id: b, for_each: [2], tool: t}]", "AEL128"),
    "a named item of two loops": (
        "for_each: {in: [1], as: i}, steps: [{id: b, for_each: {in: [2], as: i}, tool: t}]",
        "AEL128",
    ),
    "an item of two loops with a branch between": (
        "for_each: [1], steps: [{id: b, choose: [{when: true, steps: [{id: c, for_each: [2], tool: t}]}]}]",
        "AEL128",
    ),
    "one key for all": ("tool: t, for_each: {in: [1], key: item.id}", "AEL129"),
    "a negative tolerance": ("tool: t, for_each: {in: [1], tolerate: -1}", "AEL107"),
    "a share as number": ("tool: t, for_each: {in: [1], tolerate: 0.2}", "AEL130"),
    "more than all": ("tool: t, for_each: {in: [1], tolerate: 101%}", "AEL130"),
    "a tolerance in words": ("tool: t, for_each: {in: [1], tolerate: some}", "AEL130"),
    "true as tolerance": ("tool: t, for_each: {in: [1], tolerate: true}", "AEL130"),
    "a tolerance with braces": ('tool: t, for_each: {in: [1], tolerate: "{{ x }}"}', "AEL116"),
    # rounds
    "repeat as a number": ("tool: t, repeat: 3", "AEL101"),
    "repeat without max": ("tool: t, repeat: {until: last.output}", "AEL103"),
    "no round": ("tool: t, repeat: {max: 0}", "AEL107"),
    "rounds as text": ('tool: t, repeat: {max: "3"}', "AEL101"),
    "a negative pause": ("tool: t, repeat: {max: 3, every: -1}", "AEL106"),
    "collect as text": ("tool: t, repeat: {max: 3, collect: yes}", "AEL101"),
    # joins
    "a join of nothing": ("tool: t, join: any", "AEL131"),
    "a join of an empty list": ("tool: t, join: settled, depends_on: []", "AEL131"),
    "a join of more than there are": ("tool: t, join: {at_least: 3}, depends_on: [x, y]", "AEL132"),
    "a join that counts a step twice": ("tool: t, join: {at_least: 2}, depends_on: [x, x]", "AEL132"),
    "a join of none": ("tool: t, join: {at_least: 0}, depends_on: [x, y]", "AEL107"),
    "a join as a number": ("tool: t, join: 2, depends_on: [x, y]", "AEL101"),
    "a join without a number": ("tool: t, join: {cancel_rest: true}, depends_on: [x, y]", "AEL103"),
    "a misspelt join": ("tool: t, join: any_of, depends_on: [x, y]", "AEL105"),
    # rules of errors
    "no rules": ("tool: t, on_error: []", "AEL117"),
    "a rule that is none": ("tool: t, on_error: [skip]", "AEL101"),
    "a rule that does nothing": ("tool: t, on_error: [{match: A}]", "AEL103"),
    "a rule that does something else": ("tool: t, on_error: [{do: stop}]", "AEL105"),
    "a rule that matches nothing": ("tool: t, on_error: [{match: [], do: skip}]", "AEL117"),
    "a rule behind one for all": ("tool: t, on_error: [{do: skip}, {match: A, do: fail}]", "AEL133"),
    "a rule whose codes are taken": (
        "tool: t, on_error: [{match: [A, B], do: skip}, {match: [B], do: fail}]",
        "AEL133",
    ),
    "retry of a rule that skips": ("tool: t, on_error: [{do: skip, retry: 3}]", "AEL113"),
    "fallback of a rule that fails": ("tool: t, on_error: [{do: fail, fallback: 1}]", "AEL113"),
    "fallback of a rule that retries": ("tool: t, on_error: [{do: retry, retry: 3, fallback: 1}]", "AEL113"),
    "on_exhausted beside rules that do not retry": (
        "tool: t, retry: {on_exhausted: skip}, on_error: [{do: skip}]",
        "AEL115",
    ),
    "on_exhausted beside a rule with its own": (
        "tool: t, retry: {on_exhausted: skip}, on_error: [{do: retry, retry: 3}]",
        "AEL115",
    ),
    "fallback beside rules that do not skip": ("tool: t, fallback: 1, on_error: [{match: A, do: retry}]", "AEL114"),
    # branches
    "choose as a mapping": (f"choose: {{when: true, steps: {BLOCK}}}", "AEL101"),
    "no branches": ("choose: []", "AEL117"),
    "a branch without steps": ("choose: [{when: true}]", "AEL103"),
    "a branch of no steps": ("choose: [{when: true, steps: []}]", "AEL117"),
    "a branch behind one that always holds": (
        f"choose: [{{steps: {BLOCK}}}, {{when: true, steps: {BLOCK}}}]",
        "AEL134",
    ),
    "an id twice in a branch": ("choose: [{when: true, steps: [{id: b, tool: t}, {id: b, tool: t}]}]", "AEL109"),
    "fallback of a choose that always takes one": (f"fallback: 1, choose: [{{steps: {BLOCK}}}]", "AEL114"),
    # blocks
    "a block that is no list": ("steps: {b: {tool: t}}", "AEL101"),
    "an empty block": ("steps: []", "AEL117"),
    "an id twice in a block": ("steps: [{id: b, tool: t}, {id: b, tool: t}]", "AEL109"),
    "the id of the block": ("steps: [{id: a, tool: t}]", "AEL140"),
    "the id of the block around": ("steps: [{id: b, steps: [{id: a, tool: t}]}]", "AEL140"),
    "no body in a block": ("steps: [{id: b, when: true}]", "AEL111"),
    "an unknown key in a block": ("steps: [{id: b, tool: t, paramz: {}}]", "AEL102"),
    "idle of a block": (f"steps: {BLOCK}, timeout: {{idle: 3}}", "AEL113"),
    "idle of code": ("code: return 1, timeout: {idle: 3}", "AEL113"),
    # workflows and ends
    "a workflow that is no name": ("workflow: a/b.yaml", "AEL108"),
    "a workflow by template": ('workflow: "{{ inputs.x }}"', "AEL116"),
    "a workflow by number": ("workflow: 3", "AEL101"),
    "an end that there is not": ("exit: success", "AEL105"),
    "an end as a list": ("exit: []", "AEL101"),
    "an end by a key that there is not": ("exit: {state: failed}", "AEL102"),
    "outputs that are no mapping": ("exit: {outputs: [1]}", "AEL101"),
    # pools
    "an undeclared pool": ("tool: t, limits: q", "AEL135"),
    "an undeclared pool among others": ("tool: t, limits: [p, q]", "AEL135"),
    "an undeclared pool in a block": ("steps: [{id: b, tool: t, limits: q}]", "AEL135"),
    # undo
    "an undo of nothing": ("tool: t, undo: ", "AEL111"),
    "an undo of both": ("tool: t, undo: {tool: u, code: return 1}", "AEL112"),
    "an undo as text": ("tool: t, undo: u", "AEL101"),
    "on_exhausted of an undo": ("tool: t, undo: {tool: u, retry: {on_exhausted: skip}}", "AEL113"),
    "idle of code that undoes": ("tool: t, undo: {code: return 1, timeout: {idle: 3}}", "AEL113"),
    "an undo of an undo": ("tool: t, undo: {tool: u, undo: {tool: v}}", "AEL102"),
}


@pytest.mark.parametrize(("written", "code"), BROKEN.values(), ids=BROKEN)
def test_rules_that_are_broken(written: str, code: str) -> None:
    assert codes_of(written) == [code]


GOOD = (
    "tool: t, for_each: [3]",
    "tool: t, for_each: {in: [1], as: items}",
    "for_each: {in: [1], as: i}, steps: [{id: b, for_each: [2], tool: t}]",
    "for_each: {in: [1], as: i}, steps: [{id: b, for_each: {in: [2], as: j}, tool: t}]",
    "steps: [{id: b, for_each: [1], tool: t}, {id: c, for_each: [1], tool: t}]",
    'tool: t, for_each: {in: [1], key: "{{ item.id }}"}',
    'tool: t, for_each: {in: [1], key: "n{{ index }}"}',
    "tool: t, for_each: {in: [1], tolerate: 100%}",
    "tool: t, join: all",
    "tool: t, join: {at_least: 2}, depends_on: [x, y]",
    "tool: t, on_error: [{match: A, do: skip}, {match: [A, B], do: fail}]",
    "tool: t, on_error: [{match: A, do: skip}, {do: fail}]",
    "tool: t, on_error: [{do: retry, retry: {on_exhausted: skip}, fallback: 1}]",
    "tool: t, retry: {on_exhausted: skip}, on_error: [{do: retry, fallback: 1}]",
    "tool: t, fallback: 1, on_error: [{match: A, do: skip}]",
    "tool: t, fallback: 1, join: any, depends_on: [x, y]",
    f"fallback: 1, choose: [{{when: true, steps: {BLOCK}}}]",
    f"choose: [{{steps: {BLOCK}}}]",
    f"choose: [{{when: true, steps: {BLOCK}}}, {{steps: {BLOCK}}}]",
    "steps: [{id: x, tool: t}]",
    "steps: [{id: b, steps: [{id: b2, tool: t}]}, {id: b2, tool: t}]",
    "steps: [{id: b, tool: t, timeout: {idle: 3}}]",
    "tool: t, limits: [p]",
    "workflow: self",
    'exit: {status: failed, reason: "{{ workflow.name }}"}',
    "tool: t, undo: {tool: u, retry: {max_attempts: 3}}",
    "code: return 1, timeout: {attempt: 3}",
)


@pytest.mark.parametrize("written", GOOD)
def test_near_misses(written: str) -> None:
    assert codes_of(written, above_note=False) == []


POOLS = {
    "a list": ("[p]", "AEL101"),
    "a name that is none": ("{a.b: 1}", "AEL108"),
    "nobody": ("{p: 0}", "AEL107"),
    "a flag": ("{p: true}", "AEL101"),
    "a rate alone": ("{p: 60/m}", "AEL101"),
    "a rate without a unit": ("{p: {rate: 60}}", "AEL136"),
    "a rate by another unit": ("{p: {rate: 60/minute}}", "AEL136"),
    "a rate of nothing": ("{p: {rate: 0/s}}", "AEL136"),
    "a rate with braces": ('{p: {rate: "{{ x }}"}}', "AEL116"),
    "an unknown bound": ("{p: {max: 3}}", "AEL102"),
}


@pytest.mark.parametrize(("written", "code"), POOLS.values(), ids=POOLS)
def test_pools_that_are_none(written: str, code: str) -> None:
    assert [p.code for p in problems_of(f"name: w\nlimits: {written}\nsteps: [{{id: a, tool: t}}]")] == [code]


WORKFLOWS = {
    "on_failure that is no undo": ("on_failure: retry\nsteps: [{id: a, tool: t}]", ["AEL105"]),
    "an empty finally": ("steps: [{id: a, tool: t}]\nfinally: []", ["AEL117"]),
    "exit in finally": ("steps: [{id: a, tool: t}]\nfinally: [{id: b, exit: failed}]", ["AEL137"]),
    "exit deep in finally": (
        "steps: [{id: a, tool: t}]\nfinally: [{id: b, choose: [{when: true, steps: [{id: c, exit: failed}]}]}]",
        ["AEL137"],
    ),
    "undo in finally": (
        "on_failure: undo\nsteps: [{id: a, tool: t}]\nfinally: [{id: b, tool: t, undo: {tool: u}}]",
        ["AEL139"],
    ),
    "undo for nothing": ("steps: [{id: a, tool: t, undo: {tool: u}}]", ["AEL138"]),
    "undo for nothing, in a block": ("steps: [{id: a, steps: [{id: b, tool: t, undo: {tool: u}}]}]", ["AEL138"]),
    "an id of the steps in finally": ("steps: [{id: a, tool: t}]\nfinally: [{id: a, tool: t}]", ["AEL109"]),
    "an id twice in finally": ("steps: [{id: a, tool: t}]\nfinally: [{id: b, tool: t}, {id: b, tool: t}]", ["AEL109"]),
    "an id of a block in finally": (
        "steps: [{id: a, steps: [{id: b, tool: t}]}]\nfinally: [{id: b, tool: t}]",
        [],
    ),
    "a list of rules in the defaults": ("defaults: {on_error: [{do: skip}]}\nsteps: [{id: a, tool: t}]", ["AEL101"]),
    "a fallback of a block by the defaults": (
        "defaults: {on_error: skip}\nsteps: [{id: a, fallback: 1, steps: [{id: b, tool: t}]}]",
        ["AEL114"],
    ),
    "a fallback in a block by the defaults": (
        "defaults: {on_error: skip}\nsteps: [{id: a, steps: [{id: b, tool: t, fallback: 1}]}]",
        [],
    ),
    "a fallback behind a step that may not be taken": (
        "steps: [{id: a, tool: t, when: true}, {id: b, tool: t, depends_on: a, fallback: 1}]",
        [],
    ),
    "a fallback that reads a step that may be skipped": (
        'steps: [{id: a, tool: t, on_error: skip}, {id: b, tool: t, params: {x: "{{ steps.a.output }}"}, fallback: 1}]',
        [],
    ),
    "a fallback behind a step that is always taken": (
        "steps: [{id: a, tool: t}, {id: b, tool: t, depends_on: a, fallback: 1}]",
        ["AEL114"],
    ),
    "a fallback beside a step that may be skipped": (
        "steps: [{id: a, tool: t, on_error: skip}, {id: b, tool: t, fallback: 1}]",
        ["AEL114"],
    ),
    "on_exhausted of the defaults for a step in a block": (
        "defaults: {retry: {on_exhausted: skip}}\nsteps: [{id: a, steps: [{id: b, tool: t, on_error: retry}]}]",
        [],
    ),
    "on_exhausted of the defaults for a rule in finally": (
        """
defaults: {retry: {on_exhausted: skip}}
steps: [{id: a, tool: t}]
finally: [{id: b, tool: t, on_error: [{do: retry}]}]
""",
        [],
    ),
    "on_exhausted of the defaults for a block": (
        "defaults: {retry: {on_exhausted: skip}}\nsteps: [{id: a, on_error: retry, steps: [{id: b, tool: t}]}]",
        ["AEL115"],
    ),
}


@pytest.mark.parametrize(("written", "codes"), WORKFLOWS.values(), ids=WORKFLOWS)
def test_rules_of_workflows(written: str, codes: list[str]) -> None:
    assert [p.code for p in problems_of(f"name: w\n{written}")] == codes


SILENT = {
    "a broken join": "tool: t, join: any, depends_on: {a: b}",
    "a broken rule": "tool: t, fallback: 1, on_error: [{do: stop}]",
    "a broken on_error and on_exhausted": "tool: t, retry: {on_exhausted: skip}, on_error: 3",
    "a broken rule and on_exhausted": "tool: t, retry: {on_exhausted: skip}, on_error: [{do: stop}]",
    "a broken branch": "fallback: 1, choose: [3]",
    "a broken retry of a rule": "tool: t, on_error: [{do: retry, retry: x, fallback: 1}]",
    "a broken loop": 'tool: t, for_each: 3, params: {x: "{{ item }}"}',
    "a loop without in": 'tool: t, for_each: {as: page}, params: {x: "{{ page }}"}',
    "a broken item name": "for_each: {in: [1], as: my-page}, steps: [{id: b, tool: t, for_each: [1]}]",
    "a broken block": "steps: 3",
    "a broken undo": "tool: t, undo: 3",
    "a misspelt body": "setps: [{id: b, tool: t}]",
    "a body of another language": "parallel: [{id: b, tool: t}]",
}


@pytest.mark.parametrize("written", SILENT.values(), ids=SILENT)
def test_one_mistake_is_one_problem(written: str) -> None:
    assert len(codes_of(written)) == 1


NEAR = {
    "foreach": "for_each",
    "loop": "for_each",
    "matrix": "for_each",
    "with_items": "for_each",
    "while": "repeat",
    "parallel": "steps",
    "switch": "choose",
    "subworkflow": "workflow",
    "stop": "exit",
    "trigger_rule": "join",
    "compensate": "undo",
    "pool": "limits",
    "catch": "on_error",
    "needs": "depends_on",
    "if": "when",
}


@pytest.mark.parametrize(("theirs", "ours"), NEAR.items(), ids=NEAR)
def test_words_of_other_languages_at_every_depth(theirs: str, ours: str) -> None:
    (found,) = problems_of(
        f"name: w\nsteps: [{{id: a, choose: [{{when: true, steps: [{{id: b, tool: t, {theirs}: x}}]}}]}}]"
    )
    # What is a body here cannot stand for one that is missing; it is still the nearest word.
    assert (found.code, found.hint) == ("AEL102", f"did you mean {ours!r}?")
    assert found.message == f"step 'b' in 'a' has no key {theirs!r}"


ELSEWHERE = {
    "finally": "`finally` is a key of the workflow",
    "at_least": "`at_least` is a key of `join`",
    "tolerate": "`tolerate` is a key of `for_each`",
    "until": "`until` is a key of `repeat`",
    "match": "`match` is a key of a rule of `on_error`",
    "max_parallel": "`max_parallel` is a key of `for_each`",
    "idle": "`idle` is a key of `timeout`",
    "reason": "`reason` is a key of `exit`",
}


@pytest.mark.parametrize(("key", "hint"), ELSEWHERE.items(), ids=ELSEWHERE)
def test_keys_that_belong_elsewhere(key: str, hint: str) -> None:
    (found,) = problems_of(f"name: w\nsteps: [{{id: a, tool: t, {key}: x}}]")
    assert (found.code, found.hint) == ("AEL102", hint)


WHERE = {
    "steps: [{id: b, tool: 3}]": "`tool` of step 'b' in 'a'",
    "steps: [{id: b, steps: [{id: c, tool: 3}]}]": "`tool` of step 'c' in 'a.b'",
    "steps: [{tool: 3, id: 4}]": "`tool` of step 1 in 'a'",
    "choose: [{when: true, steps: [{id: b, retry: {delay: x}, tool: t}]}]": "`retry.delay` of step 'b' in 'a'",
    "choose: [{when: 3, steps: [{id: b, tool: t}]}]": "`choose[0].when` of step 'a'",
    "tool: t, undo: {tool: 3}": "`undo.tool` of step 'a'",
    "tool: t, on_error: [{do: 3}]": "`on_error[0].do` of step 'a'",
    "tool: t, for_each: {in: 3}": "`for_each.in` of step 'a'",
}


@pytest.mark.parametrize(("written", "what"), WHERE.items(), ids=WHERE)
def test_nested_places_in_words(written: str, what: str) -> None:
    found = problems_of(f"name: w\non_failure: undo\nsteps: [{{id: a, {written}}}]")
    assert found[0].message.startswith(f"{what} must be ")


OF_NO_DOCUMENT = {
    (): "the workflow",
    ("steps", 1): "step 2",
    ("steps", 1, "steps", 0, "retry"): "`retry` of step 1 in '2'",
    ("steps", 1, "choose", 2, "steps", 0): "step 1 in '2'",
    ("steps", 1, "choose", 2): "`choose[2]` of step 2",
    ("finally", 0, "tool"): "`tool` of step 1",
    ("limits", "p", "rate"): "`rate` of pool 'p'",
    ("limits",): "`limits`",
    ("steps",): "`steps`",
    ("inputs", 2): "input 3",
    ("outputs", "o", "value"): "`value` of output 'o'",
}


@pytest.mark.parametrize("document", [None, {"steps": 3}, {"steps": [{}, []]}, {"steps": [{}, {"steps": {}}]}])
@pytest.mark.parametrize(("path", "words"), OF_NO_DOCUMENT.items(), ids=OF_NO_DOCUMENT.values())
def test_places_in_words_where_there_is_no_such_document(path: Path, words: str, document: JsonValue) -> None:
    assert name_of(path, document) == words


def test_places_of_pools_and_finally_in_words() -> None:
    found = problems_of("name: w\nlimits: {p: {rate: x}}\nsteps: [{id: a, tool: t}]\nfinally: [{id: b, tool: 3}]")
    assert [p.message for p in found] == [
        "`rate` of pool 'p' must be a rate, not the text 'x'",
        "`tool` of step 'b' must be text, not the number 3",
    ]
