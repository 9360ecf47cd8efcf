"""The embedded node's mempool: what it takes, what it refuses and in which words."""

import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from random import Random

import pytest
from coincurve import PrivateKey

from indexer.chain import script as scripts
from indexer.chain.encoding import Transaction, TxInput, TxOutput, parse_block
from indexer.chain.network import COIN
from indexer.chain.wire import hash_hex
from indexer.node.base import TransactionRejectedError
from indexer.node.embedded import EmbeddedNode
from tests.fixtures_embedded import MATURITY, Miner
from wallet import spending
from wallet.builder import Coin, sign
from wallet.spending import Spend, Wrapper
from wallet.taproot import Leaf

FEE = 10_000


def key(name: str) -> PrivateKey:
    return PrivateKey(sha256(name.encode()).digest())


def waiting(node: EmbeddedNode) -> set[bytes]:
    return set(node.mempool(frozenset()).added)


def with_outputs(transaction: Transaction, outputs: list[TxOutput]) -> Transaction:
    return Transaction(transaction.version, transaction.inputs, outputs, transaction.locktime)


def paying(miner: Miner, *outputs: TxOutput, fee: int = FEE) -> Transaction:
    """A signed transaction with these outputs and change."""
    coin = miner.coins.pop(0)
    change = coin.value - fee - sum(max(output.value, 0) for output in outputs)
    return sign([coin], [*outputs, TxOutput(max(change, 0), miner.spend.script)])


def refusal(node: EmbeddedNode, transaction: Transaction) -> str:
    before = waiting(node)
    with pytest.raises(TransactionRejectedError) as error:
        node.submit(transaction.serialize())
    assert waiting(node) == before
    return str(error.value)


def test_it_reports_what_came_and_went(miner: Miner) -> None:
    node = miner.node
    started = int(time.time())
    first = miner.send([miner.coins.pop(0)], 5_000)
    change = node.mempool(frozenset())
    assert change.removed == frozenset()
    entry = change.added[first.txid]
    assert (entry.raw, entry.fee) == (first.serialize(), 5_000)
    assert started <= entry.time <= time.time()
    second = miner.send([miner.coins.pop(0)], FEE)
    assert set(node.mempool(frozenset([first.txid])).added) == {second.txid}
    miner.mine()
    assert node.mempool(frozenset([first.txid, second.txid])).removed == {first.txid, second.txid}


def test_submitting_twice_is_no_error(miner: Miner) -> None:
    transaction = miner.send([miner.coins.pop(0)], FEE)
    assert miner.node.submit(transaction.serialize()) == transaction.txid
    assert len(waiting(miner.node)) == 1


SPENDS: dict[str, Callable[[], Spend]] = {
    "p2pk": lambda: spending.p2pk(key("a")),
    "p2pk uncompressed": lambda: spending.p2pk(key("a"), compressed=False),
    "p2pkh": lambda: spending.p2pkh(key("a")),
    "p2sh-p2wpkh": lambda: spending.p2sh_p2wpkh(key("a")),
    "p2wpkh": lambda: spending.p2wpkh(key("a")),
    "p2tr by key": lambda: spending.p2tr(key("a")),
    "bare multisig": lambda: spending.multisig(2, [key("a"), key("b"), key("c")], Wrapper.BARE),
    "p2sh multisig": lambda: spending.multisig(2, [key("a"), key("b"), key("c")], Wrapper.P2SH),
    "p2wsh multisig": lambda: spending.multisig(1, [key("a"), key("b")], Wrapper.P2WSH),
    "locktime by height": lambda: spending.locked_until(key("a"), 50),
    "relative locktime": lambda: spending.locked_for(key("a"), 1),
}


