"""What a task's result depends on, as one hash, so that unchanged work is found again."""

import hashlib
import json
from collections.abc import Sequence

from idla_contract.problem import Problem
from idla_contract.task import DataSource, Step

HASH_LENGTH = 16


def content_hash(problem: Problem, data: DataSource, steps: Sequence[Step], *, image: str) -> str:
    """Return 16 hex digits that change whenever the result of these steps on these data could change.

    The workflow's name is no part of it: equal work in a renamed or re-created workflow is found again.

    Args:
        problem: what the model has to do, and its measure.
        data: source of the examples, with its split.
        steps: what is done, with every hyperparameter; the hashes of earlier tasks are inside them.
        image: of the trainer, since its code is part of the result.
    """
    document = {
        "problem": problem.model_dump(mode="json"),
        "data": data.model_dump(mode="json"),
        "steps": [step.model_dump(mode="json") for step in steps],
        "image": image,
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:HASH_LENGTH]
