from typing import Any

import pytest
from idla_operator.controllers.cache.store import Store
from idla_operator.ports import JOBS, PODS, Identity, Listing, Reference

JOB = Reference(JOBS, "vision", "train")


def job(version: int, *, uid: str = "j-1", name: str = "train", owner: str | None = "w-1") -> dict[str, Any]:
    owners = [] if owner is None else [{"kind": "TrainingWorkflow", "name": "digits", "uid": owner, "controller": True}]
    metadata = {"name": name, "namespace": "vision", "uid": uid, "resourceVersion": str(version)}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata | {"ownerReferences": owners}}


def known(store: Store) -> str | None:
    found = store.get(JOB)
    return None if found is None else f"{found['metadata']['uid']} {found['metadata']['resourceVersion']}"


def listing(version: int, *entries: tuple[str, str, int]) -> Listing:
    identities = tuple(
        Identity(reference=Reference(JOBS, "vision", name), uid=uid, version=str(own)) for name, uid, own in entries
    )
    return Listing(version=str(version), identities=identities)


@pytest.mark.parametrize(
    ("versions", "kept"),
    [
        pytest.param((job(5), job(7)), "j-1 7", id="a newer version replaces an older one"),
        pytest.param((job(7), job(5)), "j-1 7", id="an older version, late from a watch, replaces nothing"),
        pytest.param((job(5), job(9, uid="j-2")), "j-2 9", id="a successor of the same name replaces it"),
        pytest.param((job(9, uid="j-2"), job(6)), "j-2 9", id="a late version of the predecessor replaces nothing"),
    ],
)
def test_the_newest_version_is_kept(versions: tuple[dict[str, Any], ...], kept: str) -> None:
    store = Store()
    for version in versions:
        store.put(version)
    assert known(store) == kept


def test_an_answer_that_arrives_after_the_deletion_brings_nothing_back() -> None:
    store = Store()
    store.put(job(5))
    store.remove(JOB, "j-1")
    store.put(job(6))
    assert (known(store), store.children(JOBS, "w-1")) == (None, ())


def test_an_object_that_lost_our_label_is_taken_in_again_when_it_has_it_again() -> None:
    store = Store()
    store.put(job(5))
    store.remove(JOB, "j-1", version=6)
    store.put(job(6))
    assert known(store) is None
    assert store.lagging(listing(7, ("train", "j-1", 6))) == frozenset()
    assert store.lagging(listing(7, ("train", "j-1", 7))) == {("j-1", "7")}
    store.put(job(7))
    assert known(store) == "j-1 7"


def test_the_deletion_of_a_predecessor_leaves_the_successor() -> None:
    store = Store()
    store.put(job(9, uid="j-2"))
    assert store.remove(JOB, "j-1") is None
    assert known(store) == "j-2 9"


def test_children_are_found_by_the_controllers_uid_alone() -> None:
    store = Store()
    for document in (job(1, name="b", uid="b"), job(2, name="a", uid="a"), job(3, name="c", uid="c", owner="w-2")):
        store.put(document)
    store.put(job(4, name="d", uid="d", owner=None))
    assert [child["metadata"]["name"] for child in store.children(JOBS, "w-1")] == ["a", "b"]
    assert store.children(PODS, "w-1") == ()
    store.put(job(5, name="b", uid="b", owner="w-2"))
    assert [child["metadata"]["name"] for child in store.children(JOBS, "w-1")] == ["a"]


def test_managed_fields_are_not_kept() -> None:
    store = Store()
    document = job(1)
    document["metadata"]["managedFields"] = [{"manager": "kubectl"}]
    store.put(document)
    assert store.get(JOB) == job(1)


def test_what_a_listing_lacks_is_gone_unless_it_is_younger_than_the_listing() -> None:
    store = Store()
    for document in (job(5, name="kept", uid="k"), job(6, name="gone", uid="g"), job(11, name="young", uid="y")):
        store.put(document)
    missing = store.missing_from(listing(10, ("kept", "k", 5)), JOBS)
    assert [document["metadata"]["name"] for document in missing] == ["gone"]


def test_a_listing_of_one_namespace_says_nothing_of_another() -> None:
    store = Store()
    for document in (job(5, name="here", uid="h"), job(6, name="there", uid="t")):
        store.put(document)
    elsewhere = job(7, name="elsewhere", uid="e")
    elsewhere["metadata"]["namespace"] = "hearing"
    store.put(elsewhere)
    missing = store.missing_from(listing(10, ("here", "h", 5)), JOBS, "vision")
    assert [document["metadata"]["name"] for document in missing] == ["there"]


def test_what_was_listed_and_has_not_arrived_is_behind() -> None:
    store = Store()
    for document in (job(5, name="a", uid="a"), job(9, name="b", uid="b")):
        store.put(document)
    store.remove(Reference(JOBS, "vision", "c"), "c")
    lagging = store.lagging(listing(10, ("a", "a", 7), ("b", "b", 9), ("c", "c", 8), ("d", "d", 4)))
    assert lagging == {("a", "7"), ("d", "4")}
