"""Objects of S3 without a server: what is refused before anything is asked, and how an answer is told."""

from dataclasses import replace
from pathlib import Path

import pytest
from idla_store import FetchPolicy, Keys, NotFoundError, RefusedError, S3Access, StoreError, UnreachableError
from idla_store.s3 import _failure, download_object

KEYS = Keys(access_key_id="id", secret_access_key="canary")  # made up
ACCESS = S3Access(keys=KEYS)
URI = "s3://bucket/folder/x.csv"


def unresolved(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


REFUSED = {
    "no key": ("s3://bucket", ACCESS, "bucket and a key"),
    "an empty key": ("s3://bucket/", ACCESS, "bucket and a key"),
    "a bucket in capitals": ("s3://Bucket/x", ACCESS, "bucket and a key"),
    "a query": ("s3://bucket/x?versionId=1", ACCESS, "bucket and a key"),
    "credentials": ("s3://id:secret@bucket/x", ACCESS, "bucket and a key"),
    "nobody's keys": (URI, None, "no keys"),
    "a region that is a host": (URI, replace(ACCESS, region="x.evil.example/"), "region is"),
    "a plain endpoint": (URI, replace(ACCESS, endpoint="http://s3.example"), "https only"),
    "an endpoint with a path": (URI, replace(ACCESS, endpoint="https://s3.example/x"), "https only"),
    "an endpoint with a password": (URI, replace(ACCESS, endpoint="https://a:canary@s3.example"), "credentials"),
    "an endpoint without a port": (URI, replace(ACCESS, endpoint="https://s3.example:x"), "cannot be read"),
    "a token of two lines": (
        URI,
        replace(ACCESS, keys=replace(KEYS, session_token="canary\r\nx: y")),  # made up
        "line's end",
    ),
    "an address of AWS that is inside": (URI, ACCESS, "not public"),
    "an endpoint that is inside": (URI, replace(ACCESS, endpoint="https://inside.example"), "not public"),
}


@pytest.mark.parametrize(("uri", "access", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_refused_before_anything_is_asked(
    tmp_path: Path, uri: str, access: S3Access | None, says: str
) -> None:
    with pytest.raises(RefusedError, match=says) as caught:
        download_object(uri, tmp_path / "x", FetchPolicy(resolver=unresolved, s3=access))
    assert "canary" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


ANSWERS = {
    "a key that is none": (404, "XAdminUserNotFound", RefusedError),
    "an old session": (400, "ExpiredToken", RefusedError),
    "a wrong clock": (403, "RequestTimeTooSkewed", UnreachableError),
    "another region, as AWS says it": (301, "PermanentRedirect", RefusedError),
    "another region, as others say it": (400, "AuthorizationHeaderMalformed", RefusedError),
    "too many requests": (503, "SlowDown", UnreachableError),
    "a refusal that nobody knows": (403, "Other", RefusedError),
    "an error of the server": (500, "InternalError", UnreachableError),
    "no document": (404, "", NotFoundError),
}


@pytest.mark.parametrize(("status", "code", "kind"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_tells_whether_a_repetition_helps(status: int, code: str, kind: type[StoreError]) -> None:
    document = f"<Error><Code>{code}</Code><Message>canary</Message></Error>".encode() if code else b""
    failure = _failure(URI, status, document)
    assert type(failure) is kind
    assert failure.problem == f"the server answers {status} {code}".rstrip()
