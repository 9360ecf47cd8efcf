"""A PSBT from coins of ours and outputs, with all that a signer needs to check and sign it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from indexer.chain.encoding import Transaction, TxInput, TxOutput, encode_output
from indexer.chain.network import Network
from indexer.chain.script import ScriptType, classify
from wallet.builder import REPLACEABLE
from wallet.descriptor import DerivedOutput
from wallet.psbt import InputMap, OutputMap, Psbt
from wallet.psbt_fields import InputField, KeyPath, OutputField
from wallet.psbt_format import Fields, key_of

_NO_LEAVES = b"\0"
_LATER_IN = 10  # one in so many transactions names an older block
_LATEST_BLOCKS = 100
_STALE = 8 * 3600  # seconds


@dataclass(frozen=True, slots=True)
class OwnCoin:
    """A coin of ours to spend: an output of `previous`, which pays to `output`."""

    previous: Transaction
    vout: int
    output: DerivedOutput

    @property
    def prevout(self) -> TxOutput:
        return self.previous.outputs[self.vout]


@dataclass(frozen=True, slots=True)
class Paid:
    """An output of the transaction; `own` if it is ours (change, or a payment to ourselves)."""

    output: TxOutput
    own: DerivedOutput | None = None


def build_psbt(
    network: Network,
    coins: Iterable[OwnCoin],
    outputs: Iterable[Paid],
    rng: Random,
    *,
    locktime: int = 0,
    sequence: int = REPLACEABLE,
) -> Psbt:
    """Spends the coins, in an order drawn from `rng`, as is that of the outputs.

    So neither tells which output is the change.
    """
    coins, outputs = list(coins), list(outputs)
    rng.shuffle(coins)
    rng.shuffle(outputs)
    inputs = [TxInput(coin.previous.txid, coin.vout, b"", sequence) for coin in coins]
    tx = Transaction(2, inputs, [paid.output for paid in outputs], locktime)
    return Psbt(
        network,
        tx,
        tuple(InputMap(_input_fields(coin), network) for coin in coins),
        tuple(OutputMap(_output_fields(paid.own) if paid.own else {}) for paid in outputs),
        {},
    )


def anti_sniping_locktime(tip_height: int, tip_age: int, rng: Random) -> int:
    """Makes it useless to mine the last block anew for its fees; as Bitcoin Core chooses it.

    The height of the tip, now and then of a block before, so that transactions that were held back
    do not stand out; 0 where the chain we know is `tip_age` > 8 hours (in seconds) behind.
    """
    if tip_age > _STALE:
        return 0
    if rng.randrange(_LATER_IN) == 0:
        return max(0, tip_height - rng.randrange(_LATEST_BLOCKS))
    return tip_height


def _input_fields(coin: OwnCoin) -> Fields:
    output, prevout = coin.output, coin.prevout
    if prevout.script != output.script:
        raise ValueError("the coin does not pay to the keys that are given for it")
    fields: Fields = {}
    kind = classify(output.script)
    if kind is not ScriptType.P2TR:  # there the signature itself covers all amounts
        fields[key_of(InputField.NON_WITNESS_UTXO)] = coin.previous.serialize_canonical()
    if kind in _WITNESS or _is_wrapped_segwit(output):
        fields[key_of(InputField.WITNESS_UTXO)] = encode_output(prevout)
    return fields | _origin_fields(output, _INPUT_FIELDS)


_WITNESS = frozenset({ScriptType.P2WPKH, ScriptType.P2WSH, ScriptType.P2TR})


def _is_wrapped_segwit(output: DerivedOutput) -> bool:
    return output.redeem_script is not None and classify(output.redeem_script) in _WITNESS


def _output_fields(output: DerivedOutput) -> Fields:
    return _origin_fields(output, _OUTPUT_FIELDS)


# The fields that say the same about an input and about an output.
_INPUT_FIELDS: Mapping[str, int] = {
    "redeem_script": InputField.REDEEM_SCRIPT,
    "witness_script": InputField.WITNESS_SCRIPT,
    "key_path": InputField.BIP32_DERIVATION,
    "tap_key_path": InputField.TAP_BIP32_DERIVATION,
    "internal_key": InputField.TAP_INTERNAL_KEY,
}
_OUTPUT_FIELDS: Mapping[str, int] = {
    "redeem_script": OutputField.REDEEM_SCRIPT,
    "witness_script": OutputField.WITNESS_SCRIPT,
    "key_path": OutputField.BIP32_DERIVATION,
    "tap_key_path": OutputField.TAP_BIP32_DERIVATION,
    "internal_key": OutputField.TAP_INTERNAL_KEY,
}


def _origin_fields(output: DerivedOutput, kinds: Mapping[str, int]) -> Fields:
    fields: Fields = {}
    if output.redeem_script is not None:
        fields[key_of(kinds["redeem_script"])] = output.redeem_script
    if output.witness_script is not None:
        fields[key_of(kinds["witness_script"])] = output.witness_script
    paths: Sequence[tuple[bytes, bytes]] = sorted(
        (key.pubkey, KeyPath(key.fingerprint, key.path).serialize()) for key in output.keys
    )
    for pubkey, path in paths:
        if output.internal_key is None:
            fields[key_of(kinds["key_path"], pubkey)] = path
        else:
            fields[key_of(kinds["tap_key_path"], pubkey[1:])] = _NO_LEAVES + path
    if output.internal_key is not None:
        fields[key_of(kinds["internal_key"])] = output.internal_key
    return fields
