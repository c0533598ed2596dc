"""What templates read of loops, rounds, undo and the end: locals, items, and steps of enclosing scopes."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import pytest

from ael.errors import AELError, TemplateError
from ael.templates import Names, SkippedOutputError, StepView, TemplateKind, is_true, parse, parse_condition
from ael.types import JsonValue, StepResult, StepStatus
from tests.unit.templates.support import SCOPE, Scope, completed, template

LOCALS = ("page", "row", "index", "last", "output")
NAMES = Names(
    {"inner": (0, 0), "loop": (1, 0), "a": (2, 0), "skipped": (2, 2), "deep": (3, 0)},
    {"n"},
    LOCALS,
    loops={"loop", "deep"},
)
ITEMS = [
    StepResult("loop", StepStatus.COMPLETED, output={"id": 1}, key="k1"),
    StepResult("loop", StepStatus.FAILED, error=AELError("too big", code="BIG"), output=None, key="k2"),
    StepResult("loop", StepStatus.SKIPPED, usable=False, output="not to be read"),
]
LOOP = StepResult("loop", StepStatus.COMPLETED, output=[{"id": 1}, None, None], items=ITEMS)
ROUND = {"output": {"n": 3, "none": None, "rows": [{"x": 1}]}, "status": "completed", "round": 2}
ROOTS: dict[str, JsonValue] = {
    "page": {"url": "u", "tags": [{"name": "t"}], "items": [1]},
    "row": "r",
    "index": 0,
    "output": {"id": 9},
}


def scope(last: JsonValue) -> Scope:
    outermost = Scope([None], roots={})
    outer = Scope(SCOPE.results, up=outermost)
    around = Scope([LOOP], up=outer)
    return Scope([completed("inner", 7)], up=around, inputs={"n": 4}, roots={**ROOTS, "last": last})


FIRST, LATER = scope(None), scope(ROUND)

READ = {
    "page": ROOTS["page"],
    "page.url": "u",
    "page.tags[0].name": "t",
    "page.tags.0['name']": "t",
    "page.items": [1],
    "row": "r",
    "index": 0,
    "output.id": 9,
    "last": ROUND,
    "last.output.n": 3,
    "last.output.rows[0].x": 1,
    "last['status']": "completed",
    "last.round": 2,
    "steps.inner.output": 7,
    "steps.a.output.name": "Ada",
    "steps.a.output.rows[1].id": 2,
    "steps.a.status": "completed",
    "steps.loop.output[0].id": 1,
    "steps.loop.items[0]": {"key": "k1", "status": "completed", "output": {"id": 1}, "error": None},
    "steps.loop.items[1].error": {"code": "BIG", "message": "too big"},
    "steps.loop.items[1].output": None,
    "steps.loop.items[2]": {"key": None, "status": "skipped", "output": None, "error": None},
    "steps.loop.items[-1].status": "skipped",
    "steps.deep.items": [],
    "steps.deep.status": "pending",
}


@pytest.mark.parametrize(("path", "value"), READ.items(), ids=READ)
def test_paths_and_expressions_read_the_same(path: str, value: JsonValue) -> None:
    plain = template(f"{{{{ {path} }}}}", NAMES)
    assert plain.kind is TemplateKind.PATH
    assert plain.render(LATER) == value
    assert template(f"{{{{ ({path}) }}}}", NAMES).render(LATER) == value


EXPRESSIONS = {
    "steps.loop.items[index].key": "k1",
    "steps.loop.items[index - 1].status": "skipped",
    "steps['loop'].items[1].error.code": "BIG",
    "steps.get('loop').items[1].error.code": "BIG",
    "steps.loop.items[true].key": "k2",
    "steps.loop.items[:2] | map(attribute='key')": ["k1", "k2"],
    "steps.loop.items[5].status | default('none')": "none",
    "steps.loop.items['x'] | default('none')": "none",
    "steps.deep.items[0].status | default('none')": "none",
    "steps['a' ~ ''].items[0] | default('none')": "none",
    "steps['loop']['items'][0].key": "k1",
    "page.items[index]": 1,
    "page.tags[0].items[0] | default('none')": "none",
    "steps.loop.items | selectattr('status', 'eq', 'failed') | map(attribute='error.code') | list": ["BIG"],
    "steps.loop.items | length": 3,
    "steps.loop | length": 7,
    "steps.loop | list | last": "items",
    "steps['lo' ~ 'op'].items[0].key": "k1",
    "steps['a'].output['items']": [1, 2],
    "page.items | sum + index + last.round": 3,
    "page.url ~ row": "ur",
    "last.output[row ~ ''] | default('none')": "none",
    "page.items() | length": 3,
}


@pytest.mark.parametrize(("expression", "value"), EXPRESSIONS.items(), ids=EXPRESSIONS)
def test_expressions(expression: str, value: JsonValue) -> None:
    assert template(f"{{{{ {expression} }}}}", NAMES).render(LATER) == value


def test_loops_as_data_have_their_items() -> None:
    shown = LATER.up.results[0]  # type: ignore[union-attr]
    assert shown is LOOP
    for text in ("{{ steps.loop }}", "{{ steps.loop if true }}"):
        whole = template(text, NAMES).render(LATER)
        assert list(whole) == ["output", "status", "success", "error", "duration_ms", "attempt", "items"]
        assert [item["status"] for item in whole["items"]] == ["completed", "failed", "skipped"]
    for text in ("{{ steps.a }}", "{{ steps.a if true }}"):
        assert "items" not in template(text, NAMES).render(LATER)
    every = template("{{ steps if true }}", NAMES).render(LATER)
    assert [step_id for step_id, step in every.items() if "items" in step] == ["loop", "deep"]


def test_what_only_loops_have_is_missing_elsewhere() -> None:
    with pytest.raises(TemplateError, match="has no key 'items'"):
        template("{{ steps['a' ~ ''].items }}", NAMES).render(LATER)
    for text in ("{{ steps.loop.items[3].status }}", "{{ steps.loop.items[3].status ~ '' }}"):
        with pytest.raises(TemplateError, match=r"steps\.loop\.items has 3 items, so there is no \[3\]"):
            template(text, NAMES).render(LATER)


def test_one_item_is_read_without_making_the_others() -> None:
    class Items(list[StepResult]):
        def __iter__(self) -> Iterator[StepResult]:
            raise AssertionError

    names = Names({"loop": (0, 0)}, {"n"}, loops=("loop",))
    data = Scope([attrs.evolve(LOOP, items=Items(ITEMS))], inputs={"n": 1})
    for path in ("steps.loop.items[1].key", "steps.loop.items[inputs.n].key", "steps['loop'].items[-2].key"):
        for text in ("{{ X }}", "{{ X ~ '' }}"):
            assert template(text.replace("X", path), names).render(data) == "k2"


# Before the first round

NULL = [
    "last",
    "last.output",
    "last.output.n",
    "last.output.n.deeper[0]['still']",
    "last['output'].n",
    "last.round",
]


@pytest.mark.parametrize("path", NULL)
def test_before_the_first_round_every_path_is_null(path: str) -> None:
    def render(text: str) -> JsonValue:
        return template(text.replace("X", path), NAMES).render(FIRST)

    assert render("{{ X }}") is None
    assert render("{{ (X) }}") is None
    assert render("<{{ X }}>") == "<>"
    assert render("<{{ X }}{{ 1 }}>") == "<1>"
    assert render("{{ X | default(0) }}") == 0
    assert render("{{ X is none and X == none and X is defined }}") is True
    assert render("{{ [X, {'a': X}] }}") == [None, {"a": None}]
    assert render("{{ 'yes' if X else 'no' }}") == "no"
    assert render("{% set y = X %}{{ y is none }}") == "true"
    assert render("{% for y in [X] %}{{ y is none }}{% endfor %}") == "true"
    assert not is_true(parse_condition(path, NAMES).render(FIRST))
    assert parse_condition(f"not ({path})", NAMES).render(FIRST) is True


NULL_EXPRESSIONS = {
    "steps.loop.items[index].key": "k1",
    "steps.loop.items[index - 1].status": "skipped",
    "steps['loop'].items[1].error.code": "BIG",
    "steps.get('loop').items[1].error.code": "BIG",
    "steps.loop.items[true].key": "k2",
    "steps.loop.items[:2] | map(attribute='key')": ["k1", "k2"],
    "steps.loop.items[5].status | default('none')": "none",
    "steps.loop.items['x'] | default('none')": "none",
    "steps.deep.items[0].status | default('none')": "none",
    "steps['a' ~ ''].items[0] | default('none')": "none",
    "steps['loop']['items'][0].key": "k1",
    "page.items[index]": 1,
    "page.tags[0].items[0] | default('none')": "none",
    "last.output[index].x": None,
    "last.output[last.round]": None,
    "last.output[1:]": None,
    "(last.output.n or 0) + 1": 1,
    "last.output.rows | default([]) | length": 0,
    "last | default({'round': 0}) | attr('round')": 0,
    "[1, 2] | last": 2,
}


@pytest.mark.parametrize(("expression", "value"), NULL_EXPRESSIONS.items(), ids=NULL_EXPRESSIONS)
def test_before_the_first_round(expression: str, value: JsonValue) -> None:
    assert template(f"{{{{ {expression} }}}}", NAMES).render(FIRST) == value


def test_null_has_no_methods_and_is_no_number() -> None:
    with pytest.raises(TemplateError, match="null has no method 'items'"):
        template("{{ last.output.rows.items() }}", NAMES).render(FIRST)
    with pytest.raises(TemplateError, match=r"unsupported|null"):
        template("{{ last.output.n + 1 }}", NAMES).render(FIRST)


def test_methods_name_the_path_they_are_called_on() -> None:
    with pytest.raises(TemplateError, match=r"last\.output\.rows\.itms"):
        template("{{ last.output.rows.itms() }}", NAMES).render(LATER)


MISSES = {
    "last.output.k": "last.output has no key 'k'",
    "last.output.none.x": "last.output.none is null, so it has no 'x'",
    "last.output.rows[2]": "last.output.rows has 1 item, so there is no [2]",
    "page.ulr": "page has no key 'ulr'; did you mean 'url'?",
    "row.x": "row is text, which has no 'x'",
    "index.x": "index is a number, which has no 'x'",
    "output.di": "output has no key 'di'; its keys are id",
    "steps.a.output.nam": "steps.a.output has no key 'nam'; did you mean 'name'?",
}


@pytest.mark.parametrize(("path", "sentence"), MISSES.items(), ids=MISSES)
def test_in_later_rounds_and_other_data_a_missing_key_is_an_error(path: str, sentence: str) -> None:
    for text in ("{{ X }}", "{{ X ~ '' }}", "{{ (X) }}"):
        with pytest.raises(TemplateError) as caught:
            template(text.replace("X", path), NAMES).render(LATER)
        assert sentence in caught.value.message
    assert template(f"{{{{ {path} | default('d') }}}}", NAMES).render(LATER) == "d"


def test_a_name_that_the_template_gives_itself_is_its_own() -> None:
    assert template("{% set last = {'k': 1} %}{{ last.k }}", NAMES).render(FIRST) == "1"
    assert template("{% for page in page.tags %}{{ page.name }}{% endfor %}", NAMES).render(FIRST) == "t"
    with pytest.raises(TemplateError, match="is null, so it has no 'k'"):
        template("{% for last in [none] %}{{ last.k }}{% endfor %}", NAMES).render(FIRST)


def test_another_kind_of_last_is_no_round() -> None:
    names = attrs.evolve(NAMES, locals=("item",))
    assert parse("{{ last.output }}", names).problems[0].kind == "unknown_root"
    with pytest.raises(TemplateError, match="'last' is not available here"):
        template("{{ last.output }}", NAMES).render(SCOPE)


# Steps of enclosing scopes


@pytest.mark.parametrize("depth", range(5))
@pytest.mark.parametrize(
    ("result", "path", "value"),
    [
        (completed("s", 5), "output", 5),
        (completed("s", {"k": [1, 2]}), "output.k[1]", 2),
        (completed("s", 5), "success", True),
        (StepResult("s", StepStatus.SKIPPED, output="fallback"), "output", "fallback"),
    ],
    ids=["output", "deep", "field", "fallback"],
)
def test_outer_steps(depth: int, result: StepResult, path: str, value: JsonValue) -> None:
    names = Names({"s": (depth, 1)}, ())
    data = Scope([None, result])
    for _ in range(depth):
        data = Scope([None, None], up=data)
    for text in ("{{ X }}", "{{ (X) }}", "{{ X if true }}"):
        assert template(text.replace("X", f"steps.s.{path}"), names).render(data) == value


@pytest.mark.parametrize("depth", range(4))
@pytest.mark.parametrize(
    "result", [None, StepResult("s", StepStatus.SKIPPED, usable=False)], ids=["pending", "skipped"]
)
def test_outer_steps_that_have_no_output(depth: int, result: StepResult | None) -> None:
    names = Names({"s": (depth, 0)}, ())
    data = Scope([result])
    for _ in range(depth):
        data = Scope([], up=data)
    for path in ("output", "output.k", "output.k[0]"):
        with pytest.raises(SkippedOutputError, match="'s'"):
            template(f"{{{{ steps.s.{path} }}}}", names).render(data)


@pytest.mark.parametrize("depth", range(4))
def test_outer_steps_that_lack_a_key(depth: int) -> None:
    names = Names({"s": (depth, 0)}, ())
    data = Scope([completed("s", {"key": 1})])
    for _ in range(depth):
        data = Scope([], up=data)
    with pytest.raises(TemplateError, match=r"steps\.s\.output has no key 'kye'; did you mean 'key'\?"):
        template("{{ steps.s.output.kye.x }}", names).render(data)


# Problems

PROBLEMS = {
    "last.outptu": ("unknown_field", "outptu", "output"),
    "last.outptu ~ 1": ("unknown_field", "outptu", "output"),
    "last['n']": ("unknown_field", "n", None),
    "last[0]": ("unknown_field", "0", None),
    "pgae.url": ("unknown_root", "pgae", "page"),
    "lats.output ~ 1": ("unknown_root", "lats", "last"),
    "steps.a.items": ("unknown_field", "items", None),
    "steps.a.items[0].status": ("unknown_field", "items", None),
    "steps.loop.itmes": ("unknown_field", "itmes", "items"),
    "steps.loop.items[0].outptu": ("unknown_field", "outptu", "output"),
    "steps.loop.items[0].outptu ~ 1": ("unknown_field", "outptu", "output"),
    "workflow.status": ("unknown_field", "status", None),
    "workflow.error.code": ("unknown_field", "error", None),
    "workflow.sttus": ("unknown_field", "sttus", None),
    "step.a": ("unknown_field", "step", "steps"),
}


@pytest.mark.parametrize(("expression", "expected"), PROBLEMS.items(), ids=PROBLEMS)
def test_problems(expression: str, expected: tuple[str, str, str | None]) -> None:
    text = f"{{{{ {expression} }}}}"
    (problem,) = parse(text, NAMES).problems
    assert (problem.kind, problem.name, problem.suggestion) == expected
    assert text[problem.offset : problem.offset + problem.length] == problem.name


@pytest.mark.parametrize(
    "expression",
    [
        "steps.loop.items[0].output.anything",
        "steps.loop.items.x",
        "steps.loop.items[index].y",
        "index.x",
        "last.output.z",
    ],
)
def test_what_only_running_can_tell_is_no_problem(expression: str) -> None:
    assert parse(f"{{{{ {expression} }}}}", NAMES).problems == ()


@pytest.mark.parametrize(
    ("name", "advice"),
    [("item", "`for_each`"), ("index", "`for_each`"), ("last", "`repeat`"), ("output", "`undo`"), ("loop", "`index`")],
)
def test_where_a_local_is_known_is_said_where_it_is_not(name: str, advice: str) -> None:
    for text in (f"{{{{ {name} }}}}", f"{{{{ {name}.x | default(1) }}}}"):
        (problem,) = parse(text, Names({"a": (0, 0)}, {"n"})).problems
        assert (problem.kind, problem.name, problem.suggestion) == ("unknown_root", name, None)
        assert problem.advice is not None
        assert advice in problem.advice
    (problem,) = parse(f"{{{{ {name} }}}}", Names({name: (0, 0)}, ())).problems
    assert problem.suggestion == (f"steps.{name}" if name != "loop" else None)


def test_item_is_told_what_it_is_called() -> None:
    (problem,) = parse("{{ item.url }}", Names({}, (), ("page", "index"))).problems
    assert (problem.suggestion, problem.advice) == ("page", None)
    (problem,) = parse("{{ item.url }}", Names({}, (), ("page", "row", "index"))).problems
    assert problem.suggestion is None
    assert problem.advice is not None


# The end, and the step itself


def test_the_end_of_a_workflow() -> None:
    names = Names({"a": (1, 0)}, (), ended=True)
    error = {"code": "TOOL_FAILED", "message": "no"}
    roots = {"workflow": {"name": "w", "status": "failed", "error": error}}
    failed = Scope(up=SCOPE, roots=roots)
    assert template("{{ workflow.status }}", names).render(failed) == "failed"
    assert template("{{ workflow.error.code ~ '' }}", names).render(failed) == "TOOL_FAILED"
    completed_ = Scope(up=SCOPE, roots={"workflow": {"status": "completed", "error": None}})
    assert template("{{ workflow.error }}", names).render(completed_) is None
    assert template("{{ workflow.error.code | default('fine') }}", names).render(completed_) == "fine"
    (problem,) = parse("{{ workflow.sttus }}", names).problems
    assert problem.suggestion == "status"


def test_who_joined() -> None:
    step = StepView("me", 1, "key", joined=("b", "a"))
    assert template("{{ step.joined }}").render(SCOPE, step) == ["b", "a"]
    assert template("{{ step.joined | first }} of {{ step.joined | length }}").render(SCOPE, step) == "b of 2"
