"""Academic sources, one client per file, and the query and errors they share."""
