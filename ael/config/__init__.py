"""Configuration: ``ael.toml``, and the files that name MCP servers for other programs."""

from __future__ import annotations

from ael.config.mcp_files import McpFile, discover_mcp_files, load_mcp_servers
from ael.config.project import Config, load_config, parse_config
from ael.mcp_server import McpServer

__all__ = [
    "Config",
    "McpFile",
    "McpServer",
    "discover_mcp_files",
    "load_config",
    "load_mcp_servers",
    "parse_config",
]
