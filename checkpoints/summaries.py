"""Threads as a listing shows them."""

from typing import Any

from sqlalchemy import and_, func, select, tuple_

from threadloom.checkpoints.session import Session


def load_threads(session: Session, limit: int, before: tuple[str, str] | None) -> list[Any]:
    """The latest root checkpoint of each thread, newest first, with `total`, its number of checkpoints.

    `before` is the (checkpoint id, thread id) after which the listing continues.
    """
    checkpoints, threads = session.tables.checkpoints, session.tables.threads.c
    root, every = checkpoints.c, checkpoints.alias()
    is_head = and_(root.thread_id == threads.thread_id, root.checkpoint_id == threads.head)
    total = select(func.count()).where(every.c.thread_id == root.thread_id).scalar_subquery()
    order = (root.checkpoint_id, root.thread_id)
    query = (
        select(*session.seals.columns(checkpoints), root.ts, root.step, root.source, total.label("total"))
        .join_from(checkpoints, session.tables.threads, is_head)
        .where(root.ns == "")
    )
    if before:
        query = query.where(tuple_(*order) < before)
    return [*session.opened(checkpoints, session.execute(query.order_by(*(c.desc() for c in order)).limit(limit)))]
