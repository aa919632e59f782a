"""A local server that speaks the protocols of the databases of papers over real HTTP, one small collection behind all.

Each service lives under its own path (`/crossref/works`, `/arxiv/query`, …) and refuses, in its own way, parameters
that the real one does not know or values it does not allow.
"""

import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl, urlsplit
from xml.sax.saxutils import escape as xml


@dataclass(frozen=True)
class Work:
    """One paper, as every service describes it in its own format; text is plain."""

    number: int
    title: str
    abstract: str = ""
    year: int = 2020
    authors: tuple[tuple[str, str], ...] = (("Brewer", "Ann"),)
    """Family and given names."""
    venue: str = "Journal of Tea"

    @property
    def doi(self) -> str:
        return f"10.5555/tea.{self.number}"

    @property
    def arxiv_id(self) -> str:
        return f"2001.{self.number:05}"

    @property
    def pmid(self) -> str:
        return str(30_000_000 + self.number)


class Raw(NamedTuple):
    """Exactly this answer."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    content_type: str = "application/json"


class Hang(NamedTuple):
    """`sent` bytes of an answer and then nothing more, until the server stops; none at all by default."""

    sent: bytes | None = None


class Drip:
    """A byte now and then, for ever."""


class Abort:
    """The connection is closed in the middle of the answer."""


Fault = Raw | Hang | Drip | Abort


class Request(NamedTuple):
    """One request as it arrived."""

    path: str
    params: dict[str, str]
    headers: Mapping[str, str]


@dataclass
class PapersServer:
    """`with PapersServer() as server:` listens on `server.url`; change its fields to change what it answers."""

    works: Sequence[Work] = ()
    matches: Callable[[str], bool] = lambda _: True
    """Whether a query text finds the works, or nothing."""
    faults: list[Fault] = field(default_factory=list)
    """Used up one a request, before the service answers as usual."""
    fault_after: int = 0
    """How many requests are answered as usual before the faults begin."""
    alter: Callable[[bytes], bytes] = lambda body: body
    """Last change to a usual answer."""
    requests: list[Request] = field(default_factory=list)
    ignore_years: bool = False
    stopped: threading.Event = field(default_factory=threading.Event)
    """Ends what hangs."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reset(self) -> None:
        """As new: no works, no faults, nothing remembered."""
        self.stopped.set()  # lets go who still hangs
        vars(self).update(vars(PapersServer()))

    def __enter__(self) -> Self:
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._http.shutdown()
        self._http.server_close()

    def answer(self, request: Request) -> Fault:
        """The next fault if one is due, else what the service says."""
        with self.lock:
            self.requests.append(request)
            if self.faults and len(self.requests) > self.fault_after:
                return self.faults.pop(0)
        service = SERVICES.get(request.path)
        if service is None:
            return Raw(404, b"Not Found", content_type="text/plain")
        said = service(self, request.params)
        return said._replace(body=self.alter(said.body)) if said.status == 200 else said

    def found(self, text: str, first: int, last: int) -> list[Work]:
        """The works that match, published in the years given."""
        found = [work for work in self.works if self.ignore_years or first <= work.year <= last]
        return found if self.matches(text) else []


