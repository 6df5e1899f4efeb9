"""Where an artifact came from: enough to make it again."""

from typing import Annotated

from pydantic import Field

from idla_contract.base import ContractModel
from idla_contract.names import Digest

_Text = Annotated[str, Field(max_length=128)]


class Lineage(ContractModel):
    """What the weights of an artifact depend on, beside the settings that its manifest has too."""

    data_digest: Digest
    test_digest: Digest | None = None
    """Of the test file, where there is one."""
    template: str
    image: str
    """Of the pod, as it was told; `unknown` where it was not."""
    seed: int
    code_version: str
    tensorflow_version: str
    environment: dict[str, _Text] = Field(default_factory=dict, max_length=16)
    """What else the training ran on, by name, such as `python`, `processor` and `threads`; an own image says what its
    numbers depend on. Equal seeds promise equal weights only where all of it is equal."""
