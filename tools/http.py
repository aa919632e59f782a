"""Reading from the network: one client that keeps deadlines, paces and retries, and says in one line what went wrong.

Knows nothing of what is read; every tool that talks HTTP shares it.
"""

import json
import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from ipaddress import ip_address
from itertools import chain, repeat
from queue import Empty, SimpleQueue
from typing import Any

import httpx2
import tenacity
from pyrate_limiter import Limiter, Rate, SingleBucketFactory, StateBucket
from tenacity.stop import stop_base

from threadloom.models.redaction import LEAST, redact
from threadloom.tools.wire import Wires

CONNECT_SECONDS = 3.0
MAX_BYTES = 20_000_000
ATTEMPTS = 4
FIRST_SHARE = 0.6
"""Of the deadline, for the first attempt: a connection that hangs leaves time for another."""
PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
PRIVATE_HEADERS = ("authorization", "x-api-key")
PRIVATE_PARAMS = ("api_key",)
_SECRET = re.compile(r"(api_key=)[^&\s]+")


class HttpError(Exception):
    """There is no usable reply; the message is one line that says why and holds neither URL nor key."""


class _PassingError(HttpError):
    """A failure that another attempt may mend; `wait` is how many seconds the server asks for, if it does."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True)
class Pace:
    """How often a host may be asked: evenly spaced, no bursts."""

    requests: int
    seconds: float


class Deadline:
    """A point in time, `seconds` from now."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left; negative once it has passed."""
        return self._end - time.monotonic()

    def remaining(self) -> float:
        """Seconds left. Raises HttpError when there are none."""
        left = self.left()
        if left <= 0:
            raise self.error()
        return left

    def error(self) -> HttpError:
        """What to raise when it has passed."""
        return _PassingError(f"no answer within {self.seconds:.3g} s")


@dataclass(frozen=True)
class Reply:
    """A complete answer: its status, headers and decompressed body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    """Where it came from, after redirects."""

    def json(self) -> Any:
        """The body as JSON. Raises HttpError if it is not."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise HttpError("malformed reply: not JSON") from error


_News = Reply | Exception | None


