"""PSBTs of ours: what stands in them, their size foretold, and a parser that nothing surprises."""

import time
from base64 import b64encode
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.chain.encoding import (
    Transaction,
    TxInput,
    TxOutput,
    encode_bytes,
    encode_output,
    parse_transaction,
)
from indexer.chain.network import Network, get_network
from indexer.chain.script import p2tr, witness_script_pubkey
from tests.wallet_spender import Spender, made_up, made_up_coin, sweep
from wallet.builder import REPLACEABLE
from wallet.descriptor import DerivedOutput, Descriptor
from wallet.fees import transaction_weight, vsize_of
from wallet.inspection import inspect, usual_limits
from wallet.keys import Account, Branch, Purpose, purposes_of
from wallet.own_keys import OwnKeys
from wallet.psbt import combine, parse_psbt
from wallet.psbt_build import OwnCoin, Paid, anti_sniping_locktime, build_psbt
from wallet.psbt_fields import InputField, OutputField, PsbtError
from wallet.psbt_finish import extract, finalise, missing
from wallet.psbt_format import MAGIC, MAX_SIZE, key_of
from wallet.satisfaction import LARGEST_ECDSA, input_size_of
from wallet.signer import sign

REGTEST = get_network("bitcoin-regtest")
LITECOIN = get_network("litecoin-regtest")
DOGECOIN = get_network("dogecoin-regtest")
ANN, BOB = Spender.of(b"Ann"), Spender.of(b"Bob")
_ELSEWHERE = p2tr(bytes(range(32)))


def _fields_of(output: DerivedOutput) -> set[int]:
    (its_fields,) = sweep([made_up_coin(output, 100_000)], _ELSEWHERE, REGTEST).inputs
    return {key[0] for key in its_fields.fields}


def test_an_input_holds_what_a_signer_needs_to_check_it() -> None:
    whole = {InputField.NON_WITNESS_UTXO, InputField.BIP32_DERIVATION}
    assert _fields_of(ANN.output(Purpose.P2PKH)) == whole
    assert _fields_of(ANN.output(Purpose.P2WPKH)) == whole | {InputField.WITNESS_UTXO}
    nested = whole | {InputField.WITNESS_UTXO, InputField.REDEEM_SCRIPT}
    assert _fields_of(ANN.output(Purpose.P2SH_P2WPKH)) == nested
    assert _fields_of(ANN.output(Purpose.P2TR)) == {
        InputField.WITNESS_UTXO,
        InputField.TAP_BIP32_DERIVATION,
        InputField.TAP_INTERNAL_KEY,
    }


@pytest.mark.parametrize("purpose", Purpose)
def test_change_says_where_it_comes_from(purpose: Purpose) -> None:
    change = ANN.output(purpose, Branch.CHANGE, 7)
    coin = made_up_coin(ANN.output(purpose), 100_000)
    outputs = [Paid(TxOutput(60_000, _ELSEWHERE)), Paid(TxOutput(39_000, change.script), change)]
    psbt = parse_psbt(build_psbt(REGTEST, [coin], outputs, Random(3)).base64, REGTEST)
    position = [output.script for output in psbt.tx.outputs].index(change.script)
    its_fields = psbt.outputs[position]
    assert psbt.outputs[1 - position].fields == {}
    (path,) = (*its_fields.key_paths.values(), *its_fields.tap_key_paths.values())
    assert path.fingerprint == ANN.master.fingerprint
    assert path.path == (*(step | 1 << 31 for step in (purpose, 1, 0)), 1, 7)
    assert its_fields.redeem_script == change.redeem_script
    assert its_fields.tap_internal_key == change.internal_key


