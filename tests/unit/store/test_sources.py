import re
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from idla_contract.artifact import digest_of
from idla_contract.egress import AllowedHosts
from idla_store import (
    DigestMismatchError,
    FetchPolicy,
    NotFoundError,
    RefusedError,
    StoreError,
    UnreachableError,
    digest_of_path,
    fetch,
)
from idla_store.addresses import is_public
from idla_store.errors import shown
from typing_extensions import override

from tools.waiting import PATIENCE


def get(tmp_path: Path, uri: str, *, digest: str | None = None, policy: FetchPolicy | None = None) -> Path:
    return fetch(
        uri,
        data_mount=tmp_path / "data",
        samples_root=tmp_path / "samples",
        into=tmp_path / "into",
        digest=digest,
        policy=policy,
    )


@pytest.fixture(autouse=True)
def volumes(tmp_path: Path) -> None:
    (tmp_path / "data" / "sub").mkdir(parents=True)
    (tmp_path / "data" / "sub" / "x.csv").write_bytes(b"1,2\n")
    (tmp_path / "samples" / "digits").mkdir(parents=True)
    (tmp_path / "secret").write_bytes(b"s")
    (tmp_path / "data" / "out").symlink_to(tmp_path / "secret")
    (tmp_path / "data" / "in").symlink_to("sub/x.csv")


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("sample://digits", "samples/digits"),
        ("pvc://claim/sub/x.csv", "data/sub/x.csv"),
        ("pvc://claim/sub", "data/sub"),
        ("pvc://claim", "data"),
        ("pvc://claim/in", "data/sub/x.csv"),
    ],
)
def test_sources_are_found(tmp_path: Path, uri: str, path: str) -> None:
    assert get(tmp_path, uri) == tmp_path / path


@pytest.mark.parametrize(
    ("uri", "error"),
    [
        ("sample://nothing", NotFoundError),
        ("sample://../secret", RefusedError),
        ("sample://", RefusedError),
        ("pvc://claim/no", NotFoundError),
        ("pvc://claim/sub/x.csv/y", NotFoundError),
        ("pvc://claim/../secret", RefusedError),
        ("pvc://claim//etc/passwd", RefusedError),
        ("pvc://claim/", RefusedError),
        ("pvc://Claim_/x", RefusedError),
        ("pvc://claim/out", RefusedError),
        ("file:///etc/passwd", RefusedError),
        ("http://example.org/x", RefusedError),
        ("s3://bucket/x", RefusedError),
        ("x.csv", RefusedError),
        ("https://user:pass@example.org/x", RefusedError),
        ("https://example.org@localhost/x", RefusedError),
        ("https://:pass@example.org/x", RefusedError),
        ("https://example.org\\@localhost/x", RefusedError),
        ("https://example.org\t@localhost/x", RefusedError),
        ("https://local\thost/x", RefusedError),
        ("https://ex\u00e4mple.org/x", RefusedError),
        ("https://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3/x", RefusedError),
        ("https://example.org/x\r\nHost: inside", RefusedError),
        ("https://[::1/x", RefusedError),
        ("https://[fe80::1%25eth0]/x", StoreError),
        ("https://%6cocalhost/x", StoreError),
        ("HTTPS://example.org/x", RefusedError),
        ("https:/example.org/x", RefusedError),
        ("ftp://example.org/x", RefusedError),
        ("gopher://127.0.0.1:6379/_FLUSHALL", RefusedError),
        ("https:///x", RefusedError),
        ("https://example.org:99999/x", RefusedError),
        ("https://example.org:-1/x", RefusedError),
        ("https://example.org:https/x", RefusedError),
    ],
)
def test_other_uris_are_answered_clearly(tmp_path: Path, uri: str, error: type[StoreError]) -> None:
    with pytest.raises(error, match=r"; .+") as caught:
        get(tmp_path, uri)
    assert str(caught.value).startswith(shown(uri))
    assert "pass" not in str(caught.value).replace("passwd", "")


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://example.org:8443/x@y.csv", "https://example.org:8443/x@y.csv"),
        ("https://[2001:db8::1]/x", "https://[2001:db8::1]/x"),
        ("https://user:canary@example.org/x", "https://***@example.org/x"),
        ("https://user:a@canary@example.org/x", "https://***@example.org/x"),
        ("https://user:can/ary@example.org/x", "https://***@example.org/x"),
        ("https://user:c?anary#@example.org/x", "https://***@example.org/x"),
        ("https://canary@example.org", "https://***@example.org"),
        ("https://example.org/x?signature=canary", "https://example.org/x?***"),
        ("https://example.org/x#canary", "https://example.org/x?***"),
        ("s3://key:canary@bucket/x", "s3://***@bucket/x"),
        ("pvc://claim/which?.csv", "pvc://claim/which?.csv"),
        ("/data/a@b?c", "/data/a@b?c"),
    ],
)
def test_a_message_shows_a_uri_without_what_may_be_secret_in_it(uri: str, shown: str) -> None:
    error = StoreError(uri, "it is wrong", "fix it")
    assert (str(error), error.uri) == (f"{shown}: it is wrong; fix it", shown)


