"""One graph per file: `build()` returns the StateGraph, `graph` is what Studio loads."""