def test_the_order_tells_nothing() -> None:
    change = ANN.output(Purpose.P2WPKH, Branch.CHANGE)
    coins = [made_up_coin(ANN.output(Purpose.P2WPKH), 50_000, number) for number in range(3)]
    outputs = [Paid(TxOutput(100_000, _ELSEWHERE)), Paid(TxOutput(49_000, change.script), change)]
    made = [build_psbt(REGTEST, coins, outputs, Random(seed)) for seed in range(200)]
    last = sum(psbt.tx.outputs[1].script == change.script for psbt in made)
    assert 70 < last < 130
    first = sum(psbt.tx.inputs[0].prev_txid == coins[0].previous.txid for psbt in made)
    assert 40 < first < 95
    assert build_psbt(REGTEST, coins, outputs, Random(9)) == made[9]
    assert {tx_input.sequence for tx_input in made[0].tx.inputs} == {REPLACEABLE}


def test_the_locktime_names_the_tip_or_now_and_then_a_block_before() -> None:
    drawn = [anti_sniping_locktime(800_000, 60, Random(seed)) for seed in range(500)]
    assert 420 < drawn.count(800_000) < 475
    assert min(drawn) > 799_900
    assert max(drawn) == 800_000
    young = {anti_sniping_locktime(3, 60, Random(seed)) for seed in range(500)}
    assert {0, 3} <= young <= {0, 1, 2, 3}
    assert anti_sniping_locktime(800_000, 9 * 3600, Random(1)) == 0


def _multisig(kind: str) -> Descriptor:
    """2 of Ann, Bob and Cid."""
    people = [ANN, BOB, Spender.of(b"Cid")]
    keys = [
        f"[{person.master.fingerprint.hex()}/48h/1h/0h/2h]"
        f"{person.master.derive('48h/1h/0h/2h').xpub}/<0;1>/*"
        for person in people
    ]
    ends = {"wsh": "wsh(", "sh(wsh": "sh(wsh(", "sh": "sh("}[kind]
    text = f"{ends}sortedmulti(2,{','.join(keys)}){')' * ends.count('(')}"
    return Descriptor.parse(text, REGTEST)


def _saved(tx_input: TxInput) -> int:
    """Weight units that a short signature saves."""
    if not tx_input.witness:
        return 4 * (71 - tx_input.script_sig[0])
    return 0 if len(tx_input.witness) == 1 else 71 - len(tx_input.witness[0])


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("count", [1, 2, 7])
def test_sizes_are_foretold_within_a_vbyte_per_input(purpose: Purpose, count: int) -> None:
    coins = [
        made_up_coin(ANN.output(purpose, index=number), 50_000 + number, number)
        for number in range(count)
    ]
    psbt = sweep(coins, _ELSEWHERE, REGTEST)
    signed = ANN.sign(parse_psbt(psbt.base64, REGTEST))
    foretold = transaction_weight([input_size_of(coin.output) for coin in coins], psbt.tx.outputs)
    # Exactly, but for signatures that turned out shorter than most.
    assert foretold - signed.weight == sum(map(_saved, signed.inputs))
    assert foretold - signed.weight <= 4 * count
    widest = [input_size_of(coin.output, LARGEST_ECDSA) for coin in coins]
    assert transaction_weight(widest, psbt.tx.outputs) - foretold <= 4 * count
    assert signed.txid == psbt.tx.txid or purpose in (Purpose.P2PKH, Purpose.P2SH_P2WPKH)


@pytest.mark.parametrize("kind", ["wsh", "sh(wsh", "sh"])
def test_multisig_is_signed_by_each_and_combined(kind: str) -> None:
    wallet = _multisig(kind)
    coins = [
        made_up_coin(wallet.derive(Branch.RECEIVE, number), 70_000, number) for number in range(2)
    ]
    change = wallet.derive(Branch.CHANGE, 4)
    outputs = [Paid(TxOutput(100_000, _ELSEWHERE)), Paid(TxOutput(30_000, change.script), change)]
    psbt = build_psbt(REGTEST, coins, outputs, Random(2))
    signed = []
    for person in (ANN, BOB):
        keys = OwnKeys(person.master, REGTEST, [wallet])
        inspected = inspect(parse_psbt(psbt.base64, REGTEST), keys, usual_limits(REGTEST))
        assert [output.value for output in inspected.change] == [30_000]
        assert inspected.fee == 10_000
        signed.append(sign(inspected, keys))
    assert missing(signed[0]) == dict.fromkeys(range(2), "1 of 2 signatures are there")
    for order in (signed, signed[::-1]):
        transaction = extract(finalise(combine(order)))
        foretold = transaction_weight(
            [input_size_of(coin.output) for coin in coins], psbt.tx.outputs
        )
        assert 0 <= foretold - transaction.weight <= 4 * len(coins)


