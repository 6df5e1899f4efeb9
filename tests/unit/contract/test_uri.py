"""Addresses, cut apart in one place."""

from pathlib import Path

import pytest
from idla_contract.uri import claim_of, claim_uri, local_path, scheme_of, split_claim, without_query

# address: scheme, claim and path as they stand there, the claim
PARTS = {
    "pvc://claim/a/b.csv": ("pvc", ("claim", "a/b.csv"), "claim"),
    "pvc://claim": ("pvc", ("claim", None), "claim"),
    "pvc://claim/": ("pvc", ("claim", ""), "claim"),
    "pvc://": ("pvc", ("", None), None),
    "s3://bucket/pvc://x": ("s3", None, None),
    "https://host/path": ("https", None, None),
    "data.csv": ("", None, None),
}


@pytest.mark.parametrize("uri", PARTS)
def test_an_address_has_a_scheme_and_maybe_a_claim(uri: str) -> None:
    assert (scheme_of(uri), split_claim(uri), claim_of(uri)) == PARTS[uri]


def test_a_claim_is_put_together_as_it_is_cut_apart() -> None:
    assert (claim_uri("claim"), claim_uri("claim", "a/b.csv")) == ("pvc://claim", "pvc://claim/a/b.csv")


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///data/a%20b.csv", Path("/data/a b.csv")),
        ("file://localhost/data", None),
        ("file:data.csv", None),
        ("file://[/data", None),
        ("pvc://claim/x", None),
    ],
)
def test_a_file_is_an_absolute_path_of_this_machine(uri: str, path: Path | None) -> None:
    assert local_path(uri) == path


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://host/x?signature=canary", "https://host/x?***"),
        ("https://host/x#canary", "https://host/x?***"),
        ("pvc://claim/which?.csv", "pvc://claim/which?.csv"),
    ],
)
def test_a_query_is_not_shown(uri: str, shown: str) -> None:
    assert without_query(uri) == shown
