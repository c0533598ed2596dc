"""Every example runs as its text says: through the real command line, against real servers."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import httpx
import pytest

from tests.example_runs import EXAMPLES, ROOT, JsonServer, run_ael, serving, steps_of
from tests.needs import missing
from tests.node_servers import node_server

RUN_HERE = {"hello", "repo-digest", "file-report", "fan-out", "embed_fastapi.py", "embed_agent.py"}
RUN_BY_TEST_COMPOSED_EXAMPLES = {
    *("polling", "paging", "fallback-tool", "branches", "race", "nested-loops", "saga", "sub-workflows", "limits"),
}


def module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_no_example_is_forgotten() -> None:
    found = {path.name for path in EXAMPLES.iterdir() if not path.name.startswith((".", "__", "README"))}
    assert found == RUN_HERE | RUN_BY_TEST_COMPOSED_EXAMPLES


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*/*.ael.yaml")), ids=lambda file: file.stem.split(".")[0])
def test_its_file_has_nothing_to_complain_about(file: Path) -> None:
    command = [sys.executable, "-m", "ael", "check", file.name, "--format", "json"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=file.parent, env=env, capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"error"' not in done.stdout
    assert '"warning"' not in done.stdout


def test_hello() -> None:
    result = run_ael("hello", "-i", "name=Ada", folder=EXAMPLES / "hello")
    lines = result["outputs"]["letter"].splitlines()
    assert lines == ["Hello, Ada", "Bonjour, Ada", "(nobody here speaks Klingon)", "Your number is 62"]
    assert result["outputs"]["attempts"] == 2
    assert steps_of(result)["klingon"]["skip_reason"] == "error: UNKNOWN_LANGUAGE"


def test_hello_in_one_language() -> None:
    result = run_ael("hello", "-i", "name=Ada", "-i", "languages=false", folder=EXAMPLES / "hello")
    assert "Bonjour" not in result["outputs"]["letter"]
    assert steps_of(result)["french"]["skip_reason"].startswith("condition")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Three commits by two people."""
    git = shutil.which("git") or missing("git is not installed")
    folder = tmp_path / "repository"
    folder.mkdir()

    def run(*words: str, author: str = "Ada") -> None:
        who = ("-c", f"user.name={author}", "-c", f"user.email={author.lower()}@example.org")
        subprocess.run([git, *who, *words], cwd=folder, check=True, capture_output=True, timeout=20)

    run("init", "--initial-branch=main")
    for number, author in enumerate(("Ada", "Bob", "Ada"), 1):
        (folder / "notes.txt").write_text("a line\n" * number)
        run("add", "notes.txt", author=author)
        run("commit", "-m", f"Write {number} lines", author=author)
    return folder


def test_repo_digest(repository: Path) -> None:
    if shutil.which("mcp-server-git", path=str(Path(sys.executable).parent)) is None:
        missing("mcp-server-git is not installed")
    folder = EXAMPLES / "repo-digest"
    result = run_ael("repo-digest.ael.yaml", "--mcp", "mcp.json", "-i", f"repo={repository}", folder=folder)
    assert result["outputs"]["digest"] == {
        "commits": 3,
        "latest": "Write 3 lines",
        "authors": {"Ada": 2, "Bob": 1},
        "last_commit": {"added": 1, "removed": 0},
        "branches": ["main"],
        "clean": True,
    }
    steps = steps_of(result)
    together = [steps[name] for name in ("log", "status", "branches", "last_commit")]
    latest_start = max(step["started_at"] for step in together)
    assert all(step["completed_at"] > latest_start for step in together), "the four calls did not run side by side"


def test_file_report(tmp_path: Path) -> None:
    commands = _commands(tmp_path / "bin")
    folder = (tmp_path / "papers").resolve()
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.md").write_text(f"# Paper {name}\n\nwords and words\n")
    words = ("file-report.ael.yaml", "--mcp", "mcp.json", "-i", f"folder={folder}")
    env = {"REPORT_FOLDER": str(folder), "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"}
    result = run_ael(*words, folder=EXAMPLES / "file-report", env=env)
    assert result["outputs"] == {
        "titles": ["Paper one", "Paper two"],
        "files": 2,
        "report": f"{folder}/report.md",
    }
    assert "2 files" in (folder / "report.md").read_text()
    again = run_ael(*words, folder=EXAMPLES / "file-report", env=env)
    assert "1 reports before" in steps_of(again)["report"]["output"]["text"]


def _commands(folder: Path) -> Path:
    """A folder for PATH with the servers under the names the example uses."""
    folder.mkdir()
    for name in ("filesystem", "memory"):
        command = folder / f"mcp-server-{name}"
        command.write_text('#!/bin/sh\nexec "{}" "{}" "$@"\n'.format(*node_server(name)))
        command.chmod(0o755)
    return folder


PAGES = {
    "/orders": {"tea": 3, "cup": 2},
    "/returns": {"cup": 1},
    "/prices?currency=EUR": {"tea": 4.5, "cup": 8},
}


class Shop(JsonServer):
    """Answers from ``PAGES``; the prices only when asked a second time."""

    asked: Counter[str]

    def respond(self) -> None:
        self.asked[self.path] += 1
        if self.path.startswith("/prices") and self.asked[self.path] == 1:
            self.send_response(503)
            self.send_header("Retry-After", "0")
            self.end_headers()
            return
        page = PAGES.get(self.path)
        self.answer(404 if page is None else 200, page)


@pytest.fixture
def shop() -> Iterator[tuple[str, Counter[str]]]:
    asked: Counter[str] = Counter()
    with serving(Shop, asked) as url:
        yield url, asked


def test_fan_out(shop: tuple[str, Counter[str]]) -> None:
    url, asked = shop
    result = run_ael("fan-out.ael.yaml", "-i", f"url={url}", folder=EXAMPLES / "fan-out")
    assert result["outputs"] == {"net": 21.5, "expected": 21.5, "forecast": "skipped"}
    assert asked == {"/orders": 1, "/returns": 1, "/prices?currency=EUR": 2, "/forecast": 1}


async def test_embed_fastapi() -> None:
    app = module(EXAMPLES / "embed_fastapi.py").app
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            listed = await client.get("/workflows")
            good, bad, unknown = await asyncio.gather(
                client.post("/workflows/hello", json={"name": "Ada"}),
                client.post("/workflows/hello", json={"nam": "Ada"}),
                client.post("/workflows/helo", json={}),
            )
    assert [one["name"] for one in listed.json()] == ["hello"]
    assert good.json()["outputs"]["letter"].startswith("Hello, Ada")
    assert (good.status_code, bad.status_code, unknown.status_code) == (200, 422, 404)


async def test_embed_agent(capsys: pytest.CaptureFixture[str]) -> None:
    lines = await module(EXAMPLES / "embed_agent.py").main()
    assert lines == [
        "durable execution: 4 findings, from 'durable execution in papers, number 1' on",
        "(no topic): 4 findings, from 'workflow engines in papers, number 1' on",
        "structured concurrency: completed, in the order papers, code, notes",
    ]
    assert "research(topic)" in capsys.readouterr().out
