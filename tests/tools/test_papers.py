"""Every source of papers, against a server that speaks its protocol: what they all must do."""

import json
import socket
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.servers.papers_server import Abort, Fault, Hang, PapersServer, Raw, Work
from tests.tools.conftest import SourceOf, works
from threadloom.tools.http import Deadline, HttpClient, HttpError
from threadloom.tools.papers.catalogue import KNOWN, REMOTE, configured
from threadloom.tools.papers.remote import RemoteSource
from threadloom.tools.papers.source import PaperQuery, PartialAnswerError, SourceError
from threadloom.tools.settings import SourceSettings
from threadloom.tools.text import text

NAMES = [source.name for source in REMOTE]
JSON_NAMES = [name for name in NAMES if name != "arxiv"]
TEA = PaperQuery("Does tea help?", ("tea",), limit=25)

every = pytest.mark.parametrize("name", NAMES)


@every
def test_record(name: str, server: PapersServer, source_of: SourceOf) -> None:
    work = Work(
        3, "Tea < coffee in CO2 & β-sitosterol", "We found p < 0.05 & more.", 2019, (("van der Berg", "Ana M."),)
    )
    server.works = [work]
    (paper,) = source_of(name).search(TEA, 5)
    assert paper["id"] == f"doi:{work.doi}"
    assert paper["title"] == work.title
    assert paper["abstract"].removeprefix("BACKGROUND: ").removeprefix("Background: ") == work.abstract
    assert paper["authors"] == [{"family": "van der Berg", "given": "Ana M."}]
    assert (paper["year"], paper["venue"], paper["text_origin"]) == (2019, "Journal of Tea", "abstract")
    assert paper["found"] == {name: 1}
    assert paper["url"] == f"https://doi.org/{work.doi}"
    assert paper["kind"] == ("article" if name == "arxiv" else "article-journal")
    assert paper["pmid"] == (None if name in {"crossref", "arxiv"} else work.pmid)
    assert paper["arxiv_id"] == (work.arxiv_id if name in {"arxiv", "openalex", "semanticscholar"} else None)
    assert paper["citations"] == (None if name in {"arxiv", "pubmed"} else 7)
    if name != "arxiv":
        assert (paper["volume"], paper["pages"]) == ("12", "1-9")


@every
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_text_survives(name: str, server: PapersServer, source_of: SourceOf, data: st.DataObject) -> None:
    """Whatever text a source sends comes out as the same text, clean, and can be stored as UTF-8."""
    readable = st.characters(exclude_characters="<>&,[].", exclude_categories=["C"])
    phrase = st.text(readable, min_size=1, max_size=30).map(lambda drawn: f"Tea {drawn} x").filter(str.isprintable)
    title, abstract = data.draw(phrase), data.draw(phrase)
    server.works = [Work(1, title, abstract, authors=(("Brewer", "Ann"), ("ATLAS Collaboration", "")))]
    (paper,) = source_of(name).search(TEA, 5)
    assert paper["title"] == text(title)
    assert paper["abstract"].endswith(text(abstract))
    assert paper["authors"][1] == {"family": "ATLAS Collaboration", "given": ""}
    json.dumps(paper, ensure_ascii=False).encode()


@every
def test_pages(name: str, server: PapersServer, source_of: SourceOf) -> None:
    """Paging gives every paper once, in the order of the source, and stops at the limit or the end."""
    server.works = works(230)
    papers = source_of(name).search(PaperQuery("tea", limit=500), 20)
    assert [paper["doi"] for paper in papers] == [work.doi for work in server.works]
    assert [paper["found"][name] for paper in papers] == list(range(1, 231))
    server.requests.clear()
    assert len(source_of(name).search(PaperQuery("tea", limit=120), 20)) == 120
    assert len(server.requests) == (4 if name == "pubmed" else 2)


@every
def test_small_limit_is_one_small_page(name: str, server: PapersServer, source_of: SourceOf) -> None:
    server.works = works(50)
    assert len(source_of(name).search(PaperQuery("tea", limit=7), 5)) == 7
    assert len(server.requests) == (2 if name == "pubmed" else 1)


@every
def test_nothing_found(name: str, source_of: SourceOf) -> None:
    assert source_of(name).search(TEA, 5) == []


@every
@pytest.mark.parametrize("query", ["", "  ?!? ", "¿…?"])
def test_nothing_asked(name: str, query: str, server: PapersServer, source_of: SourceOf) -> None:
    server.works = works(1)
    assert source_of(name).search(PaperQuery(query), 5) == []
    assert server.requests == []


