"""From a tool's answer to a step's output: the rule of the language, section 8, pure."""

from __future__ import annotations

import json
from collections.abc import Mapping

import msgspec

from ael.errors import ToolError
from ael.ports import ToolOutcome, ToolSpec
from ael.tools.mcp.session import CallResult
from ael.types import JsonValue
from ael.values import NotDataError, normalise

__all__ = ["outcome_of", "too_large"]

_LONGEST_ERROR = 4000


def outcome_of(result: CallResult, spec: ToolSpec, parse: str, limit: int) -> ToolOutcome:
    """The outcome of a call.

    Structured content wins, without the ``{"result": x}`` its server wrapped around a plain value; else the text,
    parsed as ``parse`` says; with blocks that are no text, ``{text, content}`` with every block as it came.
    An answer without any content is ``None``.

    Args:
        result: What the server answered.
        spec: The tool that was called.
        parse: ``auto``, ``text`` or ``json``.
        limit: Bytes the value may have as JSON.

    Raises:
        ToolError: The tool says it failed; or its result is too large, or no data.
    """
    if result.is_error:
        raise _said(result, spec.full_name)
    try:
        value = normalise(_value(result, spec, parse))
    except NotDataError as error:
        raise ToolError(f"{spec.full_name} returned a result whose {error}", retryable=False) from error
    if _size(value) > limit:
        raise too_large(spec.full_name, limit)
    others = any(block.get("type") != "text" for block in result.content)
    return ToolOutcome(value, content=list(result.content) if others else None, meta=result.meta)


def too_large(name: str, limit: int) -> ToolError:
    """A result the engine does not take."""
    return ToolError(
        f"the result of {name} is larger than {_mib(limit)}, the most that is taken from a server",
        retryable=False,
        details={"limit_bytes": limit},
        hint="ask the tool for less, or raise the setting max_result_bytes",
    )


def _value(result: CallResult, spec: ToolSpec, parse: str) -> JsonValue:
    if result.has_structured:
        return _unwrapped(result.structured, spec.output_schema)
    text = _text(result)
    if any(block.get("type") != "text" for block in result.content):
        return {"text": text, "content": list(result.content)}
    if not result.content:
        return None
    return _parsed(text, parse, spec.full_name)


def _unwrapped(value: JsonValue, schema: Mapping[str, JsonValue] | None) -> JsonValue:
    """Take ``{"result": x}`` off where the schema declares just that: servers wrap what is no object in it."""
    if not isinstance(value, dict) or set(value) != {"result"} or schema is None:
        return value
    properties = schema.get("properties")
    wraps = isinstance(properties, Mapping) and set(properties) == {"result"}
    return value["result"] if wraps else value


def _text(result: CallResult) -> str:
    return "\n".join(str(block.get("text", "")) for block in result.content if block.get("type") == "text")


def _parsed(text: str, parse: str, name: str) -> JsonValue:
    if parse == "text" or (parse == "auto" and not text.lstrip().startswith(("{", "["))):
        return text
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        if parse == "auto":
            return text
        message = f"{name} returned text that is no JSON, and the step says `parse: json`"
        raise ToolError(message, retryable=False, details={"text": text[:200]}) from error


def _refuse(constant: str) -> JsonValue:
    raise ValueError(f"{constant} is no JSON")


def _said(result: CallResult, name: str) -> ToolError:
    text = _text(result).strip()
    if len(text) > _LONGEST_ERROR:
        text = text[:_LONGEST_ERROR] + "…"
    details: dict[str, JsonValue] = {"tool": name}
    if result.has_structured and result.structured is not None:
        details["result"] = result.structured
    return ToolError(text or f"{name} says that it failed, and not why", details=details)


def _size(value: JsonValue) -> int:
    return len(value.encode("utf-8", "surrogatepass")) if isinstance(value, str) else len(msgspec.json.encode(value))


def _mib(limit: int) -> str:
    mib = limit / (1024 * 1024)
    return f"{mib:g} MiB" if mib >= 1 else f"{limit} bytes"
