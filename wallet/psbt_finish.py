"""From the signatures in a PSBT to the transaction that can be broadcast."""

from coincurve import PublicKey, PublicKeyXOnly

from indexer.chain.encoding import Transaction, encode_bytes, encode_varint
from wallet.psbt import InputMap, Psbt
from wallet.psbt_digests import Digests
from wallet.psbt_fields import VERSION_2, InputField, PsbtError, Scope, name_of
from wallet.psbt_format import key_of
from wallet.satisfaction import UnsatisfiedError, satisfy
from wallet.sentence import said
from wallet.sighash import DEFAULT, SighashError

# What is of no use to anybody once an input is final.
_SPENT_FIELDS = (
    frozenset(InputField)
    - VERSION_2[Scope.INPUT]
    - {
        InputField.NON_WITNESS_UTXO,
        InputField.WITNESS_UTXO,
        InputField.FINAL_SCRIPT_SIG,
        InputField.FINAL_WITNESS,
    }
)
_SCHNORR_SIZE = 64


def finalise(psbt: Psbt) -> Psbt:
    """The same with each input final that has all the signatures it needs.

    Every signature is checked; PsbtError if one is wrong.
    """
    digests = Digests(psbt)
    finished = []
    for number, its_fields in enumerate(psbt.inputs):
        if its_fields.is_final or digests.spent[number] is None:
            finished.append(its_fields)
            continue
        try:
            finished.append(_final(digests, number))
        except UnsatisfiedError:
            finished.append(its_fields)
    return psbt.with_inputs(finished)


def missing(psbt: Psbt) -> dict[int, str]:
    """The inputs that are not final, by number, and what they lack. For messages to developers."""
    digests = Digests(psbt)
    lacking = {}
    for number, its_fields in enumerate(psbt.inputs):
        if its_fields.is_final:
            continue
        try:
            _final(digests, number)
            lacking[number] = "it is not finalised"
        except (UnsatisfiedError, PsbtError) as problem:
            lacking[number] = str(problem)
    return lacking


def extract(psbt: Psbt) -> Transaction:
    """The signed transaction; PsbtError if an input is not final."""
    for number, lack in missing(psbt).items():
        raise PsbtError(f"input {number + 1}", lack)
    inputs = [
        tx_input._replace(
            script_sig=its_fields.final_script_sig or b"", witness=its_fields.final_witness or ()
        )
        for tx_input, its_fields in zip(psbt.tx.inputs, psbt.inputs, strict=True)
    ]
    return Transaction(psbt.tx.version, inputs, psbt.tx.outputs, psbt.tx.locktime)


def _final(digests: Digests, number: int) -> InputMap:
    its_fields = digests.psbt.inputs[number]
    spent = digests.spent_by(number)
    check_signatures(digests, number)
    unlocked = satisfy(
        spent.script,
        its_fields.partial_sigs,
        redeem_script=its_fields.redeem_script,
        witness_script=its_fields.witness_script,
        taproot_signature=its_fields.tap_key_sig,
    )
    final = {}
    if unlocked.script_sig:
        final[key_of(InputField.FINAL_SCRIPT_SIG)] = unlocked.script_sig
    if unlocked.witness:
        items = b"".join(map(encode_bytes, unlocked.witness))
        final[key_of(InputField.FINAL_WITNESS)] = encode_varint(len(unlocked.witness)) + items
    return its_fields.without(_SPENT_FIELDS).with_fields(final)


def check_signatures(digests: Digests, number: int) -> None:
    """PsbtError if an input holds a signature that its key did not make over this transaction."""
    its_fields = digests.psbt.inputs[number]
    for public_key, signature in its_fields.partial_sigs.items():
        field = name_of(Scope.INPUT, InputField.PARTIAL_SIG, number)
        _refuse_other_type(its_fields, signature[-1], field)
        digest = digests.ecdsa(number, signature[-1])
        if not PublicKey(public_key).verify(signature[:-1], digest, hasher=None):
            raise PsbtError(field, "the signature is wrong")
    if its_fields.tap_key_sig is not None:
        field = name_of(Scope.INPUT, InputField.TAP_KEY_SIG, number)
        _check_taproot(digests, number, its_fields.tap_key_sig, field)


def _check_taproot(digests: Digests, number: int, signature: bytes, field: str) -> None:
    hash_type = signature[_SCHNORR_SIZE] if len(signature) > _SCHNORR_SIZE else DEFAULT
    _refuse_other_type(digests.psbt.inputs[number], hash_type, field)
    output_key = digests.spent_by(number).script[2:]
    try:
        digest = digests.taproot(number, hash_type)
        right = PublicKeyXOnly(output_key).verify(signature[:_SCHNORR_SIZE], digest)
    except (SighashError, ValueError) as problem:
        raise PsbtError(field, str(problem)) from None
    if not right:
        raise PsbtError(field, "the signature is wrong")


def _refuse_other_type(its_fields: InputMap, hash_type: int, field: str) -> None:
    asked = its_fields.sighash_type
    if asked is not None and asked != hash_type:
        raise PsbtError(
            field,
            said(
                "its sighash type is %(found)s, %(asked)s was asked for",
                found=f"{hash_type:#04x}",
                asked=f"{asked:#04x}",
            ),
        )
