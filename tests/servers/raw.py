"""An MCP server of the 2025 era in plain Python, without the SDK, that can break every rule of the wire.

Each tool is a way to misbehave; see ``CALLS``.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any


def write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def reply(number: Any, **body: Any) -> None:
    write(json.dumps({"jsonrpc": "2.0", "id": number, **body}))


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": value}], **more}


def late_id(number: Any, args: dict[str, Any]) -> None:
    write(json.dumps({"result": text("x" * args["bytes"]), "jsonrpc": "2.0", "id": number}))


def hidden_id(number: Any, args: dict[str, Any]) -> None:
    filler = "x" * args["bytes"]
    write(json.dumps({"a": filler, "jsonrpc": "2.0", "id": number, "result": text(filler)}))


def big_notification(number: Any, args: dict[str, Any]) -> None:
    params = {"level": "info", "data": "x" * args["bytes"]}
    write(json.dumps({"jsonrpc": "2.0", "method": "notifications/message", "params": params}))
    reply(number, result=text("after"))


def deaf(number: Any, args: dict[str, Any]) -> None:
    reply(number, result=text("deaf from now on"))
    time.sleep(600)


def closes_its_stdout(number: Any, args: dict[str, Any]) -> None:
    print("tired", file=sys.stderr, flush=True)
    os.close(1)
    time.sleep(600)


def closes_its_stdin(number: Any, args: dict[str, Any]) -> None:
    os.close(0)
    reply(number, result=text("closed"))
    time.sleep(600)


def floods(number: Any, args: dict[str, Any]) -> None:
    """Write lines to a stream as fast as it takes them, from now on, beside what else it does."""
    stream = {"stdout": 1, "stderr": 2}[args["stream"]]

    def write() -> None:
        while True:
            os.write(stream, b"noise\n" * 500)

    threading.Thread(target=write, daemon=True).start()
    reply(number, result=text("flooding"))


def has_a_child_that_holds_its_stdout(number: Any, args: dict[str, Any]) -> None:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print("tired", file=sys.stderr, flush=True)
    os._exit(9)


CALLS: dict[str, Callable[[Any, dict[str, Any]], None]] = {
    "echo": lambda number, args: reply(number, result=text(args["text"])),
    "say": lambda number, args: write(args["line"]),
    "say_and_answer": lambda number, args: (write(args["line"]), reply(number, result=text("answer")))[-1],
    "late_id": late_id,
    "hidden_id": hidden_id,
    "big_notification": big_notification,
    "deaf": deaf,
    "closes_its_stdin": closes_its_stdin,
    "floods": floods,
    "closes_its_stdout": closes_its_stdout,
    "has_a_child_that_holds_its_stdout": has_a_child_that_holds_its_stdout,
    "no_result": lambda number, args: reply(number, result={"content": "what?"}),
    "bad_params": lambda number, args: reply(number, error={"code": -32602, "message": "no such city"}),
    "busy": lambda number, args: reply(number, error={"code": -32000, "message": "too busy"}),
    "close": lambda number, args: sys.exit(5),
}


def initialize(number: Any, params: dict[str, Any]) -> None:
    info = {"name": "raw", "version": "1"}
    reply(number, result={"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": info})


def list_tools(number: Any, params: dict[str, Any]) -> None:
    """On two pages, of which the second repeats a tool."""
    names = [*CALLS, "echo"]
    start = int(params.get("cursor") or 0)
    page = [{"name": name, "inputSchema": {"type": "object"}} for name in names[start : start + 6]]
    more = {"nextCursor": str(start + 6)} if start + 6 < len(names) else {}
    reply(number, result={"tools": page, **more})


def main() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        number, method, params = message.get("id"), message.get("method"), message.get("params") or {}
        if number is None:
            continue
        if method == "initialize":
            initialize(number, params)
        elif method == "tools/list":
            list_tools(number, params)
        elif method == "tools/call":
            CALLS[params["name"]](number, params.get("arguments") or {})
        else:
            reply(number, error={"code": -32601, "message": f"unknown method {method}"})


if __name__ == "__main__":
    main()
