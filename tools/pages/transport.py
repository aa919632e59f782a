"""Reaching hosts through the gate: a connection goes to the very address that was checked, at every redirect again.

To check a name and let the connection resolve it once more would be no check: the second answer may differ.
"""

from collections.abc import Mapping

import httpx2

from threadloom.tools.http import HttpError
from threadloom.tools.pages.gate import Gate

MOST_ADDRESSES = 3
"""Addresses of one host that are tried."""
READABLE = frozenset({"application/json", "application/xhtml+xml", "application/xml", "application/x-ndjson"})
"""Content types of text, besides text/*, …+json and …+xml."""


class PinnedTransport(httpx2.BaseTransport):
    """Sends requests to the addresses that `gate` gives, and lets nothing but plain answers with text come back.

    Proxies are not used: they would resolve the name themselves. Raises HttpError and what httpx2 raises.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        # A kept connection is known by its IP address, and may have been made for another name at that address.
        self._inner = httpx2.HTTPTransport(limits=httpx2.Limits(max_keepalive_connections=0))

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer of the first address that accepts a connection."""
        addresses = self._gate.addresses(request.url)[:MOST_ADDRESSES]
        for address in addresses[:-1]:
            try:
                return _plain(self._inner.handle_request(_pinned(request, address, len(addresses))))
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        return _plain(self._inner.handle_request(_pinned(request, addresses[-1], len(addresses))))

    def close(self) -> None:
        """Close what is open."""
        self._inner.close()


def _pinned(request: httpx2.Request, address: str, shares: int) -> httpx2.Request:
    """The request for one address: header and certificate are those of the name, connecting takes its share of time."""
    timeout = request.extensions["timeout"]
    extensions = {
        **request.extensions,
        "sni_hostname": request.url.host,
        "timeout": {**timeout, "connect": timeout["connect"] / shares},
    }
    url = request.url.copy_with(host=address)
    return httpx2.Request(request.method, url, headers=request.headers, stream=request.stream, extensions=extensions)


def _plain(response: httpx2.Response) -> httpx2.Response:
    """The response if what it brings is wanted: text, packed once at most. The body of a redirect is not even read."""
    if response.has_redirect_location:
        response.close()
        return httpx2.Response(response.status_code, headers={"Location": response.headers["Location"]})
    if unwanted := response.is_success and _unwanted(response.headers):
        response.close()
        raise HttpError(unwanted)
    response.headers.pop("Set-Cookie", None)  # the next page is none of this one's business
    return response


def _unwanted(headers: Mapping[str, str]) -> str:
    kind = headers.get("Content-Type", "text/plain").partition(";")[0].strip().lower()
    if (
        not (kind in READABLE or kind.startswith("text/") or kind.endswith(("+json", "+xml")))
        or kind == "image/svg+xml"
    ):
        return f"not a page of text: {kind[:60]}"
    # Packed twice, a few kB can keep a processor busy for hours without one byte coming out.
    packing = headers.get("Content-Encoding", "identity").strip().lower()
    return "" if packing in {"identity", "gzip", "x-gzip", "deflate"} else f"packed in an unusual way: {packing[:60]}"
