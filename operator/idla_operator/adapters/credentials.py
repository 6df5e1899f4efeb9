"""Where the cluster is and who we are there: KUBECONFIG where it is set, the service account inside a pod."""

import os

from kubernetes.aio import config
from kubernetes.aio.client import Configuration


class CredentialsError(Exception):
    """There is neither a service account nor a usable kubeconfig."""


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


async def read_token(configuration: Configuration) -> str | None:
    """Return the bearer token of a configuration, None where another way of authentication is used."""
    header = await configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
    return header.split(" ", 1)[-1].strip() if header else None
