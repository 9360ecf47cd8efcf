"""What a PSBT does, proven from our own keys: nobody else's word is taken for any of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from indexer.chain.encoding import TxOutput
from indexer.chain.network import Network
from indexer.chain.script import ScriptType, classify
from wallet.descriptor import DerivedOutput
from wallet.fees import rate_of, transaction_weight, vsize_of
from wallet.keys import Branch
from wallet.own_keys import OwnKeys
from wallet.psbt import InputMap, Psbt
from wallet.psbt_fields import KeyPath, Path
from wallet.satisfaction import input_size_of
from wallet.sighash import ALL, DEFAULT


class Refusal(StrEnum):
    """Why a PSBT is not signed."""

    TRANSACTION_VERSION = "transaction_version"
    NO_INPUTS = "no_inputs"
    INPUT_FINAL = "input_final"
    INPUT_PREVIOUS_MISSING = "input_previous_missing"
    INPUT_FOREIGN = "input_foreign"  # no key of ours is named
    INPUT_PATH = "input_path"  # our wallets have no such path
    INPUT_MISMATCH = "input_mismatch"  # our key at this path makes another output
    INPUT_SIGHASH = "input_sighash"
    INPUT_SEQUENCE = "input_sequence"
    LOCKTIME = "locktime"
    PAYMENT_MISSING = "payment_missing"
    PAYMENT_UNEXPECTED = "payment_unexpected"
    FEE_NEGATIVE = "fee_negative"
    FEE_RATE = "fee_rate"
    FEE_SHARE = "fee_share"


class RefusedError(ValueError):
    """This PSBT is not signed. `position` is that of the input or output, from 0."""

    def __init__(self, code: Refusal, problem: str, position: int | None = None) -> None:
        super().__init__(problem)
        self.code = code
        self.position = position


@dataclass(frozen=True, slots=True)
class Limits:
    """What is signed without asking again.

    `fee_rate` per 1000 vbytes; `fee_percent` of what is paid to others, or of all that is spent
    where nothing is. A change address beyond `change_index` counts as somebody else's: a wallet
    restored from its words would not look for it.
    """

    fee_rate: int
    fee_percent: int = 25
    change_index: int = 1_000


def usual_limits(network: Network) -> Limits:
    """Rates far above what blocks of these chains were ever filled at."""
    return Limits(fee_rate=1_000_000_000 if network.flat_dust_limit else 1_000_000)


@dataclass(frozen=True, slots=True)
class OwnInput:
    """An input that our keys are proven to spend."""

    path: Path
    output: DerivedOutput
    spent: TxOutput


@dataclass(frozen=True, slots=True)
class Inspected:
    """What signing would do. `payments` go to others, or to receive addresses of ours (`own`)."""

    psbt: Psbt
    inputs: tuple[OwnInput, ...]
    payments: tuple[TxOutput, ...]
    own: tuple[bool, ...]
    change: tuple[TxOutput, ...]
    fee: int
    vsize: int
    fee_rate: int


def inspect(
    psbt: Psbt,
    keys: OwnKeys,
    limits: Limits,
    *,
    payments: Sequence[TxOutput] | None = None,
    locktime: int | None = None,
    sequence: int | None = None,
) -> Inspected:
    """RefusedError unless all of it is ours to sign and within the limits.

    With `payments`, exactly these must be made; `locktime` and `sequence` (of each input) must be
    those, if given. Without them a person must read what is returned before `sign` is called.
    """
    _refuse_other_frame(psbt, locktime, sequence)
    inputs = [_own_input(psbt, number, keys) for number in range(len(psbt.inputs))]
    paid: list[TxOutput] = []
    own: list[bool] = []
    change: list[TxOutput] = []
    for number, output in enumerate(psbt.tx.outputs):
        path = _proven_path(psbt, number, keys)
        if path and path[-2] == Branch.CHANGE and path[-1] < limits.change_index:
            change.append(output)
        else:
            paid.append(output)
            own.append(path is not None)
    if payments is not None:
        _refuse_other_payments(paid, payments)
    sizes = [input_size_of(each.output) for each in inputs]
    weight = transaction_weight(sizes, psbt.tx.outputs)
    spent = sum(each.spent.value for each in inputs)
    fee = spent - sum(output.value for output in psbt.tx.outputs)
    _refuse_fee(fee, weight, sum(output.value for output in paid) or spent, limits)
    return Inspected(
        psbt,
        tuple(inputs),
        tuple(paid),
        tuple(own),
        tuple(change),
        fee,
        vsize_of(weight),
        rate_of(fee, weight),
    )


def _refuse_other_frame(psbt: Psbt, locktime: int | None, sequence: int | None) -> None:
    tx = psbt.tx
    if tx.version not in (1, 2):
        raise RefusedError(
            Refusal.TRANSACTION_VERSION, f"the transaction's version is {tx.version}"
        )
    if not tx.inputs:
        raise RefusedError(Refusal.NO_INPUTS, "the transaction spends nothing")
    if locktime is not None and tx.locktime != locktime:
        raise RefusedError(
            Refusal.LOCKTIME, f"the locktime is {tx.locktime}, {locktime} was announced"
        )
    for number, tx_input in enumerate(tx.inputs):
        if sequence is not None and tx_input.sequence != sequence:
            raise RefusedError(
                Refusal.INPUT_SEQUENCE,
                f"input {number + 1}: its sequence is {tx_input.sequence:#x}, "
                f"{sequence:#x} was announced",
                number,
            )


def _own_input(psbt: Psbt, number: int, keys: OwnKeys) -> OwnInput:
    its_fields = psbt.inputs[number]

    def refuse(code: Refusal, problem: str) -> RefusedError:
        return RefusedError(code, f"input {number + 1}: {problem}", number)

    if its_fields.is_final:
        raise refuse(Refusal.INPUT_FINAL, "it is signed already")
    claims = _claims(its_fields.key_paths, its_fields.tap_key_paths, keys)
    if not claims:
        raise refuse(Refusal.INPUT_FOREIGN, "it names no key of this wallet")
    spent = psbt.spent(number)
    if spent is None or (its_fields.previous is None and classify(spent.script) != ScriptType.P2TR):
        # BIP143 signs the amount of its own input only: a lie about another's is paid as fee.
        raise refuse(Refusal.INPUT_PREVIOUS_MISSING, "the transaction it spends from is missing")
    for path in claims:
        output = keys.output(path)
        if output is None:
            continue
        if output.script != spent.script:
            raise refuse(Refusal.INPUT_MISMATCH, "our key at the path that is named is another's")
        _refuse_sighash(its_fields, spent, number)
        return OwnInput(path, output, spent)
    raise refuse(Refusal.INPUT_PATH, "no account of this wallet has the path that is named")


def _claims(
    key_paths: dict[bytes, KeyPath], tap_key_paths: dict[bytes, KeyPath], keys: OwnKeys
) -> list[Path]:
    """The paths that are said to be of our master key."""
    named = (*key_paths.values(), *tap_key_paths.values())
    return [each.path for each in named if each.fingerprint == keys.fingerprint]


def _refuse_sighash(its_fields: InputMap, spent: TxOutput, number: int) -> None:
    taproot = classify(spent.script) is ScriptType.P2TR
    allowed = (None, DEFAULT, ALL) if taproot else (None, ALL)
    if its_fields.sighash_type not in allowed:
        raise RefusedError(
            Refusal.INPUT_SIGHASH,
            f"input {number + 1}: sighash type {its_fields.sighash_type:#x} leaves parts open",
            number,
        )


def _proven_path(psbt: Psbt, number: int, keys: OwnKeys) -> Path | None:
    """Where our keys make this output, if they do; a claim that proves wrong counts for nothing."""
    its_fields, script = psbt.outputs[number], psbt.tx.outputs[number].script
    for path in _claims(its_fields.key_paths, its_fields.tap_key_paths, keys):
        output = keys.output(path)
        if output is not None and output.script == script:
            return path
    return None


def _refuse_other_payments(paid: Sequence[TxOutput], wanted: Sequence[TxOutput]) -> None:
    unexpected = Counter(paid) - Counter(wanted)
    for payment in unexpected:
        raise RefusedError(
            Refusal.PAYMENT_UNEXPECTED,
            f"it pays {payment.value} to a script that was not asked for: {payment.script.hex()}",
            paid.index(payment),
        )
    missing = Counter(wanted) - Counter(paid)
    for payment in missing:
        raise RefusedError(
            Refusal.PAYMENT_MISSING, f"the payment of {payment.value} that was asked for is missing"
        )


def _refuse_fee(fee: int, weight: int, base: int, limits: Limits) -> None:
    if fee < 0:
        raise RefusedError(Refusal.FEE_NEGATIVE, "the outputs hold more than the inputs")
    rate = rate_of(fee, weight)
    if rate > limits.fee_rate:
        raise RefusedError(Refusal.FEE_RATE, f"a fee rate of {rate} is above {limits.fee_rate}")
    if 100 * fee > base * limits.fee_percent:
        raise RefusedError(
            Refusal.FEE_SHARE, f"the fee of {fee} is above {limits.fee_percent}% of {base}"
        )