@every
@pytest.mark.parametrize(
    "query", ['"', 'a" OR "b', "x) OR (y", "TITLE:*", "tea AND", "[2020 TO *]", "C++ ~2^3", "a:b", "\\", "naïve Bayes"]
)
def test_query_syntax_is_only_words(name: str, query: str, server: PapersServer, source_of: SourceOf) -> None:
    """No text breaks the query, nor does its punctuation mean anything to the engine."""
    source_of(name).search(PaperQuery(query, (query, "green tea")), 5)
    for request in server.requests:
        wording = request.params[WORDING[name]]
        assert wording.count("(") == wording.count(")")
        assert not set("\\*~^+?") & set(wording)


WORDING = {
    "europepmc": "query",
    "crossref": "query.bibliographic",
    "arxiv": "search_query",
    "openalex": "search",
    "semanticscholar": "query",
    "pubmed": "term",
}


@every
def test_looser_wording_when_the_strict_one_finds_little(name: str, server: PapersServer, source_of: SourceOf) -> None:
    terms = ("green tea", "blood pressure in adults", "catechin")
    server.works = works(3)
    server.matches = lambda wording: "catechin" not in wording
    source = source_of(name)
    assert bool(source.search(PaperQuery("tea", terms), 5)) == (name != "crossref")
    asked = list(dict.fromkeys(r.params[WORDING[name]] for r in server.requests if WORDING[name] in r.params))
    assert asked == source.wordings(PaperQuery("tea", terms))
    server.requests.clear()
    server.matches = lambda _: True
    assert len(source.search(PaperQuery("tea", terms, limit=6), 5)) == 3
    assert len({r.params[WORDING[name]] for r in server.requests if WORDING[name] in r.params}) == 1


@every
@pytest.mark.parametrize(
    ("years", "expected"), [((2016, 2018), [2016, 2017, 2018]), ((2018, None), [2018, 2019]), ((None, 2015), [2015])]
)
def test_years(
    name: str, years: tuple[int | None, int | None], expected: list[int], server: PapersServer, source_of: SourceOf
) -> None:
    """The service is asked for the years, so that the limit is not spent on others."""
    first, last = years
    others = [Work(100 + n, f"Older {n}", year=1999 if first else 2030) for n in range(50)]
    server.works = [*others, *(Work(n, f"Study {n}", year=n) for n in range(2015, 2020))]
    query = PaperQuery("tea", year_from=first, year_to=last, limit=20)
    assert [paper["year"] for paper in source_of(name).search(query, 5)] == expected
    assert len(server.requests) == (2 if name == "pubmed" else 1)


@every
def test_years_that_the_service_ignores(name: str, server: PapersServer, source_of: SourceOf) -> None:
    server.works = [Work(n, f"Study {n}", year=n) for n in range(2010, 2020)]
    server.ignore_years = True
    papers = source_of(name).search(PaperQuery("tea", year_from=2014, year_to=2015), 5)
    assert [paper["year"] for paper in papers] == [2014, 2015]


@every
def test_retracted_papers_are_left_out(name: str, server: PapersServer, source_of: SourceOf) -> None:
    server.works = [
        Work(1, "RETRACTED: Tea cures all"),
        Work(2, "[Retracted] Tea cures most"),
        Work(3, "Retracted tea bags"),
    ]
    assert [paper["title"] for paper in source_of(name).search(TEA, 5)] == ["Retracted tea bags"]


HTML = "<html><head><title>429 Too Many Requests</title></head><body><h1>Slow down</h1></body></html>"
PASSING: list[tuple[str, Fault]] = [
    ("429 now", Raw(429, b"Rate exceeded.", {"Retry-After": "0"}, "text/plain")),
    ("429", Raw(429, HTML.encode(), {}, "text/html")),
    ("500", Raw(500, b"{}")),
    ("503 then", Raw(503, b"", {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})),
    ("lost", Abort()),
]


@every
@pytest.mark.parametrize("fault", [pytest.param(fault, id=label) for label, fault in PASSING])
def test_passing_failure_is_overcome(name: str, fault: Fault, server: PapersServer, source_of: SourceOf) -> None:
    server.works = works(2)
    server.faults = [fault, fault]
    assert len(source_of(name).search(TEA, 5)) == 2


LASTING = [
    (Raw(429, b"Rate exceeded.", {"Retry-After": "120"}, "text/plain"), "rate limited (HTTP 429), asks to wait 120 s"),
    (Raw(429, HTML.encode(), {"Retry-After": "54000"}, "text/html"), "rate limited (HTTP 429), asks to wait 54000 s"),
    (Raw(403, b'{"error": "x", "message": "Plan limit reached"}'), "access refused or limit reached (HTTP 403): Plan"),
    (Raw(401, HTML.encode(), {}, "text/html"), "access refused (HTTP 401)"),
    (Raw(400, b'{"message": [{"message": "no such filter"}]}'), "request not accepted (HTTP 400): no such filter"),
]


