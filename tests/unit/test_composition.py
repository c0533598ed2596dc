"""Blocks, branches, loops and rounds: what docs/language.md says of them, sections 5 and 6, sentence by sentence."""

from __future__ import annotations

import pytest

from ael.types import JsonValue
from tests.composed import described, run

CONTEST = """
steps:
  - {id: quick, tool: sleep, params: {seconds: 1}}
  - {id: slow, tool: sleep, params: {seconds: 2}}
  - id: judge
    depends_on: [slow, quick]
    join: any
"""
READS_STEP = "{{ step.joined }} {{ step.idempotency_key | replace(execution_id, '') }}"
ECHO = "name: echoing\ninputs: {value: {}}\nsteps: [{id: in, tool: echo, params: {value: '{{ inputs.value }}'}}]\n"
WHERE_STEP_IS_READ = {
    "a tool": (f'tool: echo\n    params: {{value: "{READS_STEP}"}}', '["quick"] :judge'),
    "a tool in a loop": (
        f'for_each: [1]\n    tool: echo\n    params: {{value: "{READS_STEP}"}}',
        ['["quick"] :judge[0]'],
    ),
    "a tool in rounds": (
        f'repeat: {{max: 2}}\n    tool: echo\n    params: {{value: "{READS_STEP}"}}',
        '["quick"] :judge#2',
    ),
    "the output of a block": (f'output: "{READS_STEP}"\n    steps: [{{id: in, tool: echo}}]', '["quick"] :judge'),
    "the output of a branch": (
        f'choose: [{{steps: [{{id: in, tool: echo}}], output: "{READS_STEP}", when: "\'quick\' in step.joined"}}]',
        '["quick"] :judge',
    ),
    "params of a workflow": (
        f'for_each: [1]\n    workflow: echoing\n    params: {{value: "{READS_STEP}"}}',
        [{"out": '["quick"] :judge[0]'}],
    ),
}


@pytest.mark.parametrize("where", WHERE_STEP_IS_READ)
def test_what_step_is_does_not_depend_on_where_it_is_read(where: str) -> None:
    body, output = WHERE_STEP_IS_READ[where]
    ran = run(f"{CONTEST}    {body}\n", f"{ECHO}outputs: {{out: '{{{{ steps.in.output }}}}'}}\n")
    assert ran.result["judge"].output == output


def test_a_fallback_that_breaks_while_skips_travel_loses_no_result() -> None:
    ran = run("""
steps:
  - id: block
    on_error: skip
    steps:
      - {id: no, tool: echo, when: "false"}
      - {id: broken, tool: echo, depends_on: no, fallback: "{{ [1].foo.bar }}"}
      - {id: behind, tool: echo, depends_on: broken}
""")
    assert ran.all("block", "block.broken", "block.behind") == {
        "block": "skipped error: TEMPLATE_ERROR",
        "block.broken": "failed TEMPLATE_ERROR",
        "block.behind": "skipped dependency: broken",
    }


# -- for_each --------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["abc", 3, None, {"a": 1}, True], ids=str)
def test_a_loop_over_no_list_fails(value: JsonValue) -> None:
    ran = run("inputs: {x: {}}\nsteps:\n  - id: loop\n    for_each: inputs.x\n    tool: echo\n", inputs={"x": value})
    error = ran.result["loop"].error
    assert error is not None
    assert (error.code, error.details["line"], ran.calls("echo")) == ("TEMPLATE_ERROR", 5, [])


LISTS = {
    "none": ("[]", []),
    "of an expression": ("range(3)", [0, 1, 2]),
    "of templates": ("['{{ 1 + 1 }}', 3]", [2, 3]),
    "of anything": ("[null, {a: 1}, [2]]", [None, {"a": 1}, [2]]),
}


@pytest.mark.parametrize("what", LISTS)
def test_a_loop_puts_out_a_list_in_the_order_of_its_items(what: str) -> None:
    values, output = LISTS[what]
    ran = run(f"""
steps:
  - id: tools
    for_each: {values}
    tool: sleep
    params: {{seconds: "{{{{ 9 - index }}}}", value: "{{{{ item }}}}"}}
  - id: blocks
    for_each: {{in: {values}, as: it}}
    steps: [{{id: in, tool: echo, params: {{value: "{{{{ it }}}}"}}}}]
""")
    assert (ran.result["tools"].output, ran.result["blocks"].output) == (output, output)
    assert ran.result["tools"].items is not None
    assert [(item.status, item.output) for item in ran.result["tools"].items] == [
        ("completed", each) for each in output
    ]


