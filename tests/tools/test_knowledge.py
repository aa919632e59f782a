"""The knowledge base: folders of Markdown, cut at headings, searched."""

from pathlib import Path

import pytest

from threadloom.tools.knowledge.articles import MAX_BYTES, load_folder, sample


def test_a_page_is_cut_at_its_headings(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    page = "Before.\n\n# One\n\nFirst.\n\n## Two\n\nSecond.\n\n# Empty\n\n### Three ###\nThird."
    (tmp_path / "deep" / "page.md").write_text(page, encoding="utf-8")
    (tmp_path / "other.txt").write_text("# No page", encoding="utf-8")
    passages = load_folder(tmp_path).passages
    assert [(one["id"], one["title"], one["text"]) for one in passages] == [
        ("deep/page.md#1", "page", "Before."),
        ("deep/page.md#2", "One", "First."),
        ("deep/page.md#3", "One: Two", "Second."),
        ("deep/page.md#5", "Empty: Three", "Third."),
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "no Markdown file"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"x" * (MAX_BYTES + 1), "larger"),
        (b"# A", "no Mark"),
    ],
)
def test_a_folder_that_cannot_be_used_says_why(tmp_path: Path, content: bytes | None, why: str) -> None:
    if content is not None:
        (tmp_path / "a.md").write_bytes(content)
    with pytest.raises(ValueError, match=why):
        load_folder(tmp_path)


def test_a_folder_that_is_none_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no such folder"):
        load_folder(tmp_path / "none")


def test_a_link_out_of_the_folder_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("The key is 7.", encoding="utf-8")
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "a.md").write_text("Fine.", encoding="utf-8")
    (tmp_path / "pages" / "b.md").symlink_to(tmp_path / "secret.md")
    assert [one["text"] for one in load_folder(tmp_path / "pages").passages] == ["Fine."]


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("How do I get my money back?", "Refunds"),
        ("Which port does the firewall need?", "Installing the app: Proxy and firewall"),
        ("opening hours on Sundays", "Contact and opening hours"),
        ('"NOT * NEAR( password', "Log in and password"),
    ],
)
def test_the_sample_is_found(question: str, title: str) -> None:
    assert sample().search(question, 3)[0]["title"] == title


@pytest.mark.parametrize("asked", ["I want a refund NOW!!!", "Could you please help me with a refund?"])
def test_words_that_only_ask_make_no_page_less_fitting(asked: str) -> None:
    assert "Refunds" in [one["title"] for one in sample().search(asked, 3)]


@pytest.mark.parametrize("question", ["", "???", "What is the capital of France?", "hi"])
def test_what_no_page_is_about_is_not_found(question: str) -> None:
    assert sample().search(question, 3) == []
