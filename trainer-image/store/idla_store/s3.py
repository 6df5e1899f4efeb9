"""Objects of S3, and of whatever speaks like it, by signed requests over HTTPS."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, urlsplit

from typing_extensions import override

from idla_store.access import Keys, S3Access
from idla_store.errors import NotFoundError, RefusedError, StoreError, UnreachableError
from idla_store.https import Asked, answered, write_body
from idla_store.identity import keys_for
from idla_store.policy import FetchPolicy
from idla_store.scheme import Scheme, Surroundings, placed
from idla_store.signing import EMPTY_DIGEST, Scope, authorization

_URI = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([^\s?#]{1,1024})")
_HEADER = re.compile(r"[\x21-\x7e]{1,8192}")
_REGION = re.compile(r"[a-z0-9-]{1,64}")
_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,64})</Code>")
_ANSWER_BYTES = 1 << 16
"""Of an error's document; what is behind them says nothing new."""
_KEYS = (
    "give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the Secret of `spec.data.access.secretRef`, a role to the "
    "service account of the pods, or the keys as variables to idla run --local"
)
_REMEDIES: Mapping[str, tuple[type[StoreError], str]] = {
    "NoSuchKey": (NotFoundError, "check the key"),
    "NoSuchBucket": (NotFoundError, "check the bucket and the endpoint"),
    "InvalidAccessKeyId": (RefusedError, "check the access key id"),
    "SignatureDoesNotMatch": (RefusedError, "check the secret access key"),
    "XAdminUserNotFound": (RefusedError, "check the access key id"),
    "InvalidToken": (RefusedError, "check the session token"),
    "ExpiredToken": (RefusedError, "renew the keys"),
    "AccessDenied": (RefusedError, "let these keys read the object (s3:GetObject)"),
    "AuthorizationHeaderMalformed": (RefusedError, "set `spec.data.access.region` to the region of the bucket"),
    "PermanentRedirect": (RefusedError, "set `spec.data.access.region` to the region of the bucket"),
    "RequestTimeTooSkewed": (UnreachableError, "set this machine's clock, then try again"),
}
"""What is wrong by the server's own code; a code that is not here is judged by the status."""
_BY_STATUS: Mapping[int, tuple[type[StoreError], str]] = {
    301: (RefusedError, "set `spec.data.access.region` to the region of the bucket"),
    307: (RefusedError, "set `spec.data.access.region` to the region of the bucket"),
    400: (RefusedError, "check the region and the keys"),
    401: (RefusedError, "check the keys"),
    403: (RefusedError, "check the keys and what they may read"),
    404: (NotFoundError, "check bucket and key"),
}


class S3Scheme(Scheme):
    """Objects of a bucket, downloaded."""

    form: ClassVar[str] = "s3://bucket/key"

    @override
    def locate(self, uri: str, here: Surroundings) -> Path:
        return placed(uri, here.into, lambda partial: download_object(uri, partial, here.policy))


def download_object(uri: str, target: Path, policy: FetchPolicy, moment: datetime | None = None) -> None:
    """Write the bytes of `s3://bucket/key` to `target`; no redirection is followed.

    Args:
        uri: bucket and key, the key as it is, without percent-encoding.
        target: the file.
        policy: what a fetch may do, with keys and place of objects.
        moment: of the signature. Default: now.

    Raises:
        NotFoundError: no such bucket or object.
        RefusedError: the URI, the keys, the region, the address or the size is not right.
        UnreachableError: no answer, an error of the server, a clock that is wrong, or a body cut short.
    """
    named, access = _URI.fullmatch(uri), policy.s3
    if named is None:
        raise RefusedError(uri, "it does not name a bucket and a key", "write s3://bucket/key")
    if access is None:
        raise RefusedError(uri, "there are no keys to read it with", _KEYS)
    if not _REGION.fullmatch(access.region):
        raise RefusedError(uri, f"the region is {access.region!r}", "write one such as eu-central-1")
    host = _host(uri, access)
    path = quote(f"/{named[1]}/{named[2]}", safe="/~")
    asked = Asked(_signed(_keys(uri, access, policy), access.region, host, path, moment or datetime.now(UTC)))
    with answered(uri, f"https://{host}{path}", policy, asked) as answer:
        if answer.status != 200:  # noqa: PLR2004  # OK
            raise _failure(uri, answer.status, answer.read(_ANSWER_BYTES))
        write_body(uri, answer, target, policy.maximum_bytes)


def _host(uri: str, access: S3Access) -> str:
    endpoint = (access.endpoint or f"https://s3.{access.region}.amazonaws.com").rstrip("/")
    try:
        parts = urlsplit(endpoint)
    except ValueError:
        raise RefusedError(uri, "its endpoint cannot be read", "write the endpoint as https://host:port") from None
    if parts.scheme != "https" or parts.path or parts.query or parts.fragment:
        raise RefusedError(uri, "its endpoint is not https://host:port alone", "S3 is read over https only")
    return parts.netloc


def _keys(uri: str, access: S3Access, policy: FetchPolicy) -> Keys:
    keys = access.keys if isinstance(access.keys, Keys) else keys_for(uri, access.keys, access.region, policy)
    if not all(_HEADER.fullmatch(part) for part in (keys.access_key_id, keys.session_token or "-")):
        raise RefusedError(uri, "the access key id or the session token holds a blank or a line's end", "remove it")
    return keys


def _signed(keys: Keys, region: str, host: str, path: str, moment: datetime) -> dict[str, str]:
    scope = Scope(region=region, service="s3", moment=moment)
    headers = {"host": host, "x-amz-content-sha256": EMPTY_DIGEST, "x-amz-date": scope.stamp}
    if keys.session_token is not None:
        headers["x-amz-security-token"] = keys.session_token
    return {**headers, "authorization": authorization(keys, scope, path, headers)}


def _failure(uri: str, status: int, document: bytes) -> StoreError:
    found = _CODE.search(document)
    code = found[1].decode() if found else ""
    by_status = _BY_STATUS.get(status, (UnreachableError, "try again, or check the server"))
    kind, remedy = _REMEDIES.get(code, by_status)
    return kind(uri, f"the server answers {status} {code}".rstrip(), remedy)
