"""A report as one web page: nothing is fetched, nothing runs, and whatever its Markdown holds, no image is shown."""

import re
from collections.abc import Iterator, Sequence
from html import escape

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from threadloom.nodes.markdown import one_line

_TAGS = {"a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre"}
_TAGS |= {"s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"}
_ATTRIBUTES = {"a": {"href"}, "li": {"id"}, "ol": {"start"}, "td": {"style"}, "th": {"style"}}
_ALLOWED = {  # an attribute with any other value is removed
    "href": re.compile(r"https?://.*|#ref-\d+", re.DOTALL),
    "id": re.compile(r"ref-\d+"),
    "start": re.compile(r"\d+"),
    "style": re.compile(r"text-align:(?:left|right|center)"),
}
_CITATION = re.compile(r"\[\d+(?:, \d+)*\]")


def page(markdown: str, title: str) -> str:
    """A self-contained HTML document: citation marks such as `[3]` lead to entry 3 of the list under "References"."""
    html = nh3.clean(
        _renderer().render(markdown),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=_checked,
        url_schemes={"http", "https"},
        link_rel=None,  # the page sends no referrer and opens no windows
    )
    return _DOCUMENT.format(title=escape(one_line(title)), policy=_POLICY, style=_STYLE, body=html)


def _checked(_tag: str, attribute: str, value: str) -> str | None:
    """The value if it is one we write, else None. It must not raise: nh3 would swallow that and keep the attribute."""
    allowed = _ALLOWED.get(attribute)
    return value if allowed and allowed.fullmatch(value) else None


def _renderer() -> MarkdownIt:
    md = MarkdownIt("js-default").disable("image")
    md.core.ruler.before("text_join", "references", _link_references)
    return md


def _link_references(state: StateCore) -> None:
    """Give the entries of the reference list ids, and make links of the citation marks that name one of them.

    Runs before `text_join`: until then an escaped bracket is a token of its own, so that only marks which the report
    itself wrote are links, never a "[3]" inside a quotation or a title.
    """
    known = set(_number_entries(state.tokens))
    for token in state.tokens:
        if token.type == "inline" and token.children:
            token.children = [new for child in token.children for new in _linked(child, known)]


def _number_entries(tokens: Sequence[Token]) -> Iterator[str]:
    """Set the id of each entry of the list that follows the heading "References"; yields their numbers."""
    under_references = False
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            under_references = token.tag == "h2" and tokens[index + 1].content == "References"
        elif token.type == "list_item_open" and under_references and token.level == 1 and token.info:
            token.attrSet("id", f"ref-{token.info}")
            yield token.info


def _linked(token: Token, known: set[str]) -> Iterator[Token]:
    if token.type != "text":
        yield token
        return
    end = 0
    for mark in _CITATION.finditer(token.content):
        numbers = re.findall(r"\d+", mark[0])
        if known.issuperset(numbers):
            yield _text(token.content[end : mark.start()] + "[")
            for position, number in enumerate(numbers):
                yield from (_text(",\u00a0"),) if position else ()
                yield Token("link_open", "a", 1, attrs={"href": f"#ref-{number}"})
                yield _text(number)
                yield Token("link_close", "a", -1)
            end = mark.end() - 1
    yield _text(token.content[end:])


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


_STYLE = """
:root {
  color-scheme: light dark;
  --ink: #1c1d1f; --soft: #5d6167; --line: #dcdde0; --wash: #f5f5f2; --paper: #fdfdfb; --link: #0b5394;
  --serif: Charter, "Bitstream Charter", "Iowan Old Style", Georgia, "DejaVu Serif", serif;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root { --ink: #e3e2de; --soft: #a0a3a8; --line: #3a3d42; --wash: #24262a; --paper: #17181b; --link: #8ab8e6; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink); overflow-wrap: break-word;
  font: 1.0625rem/1.6 var(--serif);
}
main { max-width: 44rem; margin: 0 auto; padding: 3rem 1.25rem 5rem; }
h1, h2, h3, table { font-family: var(--sans); }
h1 { font-size: 1.9rem; line-height: 1.25; margin: 0 0 .6rem; letter-spacing: -.01em; text-wrap: balance; }
h1 + p { color: var(--soft); margin: 0 0 2.2rem; padding-bottom: 1.2rem; border-bottom: 1px solid var(--line); }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .7rem; }
h3 { font-size: 1rem; line-height: 1.4; margin: 1.7rem 0 .4rem; }
p { margin: 0 0 .9rem; }
ul, ol { margin: 0 0 1rem; padding-left: 1.5rem; }
li { margin: .35rem 0; }
li:target { background: var(--wash); outline: .4rem solid var(--wash); }
a { color: var(--link); text-decoration-thickness: 1px; text-underline-offset: .15em; }
a[href^="#"] { text-decoration: none; }
blockquote {
  margin: .5rem 0 1rem; padding: .55rem 1rem; border-left: 3px solid var(--line); background: var(--wash);
  font-size: .95rem;
}
blockquote p { margin: 0; }
table {
  display: block; max-width: 100%; overflow-x: auto; border-collapse: collapse; margin: 0 0 1.4rem;
  font-size: .875rem; line-height: 1.45; font-variant-numeric: tabular-nums;
}
th, td { padding: .4rem .9rem .4rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { color: var(--soft); font-weight: 600; }
code { font-size: .9em; background: var(--wash); padding: .1em .3em; border-radius: 3px; }
@media (max-width: 34rem) { body { font-size: 1rem; } main { padding: 1.5rem 1rem 3rem; } h1 { font-size: 1.5rem; } }
@media print {
  :root { --ink: #000; --soft: #444; --line: #bbb; --wash: transparent; --paper: #fff; --link: #000; }
  body { font-size: 10.5pt; }
  main { max-width: none; padding: 0; }
  h2, h3 { break-after: avoid; }
  li, blockquote, tr { break-inside: avoid; }
}
"""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_DOCUMENT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}</main>
</body>
</html>
"""
