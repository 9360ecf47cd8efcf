"""The fields of a PSBT and what each must look like: BIP174, BIP370, BIP371, BIP373."""

from collections.abc import Callable, Mapping
from enum import Enum, IntEnum
from struct import Struct
from typing import NamedTuple, TypeAlias

from coincurve import PublicKey

from indexer.chain.encoding import EncodingError, Reader, TxOutput
from indexer.chain.script import is_public_key

Path: TypeAlias = tuple[int, ...]
_MAX_TREE_DEPTH = 128
_HEIGHT_LOCKTIMES = 500_000_000  # from here on a locktime is a time
_uint32 = Struct("<I")


class PsbtError(ValueError):
    """Not a sound PSBT. `field` says where, as people would: input 2, sighash type."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class Scope(Enum):
    """Whom a map of fields is about."""

    GLOBAL = "global"
    INPUT = "input"
    OUTPUT = "output"


class GlobalField(IntEnum):
    UNSIGNED_TX = 0x00
    XPUB = 0x01
    TX_VERSION = 0x02
    FALLBACK_LOCKTIME = 0x03
    INPUT_COUNT = 0x04
    OUTPUT_COUNT = 0x05
    TX_MODIFIABLE = 0x06
    VERSION = 0xFB


class InputField(IntEnum):
    NON_WITNESS_UTXO = 0x00
    WITNESS_UTXO = 0x01
    PARTIAL_SIG = 0x02
    SIGHASH_TYPE = 0x03
    REDEEM_SCRIPT = 0x04
    WITNESS_SCRIPT = 0x05
    BIP32_DERIVATION = 0x06
    FINAL_SCRIPT_SIG = 0x07
    FINAL_WITNESS = 0x08
    RIPEMD160 = 0x0A
    SHA256 = 0x0B
    HASH160 = 0x0C
    HASH256 = 0x0D
    PREVIOUS_TXID = 0x0E
    OUTPUT_INDEX = 0x0F
    SEQUENCE = 0x10
    REQUIRED_TIME_LOCKTIME = 0x11
    REQUIRED_HEIGHT_LOCKTIME = 0x12
    TAP_KEY_SIG = 0x13
    TAP_SCRIPT_SIG = 0x14
    TAP_LEAF_SCRIPT = 0x15
    TAP_BIP32_DERIVATION = 0x16
    TAP_INTERNAL_KEY = 0x17
    TAP_MERKLE_ROOT = 0x18
    MUSIG2_PARTICIPANTS = 0x1A
    MUSIG2_PUB_NONCE = 0x1B
    MUSIG2_PARTIAL_SIG = 0x1C


class OutputField(IntEnum):
    REDEEM_SCRIPT = 0x00
    WITNESS_SCRIPT = 0x01
    BIP32_DERIVATION = 0x02
    AMOUNT = 0x03
    SCRIPT = 0x04
    TAP_INTERNAL_KEY = 0x05
    TAP_TREE = 0x06
    TAP_BIP32_DERIVATION = 0x07
    MUSIG2_PARTICIPANTS = 0x08


FIELDS: Mapping[Scope, type[IntEnum]] = {
    Scope.GLOBAL: GlobalField,
    Scope.INPUT: InputField,
    Scope.OUTPUT: OutputField,
}


class KeyPath(NamedTuple):
    """Where a key comes from: the fingerprint of the master key and the steps from it."""

    fingerprint: bytes
    path: Path

    def serialize(self) -> bytes:
        return self.fingerprint + b"".join(map(_uint32.pack, self.path))


def parse_key_path(value: bytes) -> KeyPath:
    if len(value) < 4 or len(value) % 4:
        found = f"{len(value)} bytes found"
        raise EncodingError(f"a fingerprint and steps of 4 bytes each expected, {found}")
    steps = (step for (step,) in _uint32.iter_unpack(value[4:]))
    return KeyPath(value[:4], tuple(steps))


def parse_tap_key_path(value: bytes) -> KeyPath:
    """Without the hashes of the leaves that the key is for."""
    reader = Reader(value)
    reader.take(32 * reader.count(32, "leaf hashes"), "leaf hashes")
    return parse_key_path(value[reader.position :])


def parse_output(value: bytes) -> TxOutput:
    reader = Reader(value)
    output = TxOutput(reader.sint(8, "amount"), reader.var_bytes("script"))
    reader.end("output")
    return output


def parse_witness(value: bytes) -> tuple[bytes, ...]:
    reader = Reader(value)
    items = tuple(reader.var_bytes("item") for _ in range(reader.count(1, "items")))
    reader.end("witness")
    return items


# How each field's key data and value are checked: by a function that raises EncodingError.

_Check: TypeAlias = Callable[[bytes], object]


class Rule(NamedTuple):
    key: _Check
    value: _Check


def _sized(*sizes: int) -> _Check:
    expected = " or ".join(map(str, sizes))

    def check(data: bytes) -> None:
        if len(data) not in sizes:
            raise EncodingError(f"{expected} bytes expected, {len(data)} found")

    return check


def _anything(data: bytes) -> None:
    pass


def _public_key(data: bytes) -> None:
    try:
        sound = is_public_key(data) and bool(PublicKey(data))
    except ValueError:
        sound = False
    if not sound:
        raise EncodingError("a public key expected")


def _der_signature(data: bytes) -> None:
    """A DER signature and the sighash byte; whether it is right is for the finaliser's caller."""
    sizes_fit = 9 <= len(data) <= 73 and data[1] == len(data) - 3
    r_size = data[3] if sizes_fit else 0
    sizes_fit = sizes_fit and 5 + r_size < len(data) and data[5 + r_size] == len(data) - r_size - 7
    if not sizes_fit or data[0] != 0x30 or data[2] != 0x02 or data[4 + r_size] != 0x02:
        raise EncodingError("a DER signature with its sighash byte expected")


