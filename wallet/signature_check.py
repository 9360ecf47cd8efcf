"""Whether an input's signatures are right, for the scripts that wallets use.

No script is run: what is no template of a wallet is UNKNOWN, never right.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from hashlib import sha256
from typing import TypeAlias

from coincurve import PublicKey, PublicKeyXOnly

from indexer.chain import script as scripts
from indexer.chain.encoding import hash160
from indexer.chain.script import (
    CutPushError,
    ScriptType,
    classify,
    multisig_parts,
    operations,
    push,
)
from wallet import sighash as hash_types
from wallet.sighash import Sighash

Digest: TypeAlias = Callable[[int, bytes, int], bytes]  # of Sighash: input, script code, type

_SCHNORR_SIZES = {64: hash_types.DEFAULT, 65: hash_types.ALL}
_KEY_PREFIXES = (2, 3, 4)  # no hybrid keys


class Check(Enum):
    RIGHT = "right"
    WRONG = "wrong"
    UNKNOWN = "unknown"  # a script that is no wallet's template


def check_input(digests: Sighash, index: int) -> Check:
    """The signatures of one input; only such as sign everything (SIGHASH_ALL, DEFAULT)."""
    script = digests.spent[index].script
    kind = classify(script)
    if kind is ScriptType.P2SH:
        return _check_p2sh(digests, index, script)
    if kind is ScriptType.P2PKH:
        return _check_p2pkh(digests, index, script)
    if not scripts.witness_program(script):
        return Check.UNKNOWN
    if digests.tx.inputs[index].script_sig:
        return Check.WRONG
    if kind is ScriptType.P2TR:
        return _check_taproot(digests, index, script[2:])
    return _check_segwit(digests, index, script)


def _check_p2pkh(digests: Sighash, index: int, script: bytes) -> Check:
    tx_input = digests.tx.inputs[index]
    items = _pushed(tx_input.script_sig)
    if items is None or tx_input.witness:
        return Check.WRONG
    return _check_key_hash(digests.legacy, index, script, items)


def _check_p2sh(digests: Sighash, index: int, script: bytes) -> Check:
    tx_input = digests.tx.inputs[index]
    items = _pushed(tx_input.script_sig)
    if not items or scripts.p2sh(hash160(items[-1])) != script:
        return Check.WRONG
    redeem = items[-1]
    if scripts.witness_program(redeem):
        return _check_segwit(digests, index, redeem) if len(items) == 1 else Check.WRONG
    if tx_input.witness:
        return Check.WRONG
    return _check_multisig(digests.legacy, index, redeem, items[:-1])


def _check_segwit(digests: Sighash, index: int, program: bytes) -> Check:
    witness = digests.tx.inputs[index].witness
    kind = classify(program)
    if kind is ScriptType.P2WPKH:
        code = scripts.p2pkh(program[2:])
        if len(witness) == 2 and len(witness[1]) != 33:
            return Check.WRONG
        return _check_key_hash(digests.segwit_v0, index, code, witness)
    if kind is not ScriptType.P2WSH:
        return Check.UNKNOWN
    if not witness or sha256(witness[-1]).digest() != program[2:]:
        return Check.WRONG
    return _check_multisig(digests.segwit_v0, index, witness[-1], witness[:-1])


def _check_taproot(digests: Sighash, index: int, key: bytes) -> Check:
    witness = digests.tx.inputs[index].witness
    if not witness:
        return Check.WRONG
    if len(witness) > 1:
        return Check.UNKNOWN  # a script, or an annex
    signature = witness[0]
    hash_type = _SCHNORR_SIZES.get(len(signature))
    if hash_type is None or signature[64:] not in (b"", bytes([hash_types.ALL])):
        return Check.WRONG
    digest = digests.taproot(index, hash_type)
    try:
        right = PublicKeyXOnly(key).verify(signature[:64], digest)
    except ValueError:
        return Check.WRONG
    return Check.RIGHT if right else Check.WRONG


def _check_key_hash(digest: Digest, index: int, code: bytes, items: Sequence[bytes]) -> Check:
    """A signature and the key whose hash is in a P2PKH script."""
    if len(items) != 2 or scripts.p2pkh(hash160(items[1])) != code:
        return Check.WRONG
    right = _is_right(digest, index, code, items[0], items[1])
    return Check.RIGHT if right else Check.WRONG


def _check_multisig(digest: Digest, index: int, code: bytes, items: Sequence[bytes]) -> Check:
    parts = multisig_parts(code)
    if parts is None:
        return Check.UNKNOWN
    required, keys = parts
    if len(items) != required + 1 or items[0]:
        return Check.WRONG
    remaining = iter(keys)
    every = all(
        any(_is_right(digest, index, code, signature, key) for key in remaining)
        for signature in items[1:]
    )
    return Check.RIGHT if every else Check.WRONG


def _is_right(digest: Digest, index: int, code: bytes, signature: bytes, key: bytes) -> bool:
    """Strict DER with low s, as libsecp256k1 demands both."""
    if not signature or signature[-1] != hash_types.ALL or key[0] not in _KEY_PREFIXES:
        return False
    try:
        return PublicKey(key).verify(
            signature[:-1], digest(index, code, hash_types.ALL), hasher=None
        )
    except ValueError:
        return False


def _pushed(script: bytes) -> list[bytes] | None:
    """What a script pushes, each in the shortest way; None if it does anything else."""
    try:
        items = [data for _, data in operations(script)]
    except CutPushError:
        return None
    known = [data for data in items if data is not None]
    return known if b"".join(map(push, known)) == script else None
