"""ael: an asyncio-native workflow execution engine for agents.

The public API and nothing else. Names are resolved on first use, so that ``import ael`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ael.late import late_exports

if TYPE_CHECKING:
    from ael.assembly import check as check
    from ael.assembly import create_engine as create_engine
    from ael.assembly import run_sync as run_sync
    from ael.context import ExecutionContext as ExecutionContext
    from ael.definition import WorkflowDefinition as WorkflowDefinition
    from ael.diagnostics import Diagnostic as Diagnostic
    from ael.diagnostics import Severity as Severity
    from ael.engine import WorkflowEngine as WorkflowEngine
    from ael.errors import AELError as AELError
    from ael.errors import CodeError as CodeError
    from ael.errors import ConfigInvalidError as ConfigInvalidError
    from ael.errors import ErrorCategory as ErrorCategory
    from ael.errors import ErrorRegistry as ErrorRegistry
    from ael.errors import ErrorSpec as ErrorSpec
    from ael.errors import InputInvalidError as InputInvalidError
    from ael.errors import OutputInvalidError as OutputInvalidError
    from ael.errors import ParamInvalidError as ParamInvalidError
    from ael.errors import TemplateError as TemplateError
    from ael.errors import ToolError as ToolError
    from ael.errors import ToolLostError as ToolLostError
    from ael.errors import ToolTimeoutError as ToolTimeoutError
    from ael.errors import ToolUnavailableError as ToolUnavailableError
    from ael.errors import WorkflowInvalidError as WorkflowInvalidError
    from ael.errors import WorkflowNotFoundError as WorkflowNotFoundError
    from ael.execution import Execution as Execution
    from ael.loading import load_workflow as load_workflow
    from ael.loading import parse_workflow as parse_workflow
    from ael.settings import Settings as Settings
    from ael.tools.function import Tool as Tool
    from ael.tools.function import ToolContext as ToolContext
    from ael.tools.function import tool as tool
    from ael.types import Backoff as Backoff
    from ael.types import ExecutionResult as ExecutionResult
    from ael.types import ExecutionStatus as ExecutionStatus
    from ael.types import OnError as OnError
    from ael.types import RetryConfig as RetryConfig
    from ael.types import StepResult as StepResult
    from ael.types import StepStatus as StepStatus

__version__ = "0.1.0"

_HOMES = {
    "ael.assembly": "check create_engine run_sync",
    "ael.context": "ExecutionContext",
    "ael.definition": "WorkflowDefinition",
    "ael.diagnostics": "Diagnostic Severity",
    "ael.engine": "WorkflowEngine",
    "ael.errors": (
        "AELError CodeError ConfigInvalidError ErrorCategory ErrorRegistry ErrorSpec InputInvalidError "
        "OutputInvalidError ParamInvalidError TemplateError ToolError ToolLostError ToolTimeoutError "
        "ToolUnavailableError WorkflowInvalidError WorkflowNotFoundError"
    ),
    "ael.execution": "Execution",
    "ael.loading": "load_workflow parse_workflow",
    "ael.settings": "Settings",
    "ael.tools.function": "Tool ToolContext tool",
    "ael.types": "Backoff ExecutionResult ExecutionStatus OnError RetryConfig StepResult StepStatus",
}

__all__ = ["__version__", *sorted(" ".join(_HOMES.values()).split())]  # noqa: PLE0604 - every member is a string

__getattr__ = late_exports(globals(), _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