@every
@pytest.mark.parametrize(("fault", "message"), LASTING)
def test_lasting_failure_is_told_at_once(
    name: str, fault: Fault, message: str, server: PapersServer, source_of: SourceOf
) -> None:
    server.faults = [fault] * 9
    with pytest.raises(SourceError) as caught:
        source_of(name).search(TEA, 5)
    assert str(caught.value).startswith(message)
    assert "<" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(server.requests) == 1


@every
@pytest.mark.parametrize("fault", [fault for _, fault in PASSING[1:3]])
def test_failure_that_does_not_pass(name: str, fault: Fault, server: PapersServer, source_of: SourceOf) -> None:
    server.faults = [fault] * 9
    with pytest.raises(SourceError, match=r"^(rate limited \(HTTP 429\)|server error \(HTTP 500\))$"):
        source_of(name).search(TEA, 5)
    assert len(server.requests) == 4


@every
def test_deadline(name: str, server: PapersServer, source_of: SourceOf) -> None:
    server.faults = [Hang()] * 9
    with pytest.raises(SourceError, match=r"^no answer within 0\.\d+ s$"):
        source_of(name).search(TEA, 0.1)


@every
def test_partial_answer(
    name: str, server: PapersServer, source_of: SourceOf, capfd: pytest.CaptureFixture[str]
) -> None:
    """What was found before a failure is kept, and the failure told."""
    server.works = works(230)
    server.fault_after, server.faults = (2 if name == "pubmed" else 1), [LASTING[0][0]]
    with pytest.raises(
        PartialAnswerError, match=r"^incomplete: rate limited \(HTTP 429\), asks to wait 120 s"
    ) as caught:
        source_of(name).search(PaperQuery("tea", limit=500), 20)
    assert [paper["doi"] for paper in caught.value.papers] == [work.doi for work in server.works[:100]]
    assert [paper["found"] for paper in caught.value.papers[:2]] == [{name: 1}, {name: 2}]
    assert capfd.readouterr().err == ""


def test_partial_answer_at_the_deadline(server: PapersServer, source_of: SourceOf) -> None:
    server.works = works(230)
    server.fault_after, server.faults = 1, [Hang()] * 9
    with pytest.raises(PartialAnswerError, match=r"^incomplete: no answer within") as caught:
        source_of("europepmc").search(PaperQuery("tea", limit=500), 1)
    assert len(caught.value.papers) == 100


def test_records_are_read_within_the_deadline(source_of: SourceOf) -> None:
    with pytest.raises(HttpError, match="no answer within 0 s"):
        list(source_of("europepmc")._readable([{}], Deadline(0)))


@every
@pytest.mark.parametrize("body", ["", "{", "<html><body>Down for maintenance", "null", "[]", "{}", '"x"', "7", "[[]]"])
def test_reply_of_another_shape(name: str, body: str, server: PapersServer, source_of: SourceOf) -> None:
    """Never a crash, always an error in one line."""
    server.faults = [Raw(200, body.encode())]
    with pytest.raises(SourceError, match=r"^(malformed|unexpected) reply"):
        source_of(name).search(TEA, 5)


@pytest.mark.parametrize("name", JSON_NAMES)
def test_deeply_nested_reply(name: str, server: PapersServer, source_of: SourceOf) -> None:
    server.faults = [Raw(200, b"[" * 200_000)]
    with pytest.raises(SourceError, match="malformed reply"):
        source_of(name).search(TEA, 5)


LISTS = {"europepmc": ["resultList", "result"], "crossref": ["message", "items"], "openalex": ["results"]}
LISTS["semanticscholar"] = ["data"]


def _records(name: str, body: Any) -> list[Any]:
    for key in LISTS[name]:
        body = body[key]
    return cast("list[Any]", body)


@pytest.mark.parametrize("name", LISTS)
def test_records_that_cannot_be_read(name: str, server: PapersServer, source_of: SourceOf) -> None:
    """They are skipped; only when there is no other is it a failure."""
    junk: list[Any] = [None, 7, "x", [], {}]

    def spoil(body: bytes) -> bytes:
        reply = json.loads(body)
        _records(name, reply).extend(junk)
        return json.dumps(reply).encode()

    server.works, server.alter = works(2), spoil
    assert len(source_of(name).search(TEA, 5)) == 2
    server.works = []
    junk[:] = [None, 7]
    if name == "semanticscholar":
        server.works = works(1)
        junk[:] = []
        server.alter = lambda body: body.replace(b'"paperId"', b'"id"')
    with pytest.raises(SourceError, match="unexpected reply: none of"):
        source_of(name).search(TEA, 5)


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("junk", [None, [], {}, "", 7, [None], ["x"], [[]], {"x": None}, [{"x": 1}], "\ud800\x00<b>"])
def test_fields_of_another_shape(name: str, junk: object, server: PapersServer, source_of: SourceOf) -> None:
    """Any field of a record may hold anything: what can be read is kept, and all of it is text that can be stored."""
    server.works = [Work(1, "Tea", "Tea helps.")]
    source = source_of(name)
    (clean,) = source.search(TEA, 5)
    raw = _first_raw(name, server)
    for key in raw:
        broken = list(source._readable([{**raw, key: junk}, raw], Deadline(5)))
        assert 1 <= len(broken) <= 2
        assert broken[-1]["id"] == clean["id"]
        json.dumps(broken, ensure_ascii=False).encode()


