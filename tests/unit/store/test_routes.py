"""Where a request may go: what is checked here, and what is left to a proxy."""

import pytest
from idla_contract.egress import AllowedHosts
from idla_store import FetchPolicy, RefusedError, UnreachableError
from idla_store.routes import Route, find_route

URI = "https://host/x"
PROXY = ("proxy.example", 3128)
THROUGH, DIRECT = Route(PROXY, through_proxy=True), Route(("10.20.30.40", 443), through_proxy=False)
KNOWN = {"data.corp.example": ["10.20.30.40"], "8.8.8.8": ["8.8.8.8"], "10.20.30.40": ["10.20.30.40"]}


def resolver(host: str, _port: int) -> list[str]:
    if host == "010.8.8.8":
        return ["8.8.8.8"]
    if host not in KNOWN:
        raise OSError("Name or service not known")
    return KNOWN[host]


def policy(*, proxy: bool, allowed: str = "", no_proxy: str = "") -> FetchPolicy:
    return FetchPolicy(
        AllowedHosts.parse(allowed),
        proxy="http://proxy.example:3128" if proxy else None,
        no_proxy=no_proxy,
        resolver=resolver,
    )


# name: host, what is allowed, NO_PROXY, where it goes
TAKEN = {
    "a name that only the proxy knows": ("data.example", "", "", THROUGH),
    "a public address": ("8.8.8.8", "", "", THROUGH),
    "inside, allowed by name": ("data.corp.example", "data.corp.example", "", THROUGH),
    "inside, allowed by network": ("data.corp.example", "10.20.0.0/16", "", THROUGH),
    "a name of no domain, allowed": ("minio", "minio:443", "", THROUGH),
    "inside, without the proxy": ("data.corp.example", ".corp.example", ".corp.example", DIRECT),
    "inside, without the proxy by a star": ("data.corp.example", ".corp.example", "*.corp.example", DIRECT),
    "inside, without the proxy by port": ("data.corp.example", "10.20.30.40", "data.corp.example:443", DIRECT),
    "an address, without the proxy by network": ("10.20.30.40", "10.20.0.0/16", "10.0.0.0/8", DIRECT),
}


@pytest.mark.parametrize(("host", "allowed", "no_proxy", "route"), TAKEN.values(), ids=TAKEN)
def test_what_is_allowed_goes_its_way(host: str, allowed: str, no_proxy: str, route: Route) -> None:
    assert find_route(URI, host, 443, policy(proxy=True, allowed=allowed, no_proxy=no_proxy)) == route


REMEDY = (
    "use a public host, copy the file onto a claim (pvc://claim/path), or have an administrator add {0}:443 to the "
    "operator's setting IDLA_ALLOWED_HOSTS, which is a variable for idla run --local"
)
HAS = "the host {0} has the address 10.20.30.40, which is not public"
# name: host, whether there is a proxy, the problem
REFUSED = {
    "inside": ("data.corp.example", False, HAS),
    "inside, with a proxy": ("data.corp.example", True, HAS),
    "an address inside, with a proxy": ("10.20.30.40", True, HAS),
    "a name of no domain": ("minio", True, "the host {0} has no public name, and the proxy may find it inside"),
    "a name of the cluster": ("api.x.svc", True, "the host {0} has no public name, and the proxy may find it inside"),
    "a name of a provider": (
        "metadata.google.internal.", True, "the host {0} has no public name, and the proxy may find it inside",
    ),
    "a number": ("2852039166", True, "the host {0} is a number, which a proxy may read as another address"),
    "an octal number": ("010.8.8.8", True, "the host {0} is a number, which a proxy may read as another address"),
    "hexadecimal": ("0xa.8.8.0x8", True, "the host {0} is a number, which a proxy may read as another address"),
}  # fmt: skip


@pytest.mark.parametrize(("host", "proxy", "problem"), REFUSED.values(), ids=REFUSED)
def test_what_is_inside_is_refused_and_told_who_may_allow_it(host: str, problem: str, *, proxy: bool) -> None:
    with pytest.raises(RefusedError) as caught:
        find_route(URI, host, 443, policy(proxy=proxy))
    assert (caught.value.problem, caught.value.remedy) == (problem.format(host), REMEDY.format(host))


def test_a_name_that_is_not_found_hints_at_the_proxy_that_may_be_missing() -> None:
    with pytest.raises(UnreachableError) as caught:
        find_route(URI, "data.example", 443, policy(proxy=False))
    assert str(caught.value) == (
        "https://host/x: the host data.example has no address (Name or service not known); check the name; where a "
        "proxy is the way out, set HTTPS_PROXY for idla run --local, in a cluster the operator's setting "
        "IDLA_HTTPS_PROXY"
    )
    with pytest.raises(UnreachableError, match=r"check the name; it is reached without the proxy, as NO_PROXY says$"):
        find_route(URI, "data.example", 443, policy(proxy=True, no_proxy=".example"))
