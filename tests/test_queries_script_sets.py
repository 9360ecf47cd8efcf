"""What a set of scripts holds and has done: equal to what reading every block gives."""

from collections import defaultdict

import pytest
from sqlalchemy import Connection, update

from indexer import schema
from indexer.chain.encoding import Transaction
from indexer.keys import TxFlag, script_key
from indexer.queries import script_sets
from indexer.queries.script_sets import ScriptSet, SetCoin
from tests.fixtures_scripted_index import ScriptedIndex, busy_chain
from tests.scripted_node import script_of, spend
from tests.test_queries_plans import recorded, scans

NAMES = ("shop", "customer", "vault", "nobody")


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
        coins = script_sets.confirmed_coins(connection, wanted)
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
        coins = script_sets.confirmed_coins(connection, wanted)
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
        coins = script_sets.with_spenders(
            script_sets.confirmed_coins(connection, wanted), found.spends
        )
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
        (coin,) = script_sets.confirmed_coins(connection, wanted)
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
        script_sets.movements(connection, wanted)
        script_sets.confirmed_coins(connection, wanted)
        script_sets.pending(connection, wanted)
        script_sets.used_places(connection, wanted)
        assert len(statements) == 4
        if scripted_index.database.is_sqlite:
            whole = [each.split()[1] for each in scans(connection, list(statements))]
            assert {name.strip(":") for name in whole} <= {"wanted", "owned", "parts"}


def test_an_empty_set_asks_nothing(scripted_index: ScriptedIndex) -> None:
    with scripted_index.database.read() as connection, recorded(connection) as statements:
        assert script_sets.pending(connection, ScriptSet([])).movements == ()
        assert script_sets.confirmed_coins(connection, ScriptSet([])) == ()
        assert statements == []
