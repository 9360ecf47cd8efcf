"""What a set of scripts holds and has done: equal to what reading every block gives."""

from collections import defaultdict
from random import Random

import pytest
from sqlalchemy import Connection, update

from indexer import schema
from indexer.chain.encoding import Transaction
from indexer.keys import TxFlag, script_key
from indexer.queries import script_sets
from indexer.queries.script_sets import ScriptSet, SetCoin, SetHistory
from tests.fixtures_scripted_index import ScriptedIndex, busy_chain
from tests.scripted_node import script_of, spend
from tests.test_queries_plans import recorded, scans

NAMES = ("shop", "customer", "vault", "nobody")


def history(
    index: ScriptedIndex, connection: Connection, wanted: ScriptSet, known: SetHistory
) -> SetHistory:
    """Up to the tip."""
    pulse = index.pulse(connection)
    return script_sets.set_history(connection, wanted, pulse.tip_height, pulse.tip_hash, known)


def coins_of(connection: Connection, wanted: ScriptSet) -> tuple[SetCoin, ...]:
    return tuple(script_sets.set_history(connection, wanted, -1, b"", SetHistory()).coins.values())


def histories(
    connection: Connection, wanted: ScriptSet
) -> dict[bytes, list[tuple[bytes, int, int]]]:
    """script -> (txid, change, balance) of its transactions, from the columns of the set."""
    found = script_sets.movements(connection, wanted)
    assert list(found.tx_ids) == sorted(found.tx_ids)
    lines = script_sets.confirmed_lines(connection, sorted(set(found.tx_ids)))
    told: dict[bytes, list[tuple[bytes, int, int]]] = defaultdict(list)
    balances: dict[int, int] = defaultdict(int)
    for place, tx_id, received, sent in zip(
        found.places, found.tx_ids, found.received, found.sent, strict=True
    ):
        balances[place] += received - sent
        entry = (lines[tx_id].txid, received - sent, balances[place])
        told[wanted.scripts[place]].append(entry)
    return told


def held(
    wanted: ScriptSet, coins: tuple[SetCoin, ...]
) -> dict[bytes, dict[tuple[bytes, int], int]]:
    told: dict[bytes, dict[tuple[bytes, int], int]] = defaultdict(dict)
    for coin in coins:
        told[wanted.scripts[coin.place]][coin.outpoint] = coin.value
    return told


def require_equal(index: ScriptedIndex) -> None:
    accounts = index.accounts()
    wanted = ScriptSet(map(script_of, NAMES))
    with index.database.read() as connection:
        told = histories(connection, wanted)
        coins = coins_of(connection, wanted)
        used = script_sets.used_places(connection, wanted)
    for name in NAMES:
        script = script_of(name)
        assert told[script] == accounts[script].history
        assert held(wanted, coins)[script] == accounts[script].coins
    assert [coin.height for coin in coins] == sorted(coin.height or 0 for coin in coins)
    assert used == {place for place, each in enumerate(wanted.scripts) if accounts[each].history}


def test_a_set_of_scripts_equals_what_the_blocks_say(scripted_index: ScriptedIndex) -> None:
    busy_chain(scripted_index, 40)
    require_equal(scripted_index)
    scripted_index.node.disconnect(9)
    for _ in range(10):
        scripted_index.node.mine()
    scripted_index.sync()
    require_equal(scripted_index)


