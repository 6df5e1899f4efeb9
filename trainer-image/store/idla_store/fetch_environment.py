"""How remote data are reached from this process: what a mounted Secret and the usual variables say.

In a pod the Secret of `spec.data.access.secretRef` is a folder with a file for each of its keys; on a machine of one's
own the same names are environment variables, as the tools of AWS have them. A file goes before a variable.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from idla_contract.egress import (
    ALLOWED_FORM,
    ALLOWED_HOSTS,
    CA_FILE,
    HTTPS_PROXY,
    NO_PROXY,
    PROXY_LOGIN,
    PROXY_PASSWORD,
    PROXY_USER,
    AllowedHosts,
)

from idla_store.access import Keys, S3Access, WebIdentity
from idla_store.errors import RefusedError
from idla_store.policy import FetchPolicy
from idla_store.proxy import split_login

_AUTHORITIES = "ca.crt"
"""Key of the Secret with certificates to trust, in PEM."""
_LONGEST = 1 << 14


@dataclass(frozen=True, slots=True)
class FetchEnvironment:
    """What this process was given."""

    secret: Path | None = None
    """The folder of the Secret; it may be missing or empty."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    def policy(self, *, region: str | None = None, endpoint: str | None = None) -> FetchPolicy:
        """Return what a fetch may do, and with which keys.

        What `IDLA_ALLOWED_HOSTS` lists and the host of an endpoint in the environment may be inside the cluster's
        network, since whoever sets variables of this process is no stranger; an endpoint of a spec may not.

        Args:
            region: of the bucket, as the spec says. Default: AWS_REGION, AWS_DEFAULT_REGION, us-east-1.
            endpoint: of the spec. Default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS itself.

        Raises:
            RefusedError: `IDLA_ALLOWED_HOSTS` cannot be read.
        """
        bundle = self.environment.get("AWS_CA_BUNDLE") or None
        mounted = None if self.secret is None else self.secret / _AUTHORITIES
        more = self.environment.get(CA_FILE) or None
        proxy, login = split_login(self.environment.get(HTTPS_PROXY) or self.environment.get(HTTPS_PROXY.lower()) or "")
        return FetchPolicy(
            allowed_hosts=self._allowed_hosts(),
            ca_file=mounted if mounted is not None and mounted.is_file() else bundle and Path(bundle),
            more_authorities=more and Path(more),
            proxy=proxy or None,
            proxy_login=self._proxy_login() or login,
            no_proxy=self.environment.get(NO_PROXY) or self.environment.get(NO_PROXY.lower()) or "",
            s3=self._access(region, endpoint),
        )

    def _proxy_login(self) -> str | None:
        """Return the login in the mounted Secret, or None where either half is missing."""
        folder = self.environment.get(PROXY_LOGIN)
        if not folder:
            return None
        user, password = (_read_file(Path(folder) / name) for name in (PROXY_USER, PROXY_PASSWORD))
        return f"{user}:{password}" if user and password else None

    def _allowed_hosts(self) -> AllowedHosts:
        try:
            listed = AllowedHosts.parse(self.environment.get(ALLOWED_HOSTS, ""))
        except ValueError as error:
            raise RefusedError(ALLOWED_HOSTS, str(error), f"write {ALLOWED_FORM}") from None
        for endpoint in (self._endpoint(), self.environment.get("AWS_ENDPOINT_URL_STS")):
            if own := urlsplit(endpoint or "").netloc:
                listed = listed.with_name(own)
        return listed

    def _access(self, region: str | None, endpoint: str | None) -> S3Access | None:
        keys = self._keys()
        if keys is None:
            return None
        named = self.environment.get("AWS_REGION") or self.environment.get("AWS_DEFAULT_REGION")
        return S3Access(
            keys=keys,
            region=region or named or "us-east-1",
            endpoint=endpoint or self._endpoint(),
        )

    def _keys(self) -> Keys | WebIdentity | None:
        """Return the keys of the Secret or of the environment, else the identity of the pod, else None."""
        identity, secret = self._read_setting("AWS_ACCESS_KEY_ID"), self._read_setting("AWS_SECRET_ACCESS_KEY")
        if identity and secret:
            token = self._read_setting("AWS_SESSION_TOKEN")
            return Keys(access_key_id=identity, secret_access_key=secret, session_token=token)
        role, file = self.environment.get("AWS_ROLE_ARN"), self.environment.get("AWS_WEB_IDENTITY_TOKEN_FILE")
        if identity or secret or not role or not file:
            return None
        session = self.environment.get("AWS_ROLE_SESSION_NAME") or "idla"
        endpoint = self.environment.get("AWS_ENDPOINT_URL_STS") or None
        return WebIdentity(role=role, token_file=Path(file), session=session, endpoint=endpoint)

    def _endpoint(self) -> str | None:
        return self.environment.get("AWS_ENDPOINT_URL_S3") or self.environment.get("AWS_ENDPOINT_URL") or None

    def _read_setting(self, name: str) -> str | None:
        """Return a setting, without the line's end of a file that `kubectl create secret --from-file` makes.

        A Secret with keys is taken whole: a token of the environment beside keys of a file would belong to others.
        """
        if self.secret is not None and (self.secret / "AWS_ACCESS_KEY_ID").is_file():
            return _read_file(self.secret / name)
        return self.environment.get(name) or None


def _read_file(path: Path) -> str | None:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_LONGEST).strip() or None
    except OSError:
        return None
