"""Tools: Python functions, ``http.request``, ``shell.run``, MCP servers, and the way from a name to one of them."""
