"""Configuration: ``ael.toml``, and the files that name MCP servers for other programs.

What reads files is imported when the first is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ael.config.model import Config
from ael.late import late_exports
from ael.mcp_server import McpServer

if TYPE_CHECKING:
    from ael.config.mcp_files import McpFile, discover_mcp_files, load_mcp_servers
    from ael.config.project import load_config, parse_config

__all__ = [
    "Config",
    "McpFile",
    "McpServer",
    "discover_mcp_files",
    "load_config",
    "load_mcp_servers",
    "parse_config",
]

__getattr__ = late_exports(
    globals(),
    {
        "ael.config.mcp_files": "McpFile discover_mcp_files load_mcp_servers",
        "ael.config.project": "load_config parse_config",
    },
)