KEYS = {
    "twice": ("[a, b, a]", "{{ item }}", "items 0 and 2 have the same key, 'a'"),
    "empty": ("[a, '']", "{{ item }}", "item 1 must be a text or a number, not an empty text"),
    "no text": ("[a, [b]]", "{{ item }}", "item 1 must be a text or a number"),
    "null": ("[a, null]", "{{ item }}", "item 1 must be a text or a number"),
    "twice, as text": ("[1, '1']", "{{ item }}", "items 0 and 1 have the same key, '1'"),
    "breaks": ("['{}']", "{{ (item | fromjson).name }}", "name"),
}


@pytest.mark.parametrize("what", KEYS)
def test_keys_are_texts_that_differ_or_nothing_is_begun(what: str) -> None:
    values, key, message = KEYS[what]
    ran = run(f'steps: [{{id: loop, for_each: {{in: {values}, key: "{key}"}}, tool: echo}}]')
    error = ran.result["loop"].error
    assert error is not None
    assert (error.code, ran.calls("echo")) == ("TEMPLATE_ERROR", [])
    assert message in error.message


def test_the_last_of_many_keys_may_be_the_first() -> None:
    ran = run('steps: [{id: loop, for_each: {in: "{{ range(250) | list + [0] }}", key: "{{ item }}"}, tool: echo}]')
    assert "items 0 and 250 have the same key, '0'" in str(ran.result["loop"].error)
    assert ran.calls("echo") == []


TOLERATED = {  # of five items
    "0": ("0", 0), "2": ("2", 2), "20%": ("20%", 1), "39%": ("39%", 1), "40%": ("40%", 2), "100%": ("100%", 5),
}  # fmt: skip


@pytest.mark.parametrize("failing", range(6))
@pytest.mark.parametrize("share", TOLERATED)
def test_as_many_items_may_fail_as_are_tolerated(share: str, failing: int) -> None:
    tolerate, most = TOLERATED[share]
    ran = run(f"""
steps:
  - id: loop
    for_each: {{in: [0, 1, 2, 3, 4], tolerate: {tolerate}}}
    tool: flaky
    params: {{failures: "{{{{ 1 if item < {failing} else 0 }}}}", after: "{{{{ item }}}}", value: "{{{{ item }}}}"}}
""")
    loop = ran.result["loop"]
    if failing <= most:
        assert (loop.status, loop.output) == ("completed", [None] * failing + list(range(failing, 5)))
        return
    assert loop.error is not None
    assert (loop.error.code, loop.error.details["failed"], loop.error.details["size"]) == ("ITEMS_FAILED", most + 1, 5)
    assert [item["index"] for item in loop.error.details["items"]] == list(range(most + 1))
    assert loop.error.__cause__ is not None


def test_one_failure_too_many_cancels_the_items_that_run_and_begins_no_others() -> None:
    ran = run("""
steps:
  - id: loop
    for_each: {in: [1, 9, 9, 0], as: s, key: "k{{ index }}", max_parallel: 3}
    steps:
      - {id: wait, tool: sleep, params: {seconds: "{{ s }}", name: "{{ s }}"}}
      - {id: no, depends_on: wait, tool: fail}
""")
    assert ran.all("loop", "loop[k0]", "loop[k1]", "loop[k2].wait", "loop[k2].no") == {
        "loop": "failed ITEMS_FAILED",
        "loop[k0]": "failed BOOM",
        "loop[k1]": "cancelled stopped: loop",
        "loop[k2].wait": "cancelled stopped: loop",
        "loop[k2].no": "skipped stopped: loop",
    }
    assert (ran.log, ran.seconds, len(ran.result["loop"].items or ())) == (["cancelled 9", "cancelled 9"], 1, 3)
    details = (ran.result["loop"].error or AssertionError).details["items"]
    assert [(item["key"], item["code"]) for item in details] == [("k0", "BOOM")]


