"""Which keys a database was encrypted with, so that a saver without them is refused before it stores anything.

For each key there is a row with its id and a proof, which opens with that very key only: another key of the same id,
mistyped in one of many places, would otherwise write threads that nobody else can read.
"""

from sqlalchemy import delete, func, select

from threadloom.checkpoints.errors import MissingKeyError, NotEncryptedError
from threadloom.checkpoints.session import Session


def lacks_key(session: Session, *, convert: bool) -> bool:
    """Whether the current key has to be noted, since the database was not encrypted with it yet.

    Args:
        session: where.
        convert: plain text in the database is to be encrypted.

    Raises:
        MissingKeyError: the database is encrypted, and the saver has no keys.
        BrokenSealError: one of its keys is another one of the same id.
        NotEncryptedError: it has keys, and the database holds plain text.
    """
    keys, encryption = session.tables.keys, session.seals.encryption
    proofs = {row.key_id: row.proof for row in session.execute(select(keys))}
    if encryption is None:
        if proofs:
            raise MissingKeyError(", ".join(proofs))
        return False
    for key_id in proofs.keys() & set(encryption.key_ids):
        encryption.check(proofs[key_id])
    if not (proofs or convert) and _has_contents(session):
        raise NotEncryptedError
    return encryption.current not in proofs


def note_key(session: Session) -> None:
    """Note that the database is encrypted with the current key of this saver."""
    if encryption := session.seals.encryption:
        session.insert_new(session.tables.keys, [{"key_id": encryption.current, "proof": encryption.proof()}])


def drop_other_keys(session: Session) -> None:
    """Note that nothing is encrypted with another key than the current one."""
    keys = session.tables.keys
    if encryption := session.seals.encryption:
        session.execute(delete(keys).where(keys.c.key_id != encryption.current))


def _has_contents(session: Session) -> bool:
    tables = session.tables.contents + session.tables.affairs
    first = (session.execute(select(func.min(table.c.thread_id))).scalar() for table in tables)
    return any(thread_id is not None for thread_id in first)
