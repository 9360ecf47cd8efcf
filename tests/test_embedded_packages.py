"""Transactions that hang together: replacement, package limits, and the order a miner takes."""

from random import Random

import pytest

from indexer.chain.encoding import Transaction, TxInput, TxOutput, parse_block
from indexer.chain.wire import hash_hex
from indexer.node.base import TransactionRejectedError
from indexer.node.fee_estimates import estimate_fees
from indexer.node.mempool_graph import PoolEntry, ancestors, descendants
from indexer.node.mining import select
from tests.fixtures_embedded import Miner
from wallet.builder import Coin

FEE = 10_000


def waiting(miner: Miner) -> set[bytes]:
    return set(miner.node.mempool(frozenset()).added)


def mined(miner: Miner) -> list[bytes]:
    """The transactions of a fresh block, in their order."""
    block = parse_block(miner.node.block(miner.mine().hash), miner.node.network)
    return [each.txid for each in block.transactions[1:]]


def refuse(miner: Miner, transaction: Transaction, reason: str) -> None:
    before = waiting(miner)
    with pytest.raises(TransactionRejectedError) as error:
        miner.node.submit(transaction.serialize())
    assert str(error.value).startswith(reason)
    assert waiting(miner) == before


def chain_of(miner: Miner, length: int) -> list[Transaction]:
    coin = miner.coins.pop(0)
    sent = []
    for _ in range(length):
        sent.append(miner.send([coin], FEE))
        coin = miner.coin_of(sent[-1], 0)
    return sent


def test_a_better_payer_replaces_a_transaction_and_what_hangs_on_it(miner: Miner) -> None:
    coin = miner.coins.pop(0)
    first = miner.send([coin], FEE)
    miner.send([miner.coin_of(first, 0)], FEE)
    replacement = miner.send([coin], 3 * FEE)
    assert waiting(miner) == {replacement.txid}
    assert mined(miner) == [replacement.txid]


def test_signalling_is_not_asked_for(miner: Miner) -> None:
    coin = miner.coins.pop(0)
    final = miner.build([coin], FEE, sequence=0xFFFFFFFF)
    miner.node.submit(final.serialize())
    replacement = miner.send([coin], 2 * FEE)
    assert waiting(miner) == {replacement.txid}


def test_a_replacement_pays_a_higher_rate(miner: Miner) -> None:
    coin, more = miner.coins.pop(0), miner.coins.pop(0)
    miner.send([coin], FEE)
    larger = miner.build([coin, more], FEE + 100)
    refuse(miner, larger, f"insufficient fee, rejecting replacement {hash_hex(larger.txid)}; new")
    same = miner.build([coin], FEE, parts=2)
    refuse(miner, same, "insufficient fee")


