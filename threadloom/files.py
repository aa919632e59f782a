"""A finished report on disk: Markdown, a web page, and BibTeX."""

import re
from pathlib import Path

from threadloom.page import page
from threadloom.threads import Thread


def write_report(folder: Path, thread: Thread) -> list[Path]:
    """Write the thread's report into `folder/<thread id>/`; returns the files. Raises OSError when it cannot."""
    home = folder / (re.sub(r"[^\w-]", "_", thread.id) or "_")
    home.mkdir(parents=True, exist_ok=True)
    texts = {
        "report.md": thread.values["markdown"],
        "report.html": page(thread.values["markdown"], thread.question),
        "references.bib": thread.values.get("bibtex", ""),
    }
    files = []
    for name, text in texts.items():
        if text:
            (home / name).write_text(text, encoding="utf-8")
            files.append(home / name)
    return files
