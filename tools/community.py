"""Tools of langchain-community, with our limits; the only place that imports that package, and only when asked.

The package is final: nobody mends it, and its tools were written with less caution than ours. One of them executes any
SQL, another reads any address. So each counts as acting (see `acting`) unless it is vouched for, has a deadline, and
fails in a line of text.
"""

import re
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import copy_context
from importlib import import_module
from typing import Any

from langchain_core.tools import BaseTool, ToolException

from threadloom.models.redaction import redact
from threadloom.tools.acting import acting
from threadloom.tools.answer import capped
from threadloom.tools.database.reader import Database
from threadloom.tools.foreign import ForeignTool
from threadloom.tools.text import clipped, prose, text


class CommunityError(Exception):
    """The tool cannot be had; the message is one line that says why."""


def community_tool(name: str, *, seconds: float = 30.0, reads: bool = False, **options: Any) -> BaseTool:
    """The tool of this class in `langchain_community.tools`, made with `options`, as `bounded` makes it.

    Raises CommunityError if there is none, or if it cannot be made so.
    """
    with _quiet():
        try:
            made = getattr(import_module("langchain_community.tools"), name)(**options)
        except ModuleNotFoundError as error:
            raise CommunityError(f"needs another package: pip install 'threadloom[community]' ({error})") from error
        except AttributeError as error:
            raise CommunityError(f"langchain-community has no tool {name!r}") from error
        except (ImportError, TypeError, ValueError) as error:
            raise CommunityError(f"{name} cannot be made: {clipped(text(str(error)), 300)}") from error
    if not isinstance(made, BaseTool):
        raise CommunityError(f"{name} of langchain-community is no tool")
    return bounded(made, seconds=seconds, reads=reads)


def bounded(tool: BaseTool, *, seconds: float = 30.0, reads: bool = False) -> BaseTool:
    """Any tool with a deadline, its errors as short text and its answers cut; acting unless it only `reads`.

    A call that is late is left behind, not undone: it ends when it ends.
    """

    def call(arguments: Mapping[str, Any]) -> str:
        try:
            return prose(str(_within(seconds, lambda: tool.invoke(dict(arguments)))))
        except TimeoutError as error:
            raise ToolException(f"{tool.name} gave no answer within {seconds:.3g} s") from error
        except Exception as error:  # its authors foresaw no caller that has to go on
            reason = clipped(redact(text(str(error))), 300) or type(error).__name__
            raise ToolException(f"{tool.name} failed: {reason}") from error

    name = re.sub(r"[^a-zA-Z0-9_-]", "_", tool.name)[:64]
    made = ForeignTool(call, name=name, description=tool.description, args_schema=tool.get_input_schema())
    return made if reads else acting(made)


def schema_text(database: Database, tables: Sequence[str] = ()) -> str:
    """Tables as CREATE statements with three rows each, by langchain-community's SQLDatabase, as some prompts expect.

    Raises CommunityError if the package or a table is missing.
    """
    with _quiet():
        try:
            utilities = import_module("langchain_community.utilities")
            described = utilities.SQLDatabase(database.dialect.engine, include_tables=list(tables) or None)
            return capped(prose(described.get_table_info()))
        except ModuleNotFoundError as error:
            raise CommunityError("needs another package: pip install 'threadloom[community]'") from error
        except ValueError as error:
            raise CommunityError(clipped(text(str(error)), 300)) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings that the package gives at every import: that it is final is why it is kept in here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _within(seconds: float, call: Callable[[], Any]) -> Any:
    """What `call` returns or raises. Raises TimeoutError if that takes longer; a daemon thread is left with it."""
    outcome: Future[Any] = Future()

    def work() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
            outcome.set_exception(error)

    threading.Thread(target=copy_context().run, args=(work,), daemon=True).start()
    return outcome.result(seconds)
