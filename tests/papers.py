"""Papers made for tests."""

from threadloom.state.papers import Author, Paper


def paper(id_: str = "doi:10.1/a", **fields: object) -> Paper:
    """A complete paper; give what matters to the test."""
    made = Paper(
        id=id_,
        title="A Study of Tea",
        authors=[Author(family="Brewer", given="Ann")],
        year=2020,
        venue="Journal of Tea",
        kind="article-journal",
        volume="",
        issue="",
        pages="",
        abstract="Green tea was given to 120 adults. Green tea lowered blood pressure by 4 mmHg.",
        text_origin="abstract",
        keywords=[],
        doi=id_.removeprefix("doi:") if id_.startswith("doi:") else None,
        arxiv_id=None,
        pmid=None,
        url="",
        citations=None,
        found={"europepmc": 1},
    )
    made.update(fields)  # type: ignore[typeddict-item]  # the test's own fields
    return made