def test_items_go_through_a_block_each_on_its_own() -> None:
    """No barrier: the quick item is through before the slow one has done its first step."""
    ran = run("""
steps:
  - id: loop
    for_each: [1, 5]
    steps:
      - {id: first, tool: sleep, params: {seconds: "{{ item }}", value: "{{ item }}"}}
      - {id: second, tool: sleep, params: {seconds: "{{ steps.first.output }}"}}
""")
    ends = {path: (ran.result[path].completed_ns - ran.result.started_ns) / 1e9 for path in ("loop[0]", "loop[1]")}
    assert ends == {"loop[0]": 2, "loop[1]": 10}


SKIPPED_OUTSIDE = {
    "the list": 'for_each: "{{ steps.out.output }}"\n    tool: echo',
    "params of a tool": 'for_each: [1, 2]\n    tool: echo\n    params: {value: "{{ steps.out.output }}"}',
    "params of a workflow": 'for_each: [1, 2]\n    workflow: c\n    params: {x: "{{ steps.out.output }}"}',
    "a key": 'for_each: {in: [1], key: "{{ steps.out.output }}"}\n    tool: echo',
    "a branch": "choose: [{when: steps.out.output, steps: [{id: in, tool: echo}]}]",
    "params of a workflow without a loop": 'workflow: c\n    params: {x: "{{ steps.out.output }}"}',
    "until": "repeat: {max: 2, until: steps.out.output}\n    tool: flaky\n    params: {failures: 0}",
}


@pytest.mark.parametrize("where", SKIPPED_OUTSIDE)
def test_the_output_of_a_step_that_was_skipped_outside_skips_who_uses_it(where: str) -> None:
    ran = run(
        f"steps:\n  - {{id: out, when: 'false', tool: echo}}\n  - id: user\n    {SKIPPED_OUTSIDE[where]}\n"
        "  - {id: behind, tool: record, params: {value: '{{ steps.user.output | default(0) }}'}}",
        "name: c\ninputs: {x: {}}\nsteps: [{id: in, tool: echo}]",
    )
    assert ran.all("user", "behind") == {"user": "skipped dependency: out", "behind": "completed"}
    assert (ran.calls("echo"), ran.log) == ([], [0])


def test_nested_loops_see_each_others_items() -> None:
    ran = run("""
steps:
  - id: rows
    for_each: {in: [a, b], as: row}
    steps:
      - id: cells
        for_each: {in: "{{ [row, 1] }}", as: cell}
        tool: echo
        params: {value: "{{ row }}{{ cell }}{{ index }}"}
""")
    assert ran.result["rows"].output == [["aa0", "a11"], ["bb0", "b11"]]


def test_what_items_of_a_loop_are_is_read_as_data() -> None:
    ran = run("""
steps:
  - id: loop
    for_each: {in: [1, 0], key: "k{{ index }}", tolerate: 1}
    steps: [{id: in, tool: flaky, params: {failures: "{{ 1 - item }}", value: "v{{ item }}"}}]
  - id: plain
    for_each: []
    tool: echo
outputs:
  items: "{{ steps.loop.items }}"
  none: "{{ steps.plain.items }}"
""")
    error = {"code": "BOOM", "message": "as told"}
    assert ran.result.outputs == {
        "items": [
            {"key": "k0", "status": "completed", "output": "v1", "error": None},
            {"key": "k1", "status": "failed", "output": None, "error": error},
        ],
        "none": [],
    }


# -- repeat ----------------------------------------------------------------------------------------

ROUNDS = {
    "without until": ("max: 3", "completed", 3, 3),
    "until it holds": ("max: 9, until: last.output == 2", "completed", 2, 2),
    "until by number": ("max: 9, until: last.round >= 4 and last.status == 'completed'", "completed", 4, 4),
    "it never holds": ("max: 3, until: last.output == 9", "failed REPEAT_EXHAUSTED", None, 3),
    "all outputs": ("max: 3, collect: true", "completed", [1, 2, 3], 3),
    "all outputs until": ("max: 5, collect: true, until: last.round == 2", "completed", [1, 2], 2),
    "a condition that breaks": ("max: 3, until: last.output.nothing", "failed TEMPLATE_ERROR", None, 1),
}
ROUND_BODIES = {
    "a tool": "tool: count\n    params: {name: n}",
    "a block": "steps: [{id: in, tool: count, params: {name: n}}]",
    "an item": "for_each: [1]\n    tool: count\n    params: {name: n}",
    "a workflow": "workflow: counts",
}


