"""LangGraph's own behaviour tests with `SQLSaver` in the place of its savers: `make langgraph-tests`.

The tests are LangGraph's and stay out of this repository: they are taken from the source distribution of the installed
version. Of theirs only the fixtures that give a checkpointer are replaced; every test that asks for one runs with
`InMemorySaver` and with ours on each database, and what fails with ours alone is a failure.
"""
