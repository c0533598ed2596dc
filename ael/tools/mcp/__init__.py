"""MCP servers as sources of tools. Importing this imports nothing of ``mcp``, and little of ours before it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ael.late import late_exports
from ael.mcp_server import McpServer

if TYPE_CHECKING:
    from ael.tools.mcp.provider import McpProvider

__all__ = ["McpProvider", "McpServer"]

__getattr__ = late_exports(globals(), {"ael.tools.mcp.provider": "McpProvider"})