def test_a_hundred_inputs_are_signed_within_a_second() -> None:
    coins = [
        made_up_coin(ANN.output(Purpose.P2WPKH, index=number), 50_000, number)
        for number in range(100)
    ]
    text = sweep(coins, _ELSEWHERE, REGTEST, fee=200_000).base64
    start = time.perf_counter()
    signed = ANN.sign(parse_psbt(text, REGTEST))
    spent = time.perf_counter() - start
    assert len(signed.inputs) == 100
    print(f"100 inputs read, checked, signed and finished in {spent:.2f} s")
    assert spent < 5  # some 0.25 s where nothing else runs


def test_previous_transactions_of_mweb_times_keep_their_txid() -> None:
    """A peg-out stands in a transaction with the MWEB flag, which no PSBT reader has to know."""
    lia = Spender.of(b"Lia", LITECOIN)
    output = lia.output(Purpose.P2WPKH)
    pegged = TxOutput(5_000_000, witness_script_pubkey(8, bytes(32)))
    spent = TxInput(bytes([5]) * 32, 0, b"", 0xFFFFFFFF)
    hogex = Transaction(2, [spent], [pegged, TxOutput(100_000, output.script)], mweb=b"\0")
    assert parse_transaction(hogex.serialize(), LITECOIN) == hogex
    coin = OwnCoin(hogex, 1, output)
    psbt = sweep([coin], output.script, LITECOIN)
    plain = psbt.inputs[0].fields[key_of(InputField.NON_WITNESS_UTXO)]
    assert plain == hogex.serialize_stripped()
    assert parse_transaction(plain, REGTEST).txid == hogex.txid
    assert lia.sign(parse_psbt(psbt.base64, LITECOIN)).inputs[0].prev_txid == hogex.txid
    # A foreign wallet may leave the flag in.
    flagged = psbt.inputs[0].with_fields({key_of(InputField.NON_WITNESS_UTXO): hogex.serialize()})
    kept = psbt.with_inputs([flagged])
    assert lia.sign(parse_psbt(kept.base64, LITECOIN)).outputs == psbt.tx.outputs


def test_dogecoin_spends_p2pkh() -> None:
    assert purposes_of(DOGECOIN) == (Purpose.P2PKH,)
    dana = Spender.of(b"Dana", DOGECOIN)
    coins = [
        made_up_coin(dana.output(Purpose.P2PKH, index=number), 500_000_000, number)
        for number in range(3)
    ]
    psbt = sweep(coins, dana.output(Purpose.P2PKH).script, DOGECOIN, fee=5_000_000)
    signed = dana.sign(parse_psbt(psbt.base64, DOGECOIN))
    foretold = transaction_weight([input_size_of(coin.output) for coin in coins], signed.outputs)
    assert 0 <= vsize_of(foretold) - signed.vsize <= 3


def test_unknown_fields_stay_byte_for_byte() -> None:
    psbt = sweep([made_up_coin(ANN.output(Purpose.P2WPKH), 100_000)], _ELSEWHERE, REGTEST)
    odd = {bytes.fromhex("fc04736174630001"): b"\1\2", b"\xf0any": b"", b"\x0f\x09": b"nobody's"}
    marked = psbt.with_inputs([psbt.inputs[0].with_fields(odd)])
    read = parse_psbt(marked.base64, REGTEST)
    assert odd.items() <= read.inputs[0].fields.items()
    limits = usual_limits(REGTEST)
    signed = finalise(sign(inspect(read, ANN.keys, limits), ANN.keys))
    assert odd.items() <= signed.inputs[0].fields.items()
    assert signed.inputs[0].partial_sigs == {}


