"""Many edits of one workflow, and many workflows at once with one among them that nobody can work on."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.integration.operator.moments import while_training
from tests.integration.operator.scene import Scene, condition
from tests.integration.operator.test_secret_leaks import WITH_PASSWORD, without_rules_on_addresses
from tools.waiting import PATIENCE, WHOLE, until

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE)]  # the first use on a machine builds Kubernetes

EDITS = 100
MOST_STATUS_WRITES = 2 * EDITS
CROWD = 25


@pytest.mark.gate
def test_of_a_hundred_edits_while_it_trains_the_last_one_is_what_it_ends_with(watched: Scene) -> None:
    while_training(watched)
    for seed in range(1, EDITS + 1):
        watched.change({"spec": {"training": {"seed": seed}}})
    watched.queues(EDITS + 1)  # or the trainings may end first, and their model is published as well
    watched.kubelet.release(watched.namespace, "Train")
    done = watched.reaches("Succeeded", "True")
    watched.serves()
    watched.rests()
    assert done["metadata"]["generation"] == done["status"]["observedGeneration"] == EDITS + 1
    assert done["status"]["artifact"]["generation"] == EDITS + 1
    # The trainings that ran are let finish; of all that came after them only the last is worked off.
    assert watched.jobs_by_kind() == {"Profile": 1, "Train": 4, "Select": 1, "Compress": 1}
    writes = Counter((verb, resource) for verb, resource, _ in watched.audit.writes(watched.namespace))
    assert writes["patch", "jobs"] == 7
    assert writes["update", "trainingworkflows/status"] <= MOST_STATUS_WRITES
    assert watched.operator.warnings() == []


def test_of_many_at_once_all_end_though_one_among_them_cannot_be_read(watched: Scene) -> None:
    names = [f"one-{number}" for number in range(CROWD)]
    with without_rules_on_addresses(watched):
        watched.submit("poison", data=WITH_PASSWORD)
    for name in names:
        watched.submit(name, deployment=None)

    def ended() -> bool:
        found = watched.rest.items("trainingworkflows", watched.namespace)
        return sum(condition(one, "Succeeded")[0] == "True" for one in found) == CROWD

    until(ended, lambda: watched.told("poison"), patience=4 * PATIENCE)
    watched.reaches("Accepted", "False", "InvalidSpec", name="poison")
    assert watched.jobs_by_kind() == {"Profile": CROWD, "Train": 2 * CROWD, "Select": CROWD, "Compress": CROWD}
    assert watched.operator.warnings() == []
