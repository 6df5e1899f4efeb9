"""What is said of a value that is not allowed: by the API server word for word, and by the types."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """What follows the field."""

    server: str
    """All that the API server says; `{at}` stands for the field, which its own refusals repeat."""
    both: str = ""
    """The part that the types say too; empty where both have words of their own."""


def of_form(value: str, allowed: str) -> Refusal:
    """Return the refusal of a text that has another form; the API server names its type before any rule's message."""
    return Refusal(f'Invalid value: "string": "{value}" must be {allowed}', f"must be {allowed}")


def of_rule(message: str, values: str = "") -> Refusal:
    """Return the refusal of fields that do not go together."""
    return Refusal(f'Invalid value: "object": {message}{values}', message)


def of_enum(value: str, *allowed: str) -> Refusal:
    """Return the API server's own refusal of a word."""
    words = ", ".join(f'"{word}"' for word in allowed)
    return Refusal(f'Unsupported value: "{value}": supported values: {words}')


def of_bound(value: int | str, words: str) -> Refusal:
    """Return the API server's own refusal of what is too little or too much."""
    return Refusal(f"Invalid value: {value}: {{at}} in body {words}")


def of_type(found: str, allowed: str) -> Refusal:
    """Return the API server's own refusal of a type; it shows no value."""
    return of_bound(f'"{found}"', f'must be of type {allowed}: "{found}"')
