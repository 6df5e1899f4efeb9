"""How kopf is to behave: an informer that writes nothing and gives up nothing."""

import logging
from collections.abc import Iterator

import kopf

from idla_operator.ports import Resource


class EndlessBackoff:
    """Seconds between repetitions of kopf's own requests, without an end: kopf exits when they run out.

    It has no length on purpose, and starts anew with each iteration.
    """

    def __init__(self, cap: float = 30.0) -> None:
        self._cap = cap

    def __iter__(self) -> Iterator[float]:
        """Yield 1, 2, 4, ... up to the cap, and then the cap for ever."""
        seconds = 1.0
        while True:
            yield seconds
            seconds = min(seconds * 2, self._cap)


def build_settings(resources: tuple[Resource, ...]) -> kopf.OperatorSettings:
    """Return the settings for watching these resources."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.posting.enabled = False
    settings.posting.loggers = False
    settings.posting.level = logging.CRITICAL
    settings.scanning.disabled = True
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.connect_timeout = 10
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    settings.networking.error_backoffs = EndlessBackoff()
    settings.networking.enforce_retry_after = True
    settings.execution.max_workers = 2
    # A limit below the number of indexed objects freezes kopf's start.
    settings.queueing.worker_limit = None
    # It would kill the process this long after kopf ended, and ours goes on with another session.
    settings.process.ultimate_exiting_timeout = None
    for resource in resources:
        if resource.selector is not None:
            settings.watching.label_selectors[resource.group_version_plural] = resource.selector
    return settings
