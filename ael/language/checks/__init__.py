"""Checks of a definition that could be read: names, order, reach, templates, tools, code, policy."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from ael.dataflow import Flow
from ael.definition import WorkflowDefinition
from ael.diagnostics import Diagnostic
from ael.language.checks.braces import check_braces
from ael.language.checks.code import check_code
from ael.language.checks.context import Context
from ael.language.checks.fates import fates_of
from ael.language.checks.graph import check_graph, is_cycle
from ael.language.checks.nesting import check_nesting
from ael.language.checks.order import check_order
from ael.language.checks.policy import check_policy
from ael.language.checks.reach import check_reach
from ael.language.checks.secrets import check_secrets
from ael.language.checks.templates import check_templates
from ael.language.checks.tools import check_tools
from ael.language.checks.types import check_types
from ael.language.checks.worst_case import check_worst_case
from ael.ports import CodeExecutor, ToolCatalog

__all__ = ["check_definition", "is_cycle"]

_NO_EXECUTORS: Mapping[str, CodeExecutor] = MappingProxyType({})


def check_definition(
    definition: WorkflowDefinition,
    flow: Flow,
    *,
    catalog: ToolCatalog | None = None,
    executors: Mapping[str, CodeExecutor] = _NO_EXECUTORS,
    workflows: Collection[str] | None = None,
) -> list[Diagnostic]:
    """What is wrong with a definition beyond its structure, in the order of the file.

    Args:
        definition: What ``parse`` returned, or made in Python.
        flow: What its steps read.
        catalog: The tools there are; ``None``: tools are not checked.
        executors: Executors of code steps by name; empty: code is checked as far as no executor is needed.
        workflows: The names of all workflows that steps can run; ``None``: names of workflows are not checked.
    """
    context = Context.of(definition, flow)
    check_graph(context)
    check_templates(context)
    check_types(context, catalog)
    check_braces(context)
    check_code(context, executors)
    check_order(context, catalog)
    fates = fates_of(context, catalog)
    check_reach(context, fates)
    check_nesting(context, fates, workflows)
    check_policy(context, catalog)
    check_worst_case(context, fates)
    check_secrets(context)
    if catalog is not None:
        check_tools(context, catalog)
    return sorted(context.report.diagnostics, key=lambda found: (found.line or 0, found.column or 0))
