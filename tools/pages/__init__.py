"""Reading a page of the web: which addresses may be reached, how, and what its text is."""
