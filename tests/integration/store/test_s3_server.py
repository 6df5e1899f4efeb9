"""Objects of a real S3 server: what arrives, and what each refusal of the server is told as."""

from collections.abc import Callable
from dataclasses import replace
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
    fetch,
)

from tests.integration.store.conftest import KEYS, Server
from tools.tunnel_proxy import Proxy

BODY = bytes(range(256)) * 4096


def get(tmp_path: Path, key: str, policy: FetchPolicy, *, bucket: str = "bucket", digest: str | None = None) -> Path:
    return fetch(
        f"s3://{bucket}/{key}",
        data_mount=tmp_path / "data",
        samples_root=tmp_path / "samples",
        into=tmp_path / "into",
        digest=digest,
        policy=policy,
    )


@pytest.fixture
def put(server: Server) -> Callable[[str], str]:
    def write(key: str) -> str:
        path = server.folder / "bucket" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(BODY)
        return key

    return write


NAMES = [
    "x.csv", "deep/er/x.csv", "a+b=c&d@e,f;g.csv", "Ünïcode-数据.csv", "~tilde_(1)!'*$.csv", "percent%20.csv",
]  # fmt: skip


@pytest.mark.parametrize("key", NAMES)
def test_an_object_arrives_whole_whatever_its_key(
    tmp_path: Path, server: Server, put: Callable[[str], str], key: str
) -> None:
    found = get(tmp_path, put(key), server.policy, digest=digest_of(BODY))
    assert found.parent == tmp_path / "into"
    assert found.read_bytes() == BODY
    assert list(found.parent.iterdir()) == [found]


def _with_keys(policy: FetchPolicy, **changes: str) -> FetchPolicy:
    assert policy.s3 is not None
    return replace(policy, s3=replace(policy.s3, keys=replace(KEYS, **changes)))


def _with_region(policy: FetchPolicy) -> FetchPolicy:
    assert policy.s3 is not None
    return replace(policy, s3=replace(policy.s3, region="us-west-2"))


REFUSALS: dict[str, tuple[str, str, Callable[[FetchPolicy], FetchPolicy], type[StoreError], str]] = {
    "no such object": ("bucket", "none.csv", lambda policy: policy, NotFoundError, "404 NoSuchKey; check the key"),
    "no such bucket": ("other-bucket", "x.csv", lambda policy: policy, NotFoundError, "404 NoSuchBucket; check the"),
    "nobody's key": (
        "bucket", "x.csv", lambda policy: _with_keys(policy, access_key_id="stranger"),
        RefusedError, "check the access key id",
    ),
    "a wrong secret": (
        "bucket", "x.csv", lambda policy: _with_keys(policy, secret_access_key="canary"),
        RefusedError, "403 SignatureDoesNotMatch; check the secret access key",
    ),
    "another region": ("bucket", "x.csv", _with_region, RefusedError, "to the region of the bucket"),
    "an untrusted certificate": (
        "bucket", "x.csv", lambda policy: replace(policy, ca_file=None), RefusedError, "is not trusted",
    ),
    "an endpoint that nobody allowed": (
        "bucket", "x.csv", lambda policy: replace(policy, allowed_hosts=AllowedHosts()), RefusedError, "not public",
    ),
    "too large": (
        "bucket", "x.csv", lambda policy: replace(policy, maximum_bytes=1000), RefusedError, "larger than the allowed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_what_is_refused_says_what_to_do_and_leaves_nothing(
    tmp_path: Path, server: Server, put: Callable[[str], str], name: str
) -> None:
    put("x.csv")
    bucket, key, changed, kind, says = REFUSALS[name]
    with pytest.raises(StoreError) as caught:
        get(tmp_path, key, changed(server.policy), bucket=bucket)
    assert type(caught.value) is kind
    assert says in str(caught.value)
    assert "canary" not in str(caught.value)
    assert list((tmp_path / "into").iterdir()) == []


def test_another_digest_is_refused(tmp_path: Path, server: Server, put: Callable[[str], str]) -> None:
    with pytest.raises(DigestMismatchError):
        get(tmp_path, put("x.csv"), server.policy, digest=digest_of(b""))


def test_a_proxy_is_asked_for_the_server_by_its_name(
    tmp_path: Path, server: Server, proxy: Proxy, put: Callable[[str], str]
) -> None:
    through = replace(server.policy, proxy=proxy.address)
    assert get(tmp_path, put("x.csv"), through).read_bytes() == BODY
    assert proxy.asked == [f"localhost:{server.port}"]
    assert get(tmp_path, "x.csv", replace(through, no_proxy="localhost")).read_bytes() == BODY
    assert len(proxy.asked) == 1


def test_a_proxy_is_asked_for_no_host_inside(tmp_path: Path, server: Server, proxy: Proxy) -> None:
    with pytest.raises(RefusedError, match="not public"):
        get(tmp_path, "x.csv", replace(server.policy, proxy=proxy.address, allowed_hosts=AllowedHosts()))
    assert proxy.asked == []


def test_a_proxy_that_refuses_may_do_otherwise_later(tmp_path: Path, server: Server, proxy: Proxy) -> None:
    proxy.status = "503 Service Unavailable"
    with pytest.raises(UnreachableError, match="the proxy answers 503"):
        get(tmp_path, "x.csv", replace(server.policy, proxy=proxy.address))
