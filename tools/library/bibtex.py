"""Reads BibTeX into library entries."""

import logging
import re
from collections.abc import Iterator
from typing import Any

from bibtexparser.entrypoint import parse_string
from bibtexparser.library import Library
from bibtexparser.middlewares import (
    LatexDecodingMiddleware,
    NameParts,
    RemoveEnclosingMiddleware,
    ResolveStringReferencesMiddleware,
    SeparateCoAuthors,
    SplitNameParts,
)
from bibtexparser.model import Block, DuplicateBlockKeyBlock, Entry, ParsingFailedBlock

# It reports what it gives up on as log records too; we hand the same on as values.
logging.getLogger("bibtexparser").addHandler(logging.NullHandler())
KINDS = {
    "article": "article-journal",
    "inproceedings": "paper-conference",
    "conference": "paper-conference",
    "book": "book",
    "incollection": "chapter",
    "inbook": "chapter",
    "techreport": "report",
    "report": "report",
    "phdthesis": "thesis",
    "mastersthesis": "thesis",
    "thesis": "thesis",
}
VENUES = ("journal", "journaltitle", "booktitle", "publisher", "school", "institution")
BARE = re.compile(r"(?<!\\)[%&#]")
"""In LaTeX `%` starts a comment; in exported abstracts it is nearly always a forgotten backslash, not a comment."""


def read_bibtex(text: str) -> Iterator[tuple[str, dict[str, Any] | ValueError]]:
    """Entries in the order of the file, each with the line it begins in; see `readers`."""
    library = Library([_keyed(block) for block in parse_string(text, parse_stack=[]).blocks])
    for read in (ResolveStringReferencesMiddleware(), RemoveEnclosingMiddleware()):
        library = read.transform(library)
    for entry in library.entries:
        for field in entry.fields:
            field.value = BARE.sub(r"\\\g<0>", str(field.value))
            if field.key.lower() == "url":
                field.value = field.value.replace("~", r"\textasciitilde{}")
    for decode in (LatexDecodingMiddleware(keep_braced_groups=True), SeparateCoAuthors(), SplitNameParts()):
        library = decode.transform(library)
    return _blocks(library)


def _keyed(block: Block) -> Block:
    """Accept a second entry with the same key: common in files put together by hand, and no key is kept."""
    if isinstance(block, DuplicateBlockKeyBlock) and isinstance(entry := block.ignore_error_block, Entry):
        entry.key = f"{entry.key}:{(entry.start_line or 0) + 1}"
        return entry
    return block


def _blocks(library: Library) -> Iterator[tuple[str, dict[str, Any] | ValueError]]:
    for block in library.blocks:
        line = f"line {(block.start_line or 0) + 1}"
        if isinstance(block, Entry):
            yield f"{line}, {block.key}", _entry(block)
        elif isinstance(block, ParsingFailedBlock):
            reason = getattr(block.error, "abort_reason", None) or str(block.error)
            yield line, ValueError(" ".join(reason.split()) or "not a complete entry")


def _entry(block: Entry) -> dict[str, Any]:
    fields = {field.key.lower(): _unbraced(field.value) for field in block.fields}
    names: list[NameParts] = fields.get("author", [])
    is_arxiv = str(fields.get("archiveprefix", fields.get("eprinttype", ""))).lower() == "arxiv"
    return {
        **fields,
        "authors": [_author(name) for name in names if name.last != ["others"]],
        "authors_complete": all(name.last != ["others"] for name in names),
        "kind": KINDS.get(block.entry_type.lower(), ""),
        "venue": next((fields[key] for key in VENUES if fields.get(key)), ""),
        "year": fields.get("year") or str(fields.get("date", ""))[:4] or None,
        "issue": fields.get("number", fields.get("issue", "")),
        "pages": str(fields.get("pages", "")).replace("--", "–"),
        "arxiv_id": fields.get("eprint", "") if is_arxiv else fields.get("arxiv", ""),
    }


def _author(name: NameParts) -> dict[str, str]:
    return {"family": _unbraced(" ".join([*name.von, *name.last, *name.jr])), "given": _unbraced(" ".join(name.first))}


def _unbraced(value: Any) -> Any:
    """Without what means something in LaTeX only: braces around capitals and names, the last escapes."""
    return re.sub(r"[{}]|\\(?=[%&#_$])", "", value) if isinstance(value, str) else value
