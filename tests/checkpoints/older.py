"""Databases as older releases left them."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, Table, insert

from threadloom.checkpoints import SQLSaver, migrations
from threadloom.checkpoints.engine import Step
from threadloom.checkpoints.migrations import m0001_first_tables
from threadloom.checkpoints.session import Session

# A chat with a subgraph that asked and was answered, and one where it was not: as version 1 stored them, and what it
# read of them.
FIRST = json.loads((Path(__file__).parents[1] / "data" / "schema" / "1.json").read_text())


def do(saver: SQLSaver, work: Callable[[Session], Any]) -> Any:
    """Work with the database as it is."""
    return saver._database._do(Step("write", work))


def store_first(session: Session) -> None:
    """What version 1 stored, in its tables."""
    [first] = migrations.steps_after(0)[:1]
    names = _names(session)
    first.upgrade(migrations.operations(session.connection), names)
    for name, (columns, _) in m0001_first_tables.tables().items():
        table = Table(names.of(name), MetaData(), *columns, schema=names.schema)
        for row in FIRST["rows"][name]:
            session.execute(insert(table), {key: _revived(value) for key, value in row.items()})


def _names(session: Session) -> migrations.Names:
    return migrations.Names(session.connection, session.tables.schema.schema, session.tables.prefix)


def _revived(value: Any) -> Any:
    return base64.b64decode(value["base64"]) if isinstance(value, dict) and "base64" in value else value
