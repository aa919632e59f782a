"""MCP servers as sources of tools. Needs the extra `mcp`."""