def test_a_replacement_pays_for_its_relay(miner: Miner) -> None:
    coin = miner.coins.pop(0)
    first = miner.send([coin], FEE)
    needed = -(-first.vsize // 10)
    short = miner.build([coin], FEE + needed - 1)
    refuse(
        miner,
        short,
        f"insufficient fee, rejecting replacement {hash_hex(short.txid)}, not enough additional"
        " fees to relay; 0.0000001 < 0.00000011",
    )
    miner.send([coin], FEE + needed)


def test_a_replacement_pays_at_least_what_everything_replaced_paid(miner: Miner) -> None:
    coin = miner.coins.pop(0)
    first = miner.send([coin], FEE)
    miner.send([miner.coin_of(first, 0)], 5 * FEE)
    cheap = miner.build([coin], 4 * FEE)
    refuse(
        miner,
        cheap,
        f"insufficient fee, rejecting replacement {hash_hex(cheap.txid)}, less fees than"
        " conflicting txs; 0.0004 < 0.0006",
    )


def test_a_replacement_brings_no_new_unconfirmed_input(miner: Miner) -> None:
    coin, other = miner.coins.pop(0), miner.coins.pop(0)
    miner.send([coin], FEE)
    unconfirmed = miner.send([other], FEE)
    both = miner.build([coin, miner.coin_of(unconfirmed, 0)], 10 * FEE)
    refuse(miner, both, "replacement-adds-unconfirmed")


def test_a_transaction_cannot_replace_what_it_spends(miner: Miner) -> None:
    coin = miner.coins.pop(0)
    first = miner.send([coin], FEE)
    refuse(
        miner,
        miner.build([coin, miner.coin_of(first, 0)], 10 * FEE),
        "bad-txns-spends-conflicting-tx",
    )


def test_no_more_than_100_are_replaced(miner: Miner) -> None:
    parents = [miner.send([miner.coins.pop(0)], FEE, parts=24) for _ in range(5)]
    for parent in parents:
        for vout in range(24):
            miner.send([miner.coin_of(parent, vout)], FEE)
    miner.mine()
    coins = [
        Coin(each.txid, vout, each.outputs[vout].value, miner.spend)
        for each in parents
        for vout in range(24)
    ]
    refuse(miner, miner.build(coins, FEE), "bad-txns-inputs-missingorspent")

    split = [miner.send([miner.coins.pop(0)], FEE, parts=60) for _ in range(2)]
    miner.mine()
    coins = [miner.coin_of(each, vout) for each in split for vout in range(60)]
    for coin in coins:
        miner.send([coin], 100)
    refuse(miner, miner.build(coins, 50 * FEE), "too many potential replacements")
    replacement = miner.send(coins[:100], 50 * FEE)
    assert len(waiting(miner)) == 21
    assert replacement.txid in waiting(miner)


def test_a_chain_has_at_most_25_members(miner: Miner) -> None:
    sent = chain_of(miner, 25)
    refuse(
        miner,
        miner.build([miner.coin_of(sent[-1], 0)], FEE),
        "too-long-mempool-chain, too many unconfirmed ancestors [limit: 25]",
    )
    assert mined(miner) == [each.txid for each in sent]


def test_a_transaction_has_at_most_25_descendants(miner: Miner) -> None:
    parent = miner.send([miner.coins.pop(0)], FEE, parts=30)
    for vout in range(24):
        miner.send([miner.coin_of(parent, vout)], FEE)
    refuse(
        miner,
        miner.build([miner.coin_of(parent, 24)], FEE),
        f"too-long-mempool-chain, too many descendants for tx {hash_hex(parent.txid)} [limit: 25]",
    )


def test_a_chain_has_at_most_101_kilobytes(miner: Miner) -> None:
    wide = miner.send([miner.coins.pop(0)], 100_000, parts=1700)
    child = miner.build([miner.coin_of(wide, 0)], 100_000, parts=1700)
    refuse(miner, child, "too-long-mempool-chain, exceeds ancestor size limit [limit: 101000]")


def test_a_child_pays_for_its_parent(miner: Miner) -> None:
    cheap = miner.send([miner.coins.pop(0)], 200)
    middle = miner.send([miner.coins.pop(0)], 1_000)
    child = miner.send([miner.coin_of(cheap, 0)], 50_000)
    assert mined(miner) == [cheap.txid, child.txid, middle.txid]


def test_what_a_block_double_spends_goes_with_its_children(miner: Miner) -> None:
    coin = miner.coins.pop(0)
    first = miner.send([coin], FEE)
    miner.send([miner.coin_of(first, 0)], FEE)
    other = miner.build([coin], 100)
    miner.node.mine(miner.spend.script, transactions=[other.serialize()])
    assert waiting(miner) == set()


def entry(fee: int, parents: set[PoolEntry] | None = None, size: int = 100) -> PoolEntry:
    """An entry of about so many vbytes; nothing verifies it."""
    spent = TxInput(Random(fee).randbytes(32), 0, b"", 0)
    made = PoolEntry(Transaction(2, [spent], [TxOutput(0, bytes(size))]), fee, size, 0, 0)
    for parent in parents or ():
        made.parents.add(parent)
        parent.children.add(made)
    return made


def test_selection_is_by_package_and_keeps_parents_first() -> None:
    random = Random(7)
    entries: list[PoolEntry] = []
    for number in range(400):
        some = random.sample(entries, min(len(entries), random.choice([0, 0, 0, 1, 2])))
        few = {each for each in some if len(descendants(ancestors([each]))) < 20}
        entries.append(
            entry(random.randrange(100, 100_000) + number, few, random.randrange(80, 900))
        )
    chosen = select(entries)
    assert len(chosen) == len(set(chosen)) == len(entries)
    place = {each: position for position, each in enumerate(chosen)}
    assert all(place[parent] < place[each] for each in entries for parent in each.parents)


def test_selection_takes_what_fits_by_weight_and_signature_checks() -> None:
    entries = [entry(fee, size=90_000) for fee in range(100, 160)]
    chosen = select(entries)
    weight = sum(each.transaction.weight for each in chosen)
    assert weight <= 3_996_000 < weight + entries[0].transaction.weight
    assert [each.fee for each in chosen] == sorted((each.fee for each in chosen), reverse=True)
    dense = [entry(fee) for fee in range(100, 110)]
    for each in dense:
        each.sigop_cost = 16_000
    assert len(select(dense)) == 4


def test_estimates_fall_with_patience() -> None:
    assert set(estimate_fees([]).values()) == {100}
    estimates = estimate_fees([entry(fee) for fee in range(100, 1100, 100)])
    assert estimates == {1: 8000, 2: 5000, 3: 3000, 6: 100, 12: 100, 24: 100, 144: 100}
    backlog = estimate_fees(
        [entry(fee, size=100_000) for fee in range(100_000, 4_100_000, 100_000)]
    )
    assert [backlog[blocks] for blocks in (1, 2, 3, 6)] == [30_000, 20_000, 10_000, 100]
