"""Reads files that hold papers: BibTeX, JSON (ours or CSL-JSON) and Markdown notes.

A reader yields (where, entry) for every entry it finds, or (where, problem) for one it cannot read, so that one bad
entry costs none of the others.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from threadloom.tools.library.bibtex import read_bibtex

Found = Iterator[tuple[str, "dict[str, Any] | ValueError"]]

CSL_NAMES = {
    "container-title": "venue",
    "type": "kind",
    "page": "pages",
    "DOI": "doi",
    "PMID": "pmid",
    "URL": "url",
    "keyword": "keywords",
    "abstract": "summary",
    "author": "authors",
}
FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*$\n?(.*)\Z", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#+[ \t]+(.+?)[ \t#]*$", re.MULTILINE)


def read_entries(path: Path) -> Found:
    """The entries of a file, by its suffix. Raises ValueError, one line, when the file as a whole cannot be read."""
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise ValueError(f"{path}: not one of {', '.join(READERS)}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from None
    try:
        return reader(text)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def read_json(text: str) -> Found:
    """A list of entries, or one entry."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from None
    return _json_entries(data if isinstance(data, list) else [data])


def _json_entries(items: list[object]) -> Found:
    for number, item in enumerate(items, 1):
        if isinstance(item, dict):
            yield f"entry {number}", _from_csl(item)
        else:
            yield f"entry {number}", ValueError("not an object with a title")


def _from_csl(item: Mapping[str, Any]) -> dict[str, Any]:
    """Rename the fields of CSL-JSON; our own format passes unchanged."""
    entry = {CSL_NAMES.get(key, key): value for key, value in item.items()}
    if isinstance(authors := entry.get("authors"), list):
        entry["authors"] = [_csl_name(name) if isinstance(name, dict) else name for name in authors]
    issued = entry.get("issued")
    if "year" not in entry and isinstance(issued, dict):
        parts = issued.get("date-parts") or [[str(issued.get("raw") or issued.get("literal") or "")[:4] or None]]
        entry["year"] = parts[0][0]
    return entry


def _csl_name(name: Mapping[str, Any]) -> dict[str, Any]:
    family = " ".join(filter(None, (name.get("non-dropping-particle"), name.get("family") or name.get("literal"))))
    return {"family": family, "given": name.get("given") or ""}


def read_markdown(text: str) -> Found:
    """One entry: front matter gives the fields and the body the text; a plain note is titled by its first heading."""
    match = FRONT_MATTER.match(text)
    fields, body = (match[1], match[2]) if match else ("", text)
    try:
        entry = yaml.safe_load(fields) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 2}" if mark else ""
        raise ValueError(f"front matter is not YAML{line}: {getattr(error, 'problem', None) or error}") from None
    if not isinstance(entry, dict):
        raise ValueError("front matter is not a list of fields")
    return iter([("note", _note(entry, body))])


def _note(entry: Mapping[str, Any], body: str) -> dict[str, Any]:
    heading = HEADING.search(body)
    if "title" not in entry and heading:
        entry = {**entry, "title": heading[1]}
    if heading and heading[1] == entry.get("title"):
        body = body[: heading.start()] + body[heading.end() :]
    written = _from_csl({str(key).lower(): value for key, value in entry.items()})
    return {**written, "summary": HEADING.sub(r"\1.", body)} if body.strip() else written


READERS: dict[str, Callable[[str], Found]] = {".bib": read_bibtex, ".json": read_json, ".md": read_markdown}
