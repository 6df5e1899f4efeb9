"""Addresses of data and artifacts: of which scheme one is, and which claim it names. Nobody else cuts one apart."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = frozenset({"https", "s3"})
"""Schemes whose bytes come over the network."""
_CLAIM = "pvc://"


def scheme_of(uri: str) -> str:
    """Return what stands before `://`, or an empty text."""
    return uri.split("://", maxsplit=1)[0] if "://" in uri else ""


def split_claim(uri: str) -> tuple[str, str | None] | None:
    """Return claim and path of `pvc://claim/path` as they stand there, or None for another scheme.

    The path is None where nothing stands behind the claim; neither part is checked.
    """
    if not uri.startswith(_CLAIM):
        return None
    claim, slash, inside = uri.removeprefix(_CLAIM).partition("/")
    return claim, inside if slash else None


def claim_of(uri: str) -> str | None:
    """Return the claim of `pvc://claim/path`, or None where there is none."""
    parts = split_claim(uri)
    return parts[0] or None if parts else None


def claim_uri(claim: str, inside: str = "") -> str:
    """Return the address of a claim, or of a path inside it."""
    return f"{_CLAIM}{claim}/{inside}" if inside else f"{_CLAIM}{claim}"


def local_path(uri: str) -> Path | None:
    """Return the path of `file:///path`, or None where it is no absolute path of this machine."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    path = Path(unquote(parts.path))
    return path if parts.scheme == "file" and not parts.netloc and path.is_absolute() else None


def without_query(uri: str) -> str:
    """Return an address as a status may show it: what is behind `?` or `#` of an https address may be a signature."""
    plain, *rest = re.split("[?#]", uri, maxsplit=1) if scheme_of(uri) == "https" else [uri]
    return f"{plain}?***" if rest else plain
