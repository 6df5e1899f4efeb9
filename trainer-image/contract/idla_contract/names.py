"""The forms that digests and names have wherever they stand."""

from typing import Annotated

from pydantic import Field

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
ContentHash = Annotated[str, Field(pattern=r"^[0-9a-f]{10,64}$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]
