"""Sums, histories and coins of scripts: equal to what reading every block gives."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, Row, Select, select, text, update

from indexer import schema
from indexer.database import Database
from indexer.keys import script_hash, script_key
from indexer.queries import coins, scripts
from indexer.queries.script_page import PAGE_SIZE, HistoryCursor, ScriptPage, script_page
from tests.fixtures_scripted_index import Account, ScriptedIndex, busy_chain
from tests.scripted_node import script_of, spend


def walk_history(index: ScriptedIndex, connection: Connection, script: bytes) -> list[ScriptPage]:
    """Every page of a script's history, as the links lead through it."""
    pages = []
    cursor: HistoryCursor | None = None
    while True:
        page = script_page(
            connection, index.node.network, index.pulse(connection), script, cursor=cursor
        )
        pages.append(page)
        cursor = page.next_history
        if cursor is None:
            return pages


def walk_coins(connection: Connection, script: bytes) -> dict[tuple[bytes, int], int]:
    found: dict[tuple[bytes, int], int] = {}
    before: int | None = None
    while True:
        page = coins.coins(connection, script, limit=3, before=before)
        found |= {(coin.txid, coin.vout): coin.value for coin in page}
        if len(page) < 3:
            return found
        before = page[-1].output_id


def require_equal(index: ScriptedIndex, script: bytes, account: Account) -> None:
    with index.database.read() as connection:
        sums = scripts.totals(connection, script)
        assert sums.received == account.received
        assert sums.sent == account.sent
        assert sums.output_count == account.outputs
        assert sums.input_count == account.inputs
        assert sums.unspent == sum(account.coins.values())
        assert sums.unspent_count == len(account.coins)
        assert sums.tx_count == len(account.history)
        entries = [
            entry for page in walk_history(index, connection, script) for entry in page.history
        ]
        assert [(e.txid, e.delta, e.balance) for e in entries] == account.history[::-1]
        assert walk_coins(connection, script) == account.coins
        first, last = sums.first_tx_id, sums.last_tx_id
        first_seen = scripts.sighting(connection, first)
        last_seen = scripts.sighting(connection, last)
        assert first_seen is not None
        assert last_seen is not None
        assert first_seen.txid == account.history[0][0]
        assert last_seen.txid == account.history[-1][0]


def test_every_script_equals_what_the_blocks_say(scripted_index: ScriptedIndex) -> None:
    shop = busy_chain(scripted_index, 3 * PAGE_SIZE)
    accounts = scripted_index.accounts()
    assert len(accounts[shop].history) > 3 * PAGE_SIZE
    for name in ("shop", "customer", "vault"):
        require_equal(scripted_index, script_of(name), accounts[script_of(name)])


def test_a_reorganisation_corrects_every_page(scripted_index: ScriptedIndex) -> None:
    shop = busy_chain(scripted_index, 30)
    scripted_index.node.disconnect(9)
    for _ in range(10):
        scripted_index.node.mine()
    scripted_index.sync()
    require_equal(scripted_index, shop, scripted_index.accounts()[shop])


def test_a_shared_key_does_not_mix_two_scripts(scripted_index: ScriptedIndex) -> None:
    """Two scripts of one key would take 2^32 work to make: one script's rows are given the
    other's key, and sums and mark as the indexer would leave them."""
    shop = busy_chain(scripted_index, 40)
    other = script_of("customer")
    accounts = scripted_index.accounts()
    ours, theirs = script_key(shop), script_key(other)
    with scripted_index.database.write() as connection:
        for table in (schema.output, schema.input_, schema.utxo):
            connection.execute(
                update(table).where(table.c.script_key == theirs).values(script_key=ours)
            )
        connection.execute(
            update(schema.script)
            .where(schema.script.c.script_key == ours)
            .values(ambiguous=1, tx_count=9, received=9, unspent=9)
        )
    for script in (shop,):
        require_equal(scripted_index, script, accounts[script])
    with scripted_index.database.read() as connection:
        assert scripts.script_with_hash(connection, script_hash(shop)) == shop


def test_pending_transactions_move_the_pending_balance_only(scripted_index: ScriptedIndex) -> None:
    alice, bob = script_of("alice"), script_of("bob")
    coinbase = scripted_index.mine(miner="alice")
    value = coinbase.outputs[0].value
    first = scripted_index.accept(spend([(coinbase, 0)], [(700, bob), (value - 1_000, alice)]))
    second = scripted_index.accept(spend([(first, 0)], [(650, alice)]))
    with scripted_index.database.read() as connection:
        page = script_page(
            connection, scripted_index.node.network, scripted_index.pulse(connection), alice
        )
        assert page.totals.unspent == value
        assert page.pending.delta == -value + (value - 1_000) + 650
        assert page.balance == value - 350
        assert {entry.txid: entry.delta for entry in page.pending_history} == {
            first.txid: -1_000,
            second.txid: 650,
        }
        assert page.coins[0].spent_by == first.txid
        assert {(coin.txid, coin.vout) for coin in page.pending_coins} == {
            (first.txid, 1),
            (second.txid, 0),
        }
        bobs = coins.pending_coins(connection, bob, 10)
        assert [coin.spent_by for coin in bobs] == [second.txid]
        assert scripts.pending_totals(connection, bob).delta == 0


