"""What touches a script: read along the indexes page by page, and carried on from its end."""

from hashlib import sha256

import pytest

from indexer.chain.wire import hash_hex
from indexer.database import Database
from indexer.keys import script_hash, script_key
from indexer.queries import script_events
from indexer.queries.script_events import PAGE, all_events, events, keys_touched_above
from tests.electrum_client import ElectrumClient, ElectrumError
from tests.fixtures_electrum import electrum_server
from tests.fixtures_scripted_index import ScriptedIndex, busy_chain
from tests.scripted_node import script_of
from tests.test_queries_plans import recorded
from tests.test_queries_scripts import fill_with_one_script
from webapp.electrum import script_methods
from webapp.electrum.status import ScriptState, carry_on, read_state

BLOCKS = 12


def test_a_state_that_is_carried_on_is_that_of_the_whole_history(
    scripted_index: ScriptedIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the size of the pages."""
    monkeypatch.setattr(script_events, "PAGE", 2)
    shop = script_of("shop")
    states = []
    carried = ScriptState(script=shop)
    for _ in range(BLOCKS):
        busy_chain(scripted_index, 1)
        with scripted_index.database.read() as connection:
            carried = carry_on(connection, carried)
            states.append((carried, read_state(connection, script_hash(shop))))
    for kept, fresh in states:
        assert kept.status() == fresh.status()
        assert (kept.last_tx_id, kept.newest_height) == (fresh.last_tx_id, fresh.newest_height)
    assert len({fresh.status() for _, fresh in states}) == BLOCKS
    with scripted_index.database.read() as connection:
        events = list(all_events(connection, shop))
        words = "".join(f"{hash_hex(each.txid)}:{each.height}:" for each in events)
        assert script_key(shop) in keys_touched_above(connection, 0)
    assert len(events) >= BLOCKS
    assert events == sorted(events, key=lambda each: each.tx_id)
    assert states[-1][1].status() == sha256(words.encode()).hexdigest()


def test_a_history_that_is_too_long(
    scripted_index: ScriptedIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused in words, the connection lives on, and its status is told all the same."""
    shop = busy_chain(scripted_index, 5)
    name = script_hash(shop)[::-1].hex()
    with electrum_server(scripted_index) as running, ElectrumClient(running.port) as client:
        whole = client.call("blockchain.scripthash.get_history", name)
        monkeypatch.setattr(script_methods, "MAX_HISTORY", len(whole) - 1)
        with pytest.raises(ElectrumError, match=f"history too large.* {len(whole)} transactions"):
            client.call("blockchain.scripthash.get_history", name)
        assert client.call("blockchain.scripthash.subscribe", name) is not None
        monkeypatch.setattr(script_methods, "MAX_HISTORY", 0)
        with pytest.raises(ElectrumError, match="history too large"):
            client.call("blockchain.scripthash.listunspent", name)


def test_both_databases_read_along_their_indexes(database: Database) -> None:
    """With many rows of one busy script, so that the planner has a choice."""
    ScriptedIndex(database).sync()
    fill_with_one_script(
        database,
        "(WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers "
        "WHERE n < 60000) SELECT n FROM numbers) AS numbers",
    )
    with database.read() as connection, recorded(connection) as statements:
        found = events(connection, script_of("shop"), after=10_000, limit=PAGE)
    assert len(found) == PAGE
    assert found[0].tx_id == 10_001
    command = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
    with database.read() as connection:
        for statement, values in statements:
            rows = connection.exec_driver_sql(f"{command} {statement}", values)
            plan = "\n".join(str(row[-1]) for row in rows)
            for table in ("output", "input", "tx", "script_spend"):
                assert f"Seq Scan on {table}\n" not in plan, plan
                assert f"SCAN {table}\n" not in plan + "\n", plan
