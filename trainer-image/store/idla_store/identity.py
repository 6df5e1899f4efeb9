"""Keys for the identity of a pod: AssumeRoleWithWebIdentity of AWS's Security Token Service, or of one like it.

Source: "AssumeRoleWithWebIdentity" of the AWS Security Token Service API reference.
"""

import re
from urllib.parse import urlencode

from idla_store.access import Keys, WebIdentity
from idla_store.errors import RefusedError, UnreachableError
from idla_store.https import Asked, answered
from idla_store.policy import FetchPolicy

_ANSWER_BYTES = 1 << 16
_TOKEN_BYTES = 1 << 16
_OK, _TOO_MANY, _SERVER_ERROR = 200, 429, 500
_CODE = re.compile(r"<Code>([A-Za-z0-9]{1,64})</Code>")


def keys_for(uri: str, identity: WebIdentity, region: str, policy: FetchPolicy) -> Keys:
    """Return keys that are good for an hour at most.

    Args:
        uri: what messages name.
        identity: the role, and the token that proves who asks.
        region: of the service.
        policy: what a fetch may do.

    Raises:
        RefusedError: the token cannot be read, or the service does not give this role for it.
        UnreachableError: no answer, or an error of the service.
    """
    try:
        with identity.token_file.open(encoding="ascii") as file:
            token = file.read(_TOKEN_BYTES).strip()
    except (OSError, UnicodeError) as error:
        problem = f"the token of AWS_WEB_IDENTITY_TOKEN_FILE cannot be read ({type(error).__name__})"
        raise RefusedError(uri, problem, "mount it, or give keys") from error
    words = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": identity.role,
        "RoleSessionName": identity.session,
        "WebIdentityToken": token,
    }
    endpoint = identity.endpoint or f"https://sts.{region}.amazonaws.com"
    asked = Asked({"Content-Type": "application/x-www-form-urlencoded"}, body=urlencode(words).encode())
    with answered(uri, f"{endpoint.rstrip('/')}/", policy, asked) as answer:
        document = answer.read(_ANSWER_BYTES).decode("utf-8", "replace")
        status = answer.status
    if status != _OK:
        raise _failure(uri, status, document)
    found = [_element(document, name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
    if not found[0] or not found[1]:
        raise UnreachableError(uri, "the answer of the token service has no keys", "check AWS_ENDPOINT_URL_STS")
    return Keys(access_key_id=found[0], secret_access_key=found[1], session_token=found[2] or None)


def _element(document: str, name: str) -> str:
    found = re.search(rf"<{name}>([^<&]{{1,8192}})</{name}>", document)
    return found[1].strip() if found else ""


def _failure(uri: str, status: int, document: str) -> RefusedError | UnreachableError:
    code = _CODE.search(document)
    problem = f"the token service answers {status} {code[1] if code else ''}".rstrip()
    if status >= _SERVER_ERROR or status == _TOO_MANY:
        return UnreachableError(uri, problem, "try again")
    return RefusedError(uri, problem, "let the service account of the pod take the role of AWS_ROLE_ARN, or give keys")
