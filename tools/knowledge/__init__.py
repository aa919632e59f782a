"""A knowledge base: Markdown files, found by full-text search."""
