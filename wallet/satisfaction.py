"""From signatures to what an input shows: the scriptSig and the witness of each kind of output."""

from collections.abc import Mapping
from hashlib import sha256

from indexer.chain import script as scripts
from indexer.chain.encoding import hash160
from indexer.chain.script import ScriptType, classify, multisig_parts, push
from wallet.descriptor import DerivedOutput
from wallet.fees import InputSize
from wallet.signing import ECDSA_SIZE
from wallet.spending import Unlocked

LARGEST_ECDSA = 72  # one byte more than by a signer that looks for a short r, as ours do
_SCHNORR = 64


class UnsatisfiedError(ValueError):
    """The signatures there are do not spend the output. The message says why."""


def satisfy(
    script: bytes,
    signatures: Mapping[bytes, bytes],
    *,
    redeem_script: bytes | None = None,
    witness_script: bytes | None = None,
    taproot_signature: bytes | None = None,
) -> Unlocked:
    """What spends an output; `signatures` by public key. UnsatisfiedError if they do not."""
    kind = classify(script)
    if kind is ScriptType.P2TR:
        if taproot_signature is None:
            raise UnsatisfiedError("the signature by its key is missing")
        return Unlocked(b"", (taproot_signature,))
    if kind is ScriptType.P2SH:
        if redeem_script is None or scripts.p2sh(hash160(redeem_script)) != script:
            raise UnsatisfiedError("the redeem script is missing or not the one of the output")
        return _of_redeem_script(redeem_script, signatures, witness_script)
    if kind in (ScriptType.P2WPKH, ScriptType.P2WSH):
        return Unlocked(b"", _witness(script, signatures, witness_script))
    return Unlocked(b"".join(map(push, _items(script, signatures))), ())


def _of_redeem_script(
    redeem_script: bytes, signatures: Mapping[bytes, bytes], witness_script: bytes | None
) -> Unlocked:
    if classify(redeem_script) in (ScriptType.P2WPKH, ScriptType.P2WSH):
        return Unlocked(push(redeem_script), _witness(redeem_script, signatures, witness_script))
    items = (*_items(redeem_script, signatures), redeem_script)
    return Unlocked(b"".join(map(push, items)), ())


def _witness(
    program: bytes, signatures: Mapping[bytes, bytes], witness_script: bytes | None
) -> tuple[bytes, ...]:
    if classify(program) is ScriptType.P2WPKH:
        return _items(scripts.p2pkh(program[2:]), signatures)
    if witness_script is None or scripts.p2wsh(sha256(witness_script).digest()) != program:
        raise UnsatisfiedError("the witness script is missing or not the one of the output")
    return (*_items(witness_script, signatures), witness_script)


def _items(script: bytes, signatures: Mapping[bytes, bytes]) -> tuple[bytes, ...]:
    """The stack items that satisfy one of the scripts whose meaning we know."""
    multisig = multisig_parts(script)
    if multisig:
        required, keys = multisig
        found = [signatures[key] for key in keys if key in signatures]
        if len(found) < required:
            raise UnsatisfiedError(f"{len(found)} of {required} signatures are there")
        return (b"", *found[:required])
    key = scripts.public_key_of(script)
    if key is not None and key in signatures:
        return (signatures[key],)
    for public_key, signature in signatures.items():
        if scripts.p2pkh(hash160(public_key)) == script:
            return signature, public_key
    raise UnsatisfiedError("the signature is missing")


def input_size_of(output: DerivedOutput, ecdsa_size: int = ECDSA_SIZE) -> InputSize:
    """The size of the input that spends an output of ours, at most one vbyte too large.

    For signers that do not look for a short r, `ecdsa_size` should be LARGEST_ECDSA.
    """
    unlocked = satisfy(
        output.script,
        {key.pubkey: bytes(ecdsa_size) for key in output.keys},
        redeem_script=output.redeem_script,
        witness_script=output.witness_script,
        taproot_signature=bytes(_SCHNORR),
    )
    return unlocked.input_size
