"""A difference between the database and what it should hold, in words."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """One cell, or one row that is lacking or too many."""

    table: str
    place: str  # which row, for people
    column: str
    found: str
    expected: str

    def __str__(self) -> str:
        return (
            f"table {self.table}, {self.place}, column {self.column}: "
            f"found {self.found}, expected {self.expected}"
        )


class DifferenceError(Exception):
    """Ends a check at the first difference."""

    def __init__(self, difference: Difference) -> None:
        super().__init__(str(difference))
        self.difference = difference


def differ(table: str, place: str, column: str, found: object, expected: object) -> None:
    """Raise DifferenceError unless both are equal."""
    if found != expected:
        raise DifferenceError(Difference(table, place, column, _show(found), _show(expected)))


def differ_row(table: str, place: str, found: object, expected: dict[str, object]) -> None:
    """Compare a row of SQL, None if it is lacking, with the values its columns should have."""
    if found is None:
        raise DifferenceError(Difference(table, place, "(all)", "no row", "a row"))
    for column, value in expected.items():
        differ(table, place, column, getattr(found, column), value)


def _show(value: object) -> str:
    if isinstance(value, bytes | memoryview):
        value = bytes(value)
        if len(value) == 32:
            return value[::-1].hex()
        return value.hex() if len(value) <= 40 else f"{value[:40].hex()}... ({len(value)} bytes)"
    return str(value)
