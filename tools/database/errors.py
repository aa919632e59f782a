"""What can go wrong with reading a database."""

from langchain_core.tools import ToolException


class DatabaseReadError(ToolException):
    """The database gave no answer; the message is one line that says why and what to ask instead."""
