"""What an administrator may allow, and how a proxy is written."""

import pytest
from idla_contract.egress import AllowedHosts, proxy_address

HOST_ASKED = ("data.corp.example", 8443)
HOSTS = {
    "nothing": ("", False),
    "the name": ("data.corp.example", True),
    "the name in capitals, among others": ("x, Data.Corp.Example ,", True),
    "name and port": ("data.corp.example:8443", True),
    "another port": ("data.corp.example:443", False),
    "another name that ends alike": ("a.corp.example", False),
    "its domain": (".corp.example", True),
    "its domain with the port": (".corp.example:8443", True),
    "half a label": (".orp.example", False),
    "a domain without its dot": ("corp.example", False),
    "a network": ("10.0.0.0/8", False),
}


@pytest.mark.parametrize(("listed", "allowed"), HOSTS.values(), ids=HOSTS)
def test_a_host_is_allowed_by_name(listed: str, *, allowed: bool) -> None:
    assert AllowedHosts.parse(listed).allows_host(*HOST_ASKED) is allowed


ADDRESSES = {
    "in the network": ("10.20.0.0/16", "10.20.30.40", True),
    "beside it": ("10.20.0.0/16", "10.21.0.1", False),
    "one address": ("10.20.30.40", "10.20.30.40", True),
    "IPv6": ("fd00::/8", "fd12::1%eth0", True),
    "of the other version": ("10.0.0.0/8", "fd12::1", False),
    "a name": ("10.20.30.40:443", "10.20.30.40", False),
}


@pytest.mark.parametrize(("listed", "address", "allowed"), ADDRESSES.values(), ids=ADDRESSES)
def test_an_address_is_allowed_by_network(listed: str, address: str, *, allowed: bool) -> None:
    assert AllowedHosts.parse(listed).allows_address(address) is allowed


def test_an_address_in_brackets_is_a_host() -> None:
    assert AllowedHosts.parse("[fd00::1]:443").allows_host("fd00::1", 443)


REFUSED = {
    "everything": ("0.0.0.0/0", "holds addresses of the machine itself"),
    "everything of IPv6": ("::/0", "holds addresses of the machine itself"),
    "this machine": ("127.0.0.0/8", "holds addresses of the machine itself"),
    "the metadata of the node": ("169.254.169.254/32", "holds addresses of the machine itself"),
    "an address with bits of a host": ("10.1.2.3/8", "is no network (10.1.2.3/8 has host bits set)"),
    "a star": ("*.corp.example", "is no host, address or network"),
    "an address of a page": ("https://corp.example", "is no network"),
    "two with a blank": ("a b", "is no host, address or network"),
}


@pytest.mark.parametrize(("listed", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_host_is_refused_by_name(listed: str, says: str) -> None:
    with pytest.raises(ValueError, match=r"is no|holds") as caught:
        AllowedHosts.parse(f"fine.example,{listed}")
    assert str(caught.value).startswith(f"{listed!r} {says}")


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(ValueError, match=r"^'\*\*\*' is no host, address or network$"):
        AllowedHosts.parse("user:canary@corp.example")


@pytest.mark.parametrize("proxy", ["http://proxy.example:3128", "proxy.example:3128", "http://proxy.example:3128/"])
def test_a_proxy_is_host_and_port(proxy: str) -> None:
    assert proxy_address(proxy) == ("proxy.example", 3128)


OTHERS = [
    "https://proxy:1", "http://u:canary@proxy:1", "http://proxy", "socks5://proxy:1", "http://proxy:x", "http://[",
    "http://proxy:1/canary",
]  # fmt: skip


@pytest.mark.parametrize("proxy", OTHERS)
def test_another_proxy_is_refused_and_not_repeated(proxy: str) -> None:
    with pytest.raises(ValueError, match=r"^the proxy is not http://host:port without user, password and path$"):
        proxy_address(proxy)
