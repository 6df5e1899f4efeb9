"""Whether two amounts are the same, however they are written."""

from idla.api.quantity import parse_quantity

__all__ = ["equal_quantities", "parse_quantity"]


def equal_quantities(one: object, other: object) -> bool:
    """Return whether both are quantities of the same amount, e.g. `1000m` and 1."""
    try:
        return parse_quantity(_scalar(one)) == parse_quantity(_scalar(other))
    except ValueError:
        return False


def _scalar(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("not a quantity")  # noqa: TRY004  # one error for "no quantity", whatever it is instead
    return str(value)
