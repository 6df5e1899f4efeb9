"""How the fields of a preprocessing or an answer become the files of an artifact, and come from them again."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar, Self

from idla_preprocess.base import Array, Arrays
from idla_preprocess.checks import exact_keys


class Stored:
    """A frozen dataclass whose fields are written as they are named; what may stand in one, its own checks say.

    A field that the class computes itself (`init=False`) is not written.
    """

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Any]]
    kind: ClassVar[str]
    array_names: ClassVar[tuple[str, ...]] = ()
    """Fields that are arrays; the others are numbers, texts and tuples of them."""
    added: ClassVar[Mapping[str, Any]] = {}
    """Keys that artifacts of before lack, each with the value that it had then; it is written where it has another."""
    parts: ClassVar[Mapping[str, Any]] = {}
    """Fields that are None or an object with files of its own, each with its type; arrays of other names are theirs."""

    def content(self) -> dict[str, Any]:
        """Return what JSON can hold of it, with camelCase keys."""
        values = {key: getattr(self, name) for key, name in self._names().items()}
        values = {key: value for key, value in values.items() if key not in self.added or value != self.added[key]}
        values |= {key: values[key].content() for key in self.parts if key in values}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}

    def arrays(self) -> dict[str, Array]:
        """Return its arrays and those of its parts by name; empty where it has none."""
        found = {name: getattr(self, name) for name in self.array_names}
        for part in filter(None, (getattr(self, name) for name in self.parts)):
            found |= part.arrays()
        return found

    @classmethod
    def restored(cls, content: Mapping[str, Any], arrays: Arrays) -> Self:
        """Return what `content` and `arrays` came from; nobody vouches for them.

        Raises:
            InputError: a part is missing, unknown or out of its range.
        """
        names, content = cls._names(), {**cls.added, **content}
        exact_keys(cls.kind, content, names)
        for key, kind in cls.parts.items():
            if content[key] is not None:
                others = {name: array for name, array in arrays.items() if name not in cls.array_names}
                content[key] = kind.restored(content[key], others)
                arrays = {name: arrays[name] for name in arrays if name in cls.array_names}
        exact_keys("arrays", arrays, cls.array_names)
        values = {names[key]: tuple(value) if isinstance(value, list) else value for key, value in content.items()}
        return cls(**values, **arrays)

    @classmethod
    def _names(cls) -> dict[str, str]:
        """Return the names of the fields that are no arrays, by their keys in JSON."""
        stored = (field.name for field in fields(cls) if field.init and field.name not in cls.array_names)
        return {_camel(name): name for name in stored}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
