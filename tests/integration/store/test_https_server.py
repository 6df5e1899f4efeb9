"""Files of a company's own server: its authority, its address inside, and a proxy on the way."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from idla_store import FetchEnvironment, NotFoundError, RefusedError, UnreachableError, fetch

from tests.integration.store.conftest import Server, Site
from tools.ports import held_port
from tools.tunnel_proxy import Proxy, proxying

BODY = b"a,b\n1,2\n"


def get(tmp_path: Path, uri: str, environment: Mapping[str, str]) -> bytes:
    found = fetch(
        uri, data_mount=tmp_path / "data", samples_root=tmp_path / "samples", into=tmp_path / "into",
        policy=FetchEnvironment(tmp_path / "secret", environment).policy(),
    )  # fmt: skip
    return found.read_bytes()


def variables(site: Site, **more: str) -> dict[str, str]:
    return {"IDLA_ALLOWED_HOSTS": f"localhost:{site.port}", "IDLA_CA_FILE": str(site.authority)} | more


def test_a_file_arrives_by_the_authority_and_the_host_of_the_environment(tmp_path: Path, site: Site) -> None:
    site.files["/x.csv"] = BODY
    assert get(tmp_path, site.uri("/x.csv"), variables(site)) == BODY


def test_the_authority_of_the_environment_is_trusted_beside_that_of_a_secret(
    tmp_path: Path, site: Site, server: Server
) -> None:
    site.files["/x.csv"] = BODY
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "ca.crt").write_bytes(server.authority.read_bytes())
    assert get(tmp_path, site.uri("/x.csv"), variables(site)) == BODY


WAYS: dict[str, tuple[dict[str, str], int]] = {
    "through the proxy": ({}, 1),
    "left out by name": ({"NO_PROXY": "example,localhost"}, 0),
    "in small letters": ({"no_proxy": ".local,localhost"}, 0),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_proxy_is_asked_unless_no_proxy_names_the_host(tmp_path: Path, site: Site, proxy: Proxy, way: str) -> None:
    site.files["/x.csv"] = BODY
    more, asked = WAYS[way]
    assert get(tmp_path, site.uri("/x.csv"), variables(site, https_proxy=proxy.address, **more)) == BODY
    assert proxy.asked == [f"localhost:{site.port}"] * asked


def test_a_name_that_only_the_proxy_knows_needs_the_authority_alone(tmp_path: Path, site: Site, proxy: Proxy) -> None:
    site.files["/x.csv"] = BODY
    environment = {"IDLA_CA_FILE": str(site.authority), "HTTPS_PROXY": proxy.address}
    assert get(tmp_path, site.uri("/x.csv", host="data.corp.example"), environment) == BODY
    assert proxy.asked == [f"data.corp.example:{site.port}"]


def test_a_name_that_only_the_proxy_knows_is_held_to_the_certificate(tmp_path: Path, site: Site, proxy: Proxy) -> None:
    environment = variables(site, HTTPS_PROXY=proxy.address)
    with pytest.raises(RefusedError) as caught:
        get(tmp_path, site.uri("/x.csv", host="data.invalid"), environment)
    assert proxy.asked == [f"data.invalid:{site.port}"]
    assert str(caught.value) == (
        f"https://data.invalid:{site.port}/x.csv: the certificate of the server is not trusted (Hostname mismatch, "
        "certificate is not valid for 'data.invalid'.); use a name that the certificate has"
    )


TRUST = (
    "have an administrator put the certificate of its authority into the ConfigMap of the operator's setting "
    "IDLA_CA_CONFIG_MAP, or give it as `ca.crt` in the Secret of `spec.data.access.secretRef`; idla run --local takes "
    "it from the file that IDLA_CA_FILE or AWS_CA_BUNDLE names"
)
UNKNOWN = (
    "the certificate of the server is not trusted (unable to get local issuer certificate): its authority is "
    "'idla-cluster', which is not known here"
)
AGAIN = "try again, or ask whoever runs the proxy to let this host through"
PEM = "give certificates in PEM, each between its BEGIN and END line"
# name: what is changed in the environment, the error, its problem, its remedy; {0} is the folder of the test
WRONG: dict[str, tuple[dict[str, str], type[Exception], str, str]] = {
    "nobody gave the authority": ({"IDLA_CA_FILE": ""}, RefusedError, UNKNOWN, TRUST),
    "its ConfigMap is missing": (
        {"IDLA_CA_FILE": "{0}/none"}, RefusedError,
        UNKNOWN + "; IDLA_CA_FILE is {0}/none, where no file is: the ConfigMap or its key is missing here", TRUST,
    ),
    "no certificate is in it": (
        {"IDLA_CA_FILE": "{0}/text"}, RefusedError,
        "IDLA_CA_FILE is {0}/text, of which no certificate can be read (SSLError)", PEM,
    ),
    "the list of hosts is no list": (
        {"IDLA_ALLOWED_HOSTS": "*"}, RefusedError, "'*' is no host, address or network",
        "write hosts (name, name:port, .domain), addresses and networks (10.20.0.0/16), with commas between them",
    ),
    "the proxy is away": (
        {"HTTPS_PROXY": "http://localhost:{1}"}, UnreachableError,
        "the proxy localhost:{1} does not answer ([Errno 111] Connection refused)",
        "check its address and the network policy, then try again",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_with_the_setting_that_mends_it(tmp_path: Path, site: Site, name: str) -> None:
    changes, kind, problem, remedy = WRONG[name]
    (tmp_path / "text").write_text("canary")
    port = held_port()

    def filled(text: str) -> str:
        return text.replace("{0}", str(tmp_path)).replace("{1}", str(port))

    changed = {key: filled(value) for key, value in changes.items()}
    with pytest.raises(kind) as caught:
        get(tmp_path, site.uri("/x.csv"), variables(site) | changed)
    assert isinstance(caught.value, RefusedError | UnreachableError)
    assert caught.value.problem.startswith(filled(problem))
    assert caught.value.remedy == remedy


@pytest.mark.parametrize("status", ["403 Forbidden", "502 Bad Gateway"])
def test_what_the_proxy_answers_is_told(tmp_path: Path, site: Site, proxy: Proxy, status: str) -> None:
    proxy.status = status
    with pytest.raises(UnreachableError) as caught:
        get(tmp_path, site.uri("/x.csv"), variables(site, HTTPS_PROXY=proxy.address))
    assert (caught.value.problem, caught.value.remedy) == (f"the proxy answers {status[:3]}", AGAIN)


LOGIN, USER, PASSWORD = "po ds:c@n:ary", "po ds", "c@n:ary"
REMEDY = (
    "have an administrator name a Secret by the operator's setting IDLA_PROXY_SECRET, and put it into this namespace, "
    "with the keys username and password; idla run --local takes both from HTTPS_PROXY, "
    "http://user:password@host:port, percent-encoded"
)


@pytest.mark.parametrize("way", ["a Secret", "the address"])
def test_a_proxy_that_demands_a_login_gets_it(tmp_path: Path, site: Site, way: str) -> None:
    site.files["/x.csv"] = BODY
    (tmp_path / "username").write_text(f"{USER}\n")
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    with proxying(LOGIN) as proxy:
        given = {
            "a Secret": {"HTTPS_PROXY": proxy.address, "IDLA_PROXY_LOGIN": str(tmp_path)},
            "the address": {"HTTPS_PROXY": proxy.address.replace("//", "//po%20ds:c%40n:ary@")},
        }[way]
        assert get(tmp_path, site.uri("/x.csv"), variables(site, **given)) == BODY
        assert proxy.asked == [f"localhost:{site.port}"]


# name: what is before the host of HTTPS_PROXY, what the proxy asks for, the problem, the remedy
TURNED_AWAY = {
    "no login": ("", "Basic realm=x", "the proxy answers 407: it asks for a user and a password", REMEDY),
    "another login": (
        "po%20ds:other-canary@", "Basic realm=x",
        "the proxy answers 407: it does not take the user and password that it got", REMEDY,
    ),
    "a login of another kind": (
        "po%20ds:c%40n:ary@", "Negotiate",
        "the proxy answers 407 and asks for a login by negotiate, and only basic is known here",
        "have it take basic, or let these pods through without a login",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TURNED_AWAY)
def test_a_login_that_is_not_taken_is_told_once_and_without_it(tmp_path: Path, site: Site, name: str) -> None:
    login, challenge, problem, remedy = TURNED_AWAY[name]
    with proxying(f"{LOGIN}-of-{challenge}", challenge=challenge) as proxy:
        address = proxy.address.replace("//", f"//{login}")
        with pytest.raises(RefusedError) as caught:
            get(tmp_path, site.uri("/x.csv"), variables(site, HTTPS_PROXY=address))
        assert proxy.asked == [f"localhost:{site.port}"]
    assert (caught.value.problem, caught.value.remedy) == (problem, remedy)


def test_a_file_that_is_not_there_is_not_there_behind_a_proxy_either(tmp_path: Path, site: Site, proxy: Proxy) -> None:
    with pytest.raises(NotFoundError, match="the server answers 404; check the path"):
        get(tmp_path, site.uri("/none.csv"), variables(site, HTTPS_PROXY=proxy.address))
