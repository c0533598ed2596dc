"""The MCP servers from npm that tests talk to: found where they are, installed once where they are not.

``AEL_TEST_NODE_MODULES`` names a ``node_modules`` folder that has them; without it they are installed
under ``.cache/node`` of the checkout.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from tests.needs import missing

PACKAGES = (
    "@modelcontextprotocol/server-everything",
    "@modelcontextprotocol/server-filesystem",
    "@modelcontextprotocol/server-memory",
)
_CACHE = Path(__file__).resolve().parent.parent / ".cache" / "node"


def node_server(name: str) -> list[str]:
    """The command that starts a server: ``node_server("filesystem")``, to which arguments are added.

    Skips the test where there is no node or no way to the packages; fails it where nothing may be missing.
    """
    node = shutil.which("node") or missing("node is not installed")
    script = _modules() / ".bin" / f"mcp-server-{name}"
    if not script.exists():
        missing(f"{script} does not exist")
    return [node, str(script.resolve())]


@cache
def _modules() -> Path:
    given = os.environ.get("AEL_TEST_NODE_MODULES")
    modules = Path(given) if given else _CACHE / "node_modules"
    if not given and not all((modules / package).is_dir() for package in PACKAGES):
        _install()
    return modules


def _install() -> None:
    npm = shutil.which("npm") or missing("npm is not installed")
    _CACHE.mkdir(parents=True, exist_ok=True)
    command = [npm, "install", "--prefix", str(_CACHE), "--no-audit", "--no-fund", "--silent", *PACKAGES]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        missing(f"npm could not install the MCP servers: {(done.stderr or done.stdout).strip()[-300:]}")
