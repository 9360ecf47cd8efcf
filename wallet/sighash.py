"""The digests that signatures commit to: legacy, BIP143 (segwit v0) and BIP341/342 (taproot)."""

from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256
from struct import Struct

from indexer.chain.encoding import (
    Transaction,
    TxInput,
    TxOutput,
    encode_bytes,
    encode_output,
    encode_varint,
    hash256,
)
from wallet.taproot import tagged_hash

DEFAULT = 0  # taproot only: ALL without its byte
ALL = 1
NONE = 2
SINGLE = 3
ANYONE_CAN_PAY = 0x80

_OP_CODESEPARATOR = 0xAB
_TAPROOT_HASH_TYPES = frozenset({0, 1, 2, 3, 0x81, 0x82, 0x83})
_uint32 = Struct("<I").pack
_int64 = Struct("<q").pack


class SighashError(ValueError):
    """No digest exists for what was asked."""


def _outpoint(tx_input: TxInput) -> bytes:
    return tx_input.prev_txid + _uint32(tx_input.prev_vout)


def _push_size(script: bytes, position: int) -> int:
    """Bytes of the operation at a position, its data included."""
    opcode = script[position]
    if opcode < 0x4C:
        return 1 + opcode
    if opcode > 0x4E:
        return 1
    width = 1 << (opcode - 0x4C)
    start = position + 1
    return 1 + width + int.from_bytes(script[start : start + width], "little")


def _without_code_separators(script: bytes) -> bytes:
    if _OP_CODESEPARATOR not in script:
        return script
    kept = bytearray()
    position = 0
    while position < len(script):
        size = _push_size(script, position)
        if script[position] != _OP_CODESEPARATOR:
            kept += script[position : position + size]
        position += size
    return bytes(kept)


class Sighash:
    """Digests of one unsigned transaction; what its inputs share is hashed once.

    `spent` holds the output each input spends: BIP143 needs that input's, BIP341 all of them.
    """

    def __init__(self, tx: Transaction, spent: Sequence[TxOutput]) -> None:
        self.tx = tx
        self.spent = spent

    def legacy(self, index: int, script_code: bytes, hash_type: int) -> bytes:
        tx = self.tx
        base = hash_type & 0x1F
        if base == SINGLE and index >= len(tx.outputs):
            return (1).to_bytes(32, "little")  # a bug of the first client, now consensus
        code = _without_code_separators(script_code)
        parts = [_uint32(tx.version)]
        if hash_type & ANYONE_CAN_PAY:
            signed = tx.inputs[index]
            parts += [b"\x01", _outpoint(signed), encode_bytes(code), _uint32(signed.sequence)]
        else:
            parts.append(encode_varint(len(tx.inputs)))
            for position, tx_input in enumerate(tx.inputs):
                own = position == index
                sequence = tx_input.sequence if own or base not in (NONE, SINGLE) else 0
                parts += [
                    _outpoint(tx_input),
                    encode_bytes(code) if own else b"\0",
                    _uint32(sequence),
                ]
        if base == NONE:
            parts.append(b"\0")
        elif base == SINGLE:
            parts.append(encode_varint(index + 1))
            parts += [b"\xff" * 8 + b"\0"] * index + [encode_output(tx.outputs[index])]
        else:
            parts.append(encode_varint(len(tx.outputs)))
            parts += [encode_output(output) for output in tx.outputs]
        parts += [_uint32(tx.locktime), _uint32(hash_type & 0xFFFFFFFF)]
        return hash256(b"".join(parts))

    def segwit_v0(self, index: int, script_code: bytes, hash_type: int) -> bytes:
        """BIP143; the script code is the witness script, or the P2PKH script of a P2WPKH key."""
        tx = self.tx
        signed = tx.inputs[index]
        base = hash_type & 0x1F
        prevouts = sequences = outputs = bytes(32)
        if not hash_type & ANYONE_CAN_PAY:
            prevouts = sha256(self._prevouts).digest()
            if base not in (NONE, SINGLE):
                sequences = sha256(self._sequences).digest()
        if base not in (NONE, SINGLE):
            outputs = sha256(self._outputs).digest()
        elif base == SINGLE and index < len(tx.outputs):
            outputs = hash256(encode_output(tx.outputs[index]))
        message = b"".join(
            (
                _uint32(tx.version),
                prevouts,
                sequences,
                _outpoint(signed),
                encode_bytes(script_code),
                _int64(self.spent[index].value),
                _uint32(signed.sequence),
                outputs,
                _uint32(tx.locktime),
                _uint32(hash_type & 0xFFFFFFFF),
            )
        )
        return hash256(message)

    def taproot(
        self, index: int, hash_type: int, leaf_hash: bytes = b"", annex: bytes = b""
    ) -> bytes:
        """BIP341; with the hash of a leaf, BIP342's digest for that tapscript."""
        if hash_type not in _TAPROOT_HASH_TYPES:
            raise SighashError(f"taproot has no sighash type {hash_type:#04x}")
        tx = self.tx
        base = hash_type & 3
        if base == SINGLE and index >= len(tx.outputs):
            raise SighashError(f"SIGHASH_SINGLE, but input {index} has no output of its number")
        parts = [b"\0", bytes([hash_type]), _uint32(tx.version), _uint32(tx.locktime)]
        if not hash_type & ANYONE_CAN_PAY:
            parts += [self._prevouts, self._amounts, self._scripts, self._sequences]
        if base not in (NONE, SINGLE):
            parts.append(self._outputs)
        parts.append(bytes([2 * bool(leaf_hash) + bool(annex)]))
        if hash_type & ANYONE_CAN_PAY:
            signed = tx.inputs[index]
            parts += [_outpoint(signed), encode_output(self.spent[index]), _uint32(signed.sequence)]
        else:
            parts.append(_uint32(index))
        if annex:
            parts.append(sha256(encode_bytes(annex)).digest())
        if base == SINGLE:
            parts.append(sha256(encode_output(tx.outputs[index])).digest())
        if leaf_hash:
            parts += [leaf_hash, b"\0", b"\xff" * 4]  # key version 0, no code separator ran
        return tagged_hash("TapSighash", b"".join(parts))

    # Single SHA-256 each, as BIP341 uses them; BIP143 hashes three of them once more.

    @cached_property
    def _prevouts(self) -> bytes:
        return sha256(b"".join(map(_outpoint, self.tx.inputs))).digest()

    @cached_property
    def _sequences(self) -> bytes:
        return sha256(b"".join(_uint32(i.sequence) for i in self.tx.inputs)).digest()

    @cached_property
    def _outputs(self) -> bytes:
        return sha256(b"".join(map(encode_output, self.tx.outputs))).digest()

    @cached_property
    def _amounts(self) -> bytes:
        return sha256(b"".join(_int64(output.value) for output in self.spent)).digest()

    @cached_property
    def _scripts(self) -> bytes:
        return sha256(b"".join(encode_bytes(output.script) for output in self.spent)).digest()
