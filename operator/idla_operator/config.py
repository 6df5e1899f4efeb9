"""The operator's configuration: read once from the environment, checked before anything starts."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from idla.api.meta import NAME
from idla.builders.egress import Egress
from idla_contract.egress import ALLOWED_FORM, ALLOWED_HOSTS, CA_CERTIFICATES, AllowedHosts, proxy_address

PULL_POLICIES = ("Always", "IfNotPresent", "Never")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_PORTS = range(1, 65536)
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_CONFIG_MAP = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class ConfigError(ValueError):
    """The environment does not say how to run; the message has one line for each mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorConfig:
    """What an administrator sets on the operator's Deployment."""

    trainer_image: str
    """IDLA_TRAINER_IMAGE: image of every task's pod."""
    server_image: str
    """IDLA_SERVER_IMAGE: image of every serving pod."""
    pull_policy: str = "IfNotPresent"
    """IDLA_IMAGE_PULL_POLICY: of both images. Default: IfNotPresent."""
    pull_secrets: tuple[str, ...] = ()
    """IDLA_IMAGE_PULL_SECRETS: Secrets with which pods that name none themselves pull both images, each in the pod's
    own namespace; comma-separated. Default: none.
    """
    prometheus_url: str | None = None
    """IDLA_PROMETHEUS_URL: where progress is read. Default: at the pods themselves."""
    health_port: int = 8081
    """IDLA_HEALTH_PORT: serves /healthz and /readyz; 0 serves neither. Default: 8081."""
    lease_namespace: str | None = None
    """POD_NAMESPACE: where replicas agree which of them works. None: this is the only one, and it works at once.

    IDLA_LEADER_ELECTION: true or false. Default: true where POD_NAMESPACE is set, false elsewhere.
    """
    pod_uid: str | None = None
    """POD_UID: the uid of the operator's pod, given to one container of it alone; a container that is started again
    does not wait until the Lease of the one before is over. Default: it waits.
    """
    watch_namespaces: tuple[str, ...] = ()
    """IDLA_WATCH_NAMESPACES: where the operator works, comma-separated. Default: in all namespaces."""
    egress: Egress = field(default_factory=Egress)
    """How pods reach data and artifacts outside. Default: public addresses, straight.

    IDLA_HTTPS_PROXY: `http://host:port`. IDLA_NO_PROXY: hosts that are reached without it, comma-separated.
    IDLA_PROXY_SECRET: a Secret, in the namespace of the pods, with a user and a password for the proxy.
    IDLA_ALLOWED_HOSTS: hosts and networks that may be reached although they are not public, comma-separated.
    IDLA_CA_CONFIG_MAP: `name` or `name/key` of a ConfigMap with certificates that are trusted beside the public ones.
    """
    log_level: str = "INFO"
    """IDLA_LOG_LEVEL. Default: INFO."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the variables; an empty one counts as not set.

        Raises:
            ConfigError: something is missing or not allowed; every mistake is in the message.
        """
        reader = _Reader(environment)
        config = cls(
            trainer_image=reader.required("IDLA_TRAINER_IMAGE", "the image that trains"),
            server_image=reader.required("IDLA_SERVER_IMAGE", "the image that serves"),
            pull_policy=reader.one_of("IDLA_IMAGE_PULL_POLICY", PULL_POLICIES, "IfNotPresent"),
            pull_secrets=reader.secrets("IDLA_IMAGE_PULL_SECRETS"),
            log_level=reader.one_of("IDLA_LOG_LEVEL", LOG_LEVELS, "INFO"),
            prometheus_url=reader.http_url("IDLA_PROMETHEUS_URL"),
            health_port=reader.port("IDLA_HEALTH_PORT", 8081),
            lease_namespace=reader.lease_namespace(),
            pod_uid=reader.uid("POD_UID"),
            watch_namespaces=reader.namespaces("IDLA_WATCH_NAMESPACES"),
            egress=reader.egress(),
        )
        if reader.mistakes:
            raise ConfigError("\n".join(reader.mistakes))
        return config


