"""Signature Version 4: what AWS and everything that speaks S3 ask of a request.

Source: "Authenticating Requests (AWS Signature Version 4)" of the Amazon S3 API reference.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from idla_store.access import Keys

_ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY_DIGEST = hashlib.sha256(b"").hexdigest()
"""Digest of a request without a body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a signature is good for."""

    region: str
    service: str
    moment: datetime
    """In UTC."""

    @property
    def stamp(self) -> str:
        """Return the moment as the header `x-amz-date` has it."""
        return self.moment.strftime("%Y%m%dT%H%M%SZ")

    @property
    def credential(self) -> str:
        """Return day, region and service in the form that is signed."""
        return f"{self.stamp[:8]}/{self.region}/{self.service}/aws4_request"


def authorization(keys: Keys, scope: Scope, path: str, headers: Mapping[str, str]) -> str:
    """Return the header `Authorization` of a GET without query and body.

    Args:
        keys: of the one who asks.
        scope: region, service and moment.
        path: as it is sent, percent-encoded.
        headers: every header that is signed, with names in lower case; `host` and `x-amz-date` among them.
    """
    names = sorted(headers)
    lines = [f"{name}:{headers[name].strip()}" for name in names]
    request = "\n".join(["GET", path, "", *lines, "", ";".join(names), EMPTY_DIGEST])
    digest = hashlib.sha256(request.encode()).hexdigest()
    to_sign = f"{_ALGORITHM}\n{scope.stamp}\n{scope.credential}\n{digest}"
    signature = hmac.new(_key(keys, scope), to_sign.encode(), hashlib.sha256).hexdigest()
    return (
        f"{_ALGORITHM} Credential={keys.access_key_id}/{scope.credential},"
        f"SignedHeaders={';'.join(names)},Signature={signature}"
    )


def _key(keys: Keys, scope: Scope) -> bytes:
    key = f"AWS4{keys.secret_access_key}".encode()
    for part in scope.credential.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
