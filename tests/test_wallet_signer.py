"""The Python signer trusts nobody: each lie in a PSBT is refused for what it is."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.chain.encoding import Transaction, TxOutput, encode_output
from indexer.chain.network import get_network
from indexer.chain.script import p2tr, p2wpkh
from tests.wallet_spender import Spender, made_up_coin
from wallet.builder import REPLACEABLE
from wallet.descriptor import DerivedOutput
from wallet.inspection import Inspected, Limits, Refusal, RefusedError, inspect, usual_limits
from wallet.keys import Branch, KeyNode, Purpose
from wallet.own_keys import OwnKeys
from wallet.psbt import Psbt, parse_psbt
from wallet.psbt_build import OwnCoin, Paid, build_psbt
from wallet.psbt_fields import InputField, KeyPath, OutputField, PsbtError
from wallet.psbt_finish import extract, finalise
from wallet.psbt_format import key_of
from wallet.seed import seed_of_words
from wallet.signer import sign

REGTEST = get_network("bitcoin-regtest")
ANN, BOB = Spender.of(b"Ann"), Spender.of(b"Bob")
PAYMENT = TxOutput(60_000, p2tr(bytes(range(32))))
LIMITS = usual_limits(REGTEST)
LOCKTIME = 800_000
H = 1 << 31


def _coin(purpose: Purpose = Purpose.P2WPKH, number: int = 0) -> OwnCoin:
    return made_up_coin(ANN.output(purpose, index=number), 50_000, number)


def _psbt(
    *,
    purpose: Purpose = Purpose.P2WPKH,
    payments: Sequence[TxOutput] = (PAYMENT,),
    change: DerivedOutput | None = None,
    change_value: int = 38_000,
    seed: int = 0,
) -> Psbt:
    """Two coins, a payment, change; the payment before the change."""
    to = change or ANN.output(purpose, Branch.CHANGE, 3)
    outputs = [Paid(each) for each in payments] + [Paid(TxOutput(change_value, to.script), to)]
    coins = [_coin(purpose, number) for number in range(2)]
    for attempt in range(seed, seed + 100):
        psbt = build_psbt(REGTEST, coins, outputs, Random(attempt), locktime=LOCKTIME)
        if psbt.tx.outputs[0] == outputs[0].output:
            return psbt
    raise AssertionError


def _inspect(psbt: Psbt, limits: Limits = LIMITS) -> Inspected:
    """As it comes in: read again from its text."""
    read = parse_psbt(psbt.base64, REGTEST)
    return inspect(
        read, ANN.keys, limits, payments=[PAYMENT], locktime=LOCKTIME, sequence=REPLACEABLE
    )


@pytest.mark.parametrize("purpose", Purpose)
def test_what_is_honest_is_signed(purpose: Purpose) -> None:
    inspected = _inspect(_psbt(purpose=purpose))
    assert inspected.payments == (PAYMENT,)
    assert inspected.own == (False,)
    assert [output.value for output in inspected.change] == [38_000]
    assert inspected.fee == 2_000
    signed = extract(finalise(sign(inspected, ANN.keys)))
    assert 0 <= inspected.vsize - signed.vsize <= 2
    assert inspected.fee_rate == 2_000 * 1_000 // inspected.vsize
    assert [own.path[-2:] for own in inspected.inputs] in ([(0, 0), (0, 1)], [(0, 1), (0, 0)])


def _with_input(psbt: Psbt, number: int, fields: dict[bytes, bytes]) -> Psbt:
    inputs = list(psbt.inputs)
    inputs[number] = inputs[number].with_fields(fields)
    return psbt.with_inputs(inputs)


def _without_input(psbt: Psbt, number: int, *kinds: int) -> Psbt:
    inputs = list(psbt.inputs)
    inputs[number] = inputs[number].without(set(kinds))
    return psbt.with_inputs(inputs)


def _with_outputs(psbt: Psbt, *outputs: TxOutput) -> Psbt:
    """More outputs, of which nothing is said."""
    more = tuple(replace(psbt.outputs[0], fields={}) for _ in outputs)
    tx = Transaction(2, psbt.tx.inputs, (*psbt.tx.outputs, *outputs), psbt.tx.locktime)
    return replace(psbt, tx=tx, outputs=psbt.outputs + more)


def _with_tx(psbt: Psbt, **changes: int) -> Psbt:
    tx = psbt.tx
    inputs = [each._replace(sequence=changes.get("sequence", each.sequence)) for each in tx.inputs]
    locktime = changes.get("locktime", tx.locktime)
    return replace(psbt, tx=Transaction(changes.get("version", 2), inputs, tx.outputs, locktime))


def _paying(psbt: Psbt, number: int, output: TxOutput) -> Psbt:
    outputs = list(psbt.tx.outputs)
    outputs[number] = output
    return replace(psbt, tx=Transaction(2, psbt.tx.inputs, outputs, psbt.tx.locktime))


def _path(psbt: Psbt, number: int, origin: KeyPath) -> Psbt:
    (pubkey,) = psbt.inputs[number].key_paths
    key = key_of(InputField.BIP32_DERIVATION, pubkey)
    return _with_input(psbt, number, {key: origin.serialize()})


def _own_path(*path: int, fingerprint: bytes = ANN.master.fingerprint) -> KeyPath:
    return KeyPath(fingerprint, path)


_ACCOUNT = (84 + H, 1 + H, H)
_CHANGE_TO_BOB = BOB.output(Purpose.P2WPKH, Branch.CHANGE, 3)


def _swapped_change() -> Psbt:
    """Bob's address with the hint that stood at Ann's."""
    psbt = _psbt()
    return _paying(psbt, 1, TxOutput(38_000, _CHANGE_TO_BOB.script))


def _foreign_input() -> Psbt:
    coins = [_coin(), made_up_coin(BOB.output(Purpose.P2WPKH), 50_000, 5)]
    return build_psbt(REGTEST, coins, [Paid(PAYMENT)], Random(1), locktime=LOCKTIME)


def _final_input() -> Psbt:
    signed = finalise(sign(_inspect(_psbt()), ANN.keys))
    return _psbt().with_inputs([signed.inputs[0], _psbt().inputs[1]])


MUTANTS: dict[str, tuple[Refusal, Callable[[], Psbt]]] = {
    "the transaction before is missing": (
        Refusal.INPUT_PREVIOUS_MISSING,
        lambda: _without_input(_psbt(), 0, InputField.NON_WITNESS_UTXO),
    ),
    "nothing is said of what is spent": (
        Refusal.INPUT_PREVIOUS_MISSING,
        lambda: _without_input(_psbt(), 1, InputField.NON_WITNESS_UTXO, InputField.WITNESS_UTXO),
    ),
    "taproot without its output": (
        Refusal.INPUT_PREVIOUS_MISSING,
        lambda: _without_input(_psbt(purpose=Purpose.P2TR), 0, InputField.WITNESS_UTXO),
    ),
    "no key is named": (
        Refusal.INPUT_FOREIGN,
        lambda: _without_input(_psbt(), 0, InputField.BIP32_DERIVATION),
    ),
    "another's fingerprint": (
        Refusal.INPUT_FOREIGN,
        lambda: _path(_psbt(), 0, _own_path(*_ACCOUNT, 0, 0, fingerprint=b"\1\2\3\4")),
    ),
    "an input of somebody else": (Refusal.INPUT_FOREIGN, _foreign_input),
    "another index": (
        Refusal.INPUT_MISMATCH,
        lambda: _path(_psbt(), 0, _own_path(*_ACCOUNT, 0, 9)),
    ),
    "the other branch": (
        Refusal.INPUT_MISMATCH,
        lambda: _path(_psbt(), 1, _own_path(*_ACCOUNT, 1, 1)),
    ),
    "another purpose": (
        Refusal.INPUT_MISMATCH,
        lambda: _path(_psbt(), 0, _own_path(44 + H, 1 + H, H, 0, 0)),
    ),
    "another account": (
        Refusal.INPUT_MISMATCH,
        lambda: _path(_psbt(), 0, _own_path(84 + H, 1 + H, 1 + H, 0, 0)),
    ),
    "a hardened index": (
        Refusal.INPUT_PATH,
        lambda: _path(_psbt(), 0, _own_path(*_ACCOUNT, 0, H)),
    ),
    "an account that is not hardened": (
        Refusal.INPUT_PATH,
        lambda: _path(_psbt(), 0, _own_path(84, 1, 0, 0, 0)),
    ),
    "an account number that is not hardened": (
        Refusal.INPUT_PATH,
        lambda: _path(_psbt(), 0, _own_path(84 + H, 1 + H, 0, 0, 0)),
    ),
    "a purpose nobody has": (
        Refusal.INPUT_PATH,
        lambda: _path(_psbt(), 0, _own_path(45 + H, 1 + H, H, 0, 0)),
    ),
    "the coin type of another chain": (
        Refusal.INPUT_PATH,
        lambda: _path(_psbt(), 0, _own_path(84 + H, H, H, 0, 0)),
    ),
    "a third branch": (Refusal.INPUT_PATH, lambda: _path(_psbt(), 0, _own_path(*_ACCOUNT, 2, 0))),
    "the master key itself": (Refusal.INPUT_PATH, lambda: _path(_psbt(), 0, _own_path())),
    "the account key": (Refusal.INPUT_PATH, lambda: _path(_psbt(), 0, _own_path(*_ACCOUNT))),
    "one step too many": (
        Refusal.INPUT_PATH,
        lambda: _path(_psbt(), 0, _own_path(*_ACCOUNT, 0, 0, 0)),
    ),
    "a far account": (
        Refusal.INPUT_PATH,
        lambda: _path(_psbt(), 0, _own_path(84 + H, 1 + H, 1_000 + H, 0, 0)),
    ),
    **{
        f"sighash type {hash_type:#x}": (
            Refusal.INPUT_SIGHASH,
            lambda hash_type=hash_type: _with_input(
                _psbt(), 0, {key_of(InputField.SIGHASH_TYPE): bytes([hash_type, 0, 0, 0])}
            ),
        )
        for hash_type in (0, 2, 3, 0x81, 0x82, 0x83, 0x41)
    },
    "taproot, anyone can pay": (
        Refusal.INPUT_SIGHASH,
        lambda: _with_input(
            _psbt(purpose=Purpose.P2TR), 0, {key_of(InputField.SIGHASH_TYPE): b"\x81\0\0\0"}
        ),
    ),
    "it is signed already": (Refusal.INPUT_FINAL, _final_input),
    "another locktime": (Refusal.LOCKTIME, lambda: _with_tx(_psbt(), locktime=800_001)),
    "another sequence": (Refusal.INPUT_SEQUENCE, lambda: _with_tx(_psbt(), sequence=0xFFFFFFFF)),
    "another version": (Refusal.TRANSACTION_VERSION, lambda: _with_tx(_psbt(), version=7)),
    "no inputs": (
        Refusal.NO_INPUTS,
        lambda: replace(_psbt(), tx=Transaction(2, [], _psbt().tx.outputs, LOCKTIME), inputs=()),
    ),
    "another amount": (
        Refusal.PAYMENT_UNEXPECTED,
        lambda: _paying(_psbt(), 0, PAYMENT._replace(value=60_001)),
    ),
    "another payee": (
        Refusal.PAYMENT_UNEXPECTED,
        lambda: _paying(_psbt(), 0, TxOutput(60_000, p2wpkh(b"\1" * 20))),
    ),
    "a payee more": (
        Refusal.PAYMENT_UNEXPECTED,
        lambda: _with_outputs(_psbt(change_value=30_000), TxOutput(8_000, p2wpkh(b"\1" * 20))),
    ),
    "the payment twice": (
        Refusal.PAYMENT_UNEXPECTED,
        lambda: _with_outputs(_psbt(change_value=600), PAYMENT),
    ),
    "no payment": (Refusal.PAYMENT_MISSING, lambda: _psbt(payments=[], change_value=98_000)),
    "change to another with our hint": (Refusal.PAYMENT_UNEXPECTED, _swapped_change),
    "change without a hint": (
        Refusal.PAYMENT_UNEXPECTED,
        lambda: replace(_psbt(), outputs=(replace(_psbt().outputs[0], fields={}),) * 2),
    ),
    "change to a receive address": (
        Refusal.PAYMENT_UNEXPECTED,
        lambda: _psbt(change=ANN.output(Purpose.P2WPKH, Branch.RECEIVE, 3)),
    ),
    "change where no wallet would look": (
        Refusal.PAYMENT_UNEXPECTED,
        lambda: _psbt(change=ANN.output(Purpose.P2WPKH, Branch.CHANGE, 1_000)),
    ),
    "outputs above inputs": (Refusal.FEE_NEGATIVE, lambda: _psbt(change_value=40_001)),
    "a fee above a quarter": (Refusal.FEE_SHARE, lambda: _psbt(change_value=24_999)),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_each_mutant_is_refused_with_its_reason(name: str) -> None:
    wanted, make = MUTANTS[name]
    with pytest.raises(RefusedError) as refused:
        _inspect(make())
    assert refused.value.code is wanted
    assert str(refused.value)


def test_the_mutants_cover_each_refusal() -> None:
    by_rate = {Refusal.FEE_RATE}  # tested by itself below
    assert {code for code, _ in MUTANTS.values()} | by_rate == set(Refusal)


HONEST = {purpose: _psbt(purpose=purpose) for purpose in Purpose}
_OUTPOINTS = {purpose: [each[:2] for each in psbt.tx.inputs] for purpose, psbt in HONEST.items()}


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(Purpose), st.data())
def test_what_still_passes_after_any_change_of_bytes_is_still_honest(
    purpose: Purpose, data: st.DataObject
) -> None:
    raw = bytearray(HONEST[purpose].serialize())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(5, len(raw) - 1))
        raw[at] = data.draw(st.integers(0, 255))
    try:
        read = parse_psbt(bytes(raw), REGTEST)
        inspected = inspect(
            read, ANN.keys, LIMITS, payments=[PAYMENT], locktime=LOCKTIME, sequence=REPLACEABLE
        )
    except (PsbtError, RefusedError):
        return
    honest = HONEST[purpose]
    transaction = extract(finalise(sign(inspected, ANN.keys)))
    same = [read.spent(number) == honest.spent(number) for number in range(2)]
    if not all(same) or [each[:2] for each in read.tx.inputs] != _OUTPOINTS[purpose]:
        assert purpose is Purpose.P2TR  # whose signature covers what is spent: it is void
        return
    assert transaction.outputs[0] == PAYMENT
    assert transaction.outputs[1].script == honest.tx.outputs[1].script
    fee = 100_000 - sum(output.value for output in transaction.outputs)
    assert inspected.fee == fee
    assert 0 <= fee <= PAYMENT.value // 4


def test_a_fee_rate_far_above_any_is_refused_unless_wanted() -> None:
    psbt = _psbt()
    with pytest.raises(RefusedError) as refused:
        _inspect(psbt, Limits(fee_rate=9_000))
    assert refused.value.code is Refusal.FEE_RATE
    assert _inspect(psbt, Limits(fee_rate=10_000)).fee_rate < 10_000
    dear = _psbt(change_value=20_000)
    assert _inspect(dear, replace(LIMITS, fee_percent=40)).fee == 20_000


def test_amounts_that_lie_are_refused_where_they_are_read() -> None:
    psbt = _psbt()
    value, script = psbt.inputs[0].witness_utxo or TxOutput(0, b"")
    lie = {key_of(InputField.WITNESS_UTXO): encode_output(TxOutput(value - 9_000, script))}
    with pytest.raises(PsbtError, match="witness utxo"):
        _inspect(_with_input(psbt, 0, lie))


def test_a_coin_that_is_spent_twice_is_refused_where_it_is_read() -> None:
    psbt = _psbt()
    tx = Transaction(2, psbt.tx.inputs[:1] * 2, psbt.tx.outputs, LOCKTIME)
    twice = replace(psbt, tx=tx, inputs=psbt.inputs[:1] * 2)
    with pytest.raises(PsbtError, match="the same coin twice"):
        _inspect(twice)


def test_scripts_in_the_psbt_are_not_what_is_signed() -> None:
    """Ours are signed, whatever stands there."""
    psbt = _psbt(purpose=Purpose.P2SH_P2WPKH)
    lie = {key_of(InputField.REDEEM_SCRIPT): p2wpkh(b"\2" * 20)}
    signed = sign(_inspect(_with_input(psbt, 0, lie)), ANN.keys)
    assert signed.inputs[0].redeem_script == psbt.inputs[0].redeem_script
    assert extract(finalise(signed)).txid
    missing = _without_input(psbt, 1, InputField.REDEEM_SCRIPT)
    assert extract(finalise(sign(_inspect(missing), ANN.keys))).txid


def test_signatures_that_stand_there_already_are_replaced_or_refused_by_the_finaliser() -> None:
    psbt = _psbt()
    (pubkey,) = psbt.inputs[0].key_paths
    other = sign(_inspect(_psbt(change_value=30_000)), ANN.keys).inputs[0].partial_sigs[pubkey]
    stale = _with_input(psbt, 0, {key_of(InputField.PARTIAL_SIG, pubkey): other})
    assert extract(finalise(sign(_inspect(stale), ANN.keys))).txid


def test_taproot_may_say_all_in_words() -> None:
    psbt = _with_input(
        _psbt(purpose=Purpose.P2TR), 0, {key_of(InputField.SIGHASH_TYPE): b"\1\0\0\0"}
    )
    signed = sign(_inspect(psbt), ANN.keys)
    sizes = sorted(len(its_fields.tap_key_sig or b"") for its_fields in signed.inputs)
    assert sizes == [64, 65]
    assert extract(finalise(signed)).txid


def test_without_expectations_what_it_does_is_told() -> None:
    own = ANN.output(Purpose.P2TR, index=8)
    psbt = _psbt(payments=[PAYMENT], change=own)
    inspected = inspect(psbt, ANN.keys, LIMITS)
    assert inspected.payments == (PAYMENT, TxOutput(38_000, own.script))
    assert inspected.own == (False, True)
    assert inspected.change == ()


def test_multisig_that_nobody_told_us_of_is_refused() -> None:
    """A stranger's keys around ours: the script could be anybody's."""
    path = (48 + H, 1 + H, H, 2 + H, 0, 0)
    psbt = _path(_psbt(), 0, KeyPath(ANN.master.fingerprint, path))
    with pytest.raises(RefusedError) as refused:
        inspect(psbt, ANN.keys, LIMITS)
    assert refused.value.code is Refusal.INPUT_PATH


def test_output_fields_of_others_do_not_matter() -> None:
    fields = {
        key_of(OutputField.BIP32_DERIVATION, BOB.output(Purpose.P2WPKH).keys[0].pubkey): (
            KeyPath(BOB.master.fingerprint, (84 + H, 1 + H, H, 0, 0)).serialize()
        )
    }
    psbt = _psbt()
    told = replace(psbt, outputs=(psbt.outputs[0].with_fields(fields), psbt.outputs[1]))
    assert _inspect(told).payments == (PAYMENT,)


def test_words_and_passphrase_make_the_keys() -> None:
    """BIP84's own words: the key of m/84'/0'/0'/1/0 spends its address."""
    main = get_network("bitcoin-main")
    seed = seed_of_words("abandon " * 11 + "about")
    keys = OwnKeys(KeyNode.master(seed, main), main)
    path = (84 + H, H, H, 1, 0)
    output = keys.output(path)
    assert output is not None
    pubkey = "03025324888e429ab8e3dbaf1f7802648b9cd01e9b418485c5fa4c1b9b5700e1a6"
    assert output.keys[0].pubkey.hex() == pubkey
    assert keys.private_key(path).public_key.format().hex() == pubkey
    assert output.keys[0].fingerprint.hex() == "73c5da0a"
