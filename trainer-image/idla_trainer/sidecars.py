"""The last words of a task: a sidecar that would keep the pod running is asked to end."""

import http.client
import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from idla_contract.sidecars import QUIT_URL, QUIT_URL_FORM, QUIT_URL_PATTERN

_log = logging.getLogger(__name__)
_SECONDS = 5.0
"""Longest silence of the sidecar; the task has ended by then, and a sidecar that is stuck must not hold its pod."""


def quit_sidecar(environment: Mapping[str, str], *, seconds: float = _SECONDS) -> None:
    """Send an empty POST to the address that the pod was given; whatever comes of it is logged, and nothing raised.

    No proxy is asked and no redirection followed, so that nothing but the pod itself is reached.

    Args:
        environment: variables of the process.
        seconds: longest silence. Default: 5.
    """
    url = environment.get(QUIT_URL)
    if not url:
        return
    if not re.fullmatch(QUIT_URL_PATTERN, url, re.ASCII):
        _log.warning("no sidecar is asked to end: %s is %r; allowed is %s", QUIT_URL, url, QUIT_URL_FORM)
        return
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
    try:
        connection.request("POST", parts.path or "/")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException, ValueError) as error:
        _log.warning("the sidecar at %s was not asked to end (%r)", url, error)
    else:
        level = logging.INFO if status < HTTPStatus.MULTIPLE_CHOICES else logging.WARNING
        _log.log(level, "the sidecar at %s was asked to end and answers %d", url, status)
    finally:
        connection.close()
