"""Links that carry a figure from page to page: signed, so that nobody can make one that lies."""

import hmac
import logging
import secrets
from hashlib import sha256
from pathlib import Path

from flask import current_app

from indexer.queries.script_page import HistoryCursor
from webapp.context import settings
from webapp.key_files import KEY_BYTES, shared_key

logger = logging.getLogger(__name__)

EXTENSION = "satchel-cursor-key"
KEY_FILE = "cursor.key"
SIGNATURE_BYTES = 12


def write_cursor(cursor: HistoryCursor, *scope: object) -> str:
    """The cursor as a parameter. `scope` is all that its balance is true of."""
    if cursor.balance is None:
        return str(cursor.before)
    text = f"{cursor.before}.{cursor.balance}"
    return f"{text}.{_signature(text, scope)}"


def read_cursor(text: str, *scope: object) -> HistoryCursor | None:
    """What write_cursor wrote; without its balance where that is not vouched for for this scope.

    None for a text that is no cursor at all.
    """
    before, _, rest = text.partition(".")
    if not before.isascii() or not before.isdigit() or len(before) > 18:
        return None
    balance, _, signature = rest.rpartition(".")
    expected = _signature(f"{before}.{balance}", scope)
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        return HistoryCursor(int(before), None)
    return HistoryCursor(int(before), int(balance))


def _signature(text: str, scope: tuple[object, ...]) -> str:
    message = repr((text, scope)).encode()
    return hmac.digest(_key(), message, sha256)[:SIGNATURE_BYTES].hex()


def _key() -> bytes:
    key: bytes | None = current_app.extensions.get(EXTENSION)
    if key is None:
        key = load_key(settings().data_directory)
        current_app.extensions[EXTENSION] = key
    return key


def load_key(directory: Path) -> bytes:
    """The key that all web processes of this directory share.

    Where nothing can be written each process has its own, and a balance is lost now and then.
    """
    try:
        return shared_key(directory / KEY_FILE)
    except OSError as error:
        logger.warning("No key could be kept in %s: %s", directory, error)
        return secrets.token_bytes(KEY_BYTES)
