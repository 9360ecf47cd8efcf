"""Scripts: their operations, the templates they match, and builders of those templates."""

import re
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from itertools import islice
from typing import Final, NamedTuple

from indexer.chain.network import Network
from indexer.chain.opcodes import (
    OP_0,
    OP_1,
    OP_1NEGATE,
    OP_16,
    OP_CHECKMULTISIG,
    OP_CHECKSIG,
    OP_DUP,
    OP_EQUAL,
    OP_EQUALVERIFY,
    OP_HASH160,
    OP_PUSHDATA1,
    OP_PUSHDATA2,
    OP_PUSHDATA4,
    OP_RETURN,
    opcode_name,
)
from indexer.chain.wire import EncodingError, varint_size

MAX_SCRIPT_SIZE: Final = 10_000
MAX_MULTISIG_KEYS: Final = 20
_ANCHOR_PROGRAM: Final = bytes.fromhex("4e73")


class ScriptType(StrEnum):
    """The template a scriptPubKey matches."""

    P2PK = "p2pk"
    P2PKH = "p2pkh"
    P2SH = "p2sh"
    MULTISIG = "multisig"
    P2WPKH = "p2wpkh"
    P2WSH = "p2wsh"
    P2TR = "p2tr"
    P2A = "p2a"
    OP_RETURN = "op_return"
    MWEB_PEGIN = "mweb_pegin"
    MWEB_HOGADDR = "mweb_hogaddr"
    WITNESS_UNKNOWN = "witness_unknown"
    NONSTANDARD = "nonstandard"
    EMPTY = "empty"


class CutPushError(EncodingError):
    """A push reaches past the end of its script; `rest` is what there is of it."""

    def __init__(self, length: int, rest: bytes) -> None:
        super().__init__(f"a push of {length} bytes in a script that ends after {len(rest)}")
        self.rest = rest


class Operation(NamedTuple):
    """One operation; `data` is what a push pushes, None where the opcode is not a data push."""

    opcode: int
    data: bytes | None


def operations(script: bytes) -> Iterator[Operation]:
    """Each operation in turn; CutPushError when a push reaches past the end."""
    position, size = 0, len(script)
    while position < size:
        opcode = script[position]
        position += 1
        if opcode > OP_PUSHDATA4:
            yield Operation(opcode, None)
            continue
        length = opcode
        if opcode >= OP_PUSHDATA1:
            width = 1 << (opcode - OP_PUSHDATA1)
            length = int.from_bytes(script[position : position + width], "little")
            position += width
        if position + length > size:
            raise CutPushError(length, script[position:])
        yield Operation(opcode, script[position : position + length])
        position += length


def is_push_only(script: bytes) -> bool:
    """True if every operation pushes and the last push is whole."""
    try:
        return all(opcode <= OP_16 for opcode, _ in operations(script))
    except CutPushError:
        return False


def is_unspendable(script: bytes) -> bool:
    """Provably: it starts with OP_RETURN or is longer than any script that may run."""
    return script[:1] == bytes((OP_RETURN,)) or len(script) > MAX_SCRIPT_SIZE


def witness_program(script: bytes) -> tuple[int, bytes] | None:
    """Version and program of a BIP141 output, None for any other."""
    if not 4 <= len(script) <= 42 or script[1] != len(script) - 2:
        return None
    if script[0] == OP_0:
        return 0, script[2:]
    if OP_1 <= script[0] <= OP_16:
        return script[0] - OP_1 + 1, script[2:]
    return None


def classify(script: bytes, network: Network | None = None) -> ScriptType:
    """The template a scriptPubKey matches, with a network only among those it knows."""
    program = witness_program(script)
    if program and (network is None or network.segwit):
        return _classify_program(*program, network)
    for script_type, matches in _TEMPLATES:
        if matches(script):
            return script_type
    return ScriptType.NONSTANDARD


def _classify_program(version: int, program: bytes, network: Network | None) -> ScriptType:
    if version == 1 and program == _ANCHOR_PROGRAM:
        return ScriptType.P2A
    script_type = _PROGRAMS.get((version, len(program)))
    if script_type is None:
        return ScriptType.WITNESS_UNKNOWN if version else ScriptType.NONSTANDARD
    if network and version and not (network.taproot if version == 1 else network.mweb):
        return ScriptType.WITNESS_UNKNOWN
    return script_type