def test_a_history_carried_on_equals_one_read_at_once(scripted_index: ScriptedIndex) -> None:
    """From block to block, over reorganisations of any depth, and from any earlier moment."""
    index, chance = scripted_index, Random(7)
    names = ["shop", "customer", "vault"]
    wanted = ScriptSet(map(script_of, [*names, "nobody"]))
    purse = [index.node.mine(miner="stranger").transactions[0] for _ in range(60)]
    index.sync()
    coins: list[tuple[Transaction, int]] = []
    known = [SetHistory()]
    carried = 0
    for number in range(60):
        if number % 9 == 8:
            depth = chance.randrange(1, 6)
            index.node.disconnect(depth)
            index.node.pool.clear()
            coins.clear()
            for _ in range(depth):
                index.node.mine(miner=chance.choice(names))
        parts = [(chance.randrange(1_000, 90_000), script_of(name)) for name in names]
        paid = spend([(purse.pop(), 0)], [*parts, (0, b"\x6a\x01\x07"), parts[0]])
        taken = [coins.pop(chance.randrange(len(coins))) for _ in range(min(len(coins), 2))]
        taken.append((paid, chance.randrange(3)))  # one that the same block makes
        total = sum(made.outputs[vout].value for made, vout in taken)
        swept = spend(taken, [(total // 2, script_of("vault")), (total // 3, script_of("shop"))])
        index.node.mine(paid, swept, miner=chance.choice([*names, "stranger"]))
        coins += [(paid, 4), (swept, chance.randrange(2))]
        if chance.random() < 0.6:
            index.sync()
            with index.database.read() as connection:
                whole = history(index, connection, wanted, SetHistory())
                for earlier in [known[-1], chance.choice(known)]:
                    told = history(index, connection, wanted, earlier)
                    assert told == whole
                    assert list(told.coins) == list(whole.coins)
                    carried += told.coins.keys() != earlier.coins.keys() != set()
            known.append(whole)
    assert carried > 20
    index.sync()
    require_equal(index)


def test_a_shared_key_does_not_mix_two_scripts(scripted_index: ScriptedIndex) -> None:
    """One script's rows are given the other's key, which would take 2^32 work to do for real."""
    shop = busy_chain(scripted_index, 20)
    ours, theirs = script_key(shop), script_key(script_of("customer"))
    accounts = scripted_index.accounts()
    with scripted_index.database.write() as connection:
        for table in (schema.output, schema.script):
            connection.execute(
                update(table).where(table.c.script_key == theirs).values(script_key=ours)
            )
    wanted = ScriptSet([shop])
    with scripted_index.database.read() as connection:
        assert histories(connection, wanted)[shop] == accounts[shop].history
        coins = coins_of(connection, wanted)
    assert held(wanted, coins)[shop] == accounts[shop].coins


def test_the_mempool_and_its_replacements(scripted_index: ScriptedIndex) -> None:
    alice, bob = script_of("alice"), script_of("bob")
    coinbase = scripted_index.mine(miner="alice")
    value = coinbase.outputs[0].value
    replaced = scripted_index.accept(spend([(coinbase, 0)], [(900, bob), (value - 950, alice)]))
    first = scripted_index.accept(spend([(coinbase, 0)], [(700, bob), (value - 1_000, alice)]))
    second = scripted_index.accept(spend([(first, 0), (first, 1)], [(650, alice)]))
    wanted = ScriptSet([alice, bob, script_of("nobody")])
    with scripted_index.database.read() as connection:
        found = script_sets.pending(connection, wanted)
        coins = script_sets.with_spenders(coins_of(connection, wanted), found.spends)
        gone = script_sets.replaced_by(connection, [first.txid, second.txid])
        paid = script_sets.parties(connection, [], [first.txid], 10)
    moved = {(each.txid, each.place): (each.received, each.sent) for each in found.movements}
    assert moved == {
        (first.txid, 0): (value - 1_000, value),
        (first.txid, 1): (700, 0),
        (second.txid, 0): (650, value - 1_000),
        (second.txid, 1): (0, 700),
    }
    assert {each.txid: each.fee for each in found.movements} == {
        first.txid: 300,
        second.txid: value - 300 - 650,
    }
    assert [(coin.txid, coin.spent_by) for coin in coins] == [(coinbase.txid, first.txid)]
    assert {coin.outpoint: coin.spent_by for coin in found.coins} == {
        (first.txid, 0): second.txid,
        (first.txid, 1): second.txid,
        (second.txid, 0): None,
    }
    assert [(each.txid, each.replaced_by) for each in gone] == [(replaced.txid, first.txid)]
    assert [(party.script, party.value) for party in paid[first.txid]] == [
        (bob, 700),
        (alice, value - 1_000),
    ]


def test_lines_and_parties_of_confirmed_transactions(scripted_index: ScriptedIndex) -> None:
    busy_chain(scripted_index, 3)
    coinbase: Transaction = scripted_index.mine(miner="alice")
    wanted = ScriptSet([script_of("alice")])
    with scripted_index.database.read() as connection:
        (tx_id,) = script_sets.movements(connection, wanted).tx_ids
        line = script_sets.confirmed_lines(connection, [tx_id])[tx_id]
        paid = script_sets.parties(connection, [tx_id, 0], [], 1)
        (coin,) = coins_of(connection, wanted)
    tip = len(scripted_index.node.chain) - 1
    assert (line.txid, line.height, line.position) == (coinbase.txid, tip, 0)
    assert TxFlag.COINBASE in line.flags
    assert coin.is_coinbase
    assert [len(each) for each in paid.values()] == [1, 1]
    assert paid[tx_id][0].script == script_of("alice")


@pytest.mark.parametrize("size", [1, 4000])
def test_a_set_costs_one_statement_each_and_no_scan(
    scripted_index: ScriptedIndex, size: int
) -> None:
    shop = busy_chain(scripted_index, 10)
    others = (b"\x51\x20" + number.to_bytes(32, "big") for number in range(size))
    wanted = ScriptSet([shop, *others])
    with scripted_index.database.read() as connection, recorded(connection) as statements:
        known = history(scripted_index, connection, wanted, SetHistory())
        assert history(scripted_index, connection, wanted, known) == known
        script_sets.pending(connection, wanted)
        script_sets.used_places(connection, wanted)
        assert len(statements) == 8  # two are the pulse
        if scripted_index.database.is_sqlite:
            whole = [each.split()[1] for each in scans(connection, list(statements))]
            assert {name.strip(":") for name in whole} <= {"wanted", "ids", "parts"}


def test_an_empty_set_asks_nothing(scripted_index: ScriptedIndex) -> None:
    with scripted_index.database.read() as connection, recorded(connection) as statements:
        assert script_sets.pending(connection, ScriptSet([])).movements == ()
        assert coins_of(connection, ScriptSet([])) == ()
        assert statements == []