@pytest.mark.parametrize("authority", ["user:canary@localhost", "user:can/ary@localhost", "canary:can#ary@localhost"])
def test_no_refusal_repeats_a_password(tmp_path: Path, authority: str) -> None:
    with pytest.raises(RefusedError) as caught:
        get(tmp_path, f"https://{authority}/x")
    assert not re.search("canary|can/|can#|ary@|'can'", str(caught.value)), str(caught.value)


def test_digests_are_checked(tmp_path: Path) -> None:
    uri = "pvc://claim/sub/x.csv"
    assert get(tmp_path, uri, digest=digest_of(b"1,2\n")).is_file()
    with pytest.raises(DigestMismatchError):
        get(tmp_path, uri, digest=digest_of(b""))
    folder = digest_of_path(tmp_path / "data" / "sub")
    assert get(tmp_path, "pvc://claim/sub", digest=folder).is_dir()
    (tmp_path / "data" / "sub" / "x.csv").rename(tmp_path / "data" / "sub" / "y.csv")
    with pytest.raises(DigestMismatchError):
        get(tmp_path, "pvc://claim/sub", digest=folder)


def test_files_are_read_where_allowed(tmp_path: Path) -> None:
    assert get(tmp_path, f"file://{tmp_path}/secret", policy=FetchPolicy(allow_file=True)) == tmp_path / "secret"


INSIDE = {
    "loopback": "127.0.0.1",
    "another loopback": "127.255.255.254",
    "this machine": "0.0.0.0",
    "metadata": "169.254.169.254",
    "private 10": "10.0.0.1",
    "private 172": "172.16.0.1",
    "private 192": "192.168.0.1",
    "shared by a provider": "100.64.0.1",
    "protocol assignments": "192.0.0.8",
    "relays of 6to4": "192.88.99.1",
    "benchmarks": "198.18.0.1",
    "documentation": "192.0.2.1",
    "multicast": "224.0.0.1",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "IPv6 loopback": "::1",
    "IPv6 unspecified": "::",
    "IPv6 link-local": "fe80::1",
    "IPv6 link-local with its zone": "fe80::1%eth0",
    "IPv6 site-local": "fec0::1",
    "IPv6 unique local": "fd00:ec2::254",
    "IPv6 multicast": "ff02::1",
    "IPv6 documentation": "2001:db8::1",
    "IPv6 documentation, newer": "3fff::1",
    "IPv6 discarded": "100::1",
    "IPv6 segment routing": "5f00::1",
    "IPv6 not assigned": "4000::1",
    "loopback mapped to IPv6": "::ffff:127.0.0.1",
    "metadata mapped to IPv6": "::ffff:a9fe:a9fe",
    "loopback translated to IPv6": "::ffff:0:127.0.0.1",
    "loopback as IPv6": "::127.0.0.1",
    "loopback by NAT64": "64:ff9b::127.0.0.1",
    "metadata by NAT64": "64:ff9b::a9fe:a9fe",
    "private by NAT64": "64:ff9b::10.0.0.1",
    "NAT64 of a network's own": "64:ff9b:1::8.8.8.8",
    "private by 6to4": "2002:a00:1::",
    "metadata by 6to4": "2002:a9fe:a9fe::1",
    "Teredo": "2001:0:808:808::1",
}


@pytest.mark.parametrize("name", INSIDE)
def test_addresses_inside_are_refused(tmp_path: Path, name: str) -> None:
    policy = FetchPolicy(resolver=lambda _host, _port: ["93.184.216.34", INSIDE[name]])
    with pytest.raises(RefusedError, match="not public"):
        get(tmp_path, "https://example.org/x", policy=policy)


@pytest.mark.parametrize(
    "address",
    ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"],
)
def test_a_public_address_is_public_in_every_form(address: str) -> None:
    assert is_public(address)


# name: a host that names an address inside without looking like one, as this machine's own resolver reads it
DISGUISED = {
    "by name": "localhost",
    "by name with a dot": "localhost.",
    "in capitals": "LOCALHOST",
    "plain": "127.0.0.1",
    "in brackets": "[::1]",
    "mapped in brackets": "[::ffff:127.0.0.1]",
    "NAT64 in brackets": "[64:ff9b::7f00:1]",
    "shortened": "127.1",
    "a decimal number": "2130706433",
    "octal": "0177.0.0.1",
    "hexadecimal": "0x7f.0.0.1",
    "metadata as a number": "2852039166",
    "nothing but zero": "0",
    "behind a port": "127.0.0.1:8443",
    "behind port 0": "127.0.0.1:0",
}


@pytest.mark.parametrize("name", DISGUISED)
def test_a_disguised_address_inside_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match=r"not public|has no address"):  # resolvers differ in what they read
        get(tmp_path, f"https://{DISGUISED[name]}/latest/meta-data")
    assert not (tmp_path / "into" / "meta-data").exists()