def is_public_key(data: bytes) -> bool:
    """True for the length and first byte of an encoded key; whether it is on the curve is open."""
    if len(data) == 33:
        return data[0] in (2, 3)
    return len(data) == 65 and data[0] in (4, 6, 7)


def public_key_of(script: bytes) -> bytes | None:
    """The key of a P2PK script, None for any other."""
    if len(script) in (35, 67) and script[-1] == OP_CHECKSIG and script[0] == len(script) - 2:
        key = script[1:-1]
        return key if is_public_key(key) else None
    return None


def multisig_parts(script: bytes) -> tuple[int, list[bytes]] | None:
    """m and the n keys of a bare m-of-n script, None for any other."""
    if len(script) < 4 or script[-1] != OP_CHECKMULTISIG:
        return None
    try:
        first, *middle, count, last = islice(operations(script), MAX_MULTISIG_KEYS + 4)
    except ValueError:
        return None
    keys = [key for _, key in middle if key is not None and is_public_key(key)]
    required, total = _small_number(first), _small_number(count)
    if required is None or total is None or not 1 <= required <= total <= MAX_MULTISIG_KEYS:
        return None
    if last.opcode != OP_CHECKMULTISIG or not len(keys) == len(middle) == total:
        return None
    return required, keys


def _small_number(operation: Operation) -> int | None:
    """OP_1 to OP_16, or a minimal push of the few numbers above."""
    opcode, data = operation
    if OP_1 <= opcode <= OP_16:
        return opcode - OP_1 + 1
    if opcode == 1 and data and 16 < data[0] <= MAX_MULTISIG_KEYS:
        return data[0]
    return None


_TEMPLATES: Final[tuple[tuple[ScriptType, Callable[[bytes], object]], ...]] = (
    (ScriptType.P2PKH, re.compile(rb"\x76\xa9\x14.{20}\x88\xac", re.DOTALL).fullmatch),
    (ScriptType.P2SH, re.compile(rb"\xa9\x14.{20}\x87", re.DOTALL).fullmatch),
    (ScriptType.OP_RETURN, re.compile(rb"\x6a.*", re.DOTALL).fullmatch),
    (ScriptType.P2PK, public_key_of),
    (ScriptType.MULTISIG, multisig_parts),
    (ScriptType.EMPTY, re.compile(rb"").fullmatch),
)
_PROGRAMS: Final = {
    (0, 20): ScriptType.P2WPKH,
    (0, 32): ScriptType.P2WSH,
    (1, 32): ScriptType.P2TR,
    (8, 32): ScriptType.MWEB_HOGADDR,
    (9, 32): ScriptType.MWEB_PEGIN,
}


def op_return_data(script: bytes) -> list[bytes]:
    """What the pushes after OP_RETURN hold; a push cut short gives the bytes there are."""
    pushes = []
    try:
        for _, data in operations(script[1:]):
            if data is not None:
                pushes.append(data)
    except CutPushError as cut:
        pushes.append(cut.rest)
    return pushes


def decode_number(data: bytes) -> int:
    """Core's CScriptNum: little endian, the top bit of the last byte is the sign."""
    if not data:
        return 0
    number = int.from_bytes(data[:-1] + bytes((data[-1] & 0x7F,)), "little")
    return -number if data[-1] & 0x80 else number


def encode_number(number: int) -> bytes:
    """The shortest CScriptNum."""
    if not number:
        return b""
    size = abs(number).bit_length() // 8 + 1
    sign = 0x80 << 8 * (size - 1) if number < 0 else 0
    return (abs(number) | sign).to_bytes(size, "little")


def coinbase_height(script_sig: bytes) -> int | None:
    """The height a coinbase starts with (BIP34), None where it starts with something else."""
    try:
        opcode, data = next(operations(script_sig))
    except (StopIteration, CutPushError):
        return None
    if OP_1 <= opcode <= OP_16:
        return opcode - OP_1 + 1
    if data is None or len(data) > 5:
        return None
    height = decode_number(data)
    return height if height >= 0 else None


