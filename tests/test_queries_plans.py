"""No page reads a whole table: every statement that a page sends is followed to its query plan."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event

from indexer.chain.encoding import hash_hex
from indexer.database import Database
from indexer.keys import script_hash
from indexer.queries.script_page import HistoryCursor, script_page
from indexer.queries.search import Scope, search
from indexer.queries.transaction_page import transaction_page
from tests.fixtures_scripted_index import ScriptedIndex, busy_chain
from tests.scripted_node import script_of, spend

# One row; what an index found before; what SQLAlchemy writes for an empty list.
SMALL = {"state", "page", "paid", "spent", "anon_1", "CONSTANT"}
SCAN = re.compile(r"SCAN (\w+)")


@contextmanager
def recorded(connection: Connection) -> Iterator[list[tuple[str, Any]]]:
    """The statements sent meanwhile, with their parameters."""
    sent: list[tuple[str, Any]] = []

    def note(
        _connection: Connection,
        _cursor: Any,
        statement: str,
        parameters: Any,
        _context: Any,
        _many: bool,
    ) -> None:
        sent.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    yield sent
    event.remove(connection, "before_cursor_execute", note)


def scans(connection: Connection, statements: list[tuple[str, Any]]) -> list[str]:
    """Whole tables that these statements read, with the statement."""
    found = []
    for statement, parameters in statements:
        for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters):
            match = SCAN.match(row[3])
            if match and match[1] not in SMALL and "USING" not in row[3]:
                found.append(f"{row[3]}: {statement}")
    return found


def test_pages_and_searches_follow_indexes(sqlite_database: Database) -> None:
    index = ScriptedIndex(sqlite_database)
    for _ in range(6):
        index.node.mine()
    shop = busy_chain(index, 40)
    coinbase = index.mine(miner="alice")
    value = coinbase.outputs[0].value
    replaced = index.accept(spend([(coinbase, 0)], [(value - 500, shop)]))
    pending = index.accept(spend([(coinbase, 0)], [(value - 900, script_of("shop"))]))
    child = index.accept(spend([(pending, 0)], [(value - 2_000, shop)]))
    with sqlite_database.read() as connection:
        pulse = index.pulse(connection)
        network = index.node.network
        with recorded(connection) as statements:
            for transaction in (
                coinbase,
                replaced,
                pending,
                child,
                index.node.chain[20].transactions[1],
            ):
                assert transaction_page(connection, index.raw, pulse, transaction.txid)
            assert transaction_page(connection, index.raw, pulse, bytes(32)) is None
            script_page(connection, network, pulse, shop)
            script_page(
                connection, network, pulse, shop, cursor=HistoryCursor(40, None), coins_before=60
            )
            scope = Scope(connection, network, pulse, index.raw)
            for text in (
                "12",
                "2023-11-15",
                "20x1x0",
                hash_hex(pending.txid),
                hash_hex(pending.txid) + ":0",
                hash_hex(pending.txid)[:-1],
                hash_hex(script_hash(shop)),
                "ab" * 32,
                "02" + "ab" * 32,
                "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt081",
            ):
                search(scope, text)
        assert len(statements) > 100
        assert scans(connection, statements) == []
