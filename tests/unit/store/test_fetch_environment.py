"""Where the keys of S3, own certificates, allowed hosts and the proxy come from."""

from pathlib import Path

import pytest
from idla_contract.egress import AllowedHosts
from idla_store import FetchEnvironment, FetchPolicy, Keys, S3Access, WebIdentity

VARIABLES = {
    "AWS_ACCESS_KEY_ID": "id",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ENDPOINT_URL": "https://other",
    "AWS_ENDPOINT_URL_S3": "https://s3.example:9000",
    "AWS_CA_BUNDLE": "/ca.pem",
}


def secret(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def test_the_usual_variables_of_aws_are_read() -> None:
    found = FetchEnvironment(None, VARIABLES)
    assert found.policy() == FetchPolicy(
        allowed_hosts=AllowedHosts.parse("s3.example:9000"),
        ca_file=Path("/ca.pem"),
        s3=S3Access(
            keys=Keys(access_key_id="id", secret_access_key="secret", session_token="token"),  # made up
            region="eu-central-1",
            endpoint="https://s3.example:9000",
        ),
    )


def test_what_the_spec_says_goes_before_and_is_not_allowed_inside() -> None:
    found = FetchEnvironment(None, VARIABLES)
    access = found.policy(region="eu-west-1", endpoint="https://inside.example").s3
    assert access is not None
    assert (access.region, access.endpoint) == ("eu-west-1", "https://inside.example")
    assert not found.policy().allowed_hosts.allows_host("inside.example", 443)


def test_a_secret_is_taken_whole(tmp_path: Path) -> None:
    mounted = secret(tmp_path, AWS_ACCESS_KEY_ID="own\n", AWS_SECRET_ACCESS_KEY="hidden\n", ca__crt="PEM")
    found = FetchEnvironment(mounted, VARIABLES)
    access = found.policy().s3
    assert access is not None
    assert access.keys == Keys(access_key_id="own", secret_access_key="hidden")  # made up
    assert found.policy().ca_file == tmp_path / "ca.crt"


def test_half_a_secret_is_no_access_and_an_empty_one_is_none_at_all(tmp_path: Path) -> None:
    assert FetchEnvironment(tmp_path, {}).policy().s3 is None
    assert FetchEnvironment(tmp_path, VARIABLES).policy().s3 is not None
    mounted = secret(tmp_path, AWS_ACCESS_KEY_ID="own")
    assert FetchEnvironment(mounted, VARIABLES).policy().s3 is None


def test_allowed_hosts_and_the_proxy_are_the_environments() -> None:
    variables = {"IDLA_ALLOWED_HOSTS": "minio.storage:9000, files", "HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "x"}
    variables["IDLA_CA_FILE"] = "/etc/idla-ca/ca.crt"
    assert FetchEnvironment(None, variables).policy() == FetchPolicy(
        allowed_hosts=AllowedHosts.parse("minio.storage:9000, files"),
        proxy="http://proxy:3128",
        no_proxy="x",
        more_authorities=Path("/etc/idla-ca/ca.crt"),
    )
    assert FetchEnvironment().policy() == FetchPolicy()


# name: files of the Secret, HTTPS_PROXY, the login
LOGINS: dict[str, tuple[dict[str, str], str, str | None]] = {
    "a Secret": ({"username": "pods\n", "password": "p:ss w@rd\n"}, "http://proxy:3128", "pods:p:ss w@rd"),
    "half a Secret": ({"username": "pods"}, "http://proxy:3128", None),
    "no Secret": ({}, "http://proxy:3128", None),
    "the address": ({}, "http://me:p%40ss%2Fw@proxy:3128", "me:p@ss/w"),
    "an address alone": ({}, "me:x@proxy:3128", "me:x"),
    "a Secret goes before": ({"username": "pods", "password": "x"}, "http://me:y@proxy:3128", "pods:x"),
}


@pytest.mark.parametrize("name", LOGINS)
def test_the_login_of_a_proxy_is_its_own_and_shown_to_nobody(tmp_path: Path, name: str) -> None:
    files, proxy, login = LOGINS[name]
    for key, value in files.items():
        (tmp_path / key).write_text(value)
    policy = FetchEnvironment(None, {"HTTPS_PROXY": proxy, "IDLA_PROXY_LOGIN": str(tmp_path)}).policy()
    assert (policy.proxy_login, policy.proxy) in {(login, "http://proxy:3128"), (login, "proxy:3128")}
    assert "pods" not in repr(policy)
    assert "me:" not in repr(policy)


def test_a_pod_without_keys_has_its_identity() -> None:
    role = {"AWS_ROLE_ARN": "arn:aws:iam::1:role/reader", "AWS_WEB_IDENTITY_TOKEN_FILE": "/token", "AWS_REGION": "x"}
    service = {"AWS_ENDPOINT_URL_STS": "https://sts.inside:7480", "AWS_ROLE_SESSION_NAME": "digits"}
    assert FetchEnvironment(None, role | service).policy() == FetchPolicy(
        allowed_hosts=AllowedHosts.parse("sts.inside:7480"),
        s3=S3Access(
            keys=WebIdentity(
                role="arn:aws:iam::1:role/reader", token_file=Path("/token"), session="digits",
                endpoint="https://sts.inside:7480",
            ),
            region="x",
        ),
    )  # fmt: skip
    given = FetchEnvironment(None, role | VARIABLES).policy().s3
    assert given is not None
    assert isinstance(given.keys, Keys)
    assert FetchEnvironment(None, {"AWS_ROLE_ARN": "x"}).policy().s3 is None


def test_nothing_secret_is_shown() -> None:
    assert "secret" not in repr(FetchEnvironment(None, VARIABLES)).replace("secret=None", "")