class Handler(BaseHTTPRequestHandler):
    @override
    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        redirects = {"/here": "/x.csv", "/there": "https://example.org/x.csv", "/loop": "/loop", "/plain": "http://a/"}
        redirects |= {
            "/secret": "https://user:canary@example.org/x?canary",
            "/signed": "http://a/?canary",
            "/mangled": "https://[canary",
        }
        redirects |= {
            "/port": "https://localhost:1/x",
            "/dot": "https://" + self.headers["Host"].replace("localhost", "localhost.") + "/x",
            "/scheme": "file:///etc/passwd",
            "/metadata": "//169.254.169.254/latest/meta-data",
            "/nowhere": "",
        }
        path = self.path.partition("?")[0]
        if path in redirects:
            self.send_response(302)
            self.send_header("Location", redirects[path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        status = {"/gone": 404, "/denied": 403, "/broken": 500}.get(path, 200)
        body = b"0123456789"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) + (5 if path == "/cut" else 0)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, chain = folder / "key.pem", folder / "cert.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    subprocess.run([*command.split(), "-keyout", str(key), "-out", str(chain)], check=True, capture_output=True)
    return key, chain


def loopback(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


@pytest.fixture(scope="module")
def server(certificate: tuple[Path, Path]) -> Iterator[tuple[int, FetchPolicy]]:
    key, chain = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        listener.socket = context.wrap_socket(listener.socket, server_side=True)
        thread = threading.Thread(target=listener.serve_forever, daemon=True)
        thread.start()
        hosts = AllowedHosts.parse(f"localhost:{listener.server_port}")
        try:
            yield (
                listener.server_port,
                FetchPolicy(allowed_hosts=hosts, ca_file=chain, timeout_seconds=PATIENCE, resolver=loopback),
            )
        finally:
            listener.shutdown()
            thread.join()


@pytest.mark.parametrize("path", ["x.csv", "here"])
def test_a_download_arrives_whole(tmp_path: Path, server: tuple[int, FetchPolicy], path: str) -> None:
    port, policy = server
    target = get(tmp_path, f"https://localhost:{port}/{path}", policy=policy, digest=digest_of(b"0123456789"))
    assert target == tmp_path / "into" / path
    assert target.read_bytes() == b"0123456789"


@pytest.mark.parametrize(("path", "requests"), [("x.csv", 1), ("here", 2)])
def test_a_name_is_looked_up_once_a_request_so_that_a_second_answer_leads_nowhere(
    tmp_path: Path, server: tuple[int, FetchPolicy], path: str, requests: int
) -> None:
    port, policy = server
    answers = [["127.0.0.1"]] * requests + [["169.254.169.254"]]
    asked = []

    def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    get(tmp_path, f"https://localhost:{port}/{path}", policy=replace(policy, resolver=rebinding))
    assert asked == ["localhost"] * requests


def test_a_redirection_is_judged_by_its_own_answer(tmp_path: Path, server: tuple[int, FetchPolicy]) -> None:
    port, policy = server
    answers = iter([["127.0.0.1"], []])
    with pytest.raises(UnreachableError, match="has no address"):
        get(
            tmp_path, f"https://localhost:{port}/here",
            policy=replace(policy, resolver=lambda _host, _port: next(answers)),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("gone", NotFoundError),
        ("denied", RefusedError),
        ("broken", UnreachableError),
        ("cut", UnreachableError),
        ("there", RefusedError),
        ("plain", RefusedError),
        ("port", RefusedError),
        ("dot", RefusedError),
        ("scheme", RefusedError),
        ("metadata", RefusedError),
        ("nowhere", UnreachableError),
        ("loop", UnreachableError),
        ("mangled", RefusedError),
    ],
)
def test_a_failed_download_leaves_nothing(
    tmp_path: Path, server: tuple[int, FetchPolicy], path: str, error: type[StoreError]
) -> None:
    port, policy = server
    with pytest.raises(error):
        get(tmp_path, f"https://localhost:{port}/{path}", policy=policy)
    assert list((tmp_path / "into").iterdir()) == []


@pytest.mark.parametrize("path", ["secret", "signed", "mangled", "there?canary", "gone?canary", "broken?canary"])
def test_no_secret_of_a_uri_or_of_a_redirection_is_in_a_message(
    tmp_path: Path, server: tuple[int, FetchPolicy], path: str
) -> None:
    port, policy = server
    with pytest.raises(StoreError) as caught:
        get(tmp_path, f"https://localhost:{port}/{path}", policy=policy)
    assert "canary" not in str(caught.value)


def test_a_download_has_a_largest_size(tmp_path: Path, server: tuple[int, FetchPolicy]) -> None:
    port, policy = server
    small = FetchPolicy(
        allowed_hosts=policy.allowed_hosts, ca_file=policy.ca_file, resolver=policy.resolver, maximum_bytes=9
    )
    with pytest.raises(RefusedError, match="9 bytes"):
        get(tmp_path, f"https://localhost:{port}/x", policy=small)


def test_an_unknown_certificate_is_not_trusted(tmp_path: Path, server: tuple[int, FetchPolicy]) -> None:
    port, policy = server
    untrusting = FetchPolicy(allowed_hosts=policy.allowed_hosts, resolver=policy.resolver)
    with pytest.raises(RefusedError, match="is not trusted"):
        get(tmp_path, f"https://localhost:{port}/x", policy=untrusting)
