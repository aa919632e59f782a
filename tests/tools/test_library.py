"""The library: what is bundled, what users add, and how it is searched."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from langchain_core.retrievers import BaseRetriever
from langchain_tests.integration_tests import RetrieversIntegrationTests

from threadloom.state.papers import Paper
from threadloom.tools.library.additions import Additions
from threadloom.tools.library.catalogue import AddReport, Library, bundled, user_folder
from threadloom.tools.library.retriever import LibraryRetriever
from threadloom.tools.library.source import LibrarySource
from threadloom.tools.papers.source import PaperQuery, PartialAnswerError

SLEEP: dict[str, Any] = {
    "title": "Sleep and memory in zebra finches",
    "authors": [{"family": "Ng", "given": "Ada"}],
    "year": 2021,
    "doi": "https://doi.org/10.5555/Sleep.1",
    "abstract": "Zebra finches rehearse their song while they sleep.",
}


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "home")


def write(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


class TestRetriever(RetrieversIntegrationTests):
    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return LibraryRetriever

    @property
    def retriever_query_example(self) -> str:
        return "employment, poverty, black holes and genomes"


def test_bundled_papers_are_whole() -> None:
    ids = [paper["id"] for paper in bundled()]
    assert len(set(ids)) == len(ids) > 0
    for paper in bundled():
        assert paper["authors"], paper["id"]
        assert paper["year"], paper["id"]
        assert len(paper["abstract"]) > 300, paper["id"]
        assert paper["text_origin"] == "library summary"


def test_added_papers_are_found_beside_the_bundled_ones(library: Library, tmp_path: Path) -> None:
    before = library.entries()
    assert library.add(write(tmp_path, "a.json", SLEEP)) == AddReport(added=[SLEEP["title"]])
    assert len(library.entries()) == len(before) + 1
    found = library.search(["zebra finch"], 3)[0]
    assert (found["id"], found["text_origin"]) == ("doi:10.5555/sleep.1", "abstract")


def test_adding_again_keeps_what_is_the_same_and_updates_what_changed(library: Library, tmp_path: Path) -> None:
    library.add(write(tmp_path, "a.json", SLEEP))
    assert library.add(tmp_path / "a.json") == AddReport(unchanged=[SLEEP["title"]])
    changed = {**SLEEP, "abstract": "A new text on budgerigars."}
    assert library.add(write(tmp_path, "b.json", changed)).updated == [SLEEP["title"]]
    assert [paper["title"] for paper in library.search(["budgerigar"], 3)] == [SLEEP["title"]]


def test_another_library_object_sees_what_was_added(tmp_path: Path) -> None:
    one, other = Library(tmp_path), Library(tmp_path)
    assert other.search(["zebra finch"], 1) == []
    one.add(write(tmp_path, "a.json", SLEEP))
    assert len(other.search(["zebra finch"], 1)) == 1


def test_an_added_paper_without_text_does_not_hide_the_bundled_summary(library: Library, tmp_path: Path) -> None:
    ours = bundled()[0]
    library.add(write(tmp_path, "a.json", {"title": ours["title"], "doi": ours["doi"], "arxiv_id": ours["arxiv_id"]}))
    assert [paper["abstract"] for paper in library.entries() if paper["id"] == ours["id"]] == [ours["abstract"]]


ADD = "import sys, pathlib, threadloom.tools.library.catalogue as c; home, *files = map(pathlib.Path, sys.argv[1:])"


def test_processes_that_add_at_once_lose_nothing(tmp_path: Path) -> None:
    def start(process: int) -> subprocess.Popen[bytes]:
        files = [write(tmp_path, f"{process}-{n}.json", [{"title": f"Paper {process} {n}"}]) for n in range(20)]
        code = f"{ADD}; [c.Library(home).add(file) for file in files]"
        return subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "home"), *map(str, files)])

    running = [start(process) for process in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert len(Library(tmp_path / "home").entries()) == len(bundled()) + 60


def test_adding_locks_the_file_before_it_reads(tmp_path: Path) -> None:
    """Two that read first and then write would each wait for the other, and one would be refused."""

    def papers() -> Iterator[Paper]:
        refused = pytest.raises(sqlite3.OperationalError, match="locked")
        with closing(sqlite3.connect(tmp_path / "a.db", timeout=0)) as other, refused:
            other.execute("DELETE FROM papers")
        yield bundled()[0]

    assert Additions(tmp_path / "a.db").put(papers()) == [(bundled()[0], None)]


def test_the_user_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("THREADLOOM_HOME", raising=False)
    assert user_folder() == tmp_path / "threadloom"
    monkeypatch.setenv("THREADLOOM_HOME", str(tmp_path / "mine"))
    assert user_folder() == tmp_path / "mine"


def test_a_broken_or_unwritable_store_is_one_line(tmp_path: Path) -> None:
    write(tmp_path, "library.db", "not a database, and long enough to be one " * 50)
    with pytest.raises(ValueError, match=r"library\.db: file is not a database"):
        Library(tmp_path).entries()
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="file"):
        Library(tmp_path / "file" / "below").add(write(tmp_path, "a.json", SLEEP))


def test_a_broken_store_leaves_the_bundled_papers(tmp_path: Path) -> None:
    write(tmp_path, "library.db", "not a database, and long enough to be one " * 50)
    query = PaperQuery("minimum wage", ("minimum wage",))
    source = LibrarySource(Library(tmp_path))
    with pytest.raises(PartialAnswerError, match=r"^only the bundled papers were searched: .*library\.db: ") as caught:
        source.search(query, 5)
    assert caught.value.papers == LibrarySource(Library(tmp_path / "none")).search(query, 5) != []
    report = source.reachable(5)
    assert (report["status"], report["hits"]) == ("ok", 1)
    assert "library.db" in report["reason"]


def test_the_source_ranks_limits_and_keeps_to_the_years(library: Library, tmp_path: Path) -> None:
    papers = [{"title": f"Finches {year}", "year": year} for year in (1990, 2000, 2010)]
    library.add(write(tmp_path, "a.json", [*papers, {"title": "Undated finches"}]))
    source = LibrarySource(library)

    def titles(**kwargs: int) -> list[str]:
        hits = source.search(PaperQuery("Do finches sleep?", ("finches",), **kwargs), 5)
        assert [hit["found"] for hit in hits] == [{"library": rank} for rank in range(1, len(hits) + 1)]
        return sorted(hit["title"] for hit in hits if "inches" in hit["title"])

    assert titles() == ["Finches 1990", "Finches 2000", "Finches 2010", "Undated finches"]
    assert titles(year_from=2000) == ["Finches 2000", "Finches 2010", "Undated finches"]
    assert titles(year_to=1995) == ["Finches 1990", "Undated finches"]
    assert len(source.search(PaperQuery("finches", limit=2), 5)) == 2
