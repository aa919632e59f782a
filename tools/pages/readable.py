"""The text of an HTML page as a person reads it: headings, lists, tables, links; no scripts, no menus, nothing hidden.

Nothing is loaded and nothing runs. Text that a reader would not see is left out: it is where orders to a model hide.
"""

import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from lxml import etree, html

from threadloom.tools.text import prose, text

LONGEST_LINK = 500
_LEAST_MAIN = 200
"""Characters that what a page marks as its main part must have to be taken for the whole."""
_UNREAD = re.compile(
    "script|style|template|noscript|svg|canvas|iframe|object|embed|audio|video|map|head|button|select|textarea|input"
    "|nav|dialog"
)
_BLOCK = re.compile(
    "address|article|aside|blockquote|body|br|dd|details|div|dl|dt|fieldset|figcaption|figure|footer|form|h[1-6]|header"
    "|hr|li|main|ol|p|pre|section|summary|table|tbody|tfoot|thead|tr|ul"
)
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|(?:opacity|font-size)\s*:\s*0(?:\.0*)?(?![.\d])", re.I
)


@dataclass(frozen=True)
class Readable:
    """What is to be read of a page."""

    title: str
    text: str
    """Blocks separated by line breaks; a link is followed by its address in angle brackets."""


def readable(markup: str, url: str) -> Readable:
    """Title and text of an HTML page at `url`, which relative links start from; both may be empty."""
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True)
    try:
        document = html.document_fromstring(markup.replace("\0", "").encode(), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError):  # nothing in it but white space or comments
        return Readable("", "")
    base = document.find(".//base[@href]")
    start = url if base is None else _joined(url, base.get("href", "")) or url
    return Readable(text(document.findtext(".//title"))[:300], _body(document, start))


def _body(document: html.HtmlElement, url: str) -> str:
    for path in ("//main", "//*[@role='main']", "//article"):
        found = document.xpath(path)
        if len(found) == 1 and len(written := _Writer(url).write(found[0])) >= _LEAST_MAIN:
            return written
    return _Writer(url).write(document)


class _Writer:
    """Walks through elements and writes lines."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lines: list[str] = []
        self._line: list[str] = []
        self._verbatim = 0
        self._links: list[tuple[str, int]] = []
        self._said = 0

    def write(self, root: html.HtmlElement) -> str:
        """The text of `root`. Walks without recursion: pages may be nested deeper than Python's stack."""
        walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            if event == "start" and _unread(element):
                walk.skip_subtree()
            elif event == "start":
                self._open(element)
            else:
                self._close(element, root)
        self._break()
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self._lines)).strip()

    def _open(self, element: etree._Element) -> None:
        tag = element.tag
        if _BLOCK.fullmatch(tag):
            self._break()
        self._verbatim += tag == "pre"
        if re.fullmatch("h[1-6]", tag):
            self._lines.append("")
            self._line.append("#" * int(tag[1]) + " ")
        elif tag == "p":
            self._lines.append("")
        elif tag == "li":
            self._line.append("- ")
        elif tag in {"td", "th"} and self._line:
            self._line.append(" | ")
        elif tag == "a":
            self._links.append((_joined(self._url, element.get("href", "")), self._said))
        self._add(element.text)

    def _close(self, element: etree._Element, root: html.HtmlElement) -> None:
        if not _unread(element):
            if element.tag == "a":
                self._end_link()
            if _BLOCK.fullmatch(element.tag):
                self._break()
            self._verbatim -= element.tag == "pre"
        if element is not root:
            self._add(element.tail)

    def _end_link(self) -> None:
        address, before = self._links.pop()
        if self._said > before and address and address.partition("#")[0] != self._url.partition("#")[0]:
            self._line.append(f" <{address}>")

    def _add(self, words: str | None) -> None:
        self._said += bool(words and words.strip())
        if words and self._verbatim:
            first, *rest = words.split("\n")
            self._line.append(first)
            for line in rest:
                self._break()
                self._line.append(line)
        elif words and (words.strip() or self._line):
            self._line.append(re.sub(r"\s+", " ", words))

    def _break(self) -> None:
        line = prose("".join(self._line))
        line = line.rstrip() if self._verbatim else re.sub(" {2,}", " ", line).strip()
        self._line.clear()
        if line.strip("-# ") or (self._verbatim and self._lines):
            self._lines.append(line)


def _unread(element: etree._Element) -> bool:
    if _UNREAD.fullmatch(element.tag) or "hidden" in element.attrib or element.get("aria-hidden") == "true":
        return True
    return bool(_HIDDEN.search(element.get("style", "")))


def _joined(url: str, link: str) -> str:
    """The whole address of a link, '' if it is not one of the web or too long to show."""
    try:
        whole = urljoin(url, text(link))
        usable = urlsplit(whole).scheme in {"http", "https"} and len(whole) <= LONGEST_LINK
    except ValueError:  # half a pair of brackets, say
        return ""
    return re.sub(r"[\s<>]", lambda match: f"%{ord(match[0]):02X}", whole) if link and usable else ""
