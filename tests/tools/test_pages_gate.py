"""What may be reached: addresses in every disguise, names that resolve to them, ports, schemes."""

from ipaddress import IPv4Address

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadloom.tools.http import HttpError
from threadloom.tools.pages.gate import Gate, is_public

PRIVATE = """
0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 168.63.129.16 169.254.169.254 172.16.0.1
172.31.255.255 192.0.0.192 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.7 203.0.113.9 224.0.0.1 224.0.1.1
239.255.255.250 240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254
64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::a00:1 100::1 2001::1 2001:db8::1 2002:7f00:1:: 2002:808:808:: fc00::1
fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1 ff0e::1
"""
PUBLIC = "8.8.8.8 93.184.215.14 100.63.255.255 172.32.0.1 2606:4700::1111 2a00:1450::5 64:ff9b::808:808 ::ffff:8.8.8.8"


@pytest.mark.parametrize("address", PRIVATE.split())
def test_private(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC.split())
def test_public(address: str) -> None:
    assert is_public(address)


@given(st.integers(0, 2**32 - 1))
def test_a_wrapped_address_is_what_it_wraps(number: int) -> None:
    plain = str(IPv4Address(number))
    assert (
        is_public(f"::ffff:{plain}") == is_public(f"64:ff9b::{number >> 16:x}:{number & 0xFFFF:x}") == is_public(plain)
    )
    assert not is_public(f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1")


NAMES = {
    "public.test": ["93.184.215.14", "2606:4700::1111"],
    "inner.test": ["10.1.2.3"],
    "mixed.test": ["93.184.215.14", "127.0.0.1"],
    "metadata.test": ["169.254.169.254"],
    "wiki.test": ["192.168.7.7"],
}


def look_up(host: str, port: int) -> list[str]:
    if host not in NAMES:
        raise OSError("no such name")
    return NAMES[host]


def reached(url: str, gate: Gate) -> list[str] | str:
    try:
        return gate.addresses(httpx2.URL(url))
    except HttpError as error:
        return str(error)


@pytest.mark.parametrize(
    ("url", "outcome"),
    [
        ("https://public.test/x", NAMES["public.test"]),
        ("https://PUBLIC.test./x", NAMES["public.test"]),
        ("http://public.test:8080/", NAMES["public.test"]),
        ("http://inner.test/", "inner.test is a private address and may not be fetched"),
        ("http://mixed.test/", "mixed.test is a private address and may not be fetched"),
        ("http://metadata.test/latest", "metadata.test is a private address and may not be fetched"),
        ("http://nowhere.test/", "the name nowhere.test could not be resolved"),
        ("http://public.test:22/", "port 22 is not one of a web server"),
        ("http://public.test:6379/", "port 6379 is not one of a web server"),
        ("ftp://public.test/", "not a usable address: it must begin with http:// or https:// and a host"),
        ("file:///etc/passwd", "not a usable address: it must begin with http:// or https:// and a host"),
        ("https://user:pass@public.test/", "not a usable address: it must not hold a user name or password"),
    ],
)
def test_gate(url: str, outcome: list[str] | str) -> None:
    assert reached(url, Gate(resolve=look_up)) == outcome


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f000001", "0x7f.1", "127.1", "[::1]", "[::ffff:7f00:1]", "localhost"],
)
def test_no_spelling_of_this_machine_gets_through(host: str) -> None:
    """With the system's own resolver."""
    assert "may not be fetched" in reached(f"http://{host}/", Gate())


def test_hosts_of_the_settings() -> None:
    gate = Gate(private_hosts=["wiki.test", "inner.test:9000"], resolve=look_up)
    assert reached("http://wiki.test/", gate) == ["192.168.7.7"]
    assert reached("http://inner.test:9000/", gate) == ["10.1.2.3"]
    assert "may not be fetched" in reached("http://inner.test/", gate)
    assert "port 22" in reached("http://wiki.test:22/", gate)
    assert reached("http://public.test/", gate) == NAMES["public.test"]
    only = Gate(private_hosts=["wiki.test"], only_hosts=["public.test", "inner.test"], resolve=look_up)
    assert reached("https://public.test/", only) == NAMES["public.test"]
    assert reached("http://wiki.test/", only) == ["192.168.7.7"]
    assert reached("http://mixed.test/", only) == "mixed.test is not among the hosts that may be fetched"
    assert "may not be fetched" in reached("http://inner.test/", only)
