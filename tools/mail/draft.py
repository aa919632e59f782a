"""Drafts: letters as .eml files, which mail programs open ready to be sent by a person."""

import os
import re
from pathlib import Path
from tempfile import NamedTemporaryFile

from langchain_core.tools import BaseTool, ToolException

from threadloom.tools.answer import tool_of
from threadloom.tools.mail.letter import Letter, message, sender_address


def draft_tool(folder: Path, sender: str) -> BaseTool:
    """`draft_mail` writes drafts from `sender` into `folder`. Raises ValueError if the sender is no address."""
    origin = sender_address(sender)

    def draft(to: list[str], subject: str, body: str, cc: list[str] | None = None) -> tuple[str, dict[str, str]]:
        path = write_draft(Letter(to=to, cc=cc or [], subject=subject, body=body), folder, sender)
        told = f"Draft to {', '.join(to)} written to {path.name}; it has not been sent."
        return told, {"path": str(path)}

    return tool_of(
        draft,
        name="draft_mail",
        description=f"Write a mail from {origin.addr_spec} as a draft for a person to read and send. Nothing is sent.",
        arguments=Letter,
    )


def write_draft(letter: Letter, folder: Path, sender: str) -> Path:
    """Write the draft of a letter, whole or not at all; the same letter is the same file. Raises ToolException."""
    mail = message(letter, sender_address(sender))
    mail["X-Unsent"] = "1"  # for mail programs: open it to be edited
    slug = re.sub(r"[^a-z0-9]+", "-", letter.subject.lower()).strip("-")[:40] or "mail"
    path = folder / f"{slug}-{mail['Message-ID'][1:9]}.eml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=folder, prefix=".draft-", delete=False) as file:
            file.write(mail.as_bytes())
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(path)
    except OSError as error:
        raise ToolException(f"the draft could not be written: {error.strerror}") from error
    return path
