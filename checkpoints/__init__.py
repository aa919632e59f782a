"""SQL checkpoints for LangGraph."""
