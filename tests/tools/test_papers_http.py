"""The HTTP client: deadlines, retries, turns, redirects and sizes, over real sockets."""

import gzip
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.servers.papers_server import Drip, Fault, Hang, PapersServer, Raw
from threadloom.tools import http as http_module
from threadloom.tools.http import Deadline, HttpClient, HttpError, Pace, retry_after

OK = Raw(200, b'{"fine": true}')


@pytest.mark.parametrize("fault", [Hang(), Hang(b'{"'), Drip()], ids=["silent", "stuck", "trickle"])
def test_deadline(fault: Fault, server: PapersServer, http: HttpClient) -> None:
    """It holds however the server is slow."""
    server.faults = [fault] * 9
    with pytest.raises(HttpError, match=r"^no answer within 0\.\d+ s$"):
        http.get(server.url, deadline=Deadline(0.2))


def test_request_that_hangs_leaves_time_for_another(
    server: PapersServer, http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_module, "FIRST_SHARE", 0.01)
    server.faults = [Hang(), OK]
    assert http.get(server.url, deadline=Deadline(20)).json() == {"fine": True}


def test_nothing_is_asked_after_the_deadline(server: PapersServer, http: HttpClient) -> None:
    with pytest.raises(HttpError, match="no answer within 0 s"):
        http.get(server.url, deadline=Deadline(0))
    assert server.requests == []


def test_retry_after_is_waited_for(server: PapersServer, http: HttpClient) -> None:
    """The server's word counts, not our backoff: with 0 s there is no pause, with more than there is, no attempt."""
    server.faults = [Raw(429, b"", {"Retry-After": "0.001"}), OK]
    assert http.get(server.url, deadline=Deadline(20)).json() == {"fine": True}
    server.faults = [Raw(503, b"", {"Retry-After": "21"}), OK]
    with pytest.raises(HttpError, match=r"^server error \(HTTP 503\), asks to wait 21 s$"):
        http.get(server.url, deadline=Deadline(20))


def test_retry_after() -> None:
    assert [retry_after(value) for value in ("", "soon", "-5", "1e9", "nan", "99999999999")] == [None] * 6
    assert [retry_after(value) for value in ("0", " 30 ", "1.5")] == [0, 30, 1.5]
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after("Wed, 21 Oct 2015 07:28:00") == 0
    in_an_hour = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    assert 3_500 < (retry_after(in_an_hour) or 0) <= 3_600


def test_turns_are_shared_by_threads(server: PapersServer, http: HttpClient) -> None:
    """Eight ask one host at once that may be asked once an hour: one is served, seven are told."""
    server.faults = [OK] * 8
    start = threading.Barrier(8)

    def ask(_: int) -> str:
        start.wait()
        try:
            return str(http.get(server.url, deadline=Deadline(0.3), pace=Pace(1, 3600)).status)
        except HttpError as error:
            return str(error)

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(ask, range(8)))
    assert answers == ["200"] + ["too many requests of our own: no turn within 0.3 s"] * 7
    assert len(server.requests) == 1


def test_huge_reply(server: PapersServer, http: HttpClient) -> None:
    bomb = gzip.compress(bytes(http_module.MAX_BYTES + 1))
    for huge in (Raw(200, bytes(http_module.MAX_BYTES + 1)), Raw(200, bomb, {"Content-Encoding": "gzip"})):
        server.faults = [huge]
        with pytest.raises(HttpError, match=r"^reply larger than 20 MB$"):
            http.get(server.url, deadline=Deadline(20))


def test_redirects(server: PapersServer, http: HttpClient) -> None:
    """Followed within reason; a key goes to no other server."""
    key = {"x-api-key": "hush"}
    for host, kept in (("127.0.0.1", "hush"), ("localhost", None)):
        server.requests.clear()
        target = server.url.replace("127.0.0.1", host)
        server.faults = [Raw(302, b"", {"Location": f"{target}/there"}), OK]
        assert http.get(server.url, headers=key, deadline=Deadline(20)).json() == {"fine": True}
        assert [request.path for request in server.requests] == ["/", "/there"]
        assert [request.headers.get("x-api-key") for request in server.requests] == ["hush", kept]
    for location in ("ftp://127.0.0.1/x", "file:///etc/passwd", f"{server.url}/round"):
        server.faults = [Raw(302, b"", {"Location": location})] * 7
        with pytest.raises(HttpError, match=r"^unusable reply"):
            http.get(server.url, deadline=Deadline(20))


def test_a_key_goes_to_no_other_port(server: PapersServer, http: HttpClient) -> None:
    with PapersServer() as other:
        server.faults, other.faults = [Raw(307, b"", {"Location": f"{other.url}/there"})], [OK]
        http.get(server.url, headers={"x-api-key": "hush"}, deadline=Deadline(20))
        assert [request.headers.get("x-api-key") for request in other.requests] == [None]


def test_no_redirect_into_our_own_network(server: PapersServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server stands in for a public host as the proxy by which that is reached."""
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("NO_PROXY", "")
    public = HttpClient()
    for location in (
        "http://127.0.0.1/x",
        "http://localhost/x",
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://8.8.4.4/",
    ):
        server.faults = [Raw(302, b"", {"Location": location}), OK]
        if location == "http://8.8.4.4/":
            assert public.get("http://8.8.8.8/", deadline=Deadline(20)).json() == {"fine": True}
        else:
            with pytest.raises(HttpError, match=r"^redirected to a private address$"):
                public.get("http://8.8.8.8/", deadline=Deadline(20))
    public.close()


def test_keys_that_a_service_repeats_are_masked(server: PapersServer, http: HttpClient) -> None:
    said = b'{"message": "hush-hush-1 and hush-hush-2 are no keys, see https://h.example/help?key=hush-hush-3"}'
    server.faults = [Raw(401, said)]
    with pytest.raises(HttpError) as caught:
        http.get(server.url, {"api_key": "hush-hush-1"}, {"x-api-key": "hush-hush-2"}, deadline=Deadline(20))
    told = "access refused (HTTP 401): *** and *** are no keys, see https://h.example/help"
    assert str(caught.value) == told


@pytest.mark.parametrize("url", ["", "nowhere", "ftp://127.0.0.1/", "http://", "http://[", "http://\x00/"])
def test_unusable_address(url: str, http: HttpClient) -> None:
    with pytest.raises(HttpError):
        http.get(url, deadline=Deadline(20))


def test_what_the_server_says_is_one_short_line(server: PapersServer, http: HttpClient) -> None:
    said = b"Quota \x1b[31m" + b"exceeded\r\n" * 90 + "für heute\x00".encode("latin-1")
    server.faults = [Raw(400, said, {}, "text/plain")]
    with pytest.raises(HttpError) as caught:
        http.get(server.url, deadline=Deadline(20))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


def test_keys_are_not_logged(server: PapersServer, http: HttpClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="httpx2")
    server.faults = [OK]
    http.get(server.url, {"q": "tea", "api_key": "hush"}, deadline=Deadline(20))
    assert "q=tea&api_key=***" in caplog.text
    assert "hush" not in caplog.text