class _Reader:
    """Reads variables and collects mistakes, so that one start shows them all."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.mistakes: list[str] = []

    def required(self, name: str, what: str) -> str:
        value = self._environment.get(name, "")
        if not value:
            self.mistakes.append(f"{name} is not set; set it to {what}, e.g. registry.example/idla:1.0")
        elif value != value.strip() or " " in value:
            self.mistakes.append(f"{name} is {value!r}; an image has no spaces")
        return value

    def one_of(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        value = self._environment.get(name) or default
        if value not in allowed:
            self.mistakes.append(f"{name} is {value!r}; allowed are {', '.join(allowed)}")
        return value

    def http_url(self, name: str) -> str | None:
        value = self._environment.get(name) or None
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            shown = re.sub("//.*@", "//***@", value)
            self.mistakes.append(f"{name} is {shown!r}; give http://host:port or https://host:port, with a path or not")
        return value.rstrip("/")

    def egress(self) -> Egress:
        proxy = self._checked(
            "IDLA_HTTPS_PROXY", proxy_address, "; user and password belong into the Secret that IDLA_PROXY_SECRET names"
        )
        allowed = self._checked(ALLOWED_HOSTS, AllowedHosts.parse, f"; allowed are {ALLOWED_FORM}")
        value = self._environment.get("IDLA_CA_CONFIG_MAP", "")
        name, _, key = value.partition("/")
        if value and not (_CONFIG_MAP.fullmatch(name) and _KEY.fullmatch(key or CA_CERTIFICATES)):
            self.mistakes.append(
                f"IDLA_CA_CONFIG_MAP is {value!r}; allowed are the name of a ConfigMap, whose key"
                f" {CA_CERTIFICATES} is read, and name/key"
            )
        login = self._environment.get("IDLA_PROXY_SECRET", "")
        if login and not NAME.accepts(login):
            self.mistakes.append(f"IDLA_PROXY_SECRET is {login!r}; allowed is the name of a Secret, of {NAME.allowed}")
        if login and not self._environment.get("IDLA_HTTPS_PROXY"):
            self.mistakes.append("IDLA_PROXY_SECRET is set and IDLA_HTTPS_PROXY is not; set both, or neither")
        return Egress(
            proxy=proxy or None,
            proxy_secret=login or None,
            no_proxy=self._environment.get("IDLA_NO_PROXY", ""),
            allowed_hosts=allowed,
            ca_config_map=name or None,
            ca_key=key or CA_CERTIFICATES,
        )

    def _checked(self, name: str, check: Callable[[str], object], allowed: str = "") -> str:
        value = self._environment.get(name, "")
        try:
            if value:
                check(value)
        except ValueError as error:
            # The value may hold a password, so the error says what of it can be told.
            self.mistakes.append(f"{name} cannot be used: {error}{allowed}")
        return value

    def lease_namespace(self) -> str | None:
        namespace = self._environment.get("POD_NAMESPACE") or None
        default = "false" if namespace is None else "true"
        wanted = self.one_of("IDLA_LEADER_ELECTION", ("true", "false"), default) == "true"
        if wanted and namespace is None:
            self.mistakes.append(
                "IDLA_LEADER_ELECTION is 'true' and POD_NAMESPACE is not set; set it to the operator's namespace"
            )
        return namespace if wanted else None

    def namespaces(self, name: str) -> tuple[str, ...]:
        value = self._environment.get(name) or None
        if value is None:
            return ()
        found = tuple(dict.fromkeys(part.strip() for part in value.split(",")))
        wrong = [part for part in found if not _NAMESPACE.fullmatch(part)]
        if wrong:
            # An empty name must not be read as `all namespaces`.
            self.mistakes.append(
                f"{name} is {value!r}; {', '.join(map(repr, wrong))} is no namespace: allowed are names of 1 to 63"
                " characters of a-z, 0-9 and -, with commas between them; leave it empty for all namespaces"
            )
        return found

    def secrets(self, name: str) -> tuple[str, ...]:
        value = self._environment.get(name) or None
        found = () if value is None else tuple(dict.fromkeys(part.strip() for part in value.split(",")))
        wrong = [part for part in found if not NAME.accepts(part)]
        if wrong:
            self.mistakes.append(
                f"{name} is {value!r}; {', '.join(map(repr, wrong))} is no Secret: allowed are names of {NAME.allowed},"
                " with commas between them; leave it empty for none"
            )
        return found

    def uid(self, name: str) -> str | None:
        value = self._environment.get(name) or None
        if value is not None and not _UID.fullmatch(value):
            self.mistakes.append(
                f"{name} is {value!r}; allowed is the uid of a pod: set it from the field metadata.uid of the pod"
            )
        return value

    def port(self, name: str, default: int) -> int:
        value = self._environment.get(name) or str(default)
        if not value.isdecimal() or not (int(value) == 0 or int(value) in _PORTS):
            self.mistakes.append(f"{name} is {value!r}; allowed are ports 1 to 65535, and 0 for none")
            return default
        return int(value)
