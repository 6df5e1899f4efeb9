from datetime import UTC, datetime, timedelta, timezone

from idla.core.conditions import Condition, merge_conditions, parse_timestamp, timestamp

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
READY = Condition(type="Ready", status="True", reason="StableServing", message="1 of 1")


def test_the_transition_time_moves_only_with_the_status() -> None:
    first = merge_conditions([], [READY], generation=1, now=NOW)
    later = NOW + timedelta(minutes=5)
    same = Condition(type="Ready", status="True", reason="StableServing", message="2 of 2")
    other = Condition(type="Ready", status="False", reason="NoReadyReplicas", message="0 of 2")
    merged = merge_conditions(first, [same], generation=2, now=later)
    assert [entry.to_status() for entry in merged] == [
        {"type": "Ready", "status": "True", "reason": "StableServing", "message": "2 of 2", "observedGeneration": 2,
         "lastTransitionTime": "2026-11-24T08:00:00Z"}
    ]  # fmt: skip
    assert merge_conditions(first, [other], generation=2, now=later)[0].last_transition_time == "2026-11-24T08:05:00Z"


def test_an_unchanged_observation_is_an_unchanged_status() -> None:
    first = merge_conditions([], [READY], generation=1, now=NOW)
    assert merge_conditions(first, [READY], generation=1, now=NOW + timedelta(days=1)) == first


def test_what_no_longer_holds_is_gone() -> None:
    first = merge_conditions([], [READY], generation=1, now=NOW)
    assert merge_conditions(first, [], generation=1, now=NOW) == ()


def test_a_message_is_cut_to_what_the_crd_takes() -> None:
    long = Condition(type="Stalled", status="True", reason="InternalError", message="x" * 5000)
    message = merge_conditions([], [long], generation=1, now=NOW)[0].message
    assert (len(message), message[-1]) == (1024, "…")


def test_times_survive_kubernetes() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=5)))
    assert timestamp(there) == "2026-11-24T08:00:00Z"
    assert parse_timestamp(timestamp(there)) == NOW
    assert parse_timestamp("2026-11-24T08:00:00.250000Z") == NOW + timedelta(milliseconds=250)
