"""A model's signature: which raw inputs it takes and what it answers, as the files of an artifact hold it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from idla_preprocess.base import Answers, Arrays, InputError, Preprocess, Tensor
from idla_preprocess.checks import exact_keys
from idla_preprocess.classes import Classes
from idla_preprocess.encoded_text import EncodedTextSpec
from idla_preprocess.image import ImageSpec
from idla_preprocess.intents import Intents
from idla_preprocess.interactions import InteractionsSpec
from idla_preprocess.items import Items, Rating
from idla_preprocess.quantiles import Quantiles
from idla_preprocess.series import SeriesSpec
from idla_preprocess.tabular import TabularSpec
from idla_preprocess.text import TextSpec
from idla_preprocess.value import Value

SCHEMA_VERSION = 2
PREPROCESSES: Mapping[str, type[Preprocess]] = {
    kind.kind: kind for kind in (ImageSpec, TextSpec, EncodedTextSpec, TabularSpec, InteractionsSpec, SeriesSpec)
}
"""Every kind of preprocessing by its name in `preprocess.json`."""
ANSWERS: Mapping[str, type[Answers]] = {kind.kind: kind for kind in (Classes, Intents, Value, Items, Rating, Quantiles)}
"""Every kind of answer likewise."""
_FILE = "preprocess.json"
_HALVES = ("inputs", "answers")
_Half = TypeVar("_Half", Preprocess, Answers)


@dataclass(frozen=True, slots=True)
class Signature:
    """Both halves of a model's border."""

    preprocess: Preprocess
    answers: Answers

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Return the raw inputs."""
        return self.preprocess.inputs

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """Return the outputs."""
        return self.answers.outputs

    def to_json(self) -> str:
        """Return the text of `preprocess.json`; equal signatures have equal texts."""
        content = {
            "schemaVersion": SCHEMA_VERSION,
            "inputs": {"kind": self.preprocess.kind, **self.preprocess.content()},
            "answers": {"kind": self.answers.kind, **self.answers.content()},
        }
        return json.dumps(content, sort_keys=True, indent=1, allow_nan=False) + "\n"

    def arrays(self) -> dict[str, Any]:
        """Return the arrays of `preprocess.npz`, named `inputs.…` and `answers.…`; empty where there are none."""
        halves = zip(_HALVES, (self.preprocess.arrays(), self.answers.arrays()), strict=True)
        return {f"{half}.{name}": array for half, arrays in halves for name, array in arrays.items()}

    def digest(self) -> str:
        """Return `sha256:<hex>` of all of it."""
        found = hashlib.sha256(self.to_json().encode())
        for name, array in sorted(self.arrays().items()):
            found.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
            found.update(array.tobytes())
        return "sha256:" + found.hexdigest()

    @classmethod
    def restored(cls, text: str | bytes, arrays: Arrays) -> "Signature":
        """Read what `to_json` and `arrays` wrote; nothing may be missing or added.

        Raises:
            InputError: it is not JSON, has other keys, is of an unknown kind, or a value is out of its range.
        """
        try:
            content: Any = json.loads(text)
        except ValueError as error:
            raise InputError(_FILE, f"no JSON ({error})", "a JSON object") from error
        exact_keys(_FILE, content, ("schemaVersion", *_HALVES))
        if content["schemaVersion"] != SCHEMA_VERSION or type(content["schemaVersion"]) is not int:
            raise InputError("schemaVersion", repr(content["schemaVersion"]), str(SCHEMA_VERSION))
        stray = sorted(name for name in arrays if name.partition(".")[0] not in _HALVES)
        if stray:
            raise InputError("preprocess.npz", f"the array {stray[0]!r}", "arrays named inputs.… and answers.…")
        preprocess = _half(PREPROCESSES, "inputs", content["inputs"], arrays)
        return cls(preprocess, _half(ANSWERS, "answers", content["answers"], arrays))


def _half(known: Mapping[str, type[_Half]], name: str, content: object, arrays: Arrays) -> _Half:
    if not isinstance(content, dict):
        raise InputError(name, type(content).__name__, "a JSON object")
    kind = known.get(str(content.get("kind")))
    if kind is None:
        raise InputError(f"{name}.kind", repr(content.get("kind")), ", ".join(sorted(known)))
    own = {key.partition(".")[2]: array for key, array in arrays.items() if key.partition(".")[0] == name}
    return kind.restored({key: value for key, value in content.items() if key != "kind"}, own)
