"""A finished run's answer on disk: Markdown, a web page, and BibTeX where there are references."""

import re
import tempfile
from hashlib import sha256
from pathlib import Path

from threadloom.catalogue import Entry
from threadloom.errors import UsageError
from threadloom.page import page
from threadloom.settings import RunSettings
from threadloom.threads import Thread


def folder_for(entry: Entry, wanted: Path | None) -> Path | None:
    """Where answers are written: where a person wants them, reports where the settings say, else nowhere."""
    return wanted or (RunSettings().out if entry.report else None)


def check_folder(folder: Path) -> None:
    """Find out before the work whether reports can be written there. Raises UsageError when they cannot."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(
            f"reports cannot be written to {folder}: {error.strerror}; --out names another folder"
        ) from None


def write_report(folder: Path, thread: Thread) -> list[Path]:
    """Write the thread's answer into `folder/<thread id>/`, in place of an earlier one; returns the files.

    Raises OSError when it cannot.
    """
    home = folder / _name(thread.id)
    home.mkdir(parents=True, exist_ok=True)
    references = thread.values.get("bibtex", "")
    texts = {
        "report.md": thread.answer,
        "report.html": page(thread.answer, thread.question),
        "references.bib": references if isinstance(references, str) else "",
    }
    for name, text in texts.items():
        if text:
            (home / name).write_text(text, encoding="utf-8")
        else:
            (home / name).unlink(missing_ok=True)
    return [home / name for name, text in texts.items() if text]


def _name(thread_id: str) -> str:
    """The id where it can be a file name; else what can be kept of it, and a hash that keeps two ids apart."""
    kept = re.sub(r"[^\w-]", "_", thread_id)[:100]
    return kept if kept == thread_id else f"{kept}-{sha256(thread_id.encode()).hexdigest()[:8]}"
