"""Short keys and flags that the tables hold in place of longer things."""

from enum import IntFlag
from hashlib import sha256
from struct import Struct

_int64 = Struct("<q").unpack_from


class TxFlag(IntFlag):
    """What is worth knowing of a transaction without its bytes."""

    COINBASE = 1
    SEGWIT = 2
    REPLACEABLE = 4  # some sequence < 0xfffffffe: BIP125
    MWEB = 8  # carries MWEB data (flag 0x08)
    HOGEX = 16  # the integrating transaction that ends an MWEB block


def script_hash(script: bytes) -> bytes:
    """SHA-256 of a scriptPubKey; reversed it is the scripthash of the Electrum protocol."""
    return sha256(script).digest()


def script_key(script: bytes) -> int:
    """The first 8 bytes of the script's hash as a signed 64-bit integer."""
    key: int = _int64(sha256(script).digest())[0]
    return key


def script_hash_key(script_hash: bytes) -> int:
    """The key of a script that is known by its hash."""
    key: int = _int64(script_hash)[0]
    return key
