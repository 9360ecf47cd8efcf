"""How the API answers: JSON and text with their ETag, and errors as plain text."""

import json
from typing import Any, NoReturn

from flask import Response, abort, request

from indexer.chain.encoding import EncodingError, hash_from_hex
from indexer.queries.pulse import Pulse
from webapp.caching import ONE_YEAR
from webapp.context import required_pulse

SETTLED_DEPTH = 100  # blocks below the tip that no reorganisation of ours has ever reached
RETRY_SECONDS = 5
MOST_DIGITS = 10  # of a number: heights, positions and outputs are below 2^32


def json_answer(value: Any, *, settled: bool = False) -> Response:
    return _answer(json.dumps(value, separators=(",", ":")), "application/json", settled)


def text_answer(text: str, *, settled: bool = False) -> Response:
    return _answer(text, "text/plain", settled)


def bytes_answer(data: bytes, *, settled: bool = False) -> Response:
    return _answer(data, "application/octet-stream", settled)


def _answer(body: str | bytes, mimetype: str, settled: bool) -> Response:
    """`settled`: cannot change any more, so that nobody has to ask for it again."""
    response = Response(body, mimetype=mimetype)
    response.add_etag()
    control = response.cache_control
    if settled:
        control.public, control.max_age, control.immutable = True, ONE_YEAR, True
    else:
        control.no_cache = True
    response.make_conditional(request)
    return response


def is_settled(height: int | None) -> bool:
    """Whether what is in the best chain at this height stays there."""
    return height is not None and required_pulse().tip_height - height >= SETTLED_DEPTH


def indexed_pulse() -> Pulse:
    """Where the index stands; 503 while the indexes by script and by spent output are not there."""
    pulse = required_pulse()
    if pulse.loading:
        response = Response(
            f"The index is being built: it has reached block {max(0, pulse.tip_height)}.",
            status=503,
            mimetype="text/plain",
            headers={"Retry-After": str(RETRY_SECONDS), "Cache-Control": "no-store"},
        )
        abort(response)
    return pulse


def parse_hash(text: str) -> bytes:
    """A txid or block hash of the path; 400 where it is none."""
    try:
        return hash_from_hex(text)
    except EncodingError:
        abort(400, "Invalid hex string")


def parse_number(text: str) -> int:
    """A whole number of the path; 400 where it is none."""
    number = lenient_number(text)
    if number is None:
        abort(400, "Invalid number")
    return number


def lenient_number(text: str) -> int | None:
    """A whole number of the path, None where it is none."""
    if not text.isascii() or not text.isdigit() or len(text) > MOST_DIGITS:
        return None
    return int(text)


def not_found(what: str) -> NoReturn:
    """404: clients take it for "none"."""
    abort(404, f"{what} not found")
