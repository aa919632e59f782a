"""Which addresses a page may be read from: the public internet, and hosts that the settings name.

An address comes from a model, which may have it from a page. Whatever this machine can reach besides the public
internet (itself, its neighbours, the metadata service of a cloud) is refused.
"""

import socket
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

import httpx2

from threadloom.tools.http import HttpError

PORTS = frozenset({80, 443, 8080, 8443})
"""Where web servers listen; other ports are other services."""
_USUAL = {"http": 80, "https": 443}
_NAT64 = ip_network("64:ff9b::/96")
_GLOBAL_UNICAST = ip_network("2000::/3")
_NOT_FOR_US = tuple(
    map(
        ip_network,
        (
            "168.63.129.16/32",  # Azure's own services, at an address that looks public
            "192.0.0.0/24",  # protocol assignments; Oracle's metadata; not all of it is "private" before Python 3.11.10
            "192.88.99.0/24",  # 6to4 relays
            "2002::/16",  # 6to4, which wraps any IPv4 address
        ),
    )
)

Resolve = Callable[[str, int], list[str]]
"""Addresses of a host name and port. Raises OSError or UnicodeError if there are none."""


def resolved(host: str, port: int) -> list[str]:
    """What the system knows about a name, in the order to try."""
    return list(dict.fromkeys(str(at[0]) for *_, at in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


class Gate:
    """Checks an address once, and says what to connect to.

    `private_hosts` may be reached wherever they are, each `host` at the ports of web servers, `host:port` at that
    port. If there are any `only_hosts`, no other host is reached at all.
    """

    def __init__(
        self, private_hosts: Iterable[str] = (), only_hosts: Iterable[str] = (), resolve: Resolve = resolved
    ) -> None:
        self._private = frozenset(map(_named, private_hosts))
        self._only = frozenset(map(_named, only_hosts))
        self._resolve = resolve

    def addresses(self, url: httpx2.URL) -> list[str]:
        """The IP addresses that may be connected to for `url`, at least one. Raises HttpError."""
        if url.scheme not in _USUAL or not url.host:
            raise HttpError("not a usable address: it must begin with http:// or https:// and a host")
        if url.userinfo:
            raise HttpError("not a usable address: it must not hold a user name or password")
        host, port = url.host.lower().rstrip("."), url.port or _USUAL[url.scheme]
        own = self._private & {(host, None), (host, port)}
        if self._only and not self._only & {(host, None), (host, port)} and not own:
            raise HttpError(f"{host} is not among the hosts that may be fetched")
        if port not in PORTS and (host, port) not in self._private | self._only:
            raise HttpError(f"port {port} is not one of a web server")
        return self._checked(host, port, own=bool(own))

    def _checked(self, host: str, port: int, *, own: bool) -> list[str]:
        try:
            found = self._resolve(host, port)
        except (OSError, UnicodeError):
            found = []
        if not found:
            raise HttpError(f"the name {host} could not be resolved")
        # One private address among public ones is what DNS rebinding looks like: all of them have to be public.
        if not own and not all(map(is_public, found)):
            raise HttpError(f"{host} is a private address and may not be fetched")
        return found


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, also when it is wrapped into an IPv6 address."""
    ip: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        if ip in _NAT64:
            ip = IPv4Address(int(ip) & 0xFFFF_FFFF)
        elif ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        elif ip not in _GLOBAL_UNICAST:
            return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NOT_FOR_US)


def _named(entry: str) -> tuple[str, int | None]:
    parts = urlsplit(f"//{entry.strip().lower()}")
    return (parts.hostname or "").rstrip("."), parts.port