def _handler(server: PapersServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            params = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
            answer = server.answer(Request(parts.path, params, dict(self.headers.items())))
            if isinstance(answer, Raw):
                self.start(answer.status, len(answer.body), answer.content_type, answer.headers)
                self.wfile.write(answer.body)
                return
            self.close_connection = True
            if isinstance(answer, Hang):
                if answer.sent is not None:
                    self.start(200, 1_000_000)
                    self.wfile.write(answer.sent)
                server.stopped.wait()
                return
            self.start(200, 1_000_000)
            while isinstance(answer, Drip) and not server.stopped.wait(0.02):
                try:
                    self.wfile.write(b" ")
                except OSError:
                    return

        def start(self, status: int, length: int, kind: str = "text/plain", headers: Mapping[str, str] = {}) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(length), **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            pass

    return Handler


def _json(body: object, status: int = 200) -> Raw:
    return Raw(status, json.dumps(body).encode())


def _unknown(names: Iterable[str], known: str) -> list[str]:
    return sorted(set(names) - set(known.split()))


def _range(text: str, pattern: str) -> tuple[int, int]:
    """First and last year by `pattern`, whose two groups may be missing or empty."""
    match = re.search(pattern, text)
    return (int(match[1] or 0), int(match[2] or 9999)) if match else (0, 9999)


def europepmc(server: PapersServer, params: Mapping[str, str]) -> Raw:
    if _unknown(params, "query format resultType pageSize cursorMark sort synonym") or not params.get("query"):
        return _json({"version": "6.9", "errCode": 404, "errMsg": "Empty or malformed request"})
    if params["query"].count('"') % 2 or not 1 <= int(params["pageSize"]) <= 1000:
        return _json({"version": "6.9", "errCode": 500, "errMsg": "Invalid query"})
    years = _range(params["query"], r"PUB_YEAR:\[(\d+) TO (\d+)\]")
    works = server.found(params["query"], *years)
    start = 0 if params["cursorMark"] == "*" else int(params["cursorMark"].removeprefix("AoE"))
    page = works[start : start + int(params["pageSize"])]
    return _json(
        {
            "version": "6.9",
            "hitCount": len(works),
            "nextCursorMark": f"AoE{start + len(page)}" if page else params["cursorMark"],
            "request": {"queryString": params["query"], "resultType": "core"},
            "resultList": {"result": [_europepmc(work) for work in page]},
        }
    )


def _europepmc(work: Work) -> dict[str, Any]:
    authors = [
        {"fullName": f"{family} {given[:1]}", "firstName": given, "lastName": family, "initials": given[:1]}
        for family, given in work.authors
    ]
    return {
        "id": work.pmid,
        "source": "MED",
        "pmid": work.pmid,
        "doi": work.doi,
        "title": f"{escape(work.title)}.",
        "authorList": {"author": authors},
        "journalInfo": {"issue": "4", "volume": "12", "journal": {"title": work.venue, "medlineAbbreviation": "J Tea"}},
        "pubYear": str(work.year),
        "pageInfo": "1-9",
        "abstractText": f"<h4>Background</h4>{escape(work.abstract)}" if work.abstract else None,
        "keywordList": {"keyword": ["tea", "health"]},
        "pubTypeList": {"pubType": ["research-article", "Journal Article"]},
        "citedByCount": 7,
        "inEPMC": "N",
    }


CROSSREF_FIELDS = (
    "abstract URL member posted score created degree short-title license ISSN container-title issued issue prefix "
    "article-number author DOI is-referenced-by-count editor event published subtitle title link type publisher volume "
    "page references-count ISBN relation reference"
)


def crossref(server: PapersServer, params: Mapping[str, str]) -> Raw:
    complaints = [
        {"type": "parameter-not-allowed", "value": name, "message": f"This route does not support {name}"}
        for name in _unknown(params, "query.bibliographic rows offset cursor select filter mailto sort order")
    ] + [
        {
            "type": "select-not-available",
            "value": name,
            "message": f"Select {name} specified but there is no such select",
        }
        for name in _unknown(params["select"].split(","), CROSSREF_FIELDS)
    ]
    filters = dict(part.split(":", 1) for part in params["filter"].split(","))
    complaints += [
        {
            "type": "filter-not-available",
            "value": name,
            "message": f"Filter {name} specified but there is no such filter",
        }
        for name in _unknown(filters, "has-abstract from-pub-date until-pub-date type")
    ]
    if complaints:
        return _json({"status": "failed", "message-type": "validation-failure", "message": complaints}, 400)
    years = int(filters.get("from-pub-date", 0)), int(filters.get("until-pub-date", 9999))
    works = server.found(params["query.bibliographic"], *years)
    start, rows = int(params["offset"]), int(params["rows"])
    items = [_crossref(work) for work in works[start : start + rows]]
    message = {"total-results": len(works), "items-per-page": rows, "items": items, "facets": {}}
    return _json({"status": "ok", "message-type": "work-list", "message-version": "1.0.0", "message": message})


def _crossref(work: Work) -> dict[str, Any]:
    return {
        "DOI": work.doi.upper(),
        "URL": f"http://dx.doi.org/{work.doi}",
        "type": "journal-article",
        "title": [escape(work.title)],
        "author": [{"family": family, "given": given, "sequence": "additional"} for family, given in work.authors],
        "issued": {"date-parts": [[work.year, 4]]},
        "container-title": [escape(work.venue)],
        "publisher": "Tea Press",
        "volume": "12",
        "issue": "4",
        "page": "1-9",
        "abstract": f"<jats:title>Abstract</jats:title><jats:p>{escape(work.abstract)}</jats:p>",
        "is-referenced-by-count": 7,
    }


def arxiv(server: PapersServer, params: Mapping[str, str]) -> Raw:
    if _unknown(params, "search_query id_list start max_results sortBy sortOrder"):
        return Raw(200, _arxiv_error("unknown parameter"), content_type="application/atom+xml")
    if params["search_query"].count('"') % 2 or not params["start"].isdigit():
        return Raw(200, _arxiv_error("malformed query"), content_type="application/atom+xml")
    years = _range(params["search_query"], r"submittedDate:\[(\d{4})01010000 TO (\d{4})12312359\]")
    works = server.found(params["search_query"], *years)
    start = int(params["start"])
    page = works[start : start + int(params["max_results"])]
    return Raw(200, _feed("".join(map(_arxiv, page)), len(works), start), content_type="application/atom+xml")


def _feed(entries: str, total: int, start: int = 0) -> bytes:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">
  <title type="html">ArXiv Query</title>
  <opensearch:totalResults>{total}</opensearch:totalResults>
  <opensearch:startIndex>{start}</opensearch:startIndex>
  {entries}
</feed>""".encode()


def _arxiv_error(what: str) -> bytes:
    entry = f"<entry><id>http://arxiv.org/api/errors#{what}</id><title>Error</title><summary>{what}</summary></entry>"
    return _feed(entry, 1)


def _arxiv(work: Work) -> str:
    authors = "".join(
        f"<author><name>{xml(f'{given} {family}'.strip())}</name></author>" for family, given in work.authors
    )
    return f"""<entry xmlns:arxiv="http://arxiv.org/schemas/atom">
    <id>http://arxiv.org/abs/{work.arxiv_id}v2</id>
    <updated>{work.year + 1}-01-01T00:00:00Z</updated>
    <published>{work.year}-01-07T18:59:59Z</published>
    <title>{xml(work.title)}</title>
    <summary>
  {xml(work.abstract)}
</summary>
    {authors}
    <arxiv:primary_category term="cs.AI"/>
    <category term="cs.AI"/><category term="stat.ML"/>
    <arxiv:journal_ref>{xml(work.venue)}</arxiv:journal_ref>
    <arxiv:doi>{work.doi}</arxiv:doi>
  </entry>"""


OPENALEX_FIELDS = (
    "id doi ids title display_name publication_year type authorships primary_location locations biblio keywords "
    "abstract_inverted_index cited_by_count"
)


def openalex(server: PapersServer, params: Mapping[str, str]) -> Raw:
    if unknown := _unknown(params, "search filter select per_page page api_key mailto cursor sort"):
        return _json(
            {"error": "Invalid query parameters error.", "message": f"{unknown[0]} is not a valid parameter."}, 400
        )
    if params.get("api_key", "good") != "good":
        return _json({"error": "Invalid API key", "message": "Your API key is not valid."}, 403)
    filters = dict(part.split(":", 1) for part in params["filter"].split(","))
    wrong = _unknown(filters, "has_abstract is_retracted publication_year")
    wrong += _unknown(params["select"].split(","), OPENALEX_FIELDS)
    size, number = int(params["per_page"]), int(params["page"])
    if wrong or size > 100 or size * number > 10_000 or re.search(r"[?*~]", params["search"]):
        return _json({"error": "Invalid query parameters error.", "message": f"not valid: {wrong}"}, 400)
    years = _range(filters.get("publication_year", ""), r"^(\d*)-(\d*)$")
    works = server.found(params["search"], *years)
    page = works[(number - 1) * size : number * size]
    meta = {"count": len(works), "db_response_time_ms": 9, "page": number, "per_page": size, "groups_count": None}
    return _json({"meta": meta, "results": [_openalex(work) for work in page], "group_by": []})


def _openalex(work: Work) -> dict[str, Any]:
    index: dict[str, list[int]] = {}
    for place, word in enumerate(work.abstract.split()):
        index.setdefault(word, []).append(place)
    return {
        "id": f"https://openalex.org/W{work.number}",
        "doi": f"https://doi.org/{work.doi}",
        "ids": {
            "openalex": f"https://openalex.org/W{work.number}",
            "pmid": f"https://pubmed.ncbi.nlm.nih.gov/{work.pmid}",
        },
        "display_name": work.title,
        "publication_year": work.year,
        "type": "article",
        "authorships": [
            {"author_position": "middle", "author": {"display_name": f"{given} {family}".strip(), "orcid": None}}
            for family, given in work.authors
        ],
        "primary_location": {"source": {"display_name": work.venue, "type": "journal"}},
        "locations": [
            {"landing_page_url": f"https://doi.org/{work.doi}", "source": None},
            {"landing_page_url": f"http://arxiv.org/abs/{work.arxiv_id}", "source": {"display_name": "arXiv"}},
        ],
        "biblio": {"volume": "12", "issue": "4", "first_page": "1", "last_page": "9"},
        "abstract_inverted_index": index or None,
        "cited_by_count": 7,
        "keywords": [{"id": "https://openalex.org/keywords/tea", "display_name": "tea", "score": 0.5}],
    }


def semanticscholar(server: PapersServer, params: Mapping[str, str]) -> Raw:
    fields = "title abstract year venue journal authors externalIds publicationTypes citationCount fieldsOfStudy url"
    wrong = _unknown(params, "query fields limit offset year") + _unknown(params["fields"].split(","), fields)
    size, start = int(params["limit"]), int(params["offset"])
    if wrong or not 1 <= size <= 100 or size + start > 1000:
        return _json({"error": f"Unrecognized or unsupported fields: [{', '.join(wrong)}]"}, 400)
    works = server.found(params["query"], *_range(params.get("year", ""), r"^(\d*)-(\d*)$"))
    if not works:
        return _json({"total": 0, "offset": 0})
    page = works[start : start + size]
    more = {"next": start + size} if start + size < len(works) else {}
    return _json({"total": len(works), "offset": start, **more, "data": [_semanticscholar(work) for work in page]})


def _semanticscholar(work: Work) -> dict[str, Any]:
    return {
        "paperId": f"{work.number:040x}",
        "externalIds": {"DOI": work.doi, "ArXiv": work.arxiv_id, "PubMed": work.pmid, "CorpusId": work.number},
        "title": work.title,
        "abstract": work.abstract or None,
        "year": work.year,
        "venue": work.venue,
        "journal": {"name": work.venue, "volume": "12", "pages": "1-9"},
        "authors": [{"authorId": "1", "name": f"{given} {family}".strip()} for family, given in work.authors],
        "publicationTypes": ["JournalArticle"],
        "citationCount": 7,
        "fieldsOfStudy": ["Medicine"],
        "url": f"https://www.semanticscholar.org/paper/{work.number:040x}",
    }


def esearch(server: PapersServer, params: Mapping[str, str]) -> Raw:
    known = "db term retmode sort retstart retmax datetype mindate maxdate tool email api_key"
    if _unknown(params, known) or params["db"] != "pubmed" or ("mindate" in params) != ("maxdate" in params):
        return _json({"header": {"type": "esearch"}, "esearchresult": {"ERROR": "Invalid request"}})
    if params.get("api_key", "good") != "good":
        return _json({"error": "API key invalid", "api-key": params["api_key"]}, 400)
    works = server.found(params["term"], int(params.get("mindate", 0)), int(params.get("maxdate", 9999)))
    start = int(params["retstart"])
    page = works[start : start + int(params["retmax"])]
    result = {
        "count": str(len(works)),
        "retmax": str(len(page)),
        "retstart": str(start),
        "idlist": [work.pmid for work in page],
        "translationset": [],
        "querytranslation": params["term"],
    }
    return _json({"header": {"type": "esearch", "version": "0.3"}, "esearchresult": result})


def efetch(server: PapersServer, params: Mapping[str, str]) -> Raw:
    if _unknown(params, "db id retmode rettype tool email api_key") or params.get("retmode") != "xml":
        return Raw(400, b"<eFetchResult><ERROR>Invalid request</ERROR></eFetchResult>", content_type="text/xml")
    wanted = set(params["id"].split(","))
    # In the order of the collection, not of the ids: no order is promised.
    articles = "".join(_pubmed(work) for work in reversed(server.works) if work.pmid in wanted)
    body = f"""<?xml version="1.0" ?>
<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2025//EN" "https://dtd.nlm.nih.gov/x.dtd">
<PubmedArticleSet>{articles}</PubmedArticleSet>"""
    return Raw(200, body.encode(), content_type="text/xml")


def _pubmed(work: Work) -> str:
    authors = "".join(
        f"<Author><LastName>{xml(family)}</LastName><ForeName>{xml(given)}</ForeName></Author>"
        for family, given in work.authors
    )
    return f"""<PubmedArticle><MedlineCitation Status="MEDLINE"><PMID Version="1">{work.pmid}</PMID><Article>
<Journal><JournalIssue><Volume>12</Volume><Issue>4</Issue><PubDate><Year>{work.year}</Year></PubDate></JournalIssue>
<Title>{xml(work.venue)}</Title></Journal><ArticleTitle>{xml(work.title)}.</ArticleTitle>
<Pagination><MedlinePgn>1-9</MedlinePgn></Pagination>
<Abstract><AbstractText Label="BACKGROUND" NlmCategory="BACKGROUND">{xml(work.abstract)}</AbstractText></Abstract>
<AuthorList>{authors}</AuthorList>
<PublicationTypeList><PublicationType UI="D016428">Journal Article</PublicationType></PublicationTypeList></Article>
<KeywordList><Keyword>tea</Keyword></KeywordList></MedlineCitation>
<PubmedData><ArticleIdList><ArticleId IdType="pubmed">{work.pmid}</ArticleId>
<ArticleId IdType="doi">{work.doi}</ArticleId></ArticleIdList></PubmedData></PubmedArticle>"""


SERVICES: dict[str, Callable[[PapersServer, Mapping[str, str]], Raw]] = {
    "/europepmc/search": europepmc,
    "/crossref/works": crossref,
    "/arxiv/query": arxiv,
    "/openalex/works": openalex,
    "/semanticscholar/paper/search": semanticscholar,
    "/pubmed/esearch.fcgi": esearch,
    "/pubmed/efetch.fcgi": efetch,
}
