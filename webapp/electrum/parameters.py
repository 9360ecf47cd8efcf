"""Parameters of requests, checked: each error names the parameter and what was expected."""

from typing import Any, NoReturn

from aiorpcx import RPCError

from indexer.chain.wire import hash_from_hex

BAD_REQUEST = 1  # the protocol's own codes, beside those of JSON-RPC
NODE_ERROR = 2
SERVER_BUSY = -102

MAX_HEIGHT = 0x7FFF_FFFF
HASH_DIGITS = 64


def refuse(message: str) -> NoReturn:
    raise RPCError(BAD_REQUEST, message)


def whole_number(value: Any, name: str, maximum: int = MAX_HEIGHT) -> int:
    """A number from 0 to the maximum."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= maximum:
        refuse(f"{name}: expected a whole number from 0 to {maximum}")
    return value


def flag(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        refuse(f"{name}: expected true or false")
    return value


def text(value: Any, name: str, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest:
        refuse(f"{name}: expected a string of at most {longest} characters")
    return value


def hash_bytes(value: Any, name: str) -> bytes:
    """A hash as displayed, in wire order."""
    if isinstance(value, str) and len(value) == HASH_DIGITS and value.isascii():
        try:
            return hash_from_hex(value)
        except ValueError:
            pass
    refuse(f"{name}: expected {HASH_DIGITS} hexadecimal digits")


def raw_bytes(value: Any, name: str) -> bytes:
    if isinstance(value, str) and value.isascii() and value.isalnum():
        try:
            return bytes.fromhex(value)
        except ValueError:
            pass
    refuse(f"{name}: expected hexadecimal digits")
