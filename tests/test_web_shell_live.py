"""The live watcher and its stream, on SQLite and PostgreSQL."""

import json
import threading
import time
from collections.abc import Hashable, Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, insert

from indexer.database import Database
from indexer.keys import script_hash, script_key
from indexer.replica import ReadDatabase
from indexer.schema import mempool_input, mempool_output, mempool_tx
from tests.showcase import TXID, change_state, showcase_app, write_state
from webapp.topics import Moment, TopicError, due_topics, parse_topics
from webapp.watcher import LiveHub, Subscription, TooManyReadersError

SCRIPT = b"\x51"
ADDRESS = f"address:{script_hash(SCRIPT)[::-1].hex()}"
SECONDS = 8.0


def no_wallets(*_args: object) -> dict[int, Hashable]:
    return {}


@pytest.fixture
def hub(database: Database) -> Iterator[LiveHub]:
    write_state(database)
    hub = LiveHub(
        ReadDatabase(database), max_readers=4, max_per_client=3, look_at_wallets=no_wallets
    )
    yield hub
    hub.close()


def open_stream(hub: LiveHub, topics: str, client: str = "1.1.1.1") -> Subscription:
    return hub.subscribe(parse_topics(topics), client, since=str(hub.look()))


def next_news(subscription: Subscription) -> frozenset[str]:
    news = subscription.wait(SECONDS)
    assert news is not None
    return news[0]


def put_in_mempool(database: Database, txid: bytes) -> None:
    with database.write() as connection:
        connection.execute(
            insert(mempool_tx).values(
                txid=txid, first_seen=1, fee=1, size=1, weight=4, flags=0, output_value=1, raw=b""
            )
        )
        connection.execute(
            insert(mempool_output).values(
                txid=txid, vout=0, value=1, script_key=script_key(SCRIPT), script=SCRIPT
            )
        )
    change_state(database, mempool_generation=int(time.time() * 1000))


def test_a_new_tip_reaches_who_asked_for_it(database: Database, hub: LiveHub) -> None:
    tip, mempool = open_stream(hub, "tip,reorg"), open_stream(hub, "mempool")
    change_state(database, chain_generation=314, tip_height=313)
    assert next_news(tip) == {"tip"}
    change_state(database, chain_generation=318, last_reorg_at=1_700_000_000)
    assert next_news(tip) == {"tip", "reorg"}
    assert mempool.wait(1.2) == (frozenset(), hub.moment)


def test_the_state_of_index_and_node_is_told(database: Database, hub: LiveHub) -> None:
    reader = open_stream(hub, "status")
    change_state(database, node_error="connection refused")
    assert next_news(reader) == {"status"}
    change_state(database, node_error=None)
    assert next_news(reader) == {"status"}
    change_state(database, heartbeat_at=1)
    assert next_news(reader) == {"status"}


def test_only_the_transaction_and_address_that_moved(database: Database, hub: LiveHub) -> None:
    txid = bytes.fromhex(TXID)
    reader = open_stream(hub, f"tx:{TXID},{ADDRESS}")
    other = open_stream(hub, f"tx:{'cd' * 32},address:{'ef' * 32}")
    assert reader.wait(1.2) == (frozenset(), hub.moment)
    put_in_mempool(database, txid)
    assert next_news(reader) == {f"tx:{TXID}", ADDRESS}
    with database.write() as connection:
        connection.execute(
            insert(mempool_input).values(
                txid=b"\x99" * 32, vin=0, prev_txid=txid, prev_vout=0, value=1,
                script_key=script_key(SCRIPT), script=SCRIPT,
            )
        )  # fmt: skip
    change_state(database, mempool_generation=1)
    assert next_news(reader) == {f"tx:{TXID}", ADDRESS}
    with database.write() as connection:
        connection.execute(delete(mempool_tx))
        connection.execute(delete(mempool_output))
        connection.execute(delete(mempool_input))
    change_state(database, chain_generation=400)
    assert next_news(reader) == {f"tx:{TXID}", ADDRESS}
    assert other.wait(0.1) == (frozenset(), hub.moment)


def test_what_moved_before_the_stream_opened_is_told_at_once(
    database: Database, hub: LiveHub
) -> None:
    since = str(hub.look())
    change_state(database, chain_generation=314)
    reader = hub.subscribe(parse_topics(f"tip,mempool,tx:{TXID}"), "1.1.1.1", since)
    assert next_news(reader) == {"tip", f"tx:{TXID}"}
    stranger = hub.subscribe(parse_topics("tip,mempool"), "1.1.1.1", "not an id")
    assert next_news(stranger) == {"tip", "mempool"}


def test_a_slow_reader_holds_no_more_than_its_topics(database: Database, hub: LiveHub) -> None:
    reader = open_stream(hub, "tip")
    for generation in range(314, 320):
        change_state(database, chain_generation=generation)
        time.sleep(0.6)
    assert next_news(reader) == {"tip"}
    assert reader.wait(0.8) == (frozenset(), hub.moment)


def test_readers_are_limited(hub: LiveHub) -> None:
    mine = [open_stream(hub, "tip", "1.1.1.1") for _ in range(3)]
    with pytest.raises(TooManyReadersError):
        open_stream(hub, "tip", "1.1.1.1")
    open_stream(hub, "tip", "2.2.2.2")
    with pytest.raises(TooManyReadersError):
        open_stream(hub, "tip", "3.3.3.3")
    mine[0].close()
    open_stream(hub, "tip", "3.3.3.3")
    assert hub.reader_count == 4


