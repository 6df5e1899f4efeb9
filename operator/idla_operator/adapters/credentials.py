"""Where the cluster is and who we are there: KUBECONFIG where it is set, the service account inside a pod."""

import os
from dataclasses import dataclass, field

from kubernetes.aio import config
from kubernetes.aio.client import Configuration


class CredentialsError(Exception):
    """There is neither a service account nor a usable kubeconfig."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Plain values for clients that are not the official one."""

    server: str
    ca_file: str | None
    certificate_file: str | None
    key_file: str | None
    token: str | None = field(repr=False)
    insecure: bool


async def load_configuration() -> Configuration:
    """Return a configuration whose token follows its file, which Kubernetes replaces about once an hour.

    Raises:
        CredentialsError: nothing usable was found.
    """
    configuration = Configuration()
    try:
        if "KUBERNETES_SERVICE_HOST" in os.environ and not os.environ.get("KUBECONFIG"):
            config.load_incluster_config(client_configuration=configuration)
        else:
            await config.load_kube_config(
                config_file=os.environ.get("KUBECONFIG"), client_configuration=configuration, persist_config=False
            )
    except (config.ConfigException, OSError) as error:
        raise CredentialsError(
            f"no access to a cluster: {error}; run in a pod with a service account, or set KUBECONFIG to a kubeconfig"
        ) from None
    return configuration


async def load_credentials() -> Credentials:
    """Return fresh credentials as plain values; the token is read anew.

    Raises:
        CredentialsError: nothing usable was found.
    """
    configuration = await load_configuration()
    header = await configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
    return Credentials(
        server=configuration.host,
        ca_file=configuration.ssl_ca_cert,
        certificate_file=configuration.cert_file,
        key_file=configuration.key_file,
        token=header.split(" ", 1)[-1].strip() if header else None,
        insecure=not configuration.verify_ssl,
    )
