"""What lets pods reach data and artifacts outside: an administrator's settings as variables and a volume of a pod."""

from dataclasses import dataclass, field
from typing import Any

from idla_contract.egress import (
    ALLOWED_HOSTS,
    CA_CERTIFICATES,
    CA_FILE,
    CA_MOUNT,
    HTTPS_PROXY,
    NO_PROXY,
    PROXY_LOGIN,
    PROXY_MOUNT,
    PROXY_PASSWORD,
    PROXY_USER,
)

from idla.builders.pod_security import SECRET_MODE

_VOLUME, _LOGIN_VOLUME = "ca", "proxy-login"


@dataclass(frozen=True, slots=True, kw_only=True)
class Egress:
    """The way out of a pod; without any of these it reaches public addresses, straight."""

    proxy: str | None = None
    """`http://host:port` that https goes through."""
    proxy_secret: str | None = field(default=None, repr=False)
    """Secret, in the namespace of the pod, with a user and a password for the proxy."""
    no_proxy: str = ""
    """Hosts that are reached without it."""
    allowed_hosts: str = ""
    """Hosts and networks that may be reached although they are not public."""
    ca_config_map: str | None = None
    """ConfigMap, in the namespace of the pod, with certificates that are trusted beside the public ones."""
    ca_key: str = CA_CERTIFICATES
    """The key there."""

    def identity(self) -> tuple[str, ...]:
        """Return what tells one from another; nothing where nothing is set."""
        if self == Egress():
            return ()
        # What is absent is no part, so that a Job of an earlier version keeps its name.
        return (repr(self), *(() if self.proxy_secret is None else (self.proxy_secret,)))

    def apply(self, container: dict[str, Any], volumes: list[dict[str, Any]]) -> None:
        """Add the variables and the volume to a container and its pod; where nothing is set, nothing is added."""
        variables = {HTTPS_PROXY: self.proxy, NO_PROXY: self.no_proxy, ALLOWED_HOSTS: self.allowed_hosts}
        if self.ca_config_map is not None:
            variables[CA_FILE] = f"{CA_MOUNT}/{CA_CERTIFICATES}"
            volumes.append({"name": _VOLUME, "configMap": self._certificates(self.ca_config_map)})
            mount = {"name": _VOLUME, "mountPath": CA_MOUNT, "readOnly": True}
            container["volumeMounts"] = [*container["volumeMounts"], mount]
        if self.proxy_secret is not None:
            variables[PROXY_LOGIN] = PROXY_MOUNT
            volumes.append({"name": _LOGIN_VOLUME, "secret": _login(self.proxy_secret)})
            mount = {"name": _LOGIN_VOLUME, "mountPath": PROXY_MOUNT, "readOnly": True}
            container["volumeMounts"] = [*container["volumeMounts"], mount]
        given = [{"name": name, "value": value} for name, value in variables.items() if value]
        if given:
            container["env"] = [*container.get("env", ()), *given]

    def _certificates(self, name: str) -> dict[str, Any]:
        """Return the volume: optional, since a pod tells what it does not trust, and one that waits tells nothing."""
        return {"name": name, "optional": True, "items": [{"key": self.ca_key, "path": CA_CERTIFICATES}]}


def _login(name: str) -> dict[str, Any]:
    """Return the volume: optional, since a pod tells that the proxy wants a login, and one that waits tells nothing."""
    keys = [{"key": key, "path": key} for key in (PROXY_USER, PROXY_PASSWORD)]
    return {"secretName": name, "optional": True, "defaultMode": SECRET_MODE, "items": keys}