def _rich_psbt() -> bytes:
    """One with every kind of input that we make, change, and a signature."""
    outputs = [ANN.output(purpose) for purpose in Purpose]
    outputs += [_multisig("sh(wsh").derive(Branch.RECEIVE, 0)]
    coins = [made_up_coin(output, 60_000, number) for number, output in enumerate(outputs)]
    change = ANN.output(Purpose.P2TR, Branch.CHANGE)
    paid = [Paid(TxOutput(200_000, _ELSEWHERE)), Paid(TxOutput(40_000, change.script), change)]
    return build_psbt(REGTEST, coins, paid, Random(4)).serialize()


RICH = _rich_psbt()


@settings(max_examples=1_500, deadline=None)
@given(data=st.data())
def test_no_change_of_bytes_surprises_the_parser(data: st.DataObject) -> None:
    raw = bytearray(RICH)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        match data.draw(st.sampled_from(["set", "cut", "insert", "repeat", "truncate"])):
            case "set":
                raw[at] = data.draw(st.sampled_from([0, 1, 2, 0xFC, 0xFD, 0xFE, 0xFF, raw[at] ^ 1]))
            case "cut":
                del raw[at : at + data.draw(st.integers(1, 40))]
            case "insert":
                raw[at:at] = data.draw(st.binary(min_size=1, max_size=12))
            case "repeat":
                raw[at:at] = raw[at : at + data.draw(st.integers(1, 80))]
            case "truncate":
                del raw[max(at, 6) :]
        if len(raw) < 6:
            raw = bytearray(MAGIC)
    try:
        psbt = parse_psbt(bytes(raw), REGTEST)
    except PsbtError:
        return
    assert parse_psbt(psbt.serialize(), REGTEST) == psbt
    for its_fields in (*psbt.inputs, *psbt.outputs):
        assert its_fields.key_paths is not None
        assert its_fields.tap_key_paths is not None
    try:
        finalise(psbt)
    except PsbtError:
        return


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(lambda end: MAGIC + end)))
def test_any_bytes_are_a_psbt_or_an_error(raw: bytes) -> None:
    for form in (raw, b64encode(raw).decode(), raw.hex()):
        try:
            parse_psbt(form, REGTEST)
        except PsbtError:
            continue


@pytest.mark.parametrize("text", ["", "cHNidP8", "cHNidP8=!", "näh", "70736274ff0", "\0", " \n"])
def test_what_is_no_psbt_is_said_to_be_none(text: str) -> None:
    with pytest.raises(PsbtError):
        parse_psbt(text, REGTEST)


def test_a_psbt_is_read_from_base64_with_line_breaks_and_from_hexadecimal() -> None:
    wanted = parse_psbt(RICH, REGTEST)
    text = b64encode(RICH).decode()
    wrapped = "\n".join(text[at : at + 76] for at in range(0, len(text), 76)) + "\n"
    for form in (text, wrapped, wrapped.encode(), RICH.hex(), RICH.hex().upper()):
        assert parse_psbt(form, REGTEST) == wanted


def _field(key: bytes, value: bytes) -> bytes:
    return encode_bytes(key) + encode_bytes(value)


