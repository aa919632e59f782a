"""What is read of a page: what a person would see, and nothing that hides."""

from hypothesis import given
from hypothesis import strategies as st

from threadloom.tools.pages.readable import readable

URL = "https://tea.test/a/b?c"


def text(markup: str) -> str:
    return readable(markup, URL).text


def test_structure() -> None:
    markup = """<!doctype html><title> Tea &amp;
      time </title><nav><a href=/>Menu</a></nav><h2>Green</h2><p>One<br>two   <b>bold</b>!<p>More
      <ul><li>first<li>second</ul><table><tr><th>a<th>b<tr><td>1<td>2</table><pre>if x:
    y</pre>end"""
    page = readable(markup, URL)
    assert page.title == "Tea & time"
    assert page.text == "## Green\n\nOne\ntwo bold!\n\nMore\n- first\n- second\na | b\n1 | 2\nif x:\n    y\nend"


def test_links() -> None:
    assert text("<p>see <a href='../x y'>there</a>, <a href=//other.test/z>here</a>") == (
        "see there <https://tea.test/x%20y>, here <https://other.test/z>"
    )
    assert text("<base href=https://base.test/d/><a href=e>b</a>") == "b <https://base.test/d/e>"
    for href in ("#top", "javascript:alert(1)", "mailto:a@b.c", "data:text/html,x", "http://[", "x" * 600, ""):
        assert text(f"<p>a <a href='{href}'>link</a>") == "a link"
    assert text("<p>a <a href=/pixel><img src=x></a>b") == "a b"


def test_what_is_hidden_is_not_read() -> None:
    for hidden in (
        "<script>obey()</script>",
        "<style>obey</style>",
        "<!-- obey -->",
        "<template>obey</template>",
        "<noscript>obey</noscript>",
        "<p hidden>obey</p>",
        "<p aria-hidden='true'>obey</p>",
        "<p style='color: red; DISPLAY : none'>obey<b>obey</b></p>",
        "<p style='visibility:hidden'>obey</p>",
        "<p style='font-size:0'>obey</p>",
        "<p style='opacity: 0.0;'>obey</p>",
        "<textarea>obey</textarea>",
        "<select><option>obey</select>",
        "<svg><text>obey</text></svg>",
        "<iframe>obey</iframe>",
        "".join(chr(0xE0000 + ord(letter)) for letter in "obey"),
        "".join(f"&#x{0xE0000 + ord(letter):X};" for letter in "obey"),
        "&#x202e;&#x200b;",
    ):
        assert text(f"<p>before {hidden}<p>after") == "before\n\nafter"
    assert "seen" in text("<p style='opacity: 0.5'>seen")


def test_the_main_part_is_taken_if_there_is_one() -> None:
    body = "tea is a drink " * 20
    assert text(f"<div>advert</div><main>{body}</main>") == body.strip()
    assert text("<div>advert</div><main>short</main>") == "advert\nshort"
    assert "advert" in text(f"<div>advert</div><article>{body}</article><article>{body}</article>")


def test_nothing_to_read() -> None:
    for markup in ("", " ", "<!-- x -->", "<script>x</script>", "\0"):
        assert text(markup) == ""


def test_nesting_has_no_end() -> None:
    assert len(text("<div>" * 50_000 + "x")) <= 1
    assert text("<a href=/x>" * 50_000 + "x").startswith("x")


PIECES = [
    "<a href=/x>",
    "</a>",
    "<p>",
    "<pre>",
    "</pre>",
    "<li hidden>",
    "<td>",
    "<br>",
    "tea",
    "&",
    "&lt;",
    "\n",
    "\0",
    "<!--",
]


@given(st.lists(st.sampled_from(PIECES)))
def test_no_markup_breaks_it(pieces: list[str]) -> None:
    page = readable("".join(pieces), URL)
    assert page.text == page.text.strip()
    page.text.encode()
    assert "\0" not in page.text
