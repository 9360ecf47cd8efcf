"""What a node's JSON says, read with its type checked: a wrong shape is a NodeError."""

from decimal import Decimal
from typing import Any, Final

from indexer.chain.encoding import EncodingError, hash_from_hex
from indexer.node.base import NodeError

MAX_COINS: Final = 10**12  # more than any chain has; keeps absurd exponents out


class Record:
    """A JSON object that a method answered with."""

    def __init__(self, method: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise NodeError(nonsense(method, "an object"))
        self.method = method
        self._fields: dict[str, Any] = value

    def has(self, key: str) -> bool:
        return self._fields.get(key) is not None

    def integer(self, key: str) -> int:
        value = self._fields.get(key)
        if not isinstance(value, int) or isinstance(value, bool):
            raise NodeError(nonsense(self.method, f'a whole number "{key}"'))
        return value

    def text(self, key: str) -> str:
        value = self._fields.get(key)
        if not isinstance(value, str):
            raise NodeError(nonsense(self.method, f'a text "{key}"'))
        return value

    def flag(self, key: str) -> bool:
        value = self._fields.get(key)
        if not isinstance(value, bool):
            raise NodeError(nonsense(self.method, f'a yes or no "{key}"'))
        return value

    def number(self, key: str) -> float:
        value = self._fields.get(key)
        if not isinstance(value, int | Decimal) or isinstance(value, bool):
            raise NodeError(nonsense(self.method, f'a number "{key}"'))
        return float(value)

    def amount(self, key: str, decimals: int) -> int:
        """A decimal number of coins, as an integer of the smallest unit."""
        value = self._fields.get(key)
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            coins = Decimal(value)
            if abs(coins) < MAX_COINS and coins == round(coins, decimals):
                return int(coins.scaleb(decimals))
        raise NodeError(nonsense(self.method, f'an amount "{key}"'))

    def hash(self, key: str) -> bytes:
        return as_hash(self.method, self._fields.get(key))

    def record(self, key: str) -> "Record":
        return Record(self.method, self._fields.get(key))

    def texts(self, key: str) -> tuple[str, ...]:
        """One text or several; empty ones and a missing key give none."""
        value = self._fields.get(key) or []
        values = value if isinstance(value, list) else [value]
        return tuple(str(each) for each in values if each)


def as_list(method: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise NodeError(nonsense(method, "a list"))
    return value


def as_hash(method: str, value: Any) -> bytes:
    """The 32 bytes in wire order of a hash in hexadecimal."""
    try:
        return hash_from_hex(value)
    except (EncodingError, TypeError):
        raise NodeError(nonsense(method, "a hash")) from None


def as_bytes(method: str, value: Any) -> bytes:
    try:
        return bytes.fromhex(value)
    except (ValueError, TypeError):
        raise NodeError(nonsense(method, "bytes in hexadecimal")) from None


def nonsense(method: str, expected: str) -> str:
    return (
        f"The node's answer to {method} makes no sense: {expected} was expected. Is node_url "
        "really a node's address, with no other program in between?"
    )