def test_a_script_is_found_by_its_hash_and_not_by_a_hash_with_the_same_key(
    scripted_index: ScriptedIndex,
) -> None:
    shop = busy_chain(scripted_index, 3)
    wanted = script_hash(shop)
    with scripted_index.database.read() as connection:
        assert scripts.script_with_hash(connection, wanted) == shop
        assert scripts.script_with_hash(connection, wanted[:8] + bytes(24)) is None
        assert scripts.script_with_hash(connection, bytes(32)) is None


def test_a_script_only_in_the_mempool_is_found_by_its_hash(scripted_index: ScriptedIndex) -> None:
    coinbase = scripted_index.mine()
    newcomer = script_of("newcomer")
    scripted_index.accept(spend([(coinbase, 0)], [(1_000, newcomer)]))
    with scripted_index.database.read() as connection:
        assert scripts.script_with_hash(connection, script_hash(newcomer)) == newcomer
        assert scripts.totals(connection, newcomer) == scripts.ScriptTotals()


KEYSET_QUERIES = {
    "received": scripts.received_query,
    "sent": scripts.sent_query,
    "coins": coins.coins_query,
}


def explain(connection: Connection, command: str, statement: Select[Any]) -> Sequence[Row[Any]]:
    """What the database says it would do."""
    style = "named" if connection.dialect.name == "sqlite" else "pyformat"
    dialect = type(connection.dialect)(paramstyle=style)
    compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    return connection.exec_driver_sql(f"{command} {compiled}", compiled.params).all()


@pytest.mark.parametrize("name", KEYSET_QUERIES)
@pytest.mark.parametrize("before", [None, 10_000])
def test_sqlite_reads_a_page_along_an_index(
    sqlite_database: Database, name: str, before: int | None
) -> None:
    ScriptedIndex(sqlite_database).sync()
    statement = KEYSET_QUERIES[name](script_of("shop"), PAGE_SIZE, before)
    with sqlite_database.read() as connection:
        plan = [row[3] for row in explain(connection, "EXPLAIN QUERY PLAN", statement)]
    assert not any(line.startswith("SCAN") or "TEMP B-TREE" in line for line in plan), plan
    index = {"received": "output_by_script", "sent": "input_by_script", "coins": "PRIMARY KEY"}
    assert f"{index[name]} (script_key=?" in plan[0], plan


def test_postgresql_reads_a_page_along_an_index(postgres_database: Database) -> None:
    """With 100,000 rows of one busy script, so that the planner has a choice."""
    ScriptedIndex(postgres_database).sync()
    shop = script_of("shop")
    with postgres_database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO output SELECT 1000 + n, 1000 + n, n, :key, :script "
                "FROM generate_series(1, 100000) n"
            ),
            {"key": script_key(shop), "script": shop},
        )
        connection.execute(
            text(
                "INSERT INTO input SELECT 1000 + n, 2000 + n, 1000 + n, :key, n "
                "FROM generate_series(1, 100000) n"
            ),
            {"key": script_key(shop)},
        )
        connection.execute(text("ANALYZE"))
    with postgres_database.read() as connection:
        for name in ("received", "sent"):
            statement = KEYSET_QUERIES[name](shop, PAGE_SIZE, 60_000)
            plan = "\n".join(row[0] for row in explain(connection, "EXPLAIN", statement))
            assert "Seq Scan" not in plan, plan
            assert "Sort" not in plan, plan
            table = "output" if name == "received" else "input"
            assert f"{table}_by_script" in plan, plan


def test_no_figures_are_asked_for_while_the_index_is_built(scripted_index: ScriptedIndex) -> None:
    shop = busy_chain(scripted_index, 3)
    with scripted_index.database.write() as connection:
        connection.execute(update(schema.state).values(phase="bulk"))
    with scripted_index.database.read() as connection:
        page = script_page(
            connection, scripted_index.node.network, scripted_index.pulse(connection), shop
        )
        height = connection.scalar(select(schema.state.c.tip_height))
    assert page.loading
    assert page.tip_height == height
    assert page.history == ()
    assert page.totals == scripts.ScriptTotals()