@pytest.mark.parametrize("kind", SPENDS)
def test_every_standard_output_is_paid_and_spent(miner: Miner, kind: str) -> None:
    spend = SPENDS[kind]()
    paid = paying(miner, TxOutput(COIN, spend.script))
    miner.node.submit(paid.serialize())
    miner.mine()
    coin = Coin(paid.txid, 0, COIN, spend)
    spent = sign([coin], [TxOutput(COIN - FEE, miner.spend.script)])
    miner.node.submit(spent.serialize())
    block = parse_block(miner.node.block(miner.mine().hash), miner.node.network)
    assert [each.txid for each in block.transactions[1:]] == [spent.txid]


@pytest.mark.parametrize("kind", [kind for kind in SPENDS if "multisig" not in kind])
def test_a_signature_by_another_key_is_refused(miner: Miner, kind: str) -> None:
    spend = SPENDS[kind]()
    paid = paying(miner, TxOutput(COIN, spend.script))
    miner.node.submit(paid.serialize())
    miner.mine()
    thief = (
        spending.p2tr(key("thief"))
        if kind.startswith("p2tr")
        else replace(spend, signers=(key("thief"),))  # type: ignore[type-var]
    )
    stolen = sign([Coin(paid.txid, 0, COIN, thief)], [TxOutput(COIN - FEE, miner.spend.script)])
    reason = refusal(miner.node, stolen)
    assert reason.startswith("mempool-script-verify-flag-failed, input 0 of")
    assert f"spending {hash_hex(paid.txid)}:0" in reason


def change_version(tx: Transaction) -> Transaction:
    return Transaction(4, tx.inputs, tx.outputs, tx.locktime)


def without_outputs(tx: Transaction) -> Transaction:
    return with_outputs(tx, [])


def first_output(value: int, script: bytes | None = None) -> Callable[[Transaction], Transaction]:
    def change(tx: Transaction) -> Transaction:
        output = TxOutput(value, tx.outputs[0].script if script is None else script)
        return with_outputs(tx, [output, *tx.outputs[1:]])

    return change


def input_twice(tx: Transaction) -> Transaction:
    return Transaction(2, [*tx.inputs, tx.inputs[0]], tx.outputs)


def as_coinbase(tx: Transaction) -> Transaction:
    return Transaction(2, [TxInput(bytes(32), 0xFFFFFFFF, b"\x01\x01", 0)], tx.outputs)


def null_input_too(tx: Transaction) -> Transaction:
    return Transaction(2, [*tx.inputs, TxInput(bytes(32), 0xFFFFFFFF, b"", 0)], tx.outputs)


def unknown_input(tx: Transaction) -> Transaction:
    return Transaction(2, [tx.inputs[0]._replace(prev_txid=b"\x07" * 32)], tx.outputs)


def unknown_output(tx: Transaction) -> Transaction:
    return Transaction(2, [tx.inputs[0]._replace(prev_vout=9)], tx.outputs)


def script_sig(data: bytes) -> Callable[[Transaction], Transaction]:
    return lambda tx: Transaction(2, [tx.inputs[0]._replace(script_sig=data)], tx.outputs)


def locked(locktime: int) -> Callable[[Transaction], Transaction]:
    return lambda tx: Transaction(2, tx.inputs, tx.outputs, locktime)


KEYS_OF_FOUR = scripts.multisig(1, [key(name).public_key.format() for name in "abcd"])
REFUSALS: list[tuple[str, Callable[[Transaction], Transaction]]] = [
    ("bad-txns-vout-empty", without_outputs),
    ("bad-txns-vout-negative", first_output(-1)),
    ("bad-txns-vout-toolarge", first_output(21_000_000 * COIN + 1)),
    ("bad-txns-txouttotal-toolarge", first_output(21_000_000 * COIN)),
    ("bad-txns-inputs-duplicate", input_twice),
    ("coinbase", as_coinbase),
    ("bad-txns-prevout-null", null_input_too),
    ("version", change_version),
    ("scriptsig-size", script_sig(b"\x00" * 1651)),
    ("scriptsig-not-pushonly", script_sig(b"\x76")),
    ("scriptsig-not-pushonly", script_sig(b"\x05\x00")),
    ("scriptpubkey", first_output(COIN, b"\x51\x51")),
    ("scriptpubkey", first_output(COIN, b"")),
    ("scriptpubkey", first_output(COIN, KEYS_OF_FOUR)),
    ("scriptpubkey", first_output(0, b"\x6a\x05ab")),
    ("dust", first_output(293)),
    ("tx-size", first_output(0, scripts.op_return(bytes(99_990)))),
    ("non-final", locked(110)),
    ("non-final", locked(int(time.time()) + 3600)),
    ("bad-txns-inputs-missingorspent", unknown_input),
    ("bad-txns-inputs-missingorspent", unknown_output),
    ("bad-txns-in-belowout, value in (5000000000) <", first_output(51 * COIN)),
    ("mempool-script-verify-flag-failed", first_output(COIN)),
]


