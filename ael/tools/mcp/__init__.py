"""MCP servers as sources of tools. Importing this imports nothing of ``mcp`` itself."""

from __future__ import annotations

from ael.mcp_server import McpServer
from ael.tools.mcp.provider import McpProvider

__all__ = ["McpProvider", "McpServer"]