@pytest.mark.parametrize("body", ROUND_BODIES)
@pytest.mark.parametrize("what", ROUNDS)
def test_rounds(what: str, body: str) -> None:
    repeat, expected, output, rounds = ROUNDS[what]
    ran = run(
        f"steps:\n  - id: poll\n    repeat: {{{repeat}, every: 2s}}\n    {ROUND_BODIES[body]}\n",
        "name: counts\nsteps: [{id: in, tool: count, params: {name: n}}]\noutput: '{{ steps.in.output }}'",
    )
    result = ran.result["poll[0]" if body == "an item" else "poll"]
    assert (described(result), result.output, len(ran.calls("count"))) == (expected, output, rounds)
    assert ran.seconds == 2 * (rounds - 1)


def test_before_the_first_round_every_path_under_last_is_null() -> None:
    ran = run("""
steps:
  - id: pages
    repeat: {max: 3, collect: true}
    tool: echo
    params: {value: {n: "{{ (last.output.n or 0) + 1 }}", deep: "{{ last.output.deep.a.b if last.output == none }}"}}
""")
    assert ran.result["pages"].output == [{"n": n, "deep": None} for n in (1, 2, 3)]


def test_a_round_is_tried_again_as_a_round() -> None:
    ran = run("""
steps:
  - id: poll
    repeat: {max: 2, collect: true}
    retry: {max_attempts: 2, delay: 1s, jitter: none}
    steps: [{id: in, tool: flaky, params: {failures: 1, value: "{{ step.idempotency_key[-6:] }}"}}]
""")
    assert (ran.result["poll"].output, ran.seconds) == (["l.in#1", "l.in#2"], 2)


# -- choose and blocks -----------------------------------------------------------------------------

CHOICES = {
    "the first that holds": (2, "two"),
    "the last, which always holds": (9, "other"),
}


@pytest.mark.parametrize("which", CHOICES)
def test_the_first_branch_that_holds_is_taken(which: str) -> None:
    number, output = CHOICES[which]
    ran = run(
        """
inputs: {n: integer}
steps:
  - id: route
    choose:
      - {when: inputs.n == 1, steps: [{id: one, tool: echo, params: {value: one}}]}
      - {when: inputs.n == 2, steps: [{id: two, tool: echo, params: {value: 2}}], output: two}
      - {when: inputs.n == 2, steps: [{id: late, tool: echo, params: {value: late}}]}
      - {steps: [{id: other, tool: echo, params: {value: other}}]}
""",
        inputs={"n": number},
    )
    assert (ran.result["route"].output, [step.step_id for step in ran.result["route"].steps]) == (output, [output])


def test_where_no_branch_holds_the_step_is_skipped_and_who_names_it_is_too() -> None:
    ran = run("""
steps:
  - {id: route, fallback: none, choose: [{when: "false", steps: [{id: in, tool: echo}]}]}
  - {id: named, depends_on: route, tool: echo}
  - {id: reads, tool: echo, params: {value: "{{ steps.route.output }}"}}
  - {id: items, for_each: [1, 2], choose: [{when: item == 2, steps: [{id: in, tool: echo, params: {value: 2}}]}]}
""")
    assert ran.all("route", "named", "reads", "items[0]") == {
        "route": "skipped condition",
        "named": "skipped dependency: route",
        "reads": "completed",
        "items[0]": "skipped condition",
    }
    assert (ran.result["reads"].output, ran.result["items"].output) == ("none", [None, 2])
    assert ran.result["route"].attempt == 0


BLOCK_OUTPUTS = {
    "of its last step": ("", "last", ()),
    "of what it says": ('output: {a: "{{ steps.first.output }}", b: 1}', {"a": "first", "b": 1}, ()),
    "of a skipped step": ('output: "{{ steps.no.output }}"', None, ("the output of step 'block' is null",)),
    "of a skipped step, with a default": ('output: "{{ steps.no.output | default(3) }}"', 3, ()),
}