def test_one_thread_serves_all_readers(hub: LiveHub) -> None:
    for client in ("1.1.1.1", "2.2.2.2", "3.3.3.3"):
        open_stream(hub, "tip", client)
    assert [thread.name for thread in threading.enumerate()].count("live") == 1


def test_closing_ends_every_wait_at_once(hub: LiveHub) -> None:
    reader = open_stream(hub, "tip")
    threading.Timer(0.2, hub.close).start()
    started = time.monotonic()
    assert reader.wait(60) is None
    assert time.monotonic() - started < 2


def test_the_watcher_survives_a_database_that_fails(sqlite_database: Database) -> None:
    write_state(sqlite_database)
    hub = LiveHub(
        ReadDatabase(sqlite_database), max_readers=4, max_per_client=4, look_at_wallets=no_wallets
    )
    reader = open_stream(hub, "tip")
    with sqlite_database.autocommit() as connection:
        connection.exec_driver_sql("ALTER TABLE state RENAME TO gone")
    time.sleep(1.2)
    with sqlite_database.autocommit() as connection:
        connection.exec_driver_sql("ALTER TABLE gone RENAME TO state")
    change_state(sqlite_database, chain_generation=500)
    assert next_news(reader) == {"tip"}
    hub.close()


@pytest.mark.parametrize(
    "topics",
    [
        "everything",
        "tx:",
        "tx:abc",
        f"block:{'0' * 64}",
        ",".join(f"tx:{i:064x}" for i in range(9)),
    ],
)
def test_topics_that_do_not_exist(topics: str) -> None:
    with pytest.raises(TopicError):
        parse_topics(topics)


def test_moments_tell_what_moved() -> None:
    before = Moment(chain=5, mempool=9, reorg=0, status="ab")
    after = Moment(chain=6, mempool=9, reorg=0, status="cd")
    assert after.changes_since(str(before)) == {"tip", "status"}
    assert after.changes_since(str(after)) == set()
    assert due_topics({"tip", "mempool", f"tx:{TXID}"}, frozenset({"tip"})) == {"tip", f"tx:{TXID}"}
    assert due_topics({"tip", f"tx:{TXID}"}, frozenset({"status"})) == set()


@pytest.fixture
def client(sqlite_database: Database) -> Iterator[FlaskClient]:
    write_state(sqlite_database)
    app = showcase_app(sqlite_database)
    with app.test_client() as client:
        yield client
    app.extensions["satchel"].live.close()


def test_the_stream_speaks_server_sent_events(
    client: FlaskClient, sqlite_database: Database
) -> None:
    since = client.get("/live/poll?topics=tip").json["id"]  # type: ignore[index]
    change_state(sqlite_database, chain_generation=314, mempool_generation=8)
    with client.get(f"/live?topics=tip,mempool&since={since}", buffered=False) as response:
        assert response.mimetype == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-store"
        chunks = iter(response.response)
        assert next(chunks) == b"retry: 2000\nevent: live:hello\ndata: {}\n\n"
        events = next(chunks).decode().split("\n\n")  # type: ignore[attr-defined]
        assert events[0] == 'event: live:mempool\ndata: {"topic": "mempool"}'
        identity, *rest = events[1].split("\n")
        assert identity.startswith("id: 314-8-0-")
        assert rest == ["event: live:tip", 'data: {"topic": "tip"}']


def test_a_stream_resumes_after_the_last_event_it_saw(
    client: FlaskClient, sqlite_database: Database
) -> None:
    since = client.get("/live/poll?topics=tip").json["id"]  # type: ignore[index]
    change_state(sqlite_database, chain_generation=314)
    seen = client.get("/live/poll?topics=tip").json["id"]  # type: ignore[index]
    change_state(sqlite_database, chain_generation=314, mempool_generation=8)
    headers = {"Last-Event-ID": seen}
    address = f"/live?topics=tip,mempool&since={since}"
    with client.get(address, headers=headers, buffered=False) as response:
        chunks = iter(response.response)
        next(chunks)
        assert "live:mempool" in next(chunks).decode()  # type: ignore[attr-defined]


def test_polling_tells_the_same(client: FlaskClient, sqlite_database: Database) -> None:
    first = json.loads(client.get("/live/poll?topics=tip,mempool").text)
    change_state(sqlite_database, mempool_generation=8)
    address = f"/live/poll?topics=tip,mempool,tx:{TXID}&since={first['id']}"
    answer = json.loads(client.get(address).text)
    assert answer["moved"] == ["mempool", f"tx:{TXID}"]
    assert client.get(f"/live/poll?topics=tip&since={answer['id']}").json["moved"] == []  # type: ignore[index]


@pytest.mark.parametrize("address", ["/live?topics=all", "/live/poll?topics=tx:1"])
def test_wrong_topics_are_refused(client: FlaskClient, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 400
    assert "tx:&lt;txid&gt;" in response.text


def test_the_status_line_says_how_far_we_are(
    client: FlaskClient, sqlite_database: Database
) -> None:
    assert "In step with the node" in client.get("/live/status").text
    change_state(sqlite_database, node_height=400)
    assert "88 blocks behind the node" in client.get("/live/status").text
    change_state(sqlite_database, node_error="connection refused", node_error_at=1)
    assert "connection refused" in client.get("/live/status").text
    change_state(sqlite_database, heartbeat_at=1)
    assert "The indexer is not running" in client.get("/live/status").text
    change_state(sqlite_database, phase="bulk")
    assert "The chain is being copied" in client.get("/live/status").text
