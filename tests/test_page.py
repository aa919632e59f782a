"""The page shows the report and does nothing else."""

import re
from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reports import drafted
from threadloom.nodes.cite import cite
from threadloom.nodes.render import render
from threadloom.page import page

HARMLESS = {"html", "head", "meta", "title", "style", "body", "main"} | set(
    "a blockquote br code del em h1 h2 h3 h4 h5 h6 hr li ol p pre s strong table tbody td th thead tr ul".split()  # noqa: SIM905  # reads better
)


class Elements(HTMLParser):
    """Tags and attributes as a browser would see them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def report() -> str:
    state = drafted()
    return page(render({**state, **cite(state)}), state["question"])


def assert_harmless(html: str) -> None:
    head, body = html.split("</head>")
    assert Elements(head).found[:5] == Elements(page("", "")).found[:5]
    for tag, attributes in Elements(head).found + Elements(body).found:
        assert tag in HARMLESS
        if tag not in {"meta", "html"}:
            for name, value in attributes.items():
                assert (tag, name) in {("a", "href"), ("li", "id"), ("ol", "start"), ("td", "style"), ("th", "style")}
                assert re.fullmatch(r"https?://\S+|#ref-\d+|ref-\d+|\d+|text-align:(left|right|center)", value or "")
    assert html.count("<style>") == html.count("</style>") == 1


def test_citations_lead_to_their_references() -> None:
    html = report()
    assert_harmless(html)
    assert '<li id="ref-2">Brewer, A. (2020). Title a.' in html
    assert 'Tea helps. [<a href="#ref-1">1</a>,&nbsp;<a href="#ref-2">2</a>]' in html
    assert '<h3>[<a href="#ref-1">1</a>] Title b</h3>' in html
    targets = set(re.findall(r'href="#(ref-\d+)"', html))
    assert targets == set(re.findall(r'id="(ref-\d+)"', html)) == {"ref-1", "ref-2", "ref-3"}
    assert '<a href="https://doi.org/10.1/a">https://doi.org/10.1/a</a>' in html


def test_only_marks_of_the_report_are_links() -> None:
    html = page(
        "Said [1] \\[1\\] [2] `[1]` [1, 2]\n\n## Other\n\n1. x\n\n## References\n\n1. A [1]\n   1. inner\n", "t"
    )
    assert html.count('href="#ref-1"') == 2
    assert html.count('id="ref-1"') == 1
    assert "#ref-2" not in html


def test_nothing_is_fetched() -> None:
    html = report()
    assert (
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'" in html
    )
    style = html.split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    assert not re.search(r"\s(src|srcset|background|poster|data)=", html)


def test_html_and_images_are_shown_as_text() -> None:
    html = page("<b>bold</b> ![alt](http://e.example/i.png)", "t")
    assert '<p>&lt;b&gt;bold&lt;/b&gt; !<a href="http://e.example/i.png">alt</a></p>' in html


def test_the_title_is_text() -> None:
    html = page("", "</title><script>alert(1)</script>\n& {x}")
    assert "<title>&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt; &amp; {x}</title>" in html


ATTACKS = st.sampled_from(
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](http://evil.example/p.png)",
        "![x](data:image/svg+xml,%3Csvg%20onload=alert(1)%3E)",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt&colon;alert(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        "[x](vbscript:x) [y](//evil.example) [z](file:///etc/passwd)",
        "<javascript:alert(1)>",
        "<style>*{background:url(http://evil.example)}</style>",
        '<p style="background:url(http://evil.example)">',
        "</main></body><iframe src=http://evil.example>",
        "[x]: javascript:alert(1)\n\n[x]",
        "| a |\n|:-:|\n| <svg onload=alert(1)> |",
        "```html\n<script>\n```",
        '[x](http://a.example "onmouseover=alert(1)")',
        "## References\n\n1. a [1]",
        "&lt;script&gt;",
    ]
)
MARKDOWN = st.lists(
    ATTACKS | st.text(alphabet=st.sampled_from("\\`*_[]<>#|!()-:/ \n\"'=1a&;.")) | st.text(), max_size=4
)


@settings(max_examples=150, deadline=None)
@given(pieces=MARKDOWN, glue=st.sampled_from(["", " ", "\n", "\n\n"]), title=ATTACKS | st.text())
def test_hostile_markdown_is_harmless(pieces: list[str], glue: str, title: str) -> None:
    assert_harmless(page(glue.join(pieces), title))
