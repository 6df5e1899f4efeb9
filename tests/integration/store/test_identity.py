"""A pod's identity becomes keys of an hour, and these read an object of a real S3 server.

The token service is a stand-in that answers as AWS documents it; what it is asked is compared with that.
"""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from idla_store import FetchEnvironment, RefusedError, StoreError, UnreachableError, fetch

from tests.integration.store.conftest import KEYS, Server, Site
from tools.object_store import REGION

TOKEN = "canary-of-a-token"
ANSWER = (
    "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
    f"<AccessKeyId>{KEYS.access_key_id}</AccessKeyId><SecretAccessKey>{KEYS.secret_access_key}</SecretAccessKey>"
    "<Expiration>2026-12-01T00:00:00Z</Expiration>"
    "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
)


def get(tmp_path: Path, server: Server, site: Site, environment: Mapping[str, str]) -> bytes:
    (server.folder / "bucket" / "x.csv").write_bytes(b"a,b\n1,2\n")
    (tmp_path / "token").write_text(TOKEN + "\n")
    authorities = tmp_path / "authorities.pem"
    authorities.write_bytes(server.authority.read_bytes() + site.authority.read_bytes())
    variables = {
        "AWS_ROLE_ARN": "arn:aws:iam::1:role/reader", "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
        "AWS_ENDPOINT_URL_STS": f"https://localhost:{site.port}", "AWS_ENDPOINT_URL_S3": server.endpoint,
        "AWS_REGION": REGION, "IDLA_CA_FILE": str(authorities), **environment,
    }  # fmt: skip
    found = fetch(
        "s3://bucket/x.csv", data_mount=tmp_path, samples_root=tmp_path, into=tmp_path / "into",
        policy=FetchEnvironment(None, variables).policy(),
    )  # fmt: skip
    return found.read_bytes()


def test_an_object_is_read_with_the_identity_of_the_pod(tmp_path: Path, server: Server, site: Site) -> None:
    site.files["/"] = ANSWER.encode()
    site.statuses.clear()
    site.posted.clear()
    assert get(tmp_path, server, site, {}) == b"a,b\n1,2\n"
    assert [parse_qs(body) for body in site.posted] == [
        {
            "Action": ["AssumeRoleWithWebIdentity"], "Version": ["2011-06-15"], "RoleSessionName": ["idla"],
            "RoleArn": ["arn:aws:iam::1:role/reader"], "WebIdentityToken": [TOKEN],
        }
    ]  # fmt: skip


TAKE = "let the service account of the pod take the role of AWS_ROLE_ARN, or give keys"
# name: status, answer, changed variables, the error, its problem, its remedy
WRONG: dict[str, tuple[int, str, dict[str, str], type[StoreError], str, str]] = {
    "another role": (
        403, "<Error><Code>AccessDenied</Code></Error>", {},
        RefusedError, "the token service answers 403 AccessDenied", TAKE,
    ),
    "an old token": (
        400, "<Error><Code>ExpiredTokenException</Code></Error>", {},
        RefusedError, "the token service answers 400 ExpiredTokenException", TAKE,
    ),
    "an error of the service": (
        503, "", {}, UnreachableError, "the token service answers 503", "try again",
    ),
    "a service of another kind": (
        200, "<html>", {},
        UnreachableError, "the answer of the token service has no keys", "check AWS_ENDPOINT_URL_STS",
    ),
    "a session, of which this server of objects knows nothing": (
        200, ANSWER.replace("<Exp", "<SessionToken>of+this/hour==</SessionToken><Exp"), {},
        RefusedError, "the server answers 400 InvalidToken", "check the session token",
    ),
    "no token": (
        200, ANSWER, {"AWS_WEB_IDENTITY_TOKEN_FILE": "/none"},
        RefusedError, "the token of AWS_WEB_IDENTITY_TOKEN_FILE cannot be read (FileNotFoundError)",
        "mount it, or give keys",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_an_identity_that_gets_no_keys_is_told_without_its_token(
    tmp_path: Path, server: Server, site: Site, name: str
) -> None:
    status, answer, changes, kind, problem, remedy = WRONG[name]
    site.files["/"], site.statuses["/"] = answer.encode(), status
    with pytest.raises(kind) as caught:
        get(tmp_path, server, site, changes)
    assert (caught.value.problem, caught.value.remedy) == (problem, remedy)
    assert TOKEN not in str(caught.value)