@pytest.mark.parametrize("what", BLOCK_OUTPUTS)
def test_the_output_of_a_block(what: str) -> None:
    line, output, warnings = BLOCK_OUTPUTS[what]
    ran = run(f"""
steps:
  - id: block
    {line}
    steps:
      - {{id: no, when: "false", tool: echo}}
      - {{id: first, tool: echo, params: {{value: first}}}}
      - {{id: last, tool: echo, params: {{value: last}}}}
""")
    assert ran.result["block"].output == output
    assert [text.partition(":")[0] for text in ran.result.warnings] == list(warnings)


def test_an_output_of_a_block_that_breaks_is_a_failed_attempt_which_is_not_tried_again() -> None:
    ran = run("steps: [{id: b, retry: 3, output: '{{ steps.in.output.x }}', steps: [{id: in, tool: echo}]}]")
    assert (described(ran.result["b"]), ran.result["b"].attempt) == ("failed TEMPLATE_ERROR", 1)


def test_who_reads_an_outer_step_waits_inside_and_the_block_outside() -> None:
    ran = run("""
steps:
  - {id: slow, tool: sleep, params: {seconds: 3, value: x}}
  - {id: block, steps: [{id: free, tool: record, params: {value: 1}},
     {id: uses, tool: echo, params: {value: "{{ steps.slow.output }}"}}]}
""")
    assert (ran.result["block.free"].started_ns - ran.result.started_ns) / 1e9 == 3
    assert ran.result["block"].output == "x"


# -- join ------------------------------------------------------------------------------------------

CONTESTANTS = """
steps:
  - {id: a, tool: sleep, params: {seconds: 1}}
  - {id: b, tool: fail, params: {after: 2}}
  - {id: c, tool: sleep, params: {seconds: 3, name: c}}
  - {id: no, when: "false", tool: echo}
"""
JOINS = {
    "any": ("[a, b, c]", "any", "completed", ["a"], 1, {"b": "skipped error: BOOM", "c": "completed"}),
    "at least two": ("[c, b, a]", "{at_least: 2}", "completed", ["a", "c"], 3, {"b": "skipped error: BOOM"}),
    "settled": ("[no, a]", "settled", "completed", ["a"], 1, {}),
    "all": ("[a, c]", "all", "skipped stopped: b", None, None, {"b": "failed BOOM"}),
    "of three, one of which failed": ("[a, b, c]", "{at_least: 3}", "skipped stopped: b", None, None,
                                      {"b": "failed BOOM", "c": "cancelled stopped: b"}),
    "of skips alone": ("[no]", "any", "skipped stopped: b", None, None, {}),
    "the rest is cancelled": ("[a, c]", "{at_least: 1, cancel_rest: true}", "completed", ["a"], 1,
                              {"c": "cancelled cancelled"}),
}  # fmt: skip


@pytest.mark.parametrize("what", JOINS)
def test_joins(what: str) -> None:
    named, join, expected, joined, second, others = JOINS[what]
    end = "" if what != "of skips alone" else ", when: 'true'"
    ran = run(
        f"{CONTESTANTS}  - {{id: j, depends_on: {named}, join: {join}, tool: echo, "
        f"params: {{value: '{{{{ step.joined }}}}'}}{end}}}\n"
    )
    found = ran.result["j"]
    if what == "of skips alone":
        expected = "skipped dependency: no"
    assert (described(found), found.output) == (expected, joined)
    if second is not None:
        assert (found.started_ns - ran.result.started_ns) / 1e9 == second
    assert ran.all(*others) == others


def test_a_join_of_all_tells_who_completed_in_order() -> None:
    ran = run("""
steps:
  - {id: a, tool: sleep, params: {seconds: 2}}
  - {id: b, tool: sleep, params: {seconds: 1}}
  - {id: c, tool: fail, on_error: skip}
  - {id: j, depends_on: [a, b, c], tool: echo, params: {value: "{{ step.joined }}"}}
""")
    assert ran.result["j"].output == ["b", "a"]