def _control_block(data: bytes) -> None:
    if len(data) < 33 or (len(data) - 33) % 32 or len(data) > 33 + 32 * _MAX_TREE_DEPTH:
        raise EncodingError(f"a control block does not have {len(data)} bytes")


def _leaf_script(data: bytes) -> None:
    if not data:
        raise EncodingError("a script and its leaf version expected, nothing found")


def _tap_tree(data: bytes) -> None:
    """Leaves in depth-first order must fill a tree exactly."""
    reader = Reader(data)
    filled = 0  # parts of 2^-128 of the tree
    if not data:
        raise EncodingError("a tree without leaves")
    while reader.remaining:
        depth = reader.uint(1, "depth")
        if depth > _MAX_TREE_DEPTH:
            raise EncodingError(f"a leaf at depth {depth}; a tree has at most {_MAX_TREE_DEPTH}")
        share = 1 << (_MAX_TREE_DEPTH - depth)
        if filled % share:
            raise EncodingError("the leaves are not in depth-first order")
        filled += share
        if reader.uint(1, "leaf version") & 1:
            raise EncodingError("a leaf version is even")
        reader.var_bytes("leaf script")
    if filled != 1 << _MAX_TREE_DEPTH:
        raise EncodingError("the leaves do not fill the tree")


def _public_keys(data: bytes) -> None:
    if not data or len(data) % 33:
        raise EncodingError(f"public keys of 33 bytes expected, {len(data)} bytes found")


def _count(data: bytes) -> None:
    reader = Reader(data)
    reader.varint()
    reader.end("count")


def _time_locktime(data: bytes) -> None:
    _sized(4)(data)
    if _uint32.unpack(data)[0] < _HEIGHT_LOCKTIMES:
        raise EncodingError("a time expected, a height found")


def _height_locktime(data: bytes) -> None:
    _sized(4)(data)
    if not 0 < _uint32.unpack(data)[0] < _HEIGHT_LOCKTIMES:
        raise EncodingError("a height above zero expected, a time or zero found")


_NO_KEY = _sized(0)
_SCRIPT = Rule(_NO_KEY, _anything)
_DERIVATION = Rule(_public_key, parse_key_path)
_TAP_DERIVATION = Rule(_sized(32), parse_tap_key_path)
_HASH = Rule(_NO_KEY, _sized(32))
_PARTICIPANTS = Rule(_sized(33), _public_keys)
_UINT32 = Rule(_NO_KEY, _sized(4))