_TX = Transaction(2, [TxInput(bytes(32), 1, b"", 0)], [TxOutput(1, b"\x51")]).serialize()
_HEAD_OF_2 = MAGIC + _field(b"\xfb", b"\2\0\0\0") + _field(b"\2", b"\2\0\0\0")
_NO_OUTPUTS = _field(b"\5", b"\0") + b"\0"
_DEEP_TREE = b"".join(bytes([128, 0xC0, 0]) for _ in range(50_000))
BOMBS = {
    "inputs": _HEAD_OF_2 + _field(b"\4", b"\xff" * 9) + _NO_OUTPUTS,
    "many inputs": _HEAD_OF_2 + _field(b"\4", b"\xfe\0\0\x98\0") + _NO_OUTPUTS,
    "value": MAGIC + b"\x01\x00\xfe\xff\xff\xff\x7f",
    "key": MAGIC + b"\xff" * 9,
    "outputs": MAGIC + _field(b"\0", b"\2\0\0\0" + b"\0" + b"\xfe\xff\xff\xff\0"),
    "size": MAGIC + bytes(MAX_SIZE),
    "tree": MAGIC + _field(b"\0", _TX) + b"\0\0" + _field(b"\6", _DEEP_TREE) + b"\0",
}


@pytest.mark.parametrize("kind", BOMBS)
def test_little_bytes_never_make_much_work(kind: str) -> None:
    start = time.perf_counter()
    with pytest.raises(PsbtError):
        parse_psbt(BOMBS[kind], REGTEST)
    assert time.perf_counter() - start < 2


def test_a_psbt_beyond_what_is_read_is_refused_for_its_size() -> None:
    for form in (BOMBS["size"], b64encode(BOMBS["size"]), "x" * (2 * MAX_SIZE + 101)):
        with pytest.raises(PsbtError, match="are more than"):
            parse_psbt(form, REGTEST)


def test_nothing_may_follow_the_last_map() -> None:
    with pytest.raises(PsbtError, match="1 bytes follow"):
        parse_psbt(RICH + b"\0", REGTEST)


def test_amounts_are_not_negative() -> None:
    psbt = parse_psbt(RICH, REGTEST)
    outputs = [psbt.tx.outputs[0]._replace(value=-1), psbt.tx.outputs[1]]
    negative = replace(psbt, tx=Transaction(2, psbt.tx.inputs, outputs))
    with pytest.raises(PsbtError, match="negative amount"):
        parse_psbt(negative.serialize(), REGTEST)


def _with_output_field(kind: int, key: bytes, value: bytes) -> bytes:
    psbt = parse_psbt(RICH, REGTEST)
    first = replace(psbt.outputs[0], fields={key_of(kind, key): value})
    return replace(psbt, outputs=(first, psbt.outputs[1])).serialize()


@pytest.mark.parametrize(
    ("depths", "problem"),
    [
        ([0], None),
        ([1, 2, 2], None),
        ([2, 2, 1], None),
        ([2, 1, 2], "depth-first order"),
        ([1], "do not fill"),
        ([1, 1, 1], "do not fill"),
        ([129], "at depth 129"),
    ],
)
def test_the_leaves_of_a_taproot_tree_fill_it(depths: list[int], problem: str | None) -> None:
    tree = b"".join(bytes([depth, 0xC0, 1, 0x51]) for depth in depths)
    raw = _with_output_field(OutputField.TAP_TREE, b"", tree)
    if problem is None:
        assert parse_psbt(raw, REGTEST).serialize() == raw
    else:
        with pytest.raises(PsbtError, match=problem):
            parse_psbt(raw, REGTEST)


def test_a_key_that_is_no_point_of_the_curve_is_refused() -> None:
    off_the_curve = b"\2" + (5).to_bytes(32, "big")
    raw = _with_output_field(OutputField.BIP32_DERIVATION, off_the_curve, bytes(4))
    with pytest.raises(PsbtError, match="output 1, bip32 derivation: a public key expected"):
        parse_psbt(raw, REGTEST)


