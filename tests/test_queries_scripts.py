"""Sums, histories and coins of scripts: equal to what reading every block gives."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, Row, Select, select, text, update

from indexer import schema
from indexer.database import Database
from indexer.keys import script_hash, script_key
from indexer.queries import coins, script_moves, scripts
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
    """Two scripts of one key would take 2^32 work to make: one's rows are given the other's key."""
    shop = busy_chain(scripted_index, 40)
    other = script_of("customer")
    accounts = scripted_index.accounts()
    ours, theirs = script_key(shop), script_key(other)
    with scripted_index.database.write() as connection:
        for table in (schema.output, schema.script):
            connection.execute(
                update(table).where(table.c.script_key == theirs).values(script_key=ours)
            )
    require_equal(scripted_index, shop, accounts[shop])
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


SHOP = script_of("shop")
OF_SHOP = {"key": script_key(SHOP), "script": SHOP, "edge": 60_000, "count": PAGE_SIZE}
OF_BUSY = {"script_id": 2_001, "edge": 60_000, "count": PAGE_SIZE}
# What is read page by page, and the index that leads there on SQLite and on PostgreSQL.
PAGED: dict[str, tuple[Select[Any], str, str]] = {
    "received": (script_moves.PAID_BEFORE["sqlite"].params(OF_SHOP), "output_by_script", ""),
    "oldest": (script_moves.PAID_AFTER["sqlite"].params(OF_SHOP), "output_by_script", ""),
    "received, PostgreSQL": (
        script_moves.PAID_BEFORE["postgresql"].params(OF_SHOP), "", "output_by_script",
    ),
    "oldest, PostgreSQL": (
        script_moves.PAID_AFTER["postgresql"].params(OF_SHOP), "", "output_by_script",
    ),
    "sent": (script_moves.SPENT_BEFORE.params(OF_SHOP), "output_by_script", ""),
    "sent, busy": (
        script_moves.BUSY_SPENT_BEFORE.params(OF_BUSY), "PRIMARY KEY", "script_spend_pkey",
    ),
    "oldest, busy": (
        script_moves.BUSY_SPENT_AFTER.params(OF_BUSY), "PRIMARY KEY", "script_spend_pkey",
    ),
    "coins": (coins.coins_query(SHOP, None, PAGE_SIZE, None), "output_by_script", ""),
    "coins, busy": (
        coins.coins_query(SHOP, 2_001, PAGE_SIZE, 60_000), "PRIMARY KEY", "script_coin_pkey",
    ),
}  # fmt: skip


def explain(connection: Connection, command: str, statement: Select[Any]) -> Sequence[Row[Any]]:
    """What the database says it would do."""
    style = "named" if connection.dialect.name == "sqlite" else "pyformat"
    dialect = type(connection.dialect)(paramstyle=style)
    compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    return connection.exec_driver_sql(f"{command} {compiled}", compiled.params).all()


@pytest.mark.parametrize("name", [name for name, paged in PAGED.items() if paged[1]])
def test_sqlite_reads_a_page_along_an_index(sqlite_database: Database, name: str) -> None:
    ScriptedIndex(sqlite_database).sync()
    statement, index, _ = PAGED[name]
    with sqlite_database.read() as connection:
        plan = [row[3] for row in explain(connection, "EXPLAIN QUERY PLAN", statement)]
    assert not any(line.startswith("SCAN") and line != "SCAN page" for line in plan), plan
    page = plan[: plan.index("SCAN page")] if "SCAN page" in plan else plan
    few = name == "sent"  # so few that they may be sorted
    assert few or not any("TEMP B-TREE" in line for line in page), plan
    assert any(index in line and "=?" in line for line in plan[:3]), plan


def test_postgresql_reads_a_page_along_an_index(postgres_database: Database) -> None:
    """With 100,000 rows of one busy script, so that the planner has a choice."""
    ScriptedIndex(postgres_database).sync()
    fill_with_one_script(postgres_database, "generate_series(1, 100000) n")
    with postgres_database.read() as connection:
        for statement, _, index in PAGED.values():
            if index:
                plan = "\n".join(row[0] for row in explain(connection, "EXPLAIN", statement))
                assert "Seq Scan" not in plan.replace("Seq Scan on block", ""), plan  # of one row
                assert "Sort" not in plan, plan
                assert index in plan, plan


def fill_with_one_script(database: Database, numbers: str) -> None:
    """Transactions that pay a script once each and spend what the one before paid."""
    rows = (
        "INSERT INTO tx SELECT 2000 + n, CAST(:script AS {blob}), 0, n, 1, 1, 1, 1, 1, 0 FROM",
        "INSERT INTO output SELECT 2000 + n, n, :key, :script FROM",
        "INSERT INTO input SELECT 2001 + n, 2000 + n FROM",
        "INSERT INTO script_spend SELECT 2001, 2001 + n FROM",
        "INSERT INTO script_coin SELECT 2001, 2000 + n FROM",
        "INSERT INTO script SELECT 2001, :key, 9, 9, 9, 9, 9, 9, 9, 9 FROM (SELECT 1 AS n) n",
    )
    blob = "BLOB" if database.is_sqlite else "bytea"
    with database.write() as connection:
        for row in rows:
            sql = row.format(blob=blob)
            table = sql if "AS n" in sql else f"{sql} {numbers}"
            connection.execute(text(table), {"key": script_key(SHOP), "script": SHOP})
        connection.execute(text("ANALYZE"))


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