class HttpClient:
    """Requests within a deadline; thread-safe, meant to live as long as the process.

    `contact` is a mail address for the User-Agent, `backoff` the longest first pause before another attempt, in
    seconds; it doubles from there. `transport` decides how hosts are reached, directly or by the proxies of the
    environment unless given; a reply may have `max_bytes`.
    """

    def __init__(
        self,
        contact: str = "",
        backoff: float = 0.5,
        transport: httpx2.BaseTransport | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._limiters: dict[tuple[str, Pace], Limiter] = {}
        self._lock = threading.Lock()
        self._backoff = tenacity.wait_random_exponential(multiplier=backoff, max=8)
        self._max_bytes = max_bytes
        self._client = httpx2.Client(
            transport=transport,
            headers={"User-Agent": _user_agent(contact)},
            follow_redirects=True,
            max_redirects=5,
            event_hooks={"request": [_guard_redirect]},
        )

    def get(
        self,
        url: str,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        deadline: Deadline,
        pace: Pace | None = None,
    ) -> Reply:
        """The reply of `url` in its turn by `pace`, with waiting for a turn, retries and redirects inside `deadline`.

        Retries what may pass (429, 5xx, a lost connection) and waits as long as `Retry-After` asks if there is time.
        Raises HttpError.
        """
        return self._repeat(lambda: self._request("GET", url, params=params, headers=headers), pace, deadline)

    def post(self, url: str, data: object, headers: Mapping[str, str], *, deadline: Deadline) -> Reply:
        """The reply of `url` to JSON `data`, as `get` does it: for requests that may be repeated. Raises HttpError."""
        return self._repeat(lambda: self._request("POST", url, json=data, headers=headers), None, deadline)

    def close(self) -> None:
        """Close the connections it keeps."""
        self._client.close()

    def _repeat(self, make: Callable[[], httpx2.Request], pace: Pace | None, deadline: Deadline) -> Reply:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_PassingError),
            stop=tenacity.stop_any(tenacity.stop_after_attempt(ATTEMPTS), _NoTimeForAnother(deadline)),
            wait=self._pause,
            reraise=True,
        )
        shares = chain([FIRST_SHARE], repeat(1.0))

        def attempt() -> Reply:
            request = make()
            self._take_turn(request.url.host, pace, deadline)
            return self._exchange(request, _part(deadline, next(shares)))

        return retrying(attempt)

    def _pause(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait if isinstance(error, _PassingError) else None
        return self._backoff(state) if asked is None else asked

    def _request(self, method: str, url: str, **parts: Any) -> httpx2.Request:
        try:
            request = self._client.build_request(method, url, **parts)
        except httpx2.InvalidURL as error:
            raise HttpError(f"not a usable address: {error}") from error
        request.extensions["first"] = request.url
        return request

    def _take_turn(self, host: str, pace: Pace | None, deadline: Deadline) -> None:
        if pace is None:
            return
        with self._lock:
            limiter = self._limiters.setdefault((host, pace), _limiter(pace))
        if limiter.try_acquire(host, timeout=deadline.remaining()) is not True:
            raise HttpError(f"too many requests of our own: no turn within {deadline.seconds:.3g} s")

    def _exchange(self, request: httpx2.Request, deadline: Deadline) -> Reply:
        """Send and receive in a thread, and stop waiting in time. Raises HttpError, also for an unsuccessful status.

        Socket timeouts do not bound it: resolving a name ignores them, several addresses each get one, and a reply
        that trickles in never meets one. So the connection is cut, and the thread left behind ends.
        """
        news: SimpleQueue[_News] = SimpleQueue()
        wires = Wires()
        threading.Thread(target=self._transfer, args=(request, deadline, news.put, wires), daemon=True).start()
        try:
            outcome = news.get(timeout=min(CONNECT_SECONDS, deadline.remaining()))
        except Empty:
            wires.cut()
            raise HttpError(f"no network: no connection to {request.url.host}") from None
        try:
            while outcome is None:
                outcome = news.get(timeout=max(0, deadline.left()))
        except Empty:
            wires.cut()
            raise deadline.error() from None
        if isinstance(outcome, Exception):
            raise _translated(outcome, request.url.host, deadline)
        if not 200 <= outcome.status < 300:
            raise _status_error(outcome)
        return outcome

    def _transfer(
        self, request: httpx2.Request, deadline: Deadline, tell: Callable[[_News], None], wires: Wires
    ) -> None:
        """Tell None as soon as a connection stands, then the complete reply or what went wrong."""

        def trace(event: str, info: Mapping[str, Any]) -> None:
            if event.endswith("send_request_headers.started"):
                tell(None)
            if event.endswith(("connect_tcp.complete", "start_tls.complete")):
                wires.add(info["return_value"])

        try:
            left = deadline.remaining()
            timeout = httpx2.Timeout(left, connect=min(CONNECT_SECONDS, left))
            request.extensions |= {"trace": trace, "timeout": timeout.as_dict()}
            response = self._client.send(request, stream=True)
            try:
                body = _without_keys(_read(response, self._max_bytes, deadline), request)
                tell(Reply(response.status_code, response.headers, body, str(response.url)))
            finally:
                response.close()
        except Exception as error:  # noqa: BLE001 - it is raised again in the thread that waits
            tell(error)


def _part(deadline: Deadline, share: float) -> Deadline:
    return deadline if share == 1 else Deadline(deadline.remaining() * share)


def _limiter(pace: Pace) -> Limiter:
    # A state bucket needs no background thread that leaks old entries; burst 1 spaces the requests evenly.
    rate = Rate(pace.requests, round(pace.seconds * 1000), burst=1)
    return Limiter(SingleBucketFactory(StateBucket([rate]), schedule_leak=False))


def _user_agent(contact: str) -> str:
    return f"Threadloom/{version('threadloom')}" + (f" (mailto:{contact})" if contact else "")


def _guard_redirect(request: httpx2.Request) -> None:
    """Runs before each hop: a redirect to another server must not carry our keys there, nor reach into our network."""
    first, url = request.extensions["first"], request.url
    if (first.scheme, first.host, first.port) == (url.scheme, url.host, url.port):
        return
    for name in PRIVATE_HEADERS:
        request.headers.pop(name, None)
    if _is_private(url.host) and not _is_private(first.host):
        raise HttpError("redirected to a private address")


def _is_private(host: str) -> bool:
    """Whether a host is this machine or in a network of its own."""
    try:
        found = {str(address[0]) for *_, address in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):  # then it cannot be reached directly either
        return False
    return any(not ip_address(address.partition("%")[0]).is_global for address in found)


def _without_keys(body: bytes, request: httpx2.Request) -> bytes:
    """A reply in which the keys of its request are masked: services repeat them, and what they say is reported."""
    keys = [request.headers.get(name, "").removeprefix("Bearer ") for name in PRIVATE_HEADERS]
    keys += [request.url.params.get(name, "") for name in PRIVATE_PARAMS]
    for key in keys:
        body = body.replace(key.encode(), b"***") if len(key) >= LEAST else body
    return body


class _NoTimeForAnother(stop_base):
    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def __call__(self, retry_state: tenacity.RetryCallState) -> bool:
        return retry_state.upcoming_sleep >= self._deadline.left()


def _read(response: httpx2.Response, most: int, deadline: Deadline) -> bytes:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > most:
            raise HttpError(f"reply larger than {most // 1_000_000} MB")
        deadline.remaining()
    return bytes(body)


def _translated(error: Exception, host: str, deadline: Deadline) -> Exception:
    """An exception of the exchange as an HttpError that it caused; a bug stays what it is."""
    if isinstance(error, HttpError) or not isinstance(error, httpx2.RequestError):
        return error
    told = _lost(error, _root(error), host, deadline)
    told.__cause__ = error
    return told


def _lost(error: httpx2.RequestError, root: BaseException, host: str, deadline: Deadline) -> HttpError:
    if isinstance(root, ssl.SSLError):
        return HttpError(f"no secure connection to {host}: {root.reason or 'TLS error'}")
    if isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError)):
        return HttpError(f"no network: {_unconnected(root, host)}")
    if isinstance(error, httpx2.TimeoutException):
        return deadline.error()
    if isinstance(error, (httpx2.NetworkError, httpx2.RemoteProtocolError)):
        return _PassingError("the connection was lost")
    return HttpError(f"unusable reply ({type(error).__name__})")