RULES: Mapping[Scope, Mapping[int, Rule]] = {
    Scope.GLOBAL: {
        GlobalField.UNSIGNED_TX: _SCRIPT,
        GlobalField.XPUB: Rule(_sized(78), parse_key_path),
        GlobalField.TX_VERSION: _UINT32,
        GlobalField.FALLBACK_LOCKTIME: _UINT32,
        GlobalField.INPUT_COUNT: Rule(_NO_KEY, _count),
        GlobalField.OUTPUT_COUNT: Rule(_NO_KEY, _count),
        GlobalField.TX_MODIFIABLE: Rule(_NO_KEY, _sized(1)),
        GlobalField.VERSION: _UINT32,
    },
    Scope.INPUT: {
        InputField.NON_WITNESS_UTXO: _SCRIPT,
        InputField.WITNESS_UTXO: Rule(_NO_KEY, parse_output),
        InputField.PARTIAL_SIG: Rule(_public_key, _der_signature),
        InputField.SIGHASH_TYPE: _UINT32,
        InputField.REDEEM_SCRIPT: _SCRIPT,
        InputField.WITNESS_SCRIPT: _SCRIPT,
        InputField.BIP32_DERIVATION: _DERIVATION,
        InputField.FINAL_SCRIPT_SIG: _SCRIPT,
        InputField.FINAL_WITNESS: Rule(_NO_KEY, parse_witness),
        InputField.RIPEMD160: Rule(_sized(20), _anything),
        InputField.SHA256: Rule(_sized(32), _anything),
        InputField.HASH160: Rule(_sized(20), _anything),
        InputField.HASH256: Rule(_sized(32), _anything),
        InputField.PREVIOUS_TXID: _HASH,
        InputField.OUTPUT_INDEX: _UINT32,
        InputField.SEQUENCE: _UINT32,
        InputField.REQUIRED_TIME_LOCKTIME: Rule(_NO_KEY, _time_locktime),
        InputField.REQUIRED_HEIGHT_LOCKTIME: Rule(_NO_KEY, _height_locktime),
        InputField.TAP_KEY_SIG: Rule(_NO_KEY, _sized(64, 65)),
        InputField.TAP_SCRIPT_SIG: Rule(_sized(64), _sized(64, 65)),
        InputField.TAP_LEAF_SCRIPT: Rule(_control_block, _leaf_script),
        InputField.TAP_BIP32_DERIVATION: _TAP_DERIVATION,
        InputField.TAP_INTERNAL_KEY: _HASH,
        InputField.TAP_MERKLE_ROOT: _HASH,
        InputField.MUSIG2_PARTICIPANTS: _PARTICIPANTS,
        InputField.MUSIG2_PUB_NONCE: Rule(_sized(66, 98), _sized(66)),
        InputField.MUSIG2_PARTIAL_SIG: Rule(_sized(66, 98), _sized(32)),
    },
    Scope.OUTPUT: {
        OutputField.REDEEM_SCRIPT: _SCRIPT,
        OutputField.WITNESS_SCRIPT: _SCRIPT,
        OutputField.BIP32_DERIVATION: _DERIVATION,
        OutputField.AMOUNT: Rule(_NO_KEY, _sized(8)),
        OutputField.SCRIPT: _SCRIPT,
        OutputField.TAP_INTERNAL_KEY: _HASH,
        OutputField.TAP_TREE: Rule(_NO_KEY, _tap_tree),
        OutputField.TAP_BIP32_DERIVATION: _TAP_DERIVATION,
        OutputField.MUSIG2_PARTICIPANTS: _PARTICIPANTS,
    },
}

# Fields that only version 2 has; there they stand for the unsigned transaction.
VERSION_2: Mapping[Scope, frozenset[int]] = {
    Scope.GLOBAL: frozenset(range(GlobalField.TX_VERSION, GlobalField.TX_MODIFIABLE + 1)),
    Scope.INPUT: frozenset(
        range(InputField.PREVIOUS_TXID, InputField.REQUIRED_HEIGHT_LOCKTIME + 1)
    ),
    Scope.OUTPUT: frozenset((OutputField.AMOUNT, OutputField.SCRIPT)),
}


def name_of(scope: Scope, kind: int, position: int | None = None) -> str:
    """A field as people would say where it is. Inputs and outputs count from 1."""
    place = scope.value if position is None else f"{scope.value} {position + 1}"
    try:
        name = FIELDS[scope](kind).name.lower().replace("_", " ")
    except ValueError:
        name = f"field {kind:#04x}"
    return f"{place}, {name}"
