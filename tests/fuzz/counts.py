"""How many objects are drawn, and how many of each kind went through."""

import os
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings

Test = TypeVar("Test", bound=Callable[..., Any])
OBJECTS = int(os.environ.get("IDLA_FUZZ_OBJECTS", "1000"))
"""Objects of a run, all kinds together."""
SEED = os.environ.get("IDLA_FUZZ_SEED")
"""Other objects are drawn for every other seed; without one, every run draws the same."""
LARGE = pytest.mark.filterwarnings("ignore:Generating overly large repr")
"""Drawn objects may be as large as the CRDs allow, also where they are shown."""
seen: Counter[str] = Counter()
"""Objects that went through, by what they are."""


def drawn(share: float) -> Callable[[Test], Test]:
    """Return what makes a test a law that is tried on a share of all objects; it stands above `given`."""
    tried = settings(
        max_examples=max(1, round(OBJECTS * share)),
        derandomize=SEED is None,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    return lambda test: tried(test if SEED is None else seed(int(SEED))(test))
