"""What holds for any template: parsing never raises, rendering raises two errors only, constants stay."""

from __future__ import annotations

import json
import string

import attrs
from hypothesis import given
from hypothesis import strategies as st

from ael.errors import AELError, TemplateError
from ael.templates import Names, SkippedOutputError, TemplateKind, parse, parse_condition
from ael.types import JsonValue, StepResult, StepStatus
from tests.unit.templates.support import NAMES, SCOPE, STEP, Scope, completed

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
data = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)

WORDS = """
{{ }} {% %} {# #} {{- -}} {%- -%} ( ) [ ] { } , . : | ~ + - * / // % ** == != < > = in is not and or if else for endfor
endif set macro endmacro raw endraw filter endfilter true none steps inputs secrets step loop range dict namespace
steps.a.output steps.get-user.output steps.skipped.output config steps.nope.x inputs.n inputs.a-b .items .items()
.__class__ ['name'] [0] [-1] [1:] default upper tojson join map sort list length int first center format replace round
batch 'a' '%s' '{}' 0 1 7 1.5 x y ns.x \\ é ' "
"""
PIECES = [*WORDS.split(), "\n", "\r"]
soup = st.lists(st.sampled_from(PIECES), max_size=14).map(" ".join)
expression_soup = soup.map(lambda text: "{{ " + text + " }}")
anything = st.text(alphabet="{}%#-'\"[]().|~ \n\rabsteps0é", max_size=40)


def _check(text: str) -> None:
    parsed = parse(text, NAMES)
    for problem in parsed.problems:
        assert problem.message
        assert 0 <= problem.offset <= len(text)
        assert problem.offset + problem.length <= len(text)
    for reference in parsed.references:
        assert text[reference.offset :].startswith(reference.root)
        assert reference.offset + reference.length <= len(text)
    try:
        value = parsed.render(SCOPE, STEP)
    except (TemplateError, SkippedOutputError):
        return
    assert parsed.problems == ()
    json.dumps(value)


@given(soup | expression_soup | anything)
def test_parsing_never_raises_and_rendering_only_what_it_may(text: str) -> None:
    _check(text)


@given(soup | anything)
def test_conditions_never_raise(text: str) -> None:
    parsed = parse_condition(text, NAMES)
    for problem in parsed.problems:
        assert problem.offset >= 0
        assert problem.offset + problem.length <= len(text)
    try:
        parsed.render(SCOPE, STEP)
    except (TemplateError, SkippedOutputError):
        return
    assert parsed.problems == ()


@given(st.text())
def test_text_without_marks_is_constant(text: str) -> None:
    if not any(mark in text for mark in ("{{", "{%", "{#")):
        parsed = parse(text, NAMES)
        assert parsed.kind is TemplateKind.CONSTANT
        assert parsed.render(SCOPE) == text


@given(data)
def test_a_path_gives_the_value_itself_and_default_an_equal_one(value: JsonValue) -> None:
    names = Names({"a": (0, 0)}, ())
    scope = Scope([completed("a", value)])
    assert parse("{{ steps.a.output }}", names).render(scope) is value
    rendered = parse("{{ steps.a.output if true }}", names).render(scope)
    assert rendered == value
    assert type(rendered) is type(value)


@given(data)
def test_json_and_back(value: JsonValue) -> None:
    names = Names({"a": (0, 0)}, ())
    scope = Scope([completed("a", value)])
    assert parse("{{ steps.a.output | tojson | fromjson }}", names).render(scope) == value
    if isinstance(value, list | dict):
        assert json.loads(parse("{{ steps.a.output ~ '' }}", names).render(scope)) == value


@given(st.text())
def test_a_text_literal_means_itself(text: str) -> None:
    """What is written as JSON is read as written, whatever is in it."""
    literal = json.dumps(text)
    parsed = parse("{{ " + literal + " }}", NAMES)
    if "\\ud" not in literal.lower() and "\\/" not in literal:
        assert parsed.render(SCOPE) == text


@given(st.text(), st.text(), st.integers())
def test_values_in_text_are_never_templates(before: str, value: str, number: int) -> None:
    marks = ("{{", "{%", "{#")
    before = before.replace("{", "(")
    names = Names({"a": (0, 0)}, {"n"})
    scope = Scope([completed("a", value + marks[number % 3])], inputs={"n": number})
    text = before + "{{ steps.a.output }}|{{ inputs.n }}"
    expected = f"{before}{value}{marks[number % 3]}|{number}"
    assert parse(text, names).render(scope) == expected
    assert parse(text + "{{ '' }}", names).render(scope) == expected


ids = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,8}", fullmatch=True)


@given(st.dictionaries(ids, st.integers(), min_size=1, max_size=6), st.data())
def test_every_declared_id_can_be_written_after_the_dot(outputs: dict[str, int], draw: st.DataObject) -> None:
    names = Names({step_id: (0, i) for i, step_id in enumerate(outputs)}, ())
    scope = Scope([completed(step_id, output) for step_id, output in outputs.items()])
    step_id = draw.draw(st.sampled_from(list(outputs)))
    plain = parse("{{ steps." + step_id + ".output }}", names)
    general = parse("{{ steps." + step_id + ".output + 0 }}", names)
    indexed = parse("{{ steps['" + step_id + "'].output }}", names)
    for parsed in (plain, general, indexed):
        assert [reference.name for reference in parsed.references] == [step_id]
        assert parsed.render(scope) == outputs[step_id]


