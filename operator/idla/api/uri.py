"""Where data and artifacts of a spec may be."""

from typing import Annotated

from pydantic import Field

from idla.api.meta import Matches

_CLAIM = "pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?"
_CLAIM_WORDS = "the claim in lower-case letters, digits, `-` and `.`"
_HTTPS = r"https://([A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\])(:[0-9]+)?([/?#][^\s]*)?"
"""Without user and password: a spec is read by everybody who may look, and goes into pods, events and logs."""
_HTTPS_WORDS = "https://host/path without spaces, user and password"

_S3 = r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\s?#]+"
"""The key as it is, without percent-encoding; keys to read it with are no part of it."""

DATA_URI = Matches(
    pattern=rf"^(sample://[^\s]+|{_HTTPS}|{_S3}|{_CLAIM}(/[^\s]*)?)$",
    allowed=f"sample://name, pvc://claim/path, s3://bucket/key or {_HTTPS_WORDS}, {_CLAIM_WORDS}",
    hidden="@",
    advice=("file://", "copy a file of your own machine onto a claim, or have idla run --local read it"),
)
DataUri = Annotated[str, Field(max_length=2048), DATA_URI]
"""Where examples are."""
ARTIFACT_URI = Matches(
    pattern=rf"^({_HTTPS}|{_CLAIM}(/[^\s]*)?)$",
    allowed=f"pvc://claim/path or {_HTTPS_WORDS}, {_CLAIM_WORDS}",
    hidden="@",
)
ArtifactUri = Annotated[str, Field(max_length=2048), ARTIFACT_URI]
"""Where one artifact is."""
ENDPOINT = Matches(
    pattern=r"^https://([A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?$",
    allowed="https://host or https://host:port, e.g. https://s3.example:9000",
    hidden="@",
)
Endpoint = Annotated[str, Field(max_length=300), ENDPOINT]
"""A server, without path, user and password."""
REGION = Matches(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", allowed="a region as AWS writes it, e.g. eu-central-1")
Region = Annotated[str, Field(max_length=64), REGION]
WEIGHTS_URI = Matches(
    pattern=r"^(https://[A-Za-z0-9.:-]+/[A-Za-z0-9._~%/-]+|" + _CLAIM + r"/[A-Za-z0-9._~%/-]+)$",
    allowed=f"pvc://claim/path or https://host/path without query, user and password, {_CLAIM_WORDS}",
    hidden="@",
)
WeightsUri = Annotated[str, Field(max_length=1024), WEIGHTS_URI]
"""Where one file of weights is; without a query, since it is copied into plans, which everybody who may look reads."""
CLAIM_URI = Matches(pattern=rf"^{_CLAIM}$", allowed=f"pvc://claim without a path, {_CLAIM_WORDS}, e.g. pvc://models")
ClaimUri = Annotated[str, Field(max_length=259), CLAIM_URI]
"""A claim that holds artifacts."""