def _first_raw(name: str, server: PapersServer) -> dict[str, Any]:
    said = server.answer(server.requests[-1])
    assert isinstance(said, Raw)
    return cast("dict[str, Any]", _records(name, json.loads(said.body))[0])


@every
def test_who_asks(name: str, server: PapersServer, source_of: SourceOf) -> None:
    """The contact is in the User-Agent, and a parameter where the service wants it."""
    source_of(name, contact="librarian@example.org").search(TEA, 5)
    request = server.requests[0]
    assert request.headers["User-Agent"].startswith("Threadloom/")
    assert "mailto:librarian@example.org" in request.headers["User-Agent"]
    wanted = {"crossref": "mailto", "pubmed": "email"}.get(name)
    assert wanted is None or request.params[wanted] == "librarian@example.org"


@pytest.mark.parametrize("name", ["openalex", "pubmed", "semanticscholar"])
def test_keys(name: str, server: PapersServer, source_of: SourceOf) -> None:
    server.works = works(1)
    source_of(name, **{f"{name}_key": "good"}).search(TEA, 5)
    for request in server.requests:
        assert "good" in (request.params.get("api_key"), request.headers.get("x-api-key"))


@pytest.mark.parametrize("name", ["openalex", "pubmed"])
def test_wrong_key_is_not_told(name: str, source_of: SourceOf) -> None:
    with pytest.raises(SourceError, match=r"(?i)key") as caught:
        source_of(name, **{f"{name}_key": "hush-hush"}).search(TEA, 5)
    assert "hush" not in str(caught.value)


@every
def test_no_network(name: str, http: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused connection and a name that does not resolve fail at the first attempt."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    looked_up: list[str] = []
    resolve = socket.getaddrinfo

    def counted(host: str, *args: Any, **kwargs: Any) -> Any:
        looked_up.append(host)
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", counted)
    for url, message in {
        f"http://127.0.0.1:{port}": "no network: 127.0.0.1 refused the connection",
        "http://nowhere.invalid": "no network: the name nowhere.invalid could not be resolved",
    }.items():
        report = _elsewhere(name, url, http).reachable(5)
        assert (report["source"], report["status"], report["reason"]) == (name, "failed", message)
    assert looked_up == ["127.0.0.1", "nowhere.invalid"]


def test_resolver_that_hangs(server: PapersServer, http: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket timeout bounds the look-up of a name; the deadline does."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: server.stopped.wait())
    with pytest.raises(SourceError, match=r"^no network: no connection to nowhere\.invalid$"):
        _elsewhere("crossref", "http://nowhere.invalid", http).search(TEA, 0.1)


def _elsewhere(name: str, url: str, http: HttpClient) -> RemoteSource:
    kind = next(kind for kind in REMOTE if kind.name == name)
    return kind(SourceSettings(source_urls={kind.name: url}), http)


@every
def test_reachable(name: str, server: PapersServer, source_of: SourceOf) -> None:
    report = source_of(name).reachable(5)
    assert (report["status"], report["hits"], report["reason"]) == ("empty", 0, "")
    server.works = works(3)
    report = source_of(name).reachable(5)
    assert (report["status"], report["hits"], report["reason"]) == ("ok", 1, "")


def test_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    default = ["library", "europepmc", "crossref", "arxiv", "openalex"]
    assert [source.name for source in configured(SourceSettings())] == default
    everything = SourceSettings(semanticscholar=True, pubmed_key="k")  # type: ignore[arg-type]  # as from outside
    assert [source.name for source in configured(everything)] == list(KNOWN)
    monkeypatch.setenv("THREADLOOM_DISABLED", "library, arxiv")
    monkeypatch.setenv("THREADLOOM_SOURCE_URLS__CROSSREF", "http://mirror.example/")
    sources = configured(SourceSettings())
    assert [source.name for source in sources] == ["europepmc", "crossref", "openalex"]
    assert [source.base for source in sources if isinstance(source, RemoteSource)][1] == "http://mirror.example"
