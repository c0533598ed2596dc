"""A real MCP server over stdio or HTTP: python answering.py [PORT] with tools that do all a tool can do."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from mcp.server import Server
from mcp_types import (
    CallToolResult,
    ImageContent,
    InputRequiredResult,
    ListToolsResult,
    TextContent,
    Tool,
    ToolAnnotations,
)


def text(value: str, **more: Any) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=value)], **more)


async def pid(ctx: Any, args: dict[str, Any]) -> CallToolResult:
    return text("x", structured_content={"result": os.getpid()})


async def add(ctx: Any, args: dict[str, Any]) -> CallToolResult:
    total = args["a"] + args["b"]
    return text(str(total), structured_content={"result": total})


async def echo(ctx: Any, args: dict[str, Any]) -> CallToolResult:
    return text(args["text"])


async def object_(ctx: Any, args: dict[str, Any]) -> CallToolResult:
    return text("twin", structured_content={"result": 1, "more": [None, True]})


async def meta(ctx: Any, args: dict[str, Any]) -> CallToolResult:
    given = dict(ctx.meta or {})
    return text(str(given.get("ael/idempotency_key")))


async def image(ctx: Any, args: dict[str, Any]) -> CallToolResult:
    blocks = [TextContent(type="text", text="a dot"), ImageContent(type="image", data="AAAA", mime_type="image/png")]
    return CallToolResult(content=blocks)


async def refuse(ctx: Any, args: dict[str, Any]) -> CallToolResult:
    return text("the answer is no", is_error=True)


async def raise_(ctx: Any, args: dict[str, Any]) -> CallToolResult:
    raise RuntimeError("boom")


async def big(ctx: Any, args: dict[str, Any]) -> CallToolResult:
    return text("x" * args["bytes"])


async def slow(ctx: Any, args: dict[str, Any]) -> CallToolResult:
    """Says in a file when it began, was cancelled, or ended."""
    note = Path(args["note"])
    note.write_text("began")
    try:
        for tick in range(1, 1000):
            await asyncio.sleep(0.02)
            if tick <= 4:
                await ctx.session.report_progress(tick, 4, f"part {tick}")
    except BaseException:
        note.write_text("cancelled")
        raise
    return text("done")


async def wait(ctx: Any, args: dict[str, Any]) -> CallToolResult:
    await asyncio.sleep(args.get("seconds", 600))
    return text("waited")


async def ask(ctx: Any, args: dict[str, Any]) -> InputRequiredResult:
    return InputRequiredResult(request_state="half way")


async def die(ctx: Any, args: dict[str, Any]) -> CallToolResult:
    print("goodbye, cruel world", file=sys.stderr, flush=True)
    os._exit(3)


async def environment(ctx: Any, args: dict[str, Any]) -> CallToolResult:
    return text("x", structured_content={"names": sorted(os.environ), "cwd": str(Path.cwd())})


_NUMBER = {"type": "number"}
_WRAPPED = {"type": "object", "properties": {"result": _NUMBER}, "required": ["result"]}
TOOLS: dict[str, tuple[Any, dict[str, Any], dict[str, Any] | None, ToolAnnotations | None]] = {
    "pid": (pid, {}, _WRAPPED, ToolAnnotations(read_only_hint=True)),
    "add": (add, {"a": _NUMBER, "b": _NUMBER}, _WRAPPED, ToolAnnotations(idempotent_hint=True)),
    "echo": (echo, {"text": {"type": "string"}}, None, None),
    "object": (object_, {}, None, ToolAnnotations(destructive_hint=True)),
    "meta": (meta, {}, None, None),
    "image": (image, {}, None, None),
    "refuse": (refuse, {}, None, None),
    "raise": (raise_, {}, None, None),
    "big": (big, {"bytes": {"type": "integer"}}, None, None),
    "slow": (slow, {"note": {"type": "string"}}, None, None),
    "wait": (wait, {"seconds": _NUMBER}, None, None),
    "ask": (ask, {}, None, None),
    "die": (die, {}, None, None),
    "environment": (environment, {}, None, None),
}


async def list_tools(ctx: Any, params: Any) -> ListToolsResult:
    tools = []
    for name, (_, properties, output, hints) in TOOLS.items():
        schema = {"type": "object", "properties": properties, "additionalProperties": False}
        tools.append(Tool(name=name, description=name, input_schema=schema, output_schema=output, annotations=hints))
    return ListToolsResult(tools=tools)


async def call_tool(ctx: Any, params: Any) -> CallToolResult | InputRequiredResult:
    return await TOOLS[params.name][0](ctx, params.arguments or {})


server = Server("answering", on_list_tools=list_tools, on_call_tool=call_tool)


async def main() -> None:
    from mcp.server.stdio import stdio_server

    print("answering starts", file=sys.stderr, flush=True)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    if len(sys.argv) > 1:
        import uvicorn

        uvicorn.run(server.streamable_http_app(), port=int(sys.argv[1]), log_level="error")
    else:
        asyncio.run(main())