def _unconnected(root: BaseException, host: str) -> str:
    if isinstance(root, socket.gaierror):
        return f"the name {host} could not be resolved"
    return f"{host} refused the connection" if isinstance(root, ConnectionRefusedError) else f"no connection to {host}"


def _root(error: BaseException) -> BaseException:
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error


_REFUSALS = {401: "access refused", 403: "access refused or limit reached", 429: "rate limited"}


def _status_error(reply: Reply) -> HttpError:
    status, wait = reply.status, retry_after(reply.headers.get("retry-after", ""))
    text = _REFUSALS.get(status, "server error" if status >= 500 else "request not accepted") + f" (HTTP {status})"
    if wait is not None:
        text += f", asks to wait {wait:.0f} s"
    if detail := _detail(reply):
        text += f": {detail}"
    passing = status in PASSING_STATUS or (status == 403 and wait is not None)
    return _PassingError(text, wait) if passing else HttpError(text)


def retry_after(value: str) -> float | None:
    """Seconds to wait by a `Retry-After` header, which holds seconds or an HTTP date; None if it says neither."""
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value.strip()):
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def _detail(reply: Reply) -> str:
    """What the server says about its refusal, if it says it in a line of plain text or the usual JSON fields."""
    try:
        said = json.loads(reply.body)
    except (ValueError, RecursionError):
        plain = reply.headers.get("content-type", "").startswith("text/plain")
        said = reply.body.decode(errors="replace") if plain else ""
    while isinstance(said, (dict, list)):
        if isinstance(said, list):
            said = said[0] if said else ""
        else:
            said = next((said[key] for key in ("message", "error", "errMsg") if said.get(key)), "")
    line = " ".join("".join(c if c.isprintable() else " " for c in redact(str(said)[:2_000])).split())
    return line if len(line) <= 150 else line[:149] + "…"


def _mask_keys(record: logging.LogRecord) -> bool:
    """httpx2 logs every address at level INFO, and some services take their key in it."""
    if isinstance(record.args, tuple):
        record.args = tuple(_SECRET.sub(r"\1***", str(a)) if isinstance(a, httpx2.URL) else a for a in record.args)
    return True


logging.getLogger("httpx2").addFilter(_mask_keys)