keys = st.text(string.ascii_letters + "_ é.", min_size=1, max_size=6) | st.integers(-3, 3)


@given(data, st.lists(keys, max_size=4))
def test_paths_and_expressions_agree(value: JsonValue, path: list[str | int]) -> None:
    """The closure of a plain path and the same path through Jinja find the same, or miss with the same sentence."""
    names = Names({"a": (0, 0)}, ())
    scope = Scope([completed("a", value)])
    inner = "steps.a.output" + "".join(f"[{json.dumps(key, ensure_ascii=False)}]" for key in path)
    outcomes = []
    for text in ("{{ " + inner + " }}", "{{ (" + inner + ") }}"):
        parsed = parse(text, names)
        assert parsed.problems == ()
        try:
            outcomes.append((parsed.render(scope), ""))
        except TemplateError as error:
            outcomes.append((None, error.message.split(": ", 1)[1]))
    assert outcomes[0] == outcomes[1]


def _both_ways(path: str, names: Names, scope: Scope) -> list[tuple[JsonValue, str]]:
    """What the closure of a plain path finds, and Jinja; a value, or the sentence on what is missing."""
    outcomes: list[tuple[JsonValue, str]] = []
    for text in ("{{ " + path + " }}", "{{ (" + path + ") }}"):
        parsed = parse(text, names)
        assert parsed.problems == ()
        try:
            outcomes.append((parsed.render(scope), ""))
        except TemplateError as error:
            outcomes.append((None, error.message.split(": ", 1)[1]))
        except SkippedOutputError as error:
            outcomes.append((None, f"skipped {error.step_id}"))
    return outcomes


def _written(path: list[str | int]) -> str:
    return "".join(f"[{json.dumps(key, ensure_ascii=False)}]" for key in path)


LOCAL_NAMES = ("item", "page", "index", "output")


@given(
    st.fixed_dictionaries(dict.fromkeys(LOCAL_NAMES, data)), st.sampled_from(LOCAL_NAMES), st.lists(keys, max_size=4)
)
def test_locals_are_read_alike(roots: dict[str, JsonValue], root: str, path: list[str | int]) -> None:
    names = Names({}, (), LOCAL_NAMES)
    plain, general = _both_ways(root + _written(path), names, Scope(roots=roots))
    assert plain == general
    if not path:
        assert plain == (roots[root], "")


rounds = st.fixed_dictionaries({"output": data, "status": st.just("completed"), "round": st.integers(1, 9)})


@given(st.none() | rounds, st.sampled_from(["output", "status", "round"]), st.lists(keys, max_size=4))
def test_the_last_round_is_read_alike(last: JsonValue, field: str, path: list[str | int]) -> None:
    names = Names({}, (), ("last",))
    written = f"last.{field}{_written(path)}"
    plain, general = _both_ways(written, names, Scope(roots={"last": last}))
    assert plain == general
    if last is None:
        assert plain == (None, "")
        assert parse(f"<{{{{ {written} }}}}>", names).render(Scope(roots={"last": last})) == "<>"
    elif not path:
        assert plain == (last[field], "")


results = st.one_of(
    st.none(),
    st.builds(completed, st.just("a"), data),
    st.builds(lambda value: StepResult("a", StepStatus.SKIPPED, output=value), data),
    st.just(StepResult("a", StepStatus.SKIPPED, usable=False)),
    st.just(StepResult("a", StepStatus.FAILED, error=AELError("broken", code="B"))),
)


@given(st.integers(0, 4), st.integers(0, 3), results, st.lists(keys, max_size=3), st.data())
def test_steps_at_every_depth_are_read_alike(
    depth: int, index: int, result: StepResult | None, path: list[str | int], draw: st.DataObject
) -> None:
    names = Names({"a": (depth, index)}, ())
    scope = Scope([*[None] * index, result])
    for _ in range(depth):
        scope = Scope([completed("x", "another's")] * 4, up=scope)
    field = draw.draw(st.sampled_from(["output", "status", "success", "error", "duration_ms", "attempt"]))
    plain, general = _both_ways(f"steps.a.{field}{_written(path)}", names, scope)
    assert plain == general
    here = Scope([*[None] * index, result])
    assert plain == _both_ways(f"steps.a.{field}{_written(path)}", Names({"a": (0, index)}, ()), here)[0]


items = st.lists(st.tuples(results.filter(bool), st.none() | st.text(max_size=3)), max_size=4)


@given(items, st.integers(-5, 5), st.sampled_from(["key", "status", "output", "error"]), st.lists(keys, max_size=2))
def test_items_are_read_alike(
    drawn: list[tuple[StepResult, str | None]], position: int, field: str, path: list[str | int]
) -> None:
    each = [attrs.evolve(result, key=key) for result, key in drawn]
    names = Names({"a": (0, 0)}, (), loops=("a",))
    scope = Scope([StepResult("a", StepStatus.COMPLETED, output=[], items=each)])
    plain, general = _both_ways(f"steps.a.items[{position}].{field}{_written(path)}", names, scope)
    assert plain == general
    whole = parse("{{ steps.a.items }}", names).render(scope)
    assert [item["key"] for item in whole] == [key for _, key in drawn]
    assert [item["status"] for item in whole] == [result.status.value for result, _ in drawn]
    assert json.loads(parse("{{ steps.a.items ~ '' }}", names).render(scope)) == whole
