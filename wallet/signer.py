"""Signs PSBTs, once `wallet.inspection` has proven what they do.

Each input is signed with the key of the path that was proven and over the whole transaction; the
PSBT chooses neither.
"""

from coincurve import PrivateKey

from wallet.inspection import Inspected, OwnInput
from wallet.own_keys import OwnKeys
from wallet.psbt import InputMap, Psbt
from wallet.psbt_digests import Digests
from wallet.psbt_fields import InputField
from wallet.psbt_format import Fields, key_of
from wallet.sighash import ALL, DEFAULT
from wallet.signing import sign_ecdsa, sign_schnorr
from wallet.taproot import tweaked


def sign(inspected: Inspected, keys: OwnKeys) -> Psbt:
    """The PSBT with our signature on each input."""
    inputs = inspected.inputs
    known = inspected.psbt.with_inputs(
        [
            its_fields.with_fields(_scripts_of(own))
            for its_fields, own in zip(inspected.psbt.inputs, inputs, strict=True)
        ]
    )
    digests = Digests(known)
    return known.with_inputs(
        [
            known.inputs[number].with_fields(_signature(digests, number, own, keys))
            for number, own in enumerate(inputs)
        ]
    )


def _scripts_of(own: OwnInput) -> Fields:
    """The scripts that our own keys make, whether or not the PSBT holds them."""
    fields: Fields = {}
    if own.output.redeem_script is not None:
        fields[key_of(InputField.REDEEM_SCRIPT)] = own.output.redeem_script
    if own.output.witness_script is not None:
        fields[key_of(InputField.WITNESS_SCRIPT)] = own.output.witness_script
    return fields


def _signature(digests: Digests, number: int, own: OwnInput, keys: OwnKeys) -> Fields:
    its_fields = digests.psbt.inputs[number]
    key = keys.private_key(own.path)
    if own.output.internal_key is not None:
        return {key_of(InputField.TAP_KEY_SIG): _taproot(digests, number, its_fields, key)}
    signature = sign_ecdsa(key, digests.ecdsa(number, ALL), ALL)
    return {key_of(InputField.PARTIAL_SIG, key.public_key.format()): signature}


def _taproot(digests: Digests, number: int, its_fields: InputMap, key: PrivateKey) -> bytes:
    hash_type = its_fields.sighash_type or DEFAULT
    return sign_schnorr(tweaked(key, b""), digests.taproot(number, hash_type), hash_type)
