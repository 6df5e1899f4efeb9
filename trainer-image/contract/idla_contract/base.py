"""The base of every contract type."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class ContractModel(BaseModel):
    """A frozen value that is camelCase on the wire and refuses unknown or non-finite fields."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, allow_inf_nan=False
    )

    def to_json(self) -> str:
        """Return the compact JSON text that crosses the border, without absent fields."""
        return self.model_dump_json(by_alias=True, exclude_none=True)
