"""How many weights a template will have on given data, before anything is trained."""

import math
from collections.abc import Mapping

from idla_contract.result import DataProfile

from idla.api.model_template import Measure, TemplateProfile

_PROFILE_FACTS = {
    Measure.NGRAMS: "ngrams", Measure.SENSORS: "sensors", Measure.USERS: "users", Measure.ITEMS: "items",
}  # fmt: skip
_SIDES = 3
"""[height, width, channels]."""


def measure_data(data: DataProfile | None) -> Mapping[Measure, int]:
    """Return what of the data decides how large a network is, as far as the profile says."""
    if data is None:
        return {}
    found = {measure: int(data.facts[name]) for measure, name in _PROFILE_FACTS.items() if name in data.facts}
    classes = number_of_classes(data)
    if classes:
        found[Measure.CLASSES] = classes
    if len(data.shape) == _SIDES:
        found[Measure.CHANNELS] = data.shape[-1]
    return found


def expected_parameters(expected: TemplateProfile, known: Mapping[Measure, int]) -> int:
    """Return the number of weights: the sum of the terms where all that they name is known, else `parameters`."""
    if not expected.terms or not all(measure in known for term in expected.terms for measure in term.per):
        return expected.parameters
    return max(1, sum(term.weights * math.prod(known[measure] for measure in term.per) for term in expected.terms))


def number_of_classes(data: DataProfile) -> int:
    """Return how many there are, also where an answer was too long for their names; 0 where nothing is classified."""
    return len(data.classes) or len(data.class_counts) or int(data.facts.get("classes", 0))
