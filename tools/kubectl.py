"""Waiting for what kubectl shows."""

from collections.abc import Callable
from typing import TypeVar

from idla.cli.kubectl import KubectlError

from tools.waiting import PATIENCE, until

T = TypeVar("T")


def wait(check: Callable[[], T | None], what: Callable[[], object]) -> T:
    """Return what `check` returns as soon as that is true, within minutes; the API server may be away meanwhile."""

    def look() -> T | None:
        try:
            return check()
        except KubectlError:
            return None

    return until(look, what, patience=3 * PATIENCE, period=0.5)
