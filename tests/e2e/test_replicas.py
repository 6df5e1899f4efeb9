"""Two replicas of the operator with real pods: rolled, deleted and killed while a training runs, and nobody notices."""

import json
import signal
from collections.abc import Iterator

import numpy as np
import pytest
from idla.cli.kubectl import Kubectl
from idla.endpoint import Endpoint

from demo.digits import labels
from tests.e2e.operator_log import KILLED, OperatorLog
from tests.e2e.scene import ended, ready, running, stalled, summary, until
from tools.operator_processes.replicated import Leading, two_replicas
from tools.waiting import STORY

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(STORY)]
EPOCHS = 20
LONG = {"maxEpochs": EPOCHS, "batchSize": 4, "earlyStopping": {"patienceEpochs": EPOCHS}}
"""Long enough that it is still at work when the Deployment is rolled, as a rule also when that is over."""
AN_HOUR = '--patch={"spec":{"leaseDurationSeconds":3600}}'


@pytest.fixture
def replicas(
    operator: Kubectl, operator_log: OperatorLog, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Leading]:
    operator_log.look()
    with two_replicas(operator, tmp_path_factory.mktemp("ha")) as leading:
        yield leading
        operator_log.look()


def test_a_container_that_is_started_again_does_not_wait_for_the_lease_of_the_one_before(
    operator: Kubectl, operator_log: OperatorLog
) -> None:
    leading = Leading(operator)
    before, pod = leading.holder(), leading.pod()["metadata"]["uid"]
    operator_log.expect(*KILLED)
    leading.signalled(signal.SIGSTOP)  # it renews the Lease no more, and would shorten the promise again
    operator("patch", "lease", "idla-operator-leader", "--type=merge", AN_HOUR)
    leading.signalled(signal.SIGKILL)
    after = leading.taken_over_from(before)["holderIdentity"]
    assert (after.partition("_")[0], before.partition("_")[0]) == (pod, pod)
    leading.replicas(1)


def test_a_training_is_not_touched_when_the_operator_is_rolled_deleted_and_killed(
    kubectl: Kubectl, replicas: Leading, operator_log: OperatorLog
) -> None:
    kubectl.apply(
        {
            "apiVersion": "idla.dev/v1alpha1",
            "kind": "TrainingWorkflow",
            "metadata": {"name": "watched"},
            "spec": {
                "task": {"type": "ImageClassification"},
                "data": {"storageUri": "sample://digits"},
                "model": {"selection": "Pinned", "templateRefs": [{"name": "vgg-small"}]},
                "training": LONG,
                "deployment": {"mode": "CreateOrUpdate"},
            },
        }
    )
    until(kubectl, "trainingworkflow", "watched", running("train-"))
    before = pods_of_tasks(kubectl)
    assert {task for task, _ in before.values()} == {"profile", "train-vgg-small"}

    told = {"rollout restart": replicas.restart()}
    assert pods_of_tasks(kubectl).items() >= before.items()
    operator_log.look()
    told["leader's pod deleted"] = replicas.end_pod()
    replicas.replicas(2)
    assert pods_of_tasks(kubectl).items() >= before.items()
    operator_log.expect(*KILLED)
    told["leader's process killed"] = replicas.kill()
    replicas.replicas(2)
    print(json.dumps({what: f"{seconds:.1f} s" for what, seconds in told.items()}))

    workflow = until(kubectl, "trainingworkflow", "watched", lambda found: ended(found) or stalled(found))
    assert summary(workflow) == ("True", "Completed"), kubectl("describe", "trainingworkflow", "watched")
    after = pods_of_tasks(kubectl)
    assert after.items() >= before.items()
    tasks = sorted(task["name"] for task in workflow["status"]["tasks"])
    assert sorted(task for task, _ in after.values()) == tasks, "one pod for each task"
    assert sorted(job["metadata"]["labels"]["idla.dev/task"] for job in kubectl.list("jobs")) == tasks
    assert [task["attempts"] for task in workflow["status"]["tasks"]] == [1] * len(tasks)
    until(kubectl, "modeldeployment", "watched", ready)
    with kubectl.forward("service/watched", 80) as url:
        assert len(labels(Endpoint(url, "watched"), np.zeros((1, 8, 8, 1), np.float32))) == 1


def pods_of_tasks(kubectl: Kubectl) -> dict[str, tuple[str, str]]:
    """Return task and uid of every pod of a Job, by its name."""
    return {
        pod["metadata"]["name"]: (pod["metadata"]["labels"]["idla.dev/task"], pod["metadata"]["uid"])
        for pod in kubectl.list("pods", selector="idla.dev/task")
    }
