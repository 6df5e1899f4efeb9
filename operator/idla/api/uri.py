"""What a URI in a spec may name beyond its pattern."""

import re

from idla.api.meta import Rule

_CLAIM = "^pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(/.*)?$"
CLAIM_URI = Rule(
    rule=f"!has(self.storageUri) || !self.storageUri.startsWith('pvc://') || self.storageUri.matches('{_CLAIM}')",
    message="`storageUri` must name a claim: pvc://claim/path, the claim in lower-case letters, digits, `-` and `.`",
)


def check_claim_uri(uri: str | None) -> None:
    """Check what `CLAIM_URI` says.

    Raises:
        ValueError: it is a `pvc://` URI that names no claim.
    """
    if uri is not None and uri.startswith("pvc://") and not re.fullmatch(_CLAIM, uri):
        raise ValueError(CLAIM_URI.message)
