"""Objects that are wrong in one place or altogether, and names that objects may have."""

import copy
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.generators import HOSTILE, LEAVES, Draw, Spec, places, specs
from tests.fuzz.schema import ITEM, VALUE, Path_

_NUMBERS = (0, -1, 1, 2**31, 2**63 - 1, 2**63, 2**64, -(2**63), 10**30, 0.5, 1.0, 1e300, -0.0)
_SCALARS = st.one_of(st.none(), st.booleans(), st.sampled_from(_NUMBERS), st.sampled_from(HOSTILE))
ANYTHING = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(HOSTILE), inner, max_size=3)),
    max_leaves=4,
)
"""Whatever JSON can say, with a taste for what hurts."""
_LABEL = r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?"
NAMES = st.one_of(
    st.sampled_from(("digits", "0", "a.b", "0.5", "x" * 63, "x" * 64, "9" * 253, "a-" * 126 + "a", "a." * 126 + "a")),
    st.from_regex(rf"{_LABEL}(\.{_LABEL}){{0,3}}", fullmatch=True),
)
"""Names that Kubernetes takes for a custom resource."""


@st.composite
def bent(draw: Draw, kind: str) -> Spec:
    """Draw a spec that is wrong in one place, or happens to be right all the same."""
    whole = draw(st.sampled_from(LEAVES[kind]))
    spec: Spec = draw(specs(kind, whole))
    path = whole[: draw(st.integers(1, len(whole)))]
    found = list(places(spec, path))
    if not found:
        return spec
    *parents, last = draw(st.sampled_from(found))
    holder: Any = spec
    for step in parents:
        holder = holder[step]
    _bend(draw, holder, last, path)
    return spec


def _bend(draw: Draw, holder: Any, last: str | int, path: Path_) -> None:
    way = draw(st.sampled_from(("replaced", "emptied", "stretched", "gone", "unknown", "twice")))
    value = holder[last]
    match way:
        case "emptied" if isinstance(value, str | list | dict):
            holder[last] = type(value)()
        case "stretched" if isinstance(value, str):
            holder[last] = value + draw(st.sampled_from(("x", " ", "\n", "\U0001f642", "0"))) * draw(
                st.sampled_from((1, 64, 254, 2050))
            )
        case "stretched" if isinstance(value, list) and value:
            holder[last] = [copy.deepcopy(value[0]) for _ in range(20)]
        case "stretched" if isinstance(value, dict) and path[-1] not in {ITEM, VALUE}:
            value |= {f"x.example/r{number}": "1" for number in range(20)}
        case "gone":
            del holder[last]
        case "unknown" if isinstance(holder, dict):
            holder[draw(st.sampled_from(("replica", "x" * 300, "\U0001f642", "a.b/c", *HOSTILE[:3])))] = draw(ANYTHING)
        case "twice" if isinstance(holder, list):
            holder.append(copy.deepcopy(value))
        case _:
            holder[last] = draw(ANYTHING)