def asm(script: bytes) -> str:
    """As Core writes it: pushes of up to 4 bytes as numbers, longer ones in hexadecimal."""
    words = []
    try:
        for opcode, data in operations(script):
            if data is None:
                words.append(opcode_name(opcode))
            else:
                words.append(data.hex() if len(data) > 4 else str(decode_number(data)))
    except CutPushError:
        words.append("[error]")
    return " ".join(words)


def push(data: bytes) -> bytes:
    """The shortest operation that pushes these bytes."""
    if not data:
        return bytes((OP_0,))
    if len(data) == 1 and 1 <= data[0] <= 16:
        return bytes((OP_1 + data[0] - 1,))
    if data == b"\x81":
        return bytes((OP_1NEGATE,))
    return _push_head(len(data)) + data


def _push_head(size: int) -> bytes:
    if size < OP_PUSHDATA1:
        return bytes((size,))
    if size <= 0xFF:
        return bytes((OP_PUSHDATA1, size))
    if size <= 0xFFFF:
        return bytes((OP_PUSHDATA2,)) + size.to_bytes(2, "little")
    return bytes((OP_PUSHDATA4,)) + size.to_bytes(4, "little")


def push_number(number: int) -> bytes:
    return push(encode_number(number))


def p2pk(public_key: bytes) -> bytes:
    return push(public_key) + bytes((OP_CHECKSIG,))


def p2pkh(key_hash: bytes) -> bytes:
    """`key_hash`: HASH160 of the public key."""
    head = bytes((OP_DUP, OP_HASH160))
    return head + push(_sized(key_hash, 20)) + bytes((OP_EQUALVERIFY, OP_CHECKSIG))


def p2sh(script_hash: bytes) -> bytes:
    """`script_hash`: HASH160 of the redeem script."""
    return bytes((OP_HASH160,)) + push(_sized(script_hash, 20)) + bytes((OP_EQUAL,))


def p2wpkh(key_hash: bytes) -> bytes:
    """`key_hash`: HASH160 of the compressed public key."""
    return witness_script_pubkey(0, _sized(key_hash, 20))


def p2wsh(script_hash: bytes) -> bytes:
    """`script_hash`: SHA-256 of the witness script."""
    return witness_script_pubkey(0, _sized(script_hash, 32))


def p2tr(output_key: bytes) -> bytes:
    """`output_key`: the tweaked key, its x coordinate only."""
    return witness_script_pubkey(1, _sized(output_key, 32))


def p2a() -> bytes:
    """The anchor anyone can spend."""
    return witness_script_pubkey(1, _ANCHOR_PROGRAM)


def witness_script_pubkey(version: int, program: bytes) -> bytes:
    """Any BIP141 output: version 0 to 16, program of 2 to 40 bytes."""
    if not 0 <= version <= 16 or not 2 <= len(program) <= 40:
        raise ValueError(f"no witness program has version {version} and {len(program)} bytes")
    opcode = OP_1 + version - 1 if version else OP_0
    return bytes((opcode, len(program))) + program


def multisig(required: int, public_keys: Sequence[bytes]) -> bytes:
    """Bare m-of-n."""
    if not 1 <= required <= len(public_keys) <= MAX_MULTISIG_KEYS:
        raise ValueError(f"no multisig asks for {required} of {len(public_keys)} keys")
    keys = b"".join(map(push, public_keys))
    return push_number(required) + keys + push_number(len(public_keys)) + bytes((OP_CHECKMULTISIG,))


def op_return(*data: bytes) -> bytes:
    """Each as a data push, also a single byte that a number opcode could push."""
    pushes = (_push_head(len(each)) + each for each in data)
    return bytes((OP_RETURN,)) + b"".join(pushes)


def dust_limit(script: bytes, network: Network) -> int:
    """The least value that nodes relay for such an output: below it, it is not worth spending."""
    if is_unspendable(script):
        return 0
    if network.flat_dust_limit:
        return network.flat_dust_limit
    output = 8 + varint_size(len(script)) + len(script)
    spending = 67 if witness_program(script) else 148  # Core's GetDustThreshold
    return (output + spending) * network.dust_relay_rate // 1000


def _sized(data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise ValueError(f"{size} bytes expected, {len(data)} given")
    return data
