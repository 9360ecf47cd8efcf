"""Parameters, checked: a wrong one is named with what was expected."""

from datetime import UTC, date, datetime, timedelta

from flask import abort, request
from flask_babel import gettext as _
from werkzeug.routing import IntegerConverter, Map

MAX_INTEGER = 2**53 - 1


class RowNumber(IntegerConverter):
    """The number of a row in an address; larger than any database keeps it leads nowhere."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=MAX_INTEGER)


def whole_number(name: str, *, default: int | None = None, least: int = 0) -> int | None:
    """The parameter as an integer from `least` up; 400 if it is something else."""
    text = request.args.get(name)
    if text is None or text == "":
        return default
    if not text.isascii() or not text.isdigit() or not least <= int(text[:17]) <= MAX_INTEGER:
        abort(
            400,
            _(
                "The parameter “%(name)s” is “%(value)s”; expected a whole number from %(least)s.",
                name=name,
                value=text[:100],
                least=least,
            ),
        )
    return int(text[:17])


def day_end(name: str) -> int | None:
    """The first second after a day given as YYYY-MM-DD (UTC); 400 if it is no such day."""
    text = request.args.get(name)
    if text is None or text == "":
        return None
    try:
        day = date.fromisoformat(text)
        end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        abort(
            400,
            _(
                "The parameter “%(name)s” is “%(value)s”; expected a day as 2009-01-03.",
                name=name,
                value=text[:100],
            ),
        )
    return int(end.timestamp())