def test_a_wrong_taproot_signature_is_told() -> None:
    psbt = sweep([made_up_coin(ANN.output(Purpose.P2TR), 50_000)], _ELSEWHERE, REGTEST)
    signed = sign(inspect(psbt, ANN.keys, usual_limits(REGTEST)), ANN.keys)
    signature = bytearray(signed.inputs[0].tap_key_sig or b"")
    signature[40] ^= 1
    for wrong in (bytes(signature), bytes(signature) + b"\x01", bytes(64) + b"\x42"):
        forged = signed.inputs[0].with_fields({key_of(InputField.TAP_KEY_SIG): wrong})
        with pytest.raises(PsbtError, match="input 1, tap key sig"):
            finalise(signed.with_inputs([forged]))
    assert extract(finalise(signed)).txid == psbt.tx.txid


def _lie(psbt_of: OwnCoin, what: str) -> bytes:
    psbt = sweep([psbt_of], _ELSEWHERE, REGTEST)
    value, script = psbt_of.prevout
    lies = {
        "amount": {key_of(InputField.WITNESS_UTXO): encode_output(TxOutput(value + 1, script))},
        "script": {key_of(InputField.WITNESS_UTXO): encode_output(TxOutput(value, _ELSEWHERE))},
        "transaction": {
            key_of(InputField.NON_WITNESS_UTXO): made_up(
                [TxOutput(2 * value, script)], 77
            ).serialize()
        },
    }
    return psbt.with_inputs([psbt.inputs[0].with_fields(lies[what])]).serialize()


@pytest.mark.parametrize(
    ("what", "field"),
    [
        ("amount", "input 1, witness utxo"),
        ("script", "input 1, witness utxo"),
        ("transaction", "input 1, non witness utxo"),
    ],
)
def test_lies_about_what_is_spent_are_told(what: str, field: str) -> None:
    raw = _lie(made_up_coin(ANN.output(Purpose.P2WPKH), 100_000), what)
    with pytest.raises(PsbtError) as told:
        parse_psbt(raw, REGTEST)
    assert told.value.field == field


def test_an_output_that_is_not_there_is_not_spent() -> None:
    """The previous transaction has one output; its number 1 is asked for."""
    coin = made_up_coin(ANN.output(Purpose.P2WPKH), 100_000)
    psbt = sweep([coin], _ELSEWHERE, REGTEST)
    spending = psbt.tx.inputs[0]._replace(prev_vout=1)
    other = replace(psbt, tx=Transaction(2, [spending], psbt.tx.outputs))
    with pytest.raises(PsbtError, match="it has no output 1"):
        parse_psbt(other.serialize(), REGTEST)


def test_a_fee_is_known_only_with_all_amounts() -> None:
    coins = [made_up_coin(ANN.output(Purpose.P2TR, index=n), 50_000, n) for n in range(2)]
    psbt = sweep(coins, _ELSEWHERE, REGTEST)
    assert psbt.fee == 10_000
    bare = psbt.inputs[0].without({InputField.WITNESS_UTXO})
    partly = psbt.with_inputs([bare, psbt.inputs[1]])
    assert partly.fee is None
    assert partly.spent(0) is None
    assert missing(finalise(partly))[0].startswith("input 1, witness utxo: what the input spends")


def test_a_coin_of_other_keys_is_not_built_in() -> None:
    coin = made_up_coin(ANN.output(Purpose.P2WPKH), 100_000)
    other = OwnCoin(coin.previous, 0, BOB.output(Purpose.P2WPKH))
    with pytest.raises(ValueError, match="does not pay to the keys"):
        sweep([other], _ELSEWHERE, REGTEST)


@pytest.mark.parametrize("network", [REGTEST, LITECOIN, DOGECOIN], ids=lambda each: each.name)
def test_each_network_signs_what_it_builds(network: Network) -> None:
    person = Spender.of(b"Eve", network)
    for purpose in purposes_of(network):
        account = Account(person.master, network, purpose)
        assert account.node.xpub in person.descriptor(purpose).text
        coin = made_up_coin(person.output(purpose), 900_000_000)
        psbt = sweep([coin], person.output(purpose, index=1).script, network, fee=100_000)
        assert person.sign(parse_psbt(psbt.base64, network)).outputs == psbt.tx.outputs
