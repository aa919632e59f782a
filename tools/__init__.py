"""Tools: one per file; each is also a LangChain tool."""
