"""Names of loops and rounds in whole files: where they are known, nothing is said."""

from __future__ import annotations

import pytest

from ael.code import SafeExecutor
from ael.dataflow import analyse
from ael.diagnostics import Diagnostic
from ael.language import check_definition, parse
from ael.settings import Settings


def check(text: str) -> list[Diagnostic]:
    definition, found = parse(text)
    if definition is None:
        return found
    executors = {"safe": SafeExecutor(Settings())}
    return [*found, *check_definition(definition, analyse(definition), executors=executors)]


EVERYWHERE = """
name: demo
inputs: {pages: array}
steps:
  - id: crawl
    for_each: {in: "{{ inputs.pages }}", as: page, key: "{{ page.id ~ index }}", max_parallel: 2}
    steps:
      - {id: fetch, tool: web.fetch, params: {url: "{{ page.url }}", n: "{{ index }}"}}
      - {id: size, code: "return len(steps.fetch.output) + page['n'] + index"}
      - id: poll
        repeat: {until: "last.output.done and last.round > 1", max: 3}
        tool: web.fetch
        params: {page: "{{ page.url }}", after: "{{ last.output.cursor }}", status: "{{ last.status }}"}
      - id: more
        repeat: {max: 2}
        code: |
          before = last.output["n"] if last.output else 0
          return {"n": before + index, "page": page["id"]}
      - id: rows
        for_each: {in: "{{ steps.fetch.output.rows }}", as: row}
        tool: web.fetch
        params: {row: "{{ row.id }}", page: "{{ page.id }}", index: "{{ index }}"}
  - id: report
    tool: web.fetch
    params:
      failed: "{{ steps.crawl.items | selectattr('status', 'eq', 'failed') | list }}"
      first: "{{ steps.crawl.items[0].error.code }}"
finally:
  - id: tell
    tool: web.fetch
    params: {status: "{{ workflow.status }}", code: "{{ workflow.error.code | default('') }}"}
"""


def test_where_they_are_known_nothing_is_said() -> None:
    assert [problem.message for problem in check(EVERYWHERE) if problem.is_error] == []


LOOP = "name: demo\nsteps:\n  - {{id: a, for_each: {{in: [1], as: {0}}}, tool: t.x, params: {{v: '{{{{ {0} }}}}'}}}}\n"


@pytest.mark.parametrize("name", ["item", "page", "results", "error", "steps_", "logs"])
def test_an_item_may_have_any_other_name(name: str) -> None:
    assert check(LOOP.format(name)) == []


@pytest.mark.parametrize("name", ["steps", "index", "last", "output", "range", "result", "context", "log", "print"])
def test_an_item_cannot_have_a_name_that_means_something_in_templates_or_code(name: str) -> None:
    assert [problem.code for problem in check(LOOP.format(name)) if "already" in problem.message]