@pytest.mark.parametrize(("reason", "change"), REFUSALS)
def test_a_refusal_gives_cores_reason(
    miner: Miner, reason: str, change: Callable[[Transaction], Transaction]
) -> None:
    coin = miner.coins[0]
    outputs = [TxOutput(1000, miner.spend.script), TxOutput(1000, miner.spend.script)]
    good = sign([coin], [outputs[0], TxOutput(COIN, outputs[1].script)])
    assert refusal(miner.node, change(good)).startswith(reason)


def test_rubbish_and_trailing_bytes_are_refused(miner: Miner) -> None:
    raw = miner.build([miner.coins[0]], FEE).serialize()
    for bad in (b"", b"rubbish", raw[:-1], raw + b"\x00"):
        with pytest.raises(TransactionRejectedError, match="TX decode failed"):
            miner.node.submit(bad)


def test_data_of_up_to_100_kilobytes_is_carried(miner: Miner) -> None:
    data = scripts.op_return(bytes(99_000))
    transaction = paying(miner, TxOutput(0, data), fee=100_000)
    miner.node.submit(transaction.serialize())
    block = parse_block(miner.node.block(miner.mine().hash), miner.node.network)
    assert block.transactions[1].outputs[0].script == data


def test_a_fee_below_the_relay_fee_is_refused(miner: Miner) -> None:
    coin = miner.coins[0]
    vsize = miner.build([coin], 0).vsize
    least = -(-vsize // 10)
    assert refusal(miner.node, miner.build([coin], least - 1)) == (
        f"min relay fee not met, {least - 1} < {least}"
    )
    miner.send([coin], least)


def test_a_coinbase_matures_after_100_blocks(miner: Miner) -> None:
    node = miner.node
    height = node.tip().height - MATURITY + 2
    block = parse_block(node.block(node.block_hash(height)), node.network)
    young = miner.build([miner.coin_of(block.transactions[0], 0)], FEE)
    assert refusal(node, young) == (
        "bad-txns-premature-spend-of-coinbase, tried to spend coinbase at depth 99"
    )
    miner.mine()
    node.submit(young.serialize())
    miner.mine()
    assert waiting(node) == set()


def test_what_is_confirmed_is_known_already(miner: Miner) -> None:
    transaction = miner.send([miner.coins.pop(0)], FEE)
    miner.mine()
    assert refusal(miner.node, transaction) == "txn-already-known"
    miner.send([miner.coin_of(transaction, 0)], FEE)
    miner.mine()
    assert refusal(miner.node, transaction) == "bad-txns-inputs-missingorspent"


def test_the_same_transaction_with_another_witness_is_named(miner: Miner) -> None:
    good = miner.send([miner.coins.pop(0)], FEE)
    other = Transaction(2, [good.inputs[0]._replace(witness=(b"x",))], good.outputs)
    assert refusal(miner.node, other) == "txn-same-nonwitness-data-in-mempool"


def test_relative_locks_by_blocks_count_from_the_coin(miner: Miner) -> None:
    paid = miner.send([miner.coins.pop(0)], FEE)
    coin = miner.coin_of(paid, 0)
    locked_for_three = miner.build([coin], FEE, sequence=3)
    assert refusal(miner.node, locked_for_three) == "non-BIP68-final", "unconfirmed"
    miner.mine(2)
    assert refusal(miner.node, locked_for_three) == "non-BIP68-final"
    miner.mine()
    miner.node.submit(locked_for_three.serialize())


def test_relative_locks_by_time_count_from_the_coins_median_time(miner: Miner) -> None:
    node = miner.node
    height = node.tip().height
    headers = [node.block(node.block_hash(height - back)) for back in range(11)]
    median = sorted(parse_block(raw, node.network).header.time for raw in headers)[5]
    paid = miner.send([miner.coins.pop(0)], FEE)
    miner.mine()
    unit = 1 << 22 | 1  # 512 seconds
    later = miner.build([miner.coin_of(paid, 0)], FEE, sequence=unit)
    for _ in range(6):
        node.mine(miner.spend.script, time=median + 511)
    assert refusal(node, later) == "non-BIP68-final"
    for _ in range(6):
        node.mine(miner.spend.script, time=median + 512)
    node.submit(later.serialize())
    node.mine(miner.spend.script)
    assert waiting(node) == set()


def test_tapscript_and_control_blocks_are_checked(miner: Miner) -> None:
    leaf = Leaf(scripts.push(key("leaf").public_key.format()[1:]) + b"\xac")
    spend = spending.TaprootSpend(key("internal"), leaf, 0, (key("leaf"),))
    paid = paying(miner, TxOutput(COIN, spend.script))
    miner.node.submit(paid.serialize())
    spent = sign([Coin(paid.txid, 0, COIN, spend)], [TxOutput(COIN - FEE, miner.spend.script)])
    signature, code, control = spent.inputs[0].witness
    annexed = Transaction(
        2, [spent.inputs[0]._replace(witness=(signature, code, control, b"\x50a"))], spent.outputs
    )
    assert refusal(miner.node, annexed) == "bad-witness-nonstandard"
    bent = control[:-1] + bytes([control[-1] ^ 1])
    wrong = Transaction(
        2, [spent.inputs[0]._replace(witness=(signature, code, bent))], spent.outputs
    )
    assert refusal(miner.node, wrong).startswith("mempool-script-verify-flag-failed")
    miner.node.submit(spent.serialize())


def test_mutated_bytes_are_refused_and_nothing_else(miner: Miner) -> None:
    """The engine ends the process over what it cannot digest, so all must be caught before it."""
    random = Random(1)
    leaf = Leaf(scripts.push(key("leaf").public_key.format()[1:]) + b"\xac")
    spends = [make() for make in SPENDS.values()]
    spends.append(spending.TaprootSpend(key("internal"), leaf, 0, (key("leaf"),)))
    paid = paying(miner, *(TxOutput(COIN, spend.script) for spend in spends))
    miner.node.submit(paid.serialize())
    miner.mine()
    coins = [Coin(paid.txid, vout, COIN, spend) for vout, spend in enumerate(spends)]
    good = [
        sign(group, [TxOutput(COIN - FEE, miner.spend.script)]).serialize()
        for group in ([each] for each in coins)
    ]
    good.append(sign(coins[:10], [TxOutput(COIN, miner.spend.script)]).serialize())
    accepted = 0
    for _ in range(3000):
        raw = bytearray(random.choice(good))
        for _ in range(random.choice([1, 1, 2, 5])):
            place = random.randrange(len(raw))
            match random.randrange(4):
                case 0:
                    raw[place] ^= 1 << random.randrange(8)
                case 1:
                    raw[place] = random.choice([0, 1, 0xFC, 0xFD, 0xFE, 0xFF])
                case 2:
                    del raw[place : place + random.randrange(1, 9)]
                case 3:
                    raw[place:place] = random.randbytes(random.randrange(1, 9))
        try:
            miner.node.submit(bytes(raw))
        except TransactionRejectedError:
            continue
        accepted += 1
    assert accepted < 30, "signatures cover nearly every byte"
    miner.mine()
    assert waiting(miner.node) == set()
