"""Which program a server's command means."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from ael.mcp_server import McpServer

__all__ = ["find_program"]


def find_program(server: McpServer) -> str | None:
    """The program that is started for a server with a command; ``None`` if there is none to be found.

    A command with a path is that file, from the server's ``cwd`` if it is relative. One without is looked for

    1. on the ``PATH`` of the server's own ``env``, if it has one, and then nowhere else;
    2. on the ``PATH`` of this process;
    3. beside the running interpreter: ``.venv/bin/ael run`` without an activated environment still finds the servers
       that were installed with it.
    """
    command = server.command
    assert command is not None
    if os.path.dirname(command):  # noqa: PTH120 - a Path forgets the dot of ./server
        return command if shutil.which(Path(server.cwd or "", command)) else None
    own = server.env.get("PATH")
    if own is not None:
        return shutil.which(command, path=own)
    return shutil.which(command) or _beside_interpreter(command)


def _beside_interpreter(command: str) -> str | None:
    # Not resolved: the interpreter of a virtual environment is a link to one outside.
    return shutil.which(command, path=str(Path(sys.executable).parent)) if sys.executable else None
