"""Deleted and made again under the same name, at every step: the successor is a new object with Jobs of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.operator.moments import when_ended, while_profiling, while_publishing, while_training
from tests.integration.operator.scene import ONCE, Scene, condition
from tools.waiting import WHOLE, until

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE)]  # the first use on a machine builds Kubernetes


def before_the_profile(scene: Scene) -> None:
    scene.submit(suspend=True)
    scene.reaches("Suspended", "True")


def planned(scene: Scene) -> None:
    scene.submit(approval="Manual")
    scene.reaches("Approved", "Unknown")


def deploying(scene: Scene) -> None:
    scene.kubelet.serve(scene.namespace, ready=False)
    scene.submit()
    scene.reaches("Succeeded", "Unknown", "Deploying")


@pytest.mark.parametrize(
    ("moment", "killed"),
    [
        *(
            (moment, False)
            for moment in (before_the_profile, while_profiling, planned, while_training, while_publishing, deploying)
        ),
        *((moment, True) for moment in (while_profiling, while_publishing, when_ended)),
        pytest.param(while_training, True, marks=pytest.mark.gate),
    ],
    ids=lambda value: ("killed in between" if value else "") if isinstance(value, bool) else value.__name__,
)
def test_a_successor_of_the_same_name_does_all_its_own_work(
    watched: Scene, moment: Callable[[Scene], None], *, killed: bool
) -> None:
    moment(watched)
    before = {job["metadata"]["uid"] for job in watched.jobs()}
    old = watched.workflow()
    assert old is not None
    if killed:
        watched.operator.kill()
    watched.rest.delete("trainingworkflows", watched.namespace, "digits")
    for kind in ONCE:
        watched.kubelet.release(watched.namespace, kind)
    watched.kubelet.serve(watched.namespace, ready=True)
    watched.submit()
    watched.operator.start()

    def succeeded() -> bool:
        found = watched.workflow()
        return found is not None and condition(found, "Succeeded")[0] == "True"

    until(succeeded, watched.told)
    done = watched.reaches("Succeeded", "True")
    assert done["metadata"]["uid"] != old["metadata"]["uid"]
    digest = done["status"]["artifact"]["digest"]
    until(lambda: (watched.serves()["status"].get("serving") or {}).get("digest") == digest, watched.model)
    until(lambda: not before & {job["metadata"]["uid"] for job in watched.jobs()}, watched.jobs)
    assert sorted(job["metadata"]["labels"]["idla.dev/task"] for job in watched.jobs()) == [
        "profile",
        "publish",
        "select",
        "train-resnet-small",
        "train-vgg-small",
    ]
    assert {job["metadata"]["ownerReferences"][0]["uid"] for job in watched.jobs()} == {done["metadata"]["uid"]}
    assert len(watched.rest.items("modeldeployments", watched.namespace)) == 1
    assert watched.operator.warnings() == []
