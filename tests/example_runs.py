"""Running an example as a user types it: through the real command line, in its folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"


def run_ael(*words: str, folder: Path, env: Mapping[str, str] | None = None, code: int = 0) -> dict[str, Any]:
    """``ael run … --json`` in a folder; its result. ``code`` is the exit code that it must have."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [sys.executable, "-m", "ael", "run", *words, "--json"],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == code, done.stderr + done.stdout
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def steps_of(result: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Id → top-level step, of a result or of a step of steps."""
    return {step["step_id"]: step for step in result["step_results" if "step_results" in result else "steps"]}


class JsonServer(BaseHTTPRequestHandler):
    """Answers with JSON and says nothing of it; what it was ``asked`` is the class's own."""

    @abstractmethod
    def respond(self) -> None:
        """Answer a GET."""

    def do_GET(self) -> None:
        self.respond()

    def answer(self, status: int, value: object) -> None:
        """Send a value."""
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def serving(kind: type[JsonServer], asked: object) -> Iterator[str]:
    """A server of a kind, on loopback, which notes in ``asked`` what it was asked; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type(kind.__name__, (kind,), {"asked": asked}))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
